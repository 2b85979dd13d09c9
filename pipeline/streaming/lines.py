"""Raw records as lines of a file, each with where it came from: what readers leave, and what a window is made of.

Beside a file of JSON lines lies `FILE.from.arrow`, with a row for each line: `source`, `position`, and `start`, where
what the record is read by begins.
"""

import hashlib
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from pipeline import files
from pipeline.arrow_files import read_table, write_batches
from pipeline.origins import SUFFIX
from pipeline.streaming.status import slug
from schemas.errors import DataError
from schemas.formats.lines import BYTE_ORDER_MARK
from schemas.times import Int64s, Mask

_SCHEMA = pa.schema(
    {"source": pa.dictionary(pa.int32(), pa.string()), "position": pa.int64(), "start": pa.int64()},
)
_DIGEST_DIGITS = 16


class Lines(NamedTuple):
    """Raw records of one source, in order.

    Attributes:
      texts: One line each, without its end.
      positions: int64, (records,); where each stands.
      starts: int64, (records,); where what it is read by begins, at its position or before it, see `Batch.starts`.
    """

    texts: list[bytes]
    positions: Int64s
    starts: Int64s

    def where(self, mask: Mask) -> "Lines":
        """Returns those of a mask, (records,)."""
        return Lines([self.texts[i] for i in np.flatnonzero(mask)], self.positions[mask], self.starts[mask])


class Written(NamedTuple):
    """A file of lines.

    Attributes:
      path: Of the file.
      bytes: Of the file.
      sha256: Of the file and of where its lines came from, hexadecimal.
    """

    path: str
    bytes: int
    sha256: str


def name_of(source: str, lines: Lines) -> str:
    """Returns what the name of a file of one source begins with; names of a source sort by position."""
    return f"{slug(source)}-{int(lines.positions[0]):019d}"


def write_lines(folder: str, name: str, parts: Sequence[tuple[str, Lines]]) -> Written:
    """Writes lines to a file whose name tells what they are, so that to write them again changes nothing.

    The same lines from other places are another file.

    Args:
      folder: Of the file.
      name: What the name of the file begins with.
      parts: Sources with their lines, one line or more in all.

    Raises:
      DataError: It cannot be written.
    """
    content = b"".join(piece for _, lines in parts for text in lines.texts for piece in (text, b"\n"))
    if BYTE_ORDER_MARK in content:
        content = _without_mark(content)
    sha256 = _digest(content, parts)
    path = files.join(folder, f"{name}-{sha256[:_DIGEST_DIGITS]}.jsonl")
    # First: who finds the file finds where its lines came from.
    write_batches(path + SUFFIX, _SCHEMA, [_origins(parts)])
    files.write(path, content)
    return Written(path, len(content), sha256)


def read_lines(path: str, source: str, sha256: str) -> Lines:
    """Returns the lines of a file of one source.

    Args:
      path: Of the file.
      source: Of all lines.
      sha256: What it must hold.

    Raises:
      DataError: It cannot be read, or holds something else.
    """
    content = files.read(path)
    texts = content.split(b"\n")[:-1]
    try:
        origins = read_table(path + SUFFIX)
        positions, starts = (origins[name].to_numpy() for name in ("position", "start"))
    except (pa.ArrowInvalid, KeyError):
        positions = starts = np.zeros(0, np.int64)
    lines = Lines(texts, positions, starts)
    if len(texts) != len(positions) or _digest(content, [(source, lines)]) != sha256:
        raise DataError(f"{path}: is not what was written there; start the stream again, which reads its records again")
    return lines


def _digest(content: bytes, parts: Sequence[tuple[str, Lines]]) -> str:
    """Returns what tells files apart, however their lines come in parts."""
    digest = hashlib.sha256(content)
    for source, group in groupby(parts, key=lambda part: part[0]):
        digest.update(source.encode("utf-8", "surrogateescape") + b"\n")
        for _, lines in group:
            digest.update(lines.positions.tobytes())
    return digest.hexdigest()


def _without_mark(content: bytes) -> bytes:
    """Returns lines of which none begins with a mark that would be passed over at the beginning of a file.

    Elsewhere it is a mistake; it must not depend on where a line comes to stand what becomes of it.
    """
    lines = content.split(b"\n")
    return b"\n".join(b" " + line if line.startswith(BYTE_ORDER_MARK) else line for line in lines)


def _origins(parts: Sequence[tuple[str, Lines]]) -> pa.RecordBatch:
    names = list(dict.fromkeys(source for source, _ in parts))
    number = {name: i for i, name in enumerate(names)}
    codes = np.repeat([number[source] for source, _ in parts], [len(lines.texts) for _, lines in parts])
    sources = pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(names, pa.string()))
    positions = np.concatenate([lines.positions for _, lines in parts])
    starts = np.concatenate([lines.starts for _, lines in parts])
    return pa.record_batch([sources, pa.array(positions), pa.array(starts)], schema=_SCHEMA)
