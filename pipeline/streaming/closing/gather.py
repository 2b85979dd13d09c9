"""Records of a window from many small files, each record once, in files of the size that `run` reads best.

What comes out follows from which records there are, not from how they were cut into files or read how often.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from pipeline.streaming.lines import Lines, read_lines, write_lines
from pipeline.streaming.spooled import Spooled
from schemas.formats.blocks import BLOCK_BYTES
from schemas.streams.positions import NONE, Ranges, covers, first_uncovered, runs, union, without
from schemas.times import Int64s, Mask


class Gathered(NamedTuple):
    """What a window is made of.

    Attributes:
      paths: Of files of lines. Their names, too, sort by the source and the position of their lines.
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
      ends: int64, (records,); the position behind each.
    """

    source: str
    lines: Lines
    starts: Int64s
    ends: Int64s

    def where(self, mask: Mask) -> "Placed":
        """Returns those of a mask, (records,)."""
        return Placed(self.source, self.lines.where(mask), self.starts[mask], self.ends[mask])


def new_lines(refs: Iterable[Spooled], covered: Mapping[str, Ranges]) -> Iterator[Placed]:
    """Yields the lines of files that are not covered, each once, by source and position.

    A file whose records are all covered is not read: it may be gone, for nothing needs it. In memory are the lines of
    one file, and of those that overlap it.

    Args:
      refs: The files, in any order; some may hold the same records as others.
      covered: Positions that are left out, by source.
    """
    ordered = sorted(refs, key=lambda ref: (ref.source, int(ref.ranges[0, 0]), ref.path))
    for source, group in groupby(ordered, key=lambda ref: ref.source):
        taken = covered.get(source, NONE)
        waiting: list[Placed] = []
        for ref in group:
            if is_covered(ref.ranges, taken):
                continue
            found = _place(ref, taken)
            taken = union([taken, ref.ranges])
            ready, waiting = _before(int(ref.ranges[0, 0]), waiting)
            yield from ready
            waiting.append(found)
        yield from in_order(waiting)


def in_order(parts: Sequence[Placed]) -> list[Placed]:
    """Returns lines by source and position, those of a source together; none of no lines."""
    by_source: dict[str, list[Placed]] = {}
    for part in parts:
        by_source.setdefault(part.source, []).append(part)
    joined = [_joined(by_source[source]) for source in sorted(by_source)]
    return [part for part in joined if part.lines.texts]


def is_covered(ranges: Ranges, by: Ranges) -> bool:
    """Returns whether other ranges hold all of some ranges."""
    return all(first_uncovered(by, start) >= end for start, end in ranges.tolist())


def bounds(lines: Lines, ranges: Ranges) -> tuple[Int64s, Int64s]:
    """Returns where each record begins and ends, so that all of them take up their ranges, (records,) each.

    What lies between two records and is none, such as the mark of a transaction, goes with the second of them, as it
    does where a reader begins between them.

    Args:
      lines: Records, rising, each with its position in one of the ranges.
      ranges: That the records take up; one that holds none of them stays out.
    """
    of = np.searchsorted(ranges[:, 0], lines.positions, side="right") - 1
    first, last = np.ones(len(of), bool), np.ones(len(of), bool)
    first[1:] = last[:-1] = of[1:] != of[:-1]
    starts = np.where(first, ranges[of, 0], lines.starts)
    return starts, np.where(last, ranges[of, 1], np.roll(starts, -1))


def gather(folder: str, parts: Iterable[Placed], block_bytes: int = BLOCK_BYTES) -> Gathered:
    """Writes lines to files of about the size of a block; where they are cut follows from the lines alone.

    Args:
      folder: Of the window.
      parts: By source and position.
      block_bytes: Size of a file; the last line may go beyond it.

    Raises:
      DataError: One cannot be written.
    """
    paths, records, size = [], 0, 0
    taken: dict[str, list[Ranges]] = {}
    for number, block in enumerate(_blocks(parts, block_bytes)):
        written = write_lines(folder, f"{number:06d}", [(part.source, part.lines) for part in block])
        paths.append(written.path)
        size += written.bytes
        for part in block:
            records += len(part.lines.texts)
            taken.setdefault(part.source, []).append(runs(part.starts, part.ends))
    return Gathered(paths, records, size, {source: union(ranges) for source, ranges in taken.items()})


def positions_of(parts: Iterable[Placed]) -> dict[str, Ranges]:
    """Returns the positions of records, by source."""
    taken: dict[str, list[Ranges]] = {}
    for part in parts:
        if part.lines.texts:
            taken.setdefault(part.source, []).append(runs(part.starts, part.ends))
    return {source: union(ranges) for source, ranges in taken.items()}


def _place(ref: Spooled, taken: Ranges) -> Placed:
    """Returns the lines of a file that are not taken, and all of its ranges that is not."""
    lines = read_lines(ref.path, ref.source, ref.sha256)
    new = lines.where(~covers(taken, lines.positions))
    return Placed(ref.source, new, *bounds(new, without(ref.ranges, taken)))


def _before(position: int, waiting: list[Placed]) -> tuple[list[Placed], list[Placed]]:
    """Returns lines in front of a position, in order, which none can come before any more, and the others."""
    masks = [part.lines.positions < position for part in waiting]
    ready = in_order([part.where(mask) for part, mask in zip(waiting, masks, strict=True)])
    return ready, [part.where(~mask) for part, mask in zip(waiting, masks, strict=True) if not mask.all()]


def _joined(parts: Sequence[Placed]) -> Placed:
    """Returns lines of one source by position."""
    texts = [text for part in parts for text in part.lines.texts]
    positions, starts, begins, ends = (
        np.concatenate(column)
        for column in zip(
            *((part.lines.positions, part.lines.starts, part.starts, part.ends) for part in parts), strict=True
        )
    )
    rows = np.argsort(positions, kind="stable")
    lines = Lines([texts[i] for i in rows.tolist()], positions[rows], starts[rows])
    return Placed(parts[0].source, lines, begins[rows], ends[rows])


def _blocks(parts: Iterable[Placed], block_bytes: int) -> Iterator[list[Placed]]:
    """Yields what makes a file each: lines until they are as many bytes."""
    waiting: list[Placed] = []
    size = 0
    for part in parts:
        ends = np.cumsum(np.fromiter((len(text) + 1 for text in part.lines.texts), np.int64, len(part.lines.texts)))
        done = before = 0
        while done < len(ends):
            full = int(np.searchsorted(ends, before + block_bytes - size)) + 1
            end = min(full, len(ends))
            waiting.append(part.where(_between(done, end, len(ends))))
            size += int(ends[end - 1]) - before
            done, before = end, int(ends[end - 1])
            if size >= block_bytes:
                yield waiting
                waiting, size = [], 0
    if waiting:
        yield waiting


def _between(start: int, end: int, count: int) -> Mask:
    mask = np.zeros(count, bool)
    mask[start:end] = True
    return mask
