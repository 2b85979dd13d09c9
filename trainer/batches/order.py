"""In which order an epoch goes through the records of a bucket: a pure function of a seed.

The files of a bucket are cut into blocks of neighbouring records, read in one go. An epoch goes
through all blocks in an order drawn anew, a window of them at a time, and through the records of a
window in an order drawn anew. Nothing but the number of records of each file decides, so that the
order of any part is known without reading what comes before it.

Orders are drawn by sorting the hashes of numbers, and the hash is SplitMix64 (Steele, Lea and
Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014): the same on every machine,
with every version of NumPy, and simple enough to be computed by TensorFlow as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from schemas.errors import UsageError

Int64s = npt.NDArray[np.int64]

GOLDEN = 0x9E3779B97F4A7C15
FACTORS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
SHIFTS = (30, 27, 31)
_WORD = (1 << 64) - 1


@dataclass(frozen=True)
class Order:
    """In which order an epoch goes through its records.

    Attributes:
      seed: Of the whole training run, 0 or more.
      epoch: From 0; each epoch has an order of its own.
      window: Records held in memory to be shuffled, over all buckets; a split that is no larger is shuffled whole.
      window_bytes: Most bytes of such records, which lowers `window` where records are large.
      block_bytes: Bytes that are read in one go, in about: neighbours on disk that always share a window.
    """

    seed: int = 0
    epoch: int = 0
    window: int = 65_536
    window_bytes: int = 1 << 28
    block_bytes: int = 1 << 17

    def __post_init__(self) -> None:
        """Refuses numbers that give no order."""
        for name, least in (("seed", 0), ("epoch", 0), ("window", 1), ("window_bytes", 1), ("block_bytes", 1)):
            if getattr(self, name) < least:
                raise UsageError(f"{name}: {getattr(self, name)} is out of range; it must be {least} or more")

    def held(self, records: int, size: int) -> int:
        """Returns how many records are held to be shuffled, 1 or more, of a split of so many records and bytes."""
        return max(1, min(self.window, self.window_bytes * records // max(size, 1)))


@dataclass(frozen=True)
class BlockOrder:
    """The order in which the records of one bucket are read.

    Attributes:
      shard: Of each block, in the order of reading: which of the bucket's shards it is of, int64, (blocks,).
      first: Of each block: its first record in the shard, int64, (blocks,).
      records: Of each block, int64, (blocks,).
      block_records: Of a block, the last one of a shard may have fewer.
      bounds: Blocks before each window, and before the end, int64, (windows + 1,).
      starts: Records before each window, and before the end, int64, (windows + 1,).
      seeds: Of the order of the records of each window, int64, (windows,); none: the order on disk.
    """

    shard: Int64s
    first: Int64s
    records: Int64s
    block_records: int
    bounds: Int64s
    starts: Int64s
    seeds: Int64s | None

    @property
    def total(self) -> int:
        """Records of the bucket."""
        return int(self.starts[-1])

    def windows(self, start: int, stop: int) -> range:
        """Returns the windows that hold the records from `start` to `stop`, exclusive, of the order."""
        if stop <= start:
            return range(0)
        first, last = np.searchsorted(self.starts, [start, stop - 1], side="right") - 1
        return range(int(first), int(last) + 1)

    def blocks(self, window: int) -> slice:
        """Returns which blocks a window has."""
        return slice(int(self.bounds[window]), int(self.bounds[window + 1]))

    def rows(self, start: int, stop: int) -> tuple[Int64s, Int64s]:
        """Returns shard and place in it of the records from `start` to `stop`, exclusive, of the order."""
        parts = [self._rows_of_window(window) for window in self.windows(start, stop)]
        if not parts:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        skipped = int(self.starts[self.windows(start, stop)[0]])
        shard, row = (np.concatenate(column)[start - skipped : stop - skipped] for column in zip(*parts, strict=True))
        return shard, row

    def _rows_of_window(self, window: int) -> tuple[Int64s, Int64s]:
        inside = self.blocks(window)
        records = self.records[inside]
        shard = np.repeat(self.shard[inside], records)
        before = np.repeat(np.cumsum(records) - records, records)
        row = np.repeat(self.first[inside], records) + np.arange(len(shard)) - before
        if self.seeds is None:
            return shard, row
        order = permutation(int(self.seeds[window]), len(shard))
        return shard[order], row[order]


def order_blocks(shard_records: Sequence[int], block_records: int, window_records: int, seed: int | None) -> BlockOrder:
    """Returns the order in which an epoch reads the records of one bucket.

    Args:
      shard_records: Records of each shard of the bucket.
      block_records: Of a block, 1 or more; the last one of a shard may have fewer.
      window_records: Most of a window: as many whole blocks as fit, one at least.
      seed: Of this bucket and epoch; none means the order on disk.
    """
    counts = np.array(shard_records, np.int64)
    blocks = -(-counts // block_records)
    shard = np.repeat(np.arange(len(counts)), blocks)
    first = (np.arange(len(shard)) - np.repeat(np.cumsum(blocks) - blocks, blocks)) * block_records
    records = np.minimum(counts[shard] - first, block_records)
    if seed is not None:
        order = permutation(seed, len(shard))
        shard, first, records = shard[order], first[order], records[order]
    before = np.append(0, np.cumsum(records))
    bounds = _fill_windows(before, min(window_records, int(before[-1])))
    seeds = None if seed is None else hashes(mixed(seed, 1), len(bounds) - 1)
    return BlockOrder(shard, first, records, block_records, bounds, before[bounds], seeds)


def _fill_windows(before: Int64s, window_records: int) -> Int64s:
    """Returns the blocks before each window and before the end, from the records before each block and before the end.

    Blocks are counted by what they hold: where shards are smaller than a block, so are blocks, and more of them fit.
    """
    bounds = [0]
    while bounds[-1] < len(before) - 1:
        fit = int(np.searchsorted(before, before[bounds[-1]] + window_records, side="right")) - 1
        bounds.append(max(bounds[-1] + 1, fit))
    return np.array(bounds, np.int64)


def permutation(seed: int, count: int) -> Int64s:
    """Returns the numbers below `count` in the order of their hashes, int64, (count,)."""
    return np.argsort(hashes(seed, count), kind="stable")


def hashes(seed: int, count: int) -> Int64s:
    """Returns the hashes of the numbers below `count`: 63 bits each, so that they are no less than 0."""
    return _finished(np.arange(1, count + 1, dtype=np.uint64) * np.uint64(GOLDEN) + np.uint64(seed & _WORD))


def _finished(numbers: npt.NDArray[np.uint64]) -> Int64s:
    """Returns what the last rounds of SplitMix64 make of its states, 63 bits of each."""
    for shift, factor in zip(SHIFTS, FACTORS, strict=False):
        numbers = (numbers ^ (numbers >> np.uint64(shift))) * np.uint64(factor)
    return ((numbers ^ (numbers >> np.uint64(SHIFTS[-1]))) >> np.uint64(1)).astype(np.int64)


def mixed(*numbers: int) -> int:
    """Returns one seed made of several numbers, 63 bits; other numbers give another one, but for chance."""
    seed = 0
    for number in numbers:
        seed = int(hashes(seed ^ (number & _WORD), 1)[0])
    return seed


def mixed_with_each(seed: int, numbers: Int64s) -> Int64s:
    """Returns what `mixed` returns of a seed and each of some numbers, none below 0, int64, in their shape."""
    states = np.uint64(mixed(seed)) ^ numbers.astype(np.uint64)
    return _finished(states + np.uint64(GOLDEN))
