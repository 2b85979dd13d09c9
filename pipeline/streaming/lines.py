"""Raw records as lines of a file, each with where it came from: what readers leave, and what a window is made of.

Beside a file of JSON lines lies `FILE.from.arrow`, with a row for each line: `source`, `position`.
"""

import hashlib
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from pipeline import files
from pipeline.arrow_files import read_table, write_batches
from schemas.errors import DataError
from schemas.formats.lines import BYTE_ORDER_MARK
from schemas.times import Int64s, Mask

ORIGINS = ".from.arrow"
_SCHEMA = pa.schema({"source": pa.dictionary(pa.int32(), pa.string()), "position": pa.int64()})
_DIGEST_DIGITS = 12


class Lines(NamedTuple):
    """Raw records of one source, in order.

    Attributes:
      texts: One line each, without its end.
      positions: int64, (records,).
    """

    texts: list[bytes]
    positions: Int64s

    def where(self, mask: Mask) -> "Lines":
        """Returns those of a mask, (records,)."""
        return Lines([self.texts[i] for i in np.flatnonzero(mask)], self.positions[mask])


class Written(NamedTuple):
    """A file of lines.

    Attributes:
      path: Of the file.
      bytes: Of the file.
      sha256: Of the file, hexadecimal.
    """

    path: str
    bytes: int
    sha256: str


def write_lines(folder: str, name: str, source: str, lines: Lines) -> Written:
    """Writes lines to a file whose name tells their content, so that to write them again changes nothing.

    Args:
      folder: Of the file.
      name: What the name of the file begins with.
      source: Of all lines.
      lines: One or more.

    Raises:
      DataError: It cannot be written.
    """
    content = b"\n".join([*lines.texts, b""])
    if content.startswith(BYTE_ORDER_MARK):
        content = b" " + content  # at the beginning of a file it would be passed over, elsewhere it is a mistake
    sha256 = hashlib.sha256(content).hexdigest()
    path = files.join(folder, f"{name}-{sha256[:_DIGEST_DIGITS]}.jsonl")
    codes = pa.array(np.zeros(len(lines.texts), np.int32))
    origin = pa.DictionaryArray.from_arrays(codes, pa.array([source], pa.string()))
    batch = pa.record_batch([origin, pa.array(lines.positions)], schema=_SCHEMA)
    write_batches(path + ORIGINS, _SCHEMA, [batch])  # first: who finds the file finds where its lines came from
    files.write(path, content)
    return Written(path, len(content), sha256)


def read_lines(path: str, sha256: str) -> Lines:
    """Returns the lines of a file of one source.

    Args:
      path: Of the file.
      sha256: What it must hold.

    Raises:
      DataError: It cannot be read, or holds something else.
    """
    content = files.read(path)
    positions = read_table(path + ORIGINS)["position"].to_numpy()
    texts = content.split(b"\n")[:-1]
    if hashlib.sha256(content).hexdigest() != sha256 or len(texts) != len(positions):
        raise DataError(f"{path}: is not what was written there; start the stream again, which reads its records again")
    return Lines(texts, positions)
