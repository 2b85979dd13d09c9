"""Batches as `bucket_by_sequence_length` makes them.

The elements that are shuffled and bucketed are serialized records with their length; a record is
parsed when its batch is known, a whole batch at once, which is several times as fast as parsing
one by one and holds no padded tensor in any buffer.
"""

import numpy as np
import tensorflow as tf

from schemas.buckets import exclusive_boundaries, upper_bounds
from schemas.dataset_pb2 import DatasetSpec
from schemas.manifest import length_feature
from schemas.spec import bucket_sequences
from trainer.batches.order import Order
from trainer.batches.parsing import parse_one_each
from trainer.batches.sizes import BatchPlan
from trainer.batches.source import SplitSource

# Records whose lengths are parsed at a time: enough to hide the cost of a call.
_LENGTH_POOL = 256
# What TensorFlow takes where no global seed is set.
_NO_GLOBAL_SEED = 87654321


def bucketed_batches(source: SplitSource, plan: BatchPlan, order: Order | None = None) -> tf.data.Dataset:
    """Returns the batches of an epoch: serialized records, string, (batch,), and their bucket, int64.

    Args:
      source: The split.
      plan: As the source planned it.
      order: How to shuffle; none means the order on disk.
    """
    spec = source.manifest.spec
    dataset = tf.data.TFRecordDataset(source.paths) if order is None else _shuffled(source, order)
    dataset = dataset.batch(_LENGTH_POOL).map(lambda records: (records, bucket_length(records, spec))).unbatch()
    dataset = dataset.bucket_by_sequence_length(
        element_length_func=lambda record, length: length,
        bucket_boundaries=exclusive_boundaries(source.manifest.buckets),
        bucket_batch_sizes=list(plan.sizes),
    )
    bounds = tf.constant(upper_bounds(source.manifest.buckets))

    def with_bucket(records: tf.Tensor, lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return records, tf.searchsorted(bounds, tf.cast(lengths[:1], tf.int64), out_type=tf.int64)[0]

    return dataset.map(with_bucket).apply(tf.data.experimental.assert_cardinality(plan.steps))


def bucket_length(records: tf.Tensor, spec: DatasetSpec) -> tf.Tensor:
    """Returns the length that buckets go by, int32, (n,), of serialized records, string, (n,)."""
    names = [length_feature(name) for name in bucket_sequences(spec)]
    lengths = list(parse_one_each(records, names, spec).values())
    return tf.cast(tf.reduce_max(tf.stack(lengths), axis=0), tf.int32)


def _shuffled(source: SplitSource, order: Order) -> tf.data.Dataset:
    """Shuffles whole what fits into the window; else mixes all shards, then a window of records.

    Shards hold one bucket each. Read one after another they would be a curriculum of lengths
    that no window makes up for, so that each next record comes from a shard drawn in
    proportion to what it holds.
    """
    random = np.random.default_rng([order.seed, order.epoch])
    seed = int(random.integers(2**31))
    if source.records <= order.window:
        dataset = tf.data.TFRecordDataset(source.paths)
    else:
        datasets = [tf.data.TFRecordDataset(path) for path in source.paths]
        turns = np.repeat(np.arange(len(datasets), dtype=np.int64), [shard.records for shard in source.shards])
        random.shuffle(turns)
        dataset = tf.data.Dataset.choose_from_datasets(
            datasets, tf.data.Dataset.from_tensor_slices(turns), stop_on_empty_dataset=False
        )
    return _shuffle(dataset, max(min(source.records, order.window), 1), seed)


def _shuffle(dataset: tf.data.Dataset, window: int, seed: int) -> tf.data.Dataset:
    """As `dataset.shuffle`, but for TensorFlow's global seed, which would make another order in another run."""
    variant = tf.raw_ops.ShuffleDataset(
        input_dataset=tf.data.experimental.to_variant(dataset),
        buffer_size=window,
        seed=_NO_GLOBAL_SEED,
        seed2=seed,
        output_types=[tf.string],
        output_shapes=[tf.TensorShape([])],
        reshuffle_each_iteration=False,
    )
    return tf.data.experimental.from_variant(variant, tf.TensorSpec([], tf.string))
