"""Batches as the plan of an epoch has them, read by `tf.data` alone.

The records of each bucket are read in blocks, shuffled by windows, sorted by pools and cut into
batches while they are serialized; the buckets take turns as the plan says; then each batch is
parsed at once. Nothing is read that comes before the first step asked for, but for the rest of one
window of each bucket.

All buckets are read by one function of tensors, traced once: a dataset of its own for each would
take longer to build than an epoch of a small data set takes to read.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from trainer.batches.order import FACTORS, GOLDEN, SHIFTS
from trainer.batches.parsing import bucket_length
from trainer.batches.plan import EpochPlan, Stream, pool_seeds
from trainer.batches.source import SplitSource
from trainer.batches.windows import BlockPlaces

_MOST_READ = 8 << 20  # bytes of a block that are asked for at once
_FRAME = 16  # bytes of a TFRecord around its content
_RECORDS = tf.TensorSpec([None], tf.string)


class PlannedReader:
    """Reads epochs of one split."""

    def __init__(self, source: SplitSource) -> None:
        """Prepares what all epochs have in common."""
        self._places = BlockPlaces(source.folder, source.shards)
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
        return batches.apply(tf.data.experimental.assert_cardinality(plan.steps - first_step))

    def _stream(self, plan: EpochPlan, stream: Stream, batch: int) -> tf.data.Dataset:
        """Returns the batches of a bucket from one on, each as serialized records."""
        first_pool = batch // plan.pool
        windows = self._places.windows(plan, stream.part(first_pool * plan.pool * stream.size))
        seeds = pool_seeds(stream, range(first_pool, -(-stream.batches // plan.pool)))
        numbers = np.array([stream.size, plan.pool, batch - first_pool * plan.pool], np.int64)
        read = self._streams[stream.seed is not None]
        variant = read(*windows.arrays(), seeds, *numbers)
        return tf.data.experimental.from_variant(variant, _RECORDS)


def _stream_function(source: SplitSource, shuffled: bool) -> Any:
    """Returns a function of the arrays of `Windows`, seeds of pools and three numbers that makes a dataset."""
    paths = tf.constant(source.paths, tf.string)

    def window(records: Any, seed: Any, first: Any, last: Any) -> tf.Tensor:
        if not shuffled:
            return records[first:last]
        return tf.gather(records, _permutation(seed, tf.size(records, tf.int64))[first:last])

    def stream(
        shard: Any, offset: Any, size: Any, records: Any, total: Any, seed: Any, first: Any, last: Any,
        pool_seeds: Any, batch: Any, pool: Any, skipped: Any,
    ) -> tf.Tensor:  # fmt: skip
        def arrange(content: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
            order = _arranged(bucket_length(content, source.manifest.spec), batch, seed if shuffled else None)
            return tf.gather(content, order)

        blocks = _slices(shard, offset, size, records).map(
            lambda shard, *place: _block(paths[shard], *place), num_parallel_calls=2, deterministic=True
        )
        windows = tf.data.Dataset.zip((blocks.rebatch(total), _slices(seed, first, last)))
        pools = windows.map(lambda content, rest: window(content, *rest)).prefetch(1).rebatch(pool * batch)
        batches = tf.data.Dataset.zip((pools, _slices(pool_seeds))).map(lambda content, seed: arrange(content, seed[0]))
        return tf.data.experimental.to_variant(batches.rebatch(batch).skip(skipped).prefetch(1))

    arrays, numbers = [tf.TensorSpec([None], tf.int64)] * 9, [tf.TensorSpec([], tf.int64)] * 3
    return tf.function(stream, input_signature=[*arrays, *numbers], autograph=False)


def _slices(*columns: tf.Tensor) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices(columns)


def _block(path: tf.Tensor, offset: tf.Tensor, size: tf.Tensor, records: tf.Tensor) -> tf.Tensor:
    """Returns the records of a block; fails where the shard has others than its index says."""
    variant = tf.raw_ops.TFRecordDatasetV2(
        filenames=path[None], compression_type="", buffer_size=tf.minimum(size, _MOST_READ), byte_offsets=offset[None]
    )
    dataset = tf.data.experimental.from_variant(variant, tf.TensorSpec([], tf.string))
    # What follows is for a file that has none there: there would be no element, and an error that says less.
    nothing = tf.data.Dataset.from_tensors(tf.constant([], tf.string))
    content = dataset.batch(records).concatenate(nothing).take(1).get_single_element()
    found = tf.size(content, tf.int64)
    read = tf.reduce_sum(tf.cast(tf.strings.length(content), tf.int64)) + _FRAME * found
    rule = "the records of a shard are not where its index says"
    with tf.control_dependencies([tf.raw_ops.Assert(condition=(found == records) & (read == size), data=[rule])]):
        return tf.identity(content)


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
