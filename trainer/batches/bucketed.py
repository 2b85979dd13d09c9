"""Batches of a data set as `bucket_by_sequence_length` makes them, in a stream through a shuffle window.

A shard holds records of one bucket, so that nothing has to be parsed to know it; a record is parsed when its batch
is complete, a whole batch at once.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from schemas.manifest_pb2 import Shard
from trainer.batches.grouping import batch_by_bucket, shuffle
from trainer.batches.order import Order
from trainer.batches.sizes import BatchPlan
from trainer.batches.source import SplitSource

# Shards of one bucket that are open at a time; a data set may have more of them than a process may have files.
_LANES = 8
# Records whose turns are drawn at a time.
_BLOCK = 65_536


def bucketed_batches(source: SplitSource, plan: BatchPlan, order: Order | None = None) -> tf.data.Dataset:
    """Returns the batches of an epoch: serialized records, string, (batch,), and their bucket, int64.

    Buffers hold the records of the shuffle window and of the batches that are being filled, all serialized.

    Args:
      source: The split.
      plan: As the source planned it.
      order: How to shuffle; none means the order on disk.
    """
    stream = _in_order(source) if order is None else _shuffled(source, order)
    dataset = batch_by_bucket(stream, plan.sizes).map(lambda records, buckets: (records, buckets[0]))
    return dataset.apply(tf.data.experimental.assert_cardinality(plan.steps))


def _in_order(source: SplitSource) -> tf.data.Dataset:
    """Returns the stream of all records, bucket by bucket."""
    stream = _stream([], 0)
    for bucket in sorted({shard.bucket for shard in source.shards}):
        paths = [path for path, shard in zip(source.paths, source.shards, strict=True) if shard.bucket == bucket]
        stream = stream.concatenate(_stream(paths, bucket))
    return stream


def _shuffled(source: SplitSource, order: Order) -> tf.data.Dataset:
    """Shuffles whole what fits into the window; else mixes all buckets, then a window of records.

    Shards hold one bucket each. Read one after another they would be a curriculum of lengths
    that no window makes up for, so that each next record comes from a lane drawn in
    proportion to what it holds.
    """
    random = np.random.default_rng([order.seed, order.epoch])
    window = order.held(source.records, sum(shard.bytes for shard in source.shards))
    if source.records <= window:
        return shuffle(_in_order(source), max(source.records, 1), random)
    lanes = deal_lanes(source.shards, random)
    streams = [_stream([source.paths[i] for i in lane], source.shards[lane[0]].bucket) for lane in lanes]
    counts = np.array([sum(source.shards[i].records for i in lane) for lane in lanes], np.int64)
    mixed = tf.data.Dataset.choose_from_datasets(streams, _turns(counts, random), stop_on_empty_dataset=False)
    return shuffle(mixed, window, random)


def _stream(paths: Sequence[str], bucket: int) -> tf.data.Dataset:
    """Returns the records of shards of one bucket, each with it."""
    records = tf.data.TFRecordDataset(list(paths))
    return tf.data.Dataset.zip(records, tf.data.Dataset.from_tensors(np.int64(bucket)).repeat())


def deal_lanes(shards: Sequence[Shard], random: np.random.Generator) -> list[list[int]]:
    """Deals shards to lanes: what is read at the same time, the shards of a lane one after another.

    Args:
      shards: One or more.
      random: Draws the order of the shards of each bucket.

    Returns:
      The places in `shards` of those of each lane, all of one bucket; every place once, no lane empty.
    """
    buckets = np.array([shard.bucket for shard in shards])
    lanes = []
    for bucket in np.unique(buckets):
        places = random.permutation(np.flatnonzero(buckets == bucket)).tolist()
        lanes += [places[first::_LANES] for first in range(min(_LANES, len(places)))]
    return lanes


def turns_by_block(counts: npt.NDArray[np.int64], blocks: int, offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Spreads the records of lanes evenly over blocks.

    The first b blocks hold floor((n * b + offset) / blocks) of the n records of a lane: in whole numbers, so that all
    come and each block has its share of each lane to within one record. The offset says which block a lane of few
    records begins with.

    Args:
      counts: Records of each lane, int64, (lanes,).
      blocks: How many, 1 or more.
      offsets: Of each lane, int64, (lanes,), in [0, blocks).

    Returns:
      Records of each lane in each block, int64, (blocks, lanes).
    """
    upto = (counts * np.arange(blocks + 1, dtype=np.int64)[:, None] + offsets) // blocks
    return np.diff(upto, axis=0)


def _turns(counts: npt.NDArray[np.int64], random: np.random.Generator) -> tf.data.Dataset:
    """Returns a dataset of lanes, int64, (): each as often as it has records, shuffled block by block."""
    blocks = -(-int(counts.sum()) // _BLOCK)
    table = turns_by_block(counts, blocks, random.integers(0, blocks, len(counts)))
    seed = int(random.integers(2**31))

    def shuffled_block(block: tf.Tensor, shares: tf.Tensor) -> tf.Tensor:
        lanes = tf.repeat(tf.range(len(counts), dtype=tf.int64), shares)
        return tf.random.experimental.stateless_shuffle(lanes, tf.stack([seed, block]))

    # One call each for a whole block: a table of turns would take 8 bytes for each record of the data set.
    return tf.data.Dataset.from_tensor_slices(table).enumerate().map(shuffled_block).unbatch()
