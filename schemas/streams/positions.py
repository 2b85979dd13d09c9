"""Which positions of a source have been read: ranges, sorted and apart from one another.

A range is half open: of offsets in a topic, or of bytes in a file. The ranges of a source are int64, (ranges, 2).
"""

from collections.abc import Iterable

import numpy as np

from schemas.times import Int64s, Mask

Ranges = Int64s
NONE: Ranges = np.zeros((0, 2), np.int64)


def runs(starts: Int64s, ends: Int64s) -> Ranges:
    """Returns the ranges that records take up, those without a gap between them as one.

    Args:
      starts: int64, (records,); position of each.
      ends: int64, (records,); the position behind it.
    """
    return union([np.stack([starts, ends], axis=1)])


def union(parts: Iterable[Ranges]) -> Ranges:
    """Returns the ranges that hold what any of some ranges holds; these may overlap and be in any order."""
    every = np.concatenate([NONE, *parts])
    every = every[every[:, 0] < every[:, 1]]
    every = every[np.argsort(every[:, 0], kind="stable")]
    if not len(every):
        return every
    reach = np.maximum.accumulate(every[:, 1])
    first = np.flatnonzero(np.append(True, every[1:, 0] > reach[:-1]))
    last = np.append(first[1:], len(every)) - 1
    return np.stack([every[first, 0], reach[last]], axis=1)


def without(ranges: Ranges, others: Ranges) -> Ranges:
    """Returns what the ranges hold and others do not."""
    outside = np.concatenate([[np.iinfo(np.int64).min], others.ravel(), [np.iinfo(np.int64).max]]).reshape(-1, 2)
    first = np.searchsorted(outside[:, 1], ranges[:, 0], side="right")
    last = np.searchsorted(outside[:, 0], ranges[:, 1], side="left")
    counts = np.maximum(last - first, 0)
    of = np.repeat(np.arange(len(ranges)), counts)
    gap = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts) + first[of]
    return np.stack([np.maximum(ranges[of, 0], outside[gap, 0]), np.minimum(ranges[of, 1], outside[gap, 1])], axis=1)


def covers(ranges: Ranges, positions: Int64s) -> Mask:
    """Returns which positions lie in one of the ranges, (positions,)."""
    return range_ends(ranges, positions) > positions


def range_ends(ranges: Ranges, positions: Int64s) -> Int64s:
    """Returns where the range ends that holds each position, (positions,); of one that none holds, the position."""
    if not len(ranges):
        return positions
    before = np.searchsorted(ranges[:, 0], positions, side="right") - 1
    ends = ranges[np.maximum(before, 0), 1]
    return np.where((before >= 0) & (positions < ends), ends, positions)


def first_uncovered(ranges: Ranges, start: int) -> int:
    """Returns the first position from `start` on that lies in no range."""
    return int(range_ends(ranges, np.array([start], np.int64))[0])
