"""The plan of an epoch: which records make which batch, and in which order the batches come.

A pure function of what the manifest says, the seed, the epoch and the settings. The records of a
bucket stand in the order of `trainer.batches.order`; those that fill no batch go before those of
the next longer bucket, so that only the last batch of the longest bucket may not be full. The
stream of a bucket is cut into pools of some batches; the records of a pool are sorted by length
before they are cut into batches, and these come in an order drawn anew, so that a batch holds
records of nearly one length and its neighbours say nothing of its own. Which bucket a step takes
its batch from is drawn over the whole epoch.

With 3 and 5 records, batches of 2 and of 2: one record of the first bucket goes to the second,
which makes 1 + 3 batches.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainer.batches.order import BlockOrder, Int64s, Order, mixed, mixed_with_each, order_blocks, permutation

# What a seed is drawn for, so that no two of them are alike.
_BLOCKS, _BATCHES, _STEPS = range(3)


@dataclass(frozen=True)
class ShardSize:
    """What the plan has to know of a shard.

    Attributes:
      bucket: Which it belongs to.
      records: In it.
      bytes: Of its file.
    """

    bucket: int
    records: int
    bytes: int


@dataclass(frozen=True)
class Segment:
    """Records of the order of one bucket, from `start` to `stop`, exclusive."""

    bucket: int
    start: int
    stop: int


@dataclass(frozen=True)
class Stream:
    """The batches of one bucket.

    Attributes:
      size: Records of a batch; the very last one of an epoch may have fewer.
      batches: Their number.
      segments: What they are made of, one after another: records left over by shorter buckets, then its own.
      seed: Of the order of batches in each pool; none: from the shortest.
    """

    size: int
    batches: int
    segments: tuple[Segment, ...]
    seed: int | None = None

    def part(self, start: int) -> tuple[Segment, ...]:
        """Returns what remains of the segments after the first `start` records."""
        return _between(self.segments, start, self.batches * self.size)


@dataclass(frozen=True)
class EpochPlan:
    """The batches of one epoch.

    Attributes:
      streams: Of every bucket; some may have no batch.
      orders: In which order the records of each bucket are read.
      choices: The bucket of each step, int64, (steps,).
      examples: Records of the epoch.
      pool: Batches of a pool.
    """

    streams: tuple[Stream, ...]
    orders: tuple[BlockOrder, ...]
    choices: Int64s
    examples: int
    pool: int

    @property
    def steps(self) -> int:
        """Batches of the epoch."""
        return len(self.choices)

    def batches_before(self, step: int) -> list[int]:
        """Returns how many batches of each bucket come before a step."""
        return [int(count) for count in np.bincount(self.choices[:step], minlength=len(self.streams))]

    def pool_rows(self, bucket: int, pool: int) -> tuple[Int64s, Int64s, Int64s]:
        """Returns bucket, shard of the bucket and place in the shard of the records of a pool, as they are read.

        `arranged` says how they become batches.
        """
        stream = self.streams[bucket]
        size = self.pool * stream.size
        parts = _between(stream.segments, pool * size, (pool + 1) * size)
        rows = [(part.bucket, *self.orders[part.bucket].rows(part.start, part.stop)) for part in parts]
        buckets = [np.full(len(row), bucket, np.int64) for bucket, _, row in rows]
        return (
            np.concatenate(buckets),
            np.concatenate([shard for _, shard, _ in rows]),
            np.concatenate([row for _, _, row in rows]),
        )


def plan_epoch(shards: Sequence[ShardSize], sizes: Sequence[int], order: Order | None, pool: int) -> EpochPlan:
    """Plans an epoch.

    Args:
      shards: Of the split, in the manifest's order.
      sizes: Records of a full batch of each bucket, 1 or more.
      order: How to shuffle; none means bucket after bucket, each in the order on disk but for the sorting of pools.
      pool: Batches that are sorted by length together, 1 or more.
    """
    orders = tuple(_block_orders(shards, len(sizes), order))
    streams = tuple(_streams([of.total for of in orders], sizes, order))
    choices = np.repeat(np.arange(len(sizes)), [stream.batches for stream in streams])
    if order is not None:
        choices = choices[permutation(mixed(order.seed, order.epoch, _STEPS), len(choices))]
    return EpochPlan(streams, orders, choices, sum(of.total for of in orders), pool)


def count_steps(records: Sequence[int], sizes: Sequence[int]) -> int:
    """Returns the batches of an epoch.

    Args:
      records: Of each bucket.
      sizes: Records of a full batch of each bucket.
    """
    return sum(stream.batches for stream in _streams(records, sizes, None))


def arranged(lengths: npt.NDArray[np.integer], size: int, seed: int | None) -> Int64s:
    """Returns the records of a pool in the order in which they fill its batches, int64, (records,).

    Sorted by length and cut; whole batches then come in an order of their own, one that is not
    full remains the last.

    Args:
      lengths: Of the records, (records,).
      size: Records of a full batch.
      seed: Of the order of the batches; none: as they are sorted.
    """
    order = np.argsort(lengths, kind="stable").astype(np.int64)
    whole = len(order) // size
    if seed is None or not whole:
        return order
    batches = order[: whole * size].reshape(whole, size)
    return np.concatenate([batches[permutation(seed, whole)].ravel(), order[whole * size :]])


def pool_seed(stream: Stream, pool: int) -> int | None:
    """Returns the seed of the order of the batches of a pool."""
    return None if stream.seed is None else mixed(stream.seed, pool)


def pool_seeds(stream: Stream, pools: range) -> Int64s:
    """Returns what `pool_seed` returns of each of some pools, int64, (pools,); 0 where there is no seed."""
    numbers = np.array(pools, np.int64)
    return np.zeros_like(numbers) if stream.seed is None else mixed_with_each(stream.seed, numbers)


def _block_orders(shards: Sequence[ShardSize], buckets: int, order: Order | None) -> Iterator[BlockOrder]:
    everything, size = sum(shard.records for shard in shards), sum(shard.bytes for shard in shards)
    limits = order or Order()
    held = limits.held(everything, size)
    for bucket in range(buckets):
        inside = [shard for shard in shards if shard.bucket == bucket]
        records = sum(shard.records for shard in inside)
        block = max(1, limits.block_bytes * records // max(1, sum(shard.bytes for shard in inside)))
        # The window is shared out by what buckets hold, so that all of them pass through as many windows.
        window = -(-held * records // max(everything, 1))
        seed = None if order is None else mixed(order.seed, order.epoch, _BLOCKS, bucket)
        yield order_blocks([shard.records for shard in inside], block, window, seed)


def _streams(records: Sequence[int], sizes: Sequence[int], order: Order | None) -> Iterator[Stream]:
    left: tuple[Segment, ...] = ()
    last = max((bucket for bucket, count in enumerate(records) if count), default=-1)
    for bucket, (count, size) in enumerate(zip(records, sizes, strict=True)):
        segments = (*left, Segment(bucket, 0, count)) if count else left
        total = sum(segment.stop - segment.start for segment in segments)
        batches = -(-total // size) if bucket == last else total // size
        if not count:
            batches = 0  # What is left over needs no batch of a bucket that is not there.
        used = min(batches * size, total)
        seed = None if order is None else mixed(order.seed, order.epoch, _BATCHES, bucket)
        yield Stream(size, batches, _between(segments, 0, used), seed)
        left = _between(segments, used, total)


def _between(segments: Sequence[Segment], start: int, stop: int) -> tuple[Segment, ...]:
    """Returns what segments have from the record `start` to `stop`, exclusive, counted from their beginning."""
    parts, before = [], 0
    for segment in segments:
        low = max(segment.start, segment.start + start - before)
        high = min(segment.stop, segment.start + stop - before)
        if low < high:
            parts.append(Segment(segment.bucket, low, high))
        before += segment.stop - segment.start
    return tuple(parts)
