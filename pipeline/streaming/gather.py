"""Records of a window from many small files, each record once, in files of the size that `run` reads best."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from pipeline.streaming.lines import Lines, read_lines, write_lines
from pipeline.streaming.spooled import Spooled
from schemas.formats.blocks import BLOCK_BYTES
from schemas.streams.positions import NONE, Ranges, covers, first_uncovered, runs, union
from schemas.times import Int64s

_OTHER = re.compile(r"[^A-Za-z0-9._-]+")  # what names of files had better not hold
_MOST_NAMED = 40  # characters of a source


class Gathered(NamedTuple):
    """What a window is made of.

    Attributes:
      paths: Of files of lines, by source and position.
      records: In all of them.
      bytes: Of all of them.
      positions: Of the records, by source, int64, (ranges, 2).
    """

    paths: list[str]
    records: int
    bytes: int
    positions: dict[str, Ranges]


class Placed(NamedTuple):
    """Lines of one source, and what they take up of it.

    Attributes:
      source: Of all.
      lines: In order.
      starts: int64, (records,).
      ends: int64, (records,); the position behind each, up to the next one where nothing else lies between.
    """

    source: str
    lines: Lines
    starts: Int64s
    ends: Int64s


def new_lines(refs: Iterable[Spooled], covered: Mapping[str, Ranges]) -> Iterator[Placed]:
    """Yields the lines of files that are not covered, each once, by source and position of their files.

    A file whose records are all covered is not read: it may be gone, for nothing needs it.

    Args:
      refs: The files, in any order; some may hold the same records as others.
      covered: Positions that are left out, by source.
    """
    ordered = sorted(refs, key=lambda ref: (ref.source, int(ref.ranges[0, 0]), ref.path))
    for source, group in groupby(ordered, key=lambda ref: ref.source):
        taken = covered.get(source, NONE)
        for ref in group:
            if is_covered(ref.ranges, taken):
                continue
            lines = read_lines(ref.path, ref.sha256)
            starts, ends = bounds(lines.positions, ref.ranges)
            new = ~covers(taken, lines.positions)
            taken = union([taken, ref.ranges])
            yield Placed(source, lines.where(new), starts[new], ends[new])


def is_covered(ranges: Ranges, by: Ranges) -> bool:
    """Returns whether other ranges hold all of some ranges."""
    return all(first_uncovered(by, start) >= end for start, end in ranges.tolist())


def bounds(positions: Int64s, ranges: Ranges) -> tuple[Int64s, Int64s]:
    """Returns where each record begins and ends, so that all of them take up their ranges, (records,) each.

    What lies between two records and is none, such as the mark of a transaction, goes with the first of them.

    Args:
      positions: int64, (records,), rising; each record's own.
      ranges: That the records take up.
    """
    of = np.searchsorted(ranges[:, 0], positions, side="right") - 1
    first, last = np.append(True, of[1:] != of[:-1]), np.append(of[1:] != of[:-1], True)
    starts = np.where(first, ranges[of, 0], positions)
    return starts, np.where(last, ranges[of, 1], np.append(positions[1:], 0))


def gather(folder: str, parts: Iterable[Placed], block_bytes: int = BLOCK_BYTES) -> Gathered:
    """Writes lines to files of about the size of a block.

    Args:
      folder: Of the window.
      parts: Of one source after another.
      block_bytes: Size of a file.

    Raises:
      DataError: One cannot be written.
    """
    paths, records, size = [], 0, 0
    positions: dict[str, Ranges] = {}
    for source, group in groupby(parts, key=lambda part: part.source):
        for whole in _blocks(group, block_bytes):
            if not whole.lines.texts:
                continue
            written = write_lines(folder, file_name(source, int(whole.lines.positions[0])), source, whole.lines)
            paths.append(written.path)
            records += len(whole.lines.texts)
            size += written.bytes
            positions = merged(positions, positions_of([whole]))
    return Gathered(paths, records, size, positions)


def file_name(source: str, first: int) -> str:
    """Returns a name for a file that begins with the record at a position of a source; names sort by position."""
    told = _OTHER.sub("-", source)[-_MOST_NAMED:].strip("-.")
    return f"{told}-{hashlib.sha256(source.encode()).hexdigest()[:8]}-{first:016d}"


def positions_of(parts: Iterable[Placed]) -> dict[str, Ranges]:
    """Returns the positions of records, by source."""
    found: dict[str, Ranges] = {}
    for part in parts:
        found = merged(found, {part.source: runs(part.starts, part.ends)})
    return {source: ranges for source, ranges in found.items() if len(ranges)}


def merged(one: Mapping[str, Ranges], other: Mapping[str, Ranges]) -> dict[str, Ranges]:
    """Returns the positions of both."""
    return {source: union([one.get(source, NONE), other.get(source, NONE)]) for source in {**one, **other}}


def join_placed(parts: Sequence[Placed]) -> Placed:
    """Returns lines of one source as one part."""
    texts = [text for part in parts for text in part.lines.texts]
    positions = np.concatenate([part.lines.positions for part in parts])
    starts, ends = (
        np.concatenate(column) for column in zip(*((part.starts, part.ends) for part in parts), strict=True)
    )
    return Placed(parts[0].source, Lines(texts, positions), starts, ends)


def _blocks(parts: Iterable[Placed], block_bytes: int) -> Iterator[Placed]:
    waiting: list[Placed] = []
    size = 0
    for part in parts:
        waiting.append(part)
        size += sum(map(len, part.lines.texts)) + len(part.lines.texts)
        if size >= block_bytes:
            yield join_placed(waiting)
            waiting, size = [], 0
    if waiting:
        yield join_placed(waiting)
