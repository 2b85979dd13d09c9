"""Batches as the plan of an epoch has them, read by `tf.data` alone.

The records of each bucket are read in blocks, shuffled by windows, sorted by pools and cut into
batches while they are serialized; the buckets take turns as the plan says; then each batch is
parsed at once. Nothing is read that comes before the first step asked for, but for the rest of one
window of each bucket.

All buckets are read by one function of tensors, traced once: a dataset of its own for each would
take longer to build than an epoch of a small data set takes to read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import tensorflow as tf

from schemas.errors import DataError
from schemas.shard_index import open_index
from trainer.batches.bucketed import bucket_length
from trainer.batches.order import FACTORS, GOLDEN, SHIFTS, Int64s
from trainer.batches.plan import EpochPlan, Segment, Stream, pool_seed
from trainer.batches.source import SplitSource

_MOST_READ = 8 << 20  # bytes of a block that are asked for at once
_FRAME = 16  # bytes of a TFRecord around its content
_RECORDS = tf.TensorSpec([None], tf.string)


class PlannedReader:
    """Reads epochs of one split."""

    def __init__(self, source: SplitSource) -> None:
        """Prepares what all epochs have in common."""
        self._source = source
        self._streams = {shuffled: _stream_function(source, shuffled) for shuffled in (False, True)}

    def batches(self, plan: EpochPlan, first_step: int = 0) -> tf.data.Dataset:
        """Returns the batches of an epoch: serialized records, string, (batch,), and their bucket, int64.

        Args:
          plan: Of an epoch over the split.
          first_step: Batches to leave out.

        Raises:
          DataError: The index of a shard is missing or damaged.
        """
        done = plan.batches_before(first_step)
        choices = plan.choices[first_step:]
        present = np.unique(choices)
        streams = [self._stream(plan, plan.streams[bucket], done[bucket]) for bucket in present]
        buckets = tf.data.Dataset.from_tensor_slices(choices)
        if not streams:
            records = tf.data.Dataset.from_tensor_slices(tf.zeros([0], tf.string)).batch(1)
        elif len(streams) == 1:
            records = streams[0]
        else:
            turns = tf.data.Dataset.from_tensor_slices(np.searchsorted(present, choices))
            records = tf.data.Dataset.choose_from_datasets(streams, turns, stop_on_empty_dataset=False)
        batches = tf.data.Dataset.zip((records, buckets))
        return batches.apply(tf.data.experimental.assert_cardinality(len(choices)))

    def _stream(self, plan: EpochPlan, stream: Stream, batch: int) -> tf.data.Dataset:
        """Returns the batches of a bucket from one on, each as serialized records."""
        first_pool = batch // plan.pool
        parts = stream.part(first_pool * plan.pool * stream.size)
        windows = _joined([self._windows(plan, part) for part in parts])
        seeds = [pool_seed(stream, pool) or 0 for pool in range(first_pool, -(-stream.batches // plan.pool))]
        numbers = np.array([stream.size, plan.pool, batch - first_pool * plan.pool], np.int64)
        read = self._streams[stream.seed is not None]
        variant = read(*windows.arrays(), np.array(seeds, np.int64), *numbers)
        return tf.data.experimental.from_variant(variant, _RECORDS)

    def _windows(self, plan: EpochPlan, segment: Segment) -> "_Windows":
        order = plan.orders[segment.bucket]
        windows = order.windows(segment.start, segment.stop)
        inside = slice(order.blocks(windows[0]).start, order.blocks(windows[-1]).stop)
        shard, first, records = order.shard[inside], order.first[inside], order.records[inside]
        paths, offset, size = self._places(segment.bucket, shard, first, first + records)
        starts = order.starts[windows.start : windows.stop + 1]
        blocks = np.full(len(windows), order.window_blocks)
        blocks[-1] = len(shard) - order.window_blocks * (len(windows) - 1)
        seeds = np.zeros(len(windows), np.int64) if order.seeds is None else order.seeds[windows.start : windows.stop]
        first_record = np.maximum(segment.start - starts[:-1], 0)
        last_record = np.minimum(segment.stop, starts[1:]) - starts[:-1]
        return _Windows(paths, offset, size, records, blocks, seeds, first_record, last_record)

    def _places(self, bucket: int, shard: Int64s, first: Int64s, after: Int64s) -> tuple[Any, Int64s, Int64s]:
        """Returns path, offset and bytes of blocks of records from `first` to `after`, exclusive."""
        shards = [entry for entry in self._source.shards if entry.bucket == bucket]
        paths = np.array([str(self._source.folder / entry.path) for entry in shards], dtype=object)
        begin, end = np.zeros_like(first), np.zeros_like(first)
        for number in np.unique(shard):
            own = shard == number
            offsets = open_index(self._source.folder, shards[number])["offset"]
            begin[own] = offsets[first[own]]
            whole = after[own] == shards[number].records
            end[own] = np.where(whole, shards[number].bytes, offsets[np.where(whole, 0, after[own])])
            if (begin[own] < 0).any() or (end[own] <= begin[own]).any() or (end[own] > shards[number].bytes).any():
                path = self._source.folder / shards[number].index_path
                raise DataError(f"{path}: is damaged (its offsets do not rise); write the data set again")
        return paths[shard], begin, end - begin


@dataclass(frozen=True)
class _Windows:
    """What is read one after another: blocks, and the windows that they make up.

    Attributes:
      path: Of the shard of each block, (blocks,).
      offset: Of each block in its shard, (blocks,).
      bytes: Of each block, (blocks,).
      records: Of each block, (blocks,).
      blocks: Of each window, (windows,).
      seed: Of the order in each window, (windows,).
      first: Of this order: where what is wanted begins, (windows,).
      last: And ends, exclusive, (windows,).
    """

    path: Any
    offset: Int64s
    bytes: Int64s
    records: Int64s
    blocks: Int64s
    seed: Int64s
    first: Int64s
    last: Int64s

    def arrays(self) -> list[Any]:
        return [list(self.path), *(getattr(self, entry.name) for entry in fields(self)[1:])]


def _joined(parts: Sequence[_Windows]) -> _Windows:
    columns = zip(*([getattr(part, entry.name) for entry in fields(_Windows)] for part in parts), strict=True)
    return _Windows(*(np.concatenate(column) for column in columns))


def _stream_function(source: SplitSource, shuffled: bool) -> Any:
    """Returns a function of the arrays of windows, seeds of pools and three numbers that makes a dataset."""
    numbers = [tf.TensorSpec([None], tf.int64)] * 8

    def stream(
        path: Any, offset: Any, size: Any, records: Any, blocks: Any, seed: Any, first: Any, last: Any,
        pool_seeds: Any, batch: Any, pool: Any, skipped: Any,
    ) -> tf.Tensor:  # fmt: skip
        end = tf.cumsum(blocks)

        def window(begin: Any, end: Any, seed: Any, first: Any, last: Any) -> tf.Tensor:
            columns = (path[begin:end], offset[begin:end], size[begin:end], records[begin:end])
            read = tf.data.Dataset.from_tensor_slices(columns).flat_map(_block)
            total = tf.reduce_sum(records[begin:end])
            content = read.batch(total).get_single_element()
            with tf.control_dependencies([_check_all_there(content, total, tf.reduce_sum(size[begin:end]))]):
                content = tf.identity(content)
            return tf.gather(content, _permutation(seed, total)[first:last]) if shuffled else content[first:last]

        def arrange(content: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
            order = _arranged(bucket_length(content, source.manifest.spec), batch, seed if shuffled else None)
            return tf.gather(content, order)

        windows = tf.data.Dataset.from_tensor_slices((end - blocks, end, seed, first, last))
        pools = windows.map(window).prefetch(1).rebatch(pool * batch)
        pools = tf.data.Dataset.zip((pools, tf.data.Dataset.from_tensor_slices(pool_seeds)))
        dataset = pools.map(arrange).rebatch(batch).skip(skipped).prefetch(1)
        return tf.data.experimental.to_variant(dataset)

    signature = [tf.TensorSpec([None], tf.string), *numbers, *[tf.TensorSpec([], tf.int64)] * 3]
    return tf.function(stream, input_signature=signature, autograph=False)


def _block(path: tf.Tensor, offset: tf.Tensor, size: tf.Tensor, records: tf.Tensor) -> tf.data.Dataset:
    variant = tf.raw_ops.TFRecordDatasetV2(
        filenames=path[None], compression_type="", buffer_size=tf.minimum(size, _MOST_READ), byte_offsets=offset[None]
    )
    return tf.data.experimental.from_variant(variant, tf.TensorSpec([], tf.string)).take(records)


def _check_all_there(content: tf.Tensor, records: tf.Tensor, size: tf.Tensor) -> Any:
    """Returns the operation that fails where a window has other records than its index says."""
    read = tf.reduce_sum(tf.cast(tf.strings.length(content), tf.int64)) + _FRAME * tf.size(content, tf.int64)
    is_whole = (tf.size(content, tf.int64) == records) & (read == size)
    return tf.raw_ops.Assert(condition=is_whole, data=["the records of a shard are not where its index says"])


def _arranged(lengths: tf.Tensor, size: tf.Tensor, seed: tf.Tensor | None) -> tf.Tensor:
    """As `trainer.batches.plan.arranged`."""
    order = tf.argsort(lengths, stable=True)
    if seed is None:
        return order
    whole = tf.size(order, tf.int64) // size
    batches = tf.reshape(order[: whole * size], [whole, size])
    turned = tf.reshape(tf.gather(batches, _permutation(seed, whole)), [-1])
    return tf.concat([turned, order[whole * size :]], axis=0)


def _permutation(seed: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """As `trainer.batches.order.permutation`."""

    def word(number: int) -> tf.Tensor:
        return tf.constant(number, tf.uint64)

    numbers = tf.cast(tf.range(1, count + 1), tf.uint64) * word(GOLDEN) + tf.cast(seed, tf.uint64)
    for shift, factor in zip(SHIFTS, FACTORS, strict=False):
        numbers = tf.bitwise.bitwise_xor(numbers, tf.bitwise.right_shift(numbers, word(shift))) * word(factor)
    numbers = tf.bitwise.bitwise_xor(numbers, tf.bitwise.right_shift(numbers, word(SHIFTS[-1])))
    keys = tf.cast(tf.bitwise.right_shift(numbers, word(1)), tf.int64)
    return tf.argsort(keys, stable=True)
