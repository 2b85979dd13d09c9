"""Data sets on disk become batches: `tf.data` with `bucket_by_sequence_length`.

The elements that are shuffled and bucketed are serialized records with their length; a record is
parsed when its batch is known, a whole batch at once, which is several times as fast as parsing
one by one and holds no padded tensor in any buffer.

The manifest says which files there are, how many records each holds and where the buckets lie, so
that the number of steps is known before the first one.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from schemas.buckets import exclusive_boundaries
from schemas.errors import DataError
from schemas.manifest import length_feature, load_manifest, shards_of
from schemas.manifest_pb2 import Manifest, Shard
from schemas.spec import TRAIN, bucket_sequences, leaders
from trainer.batch_plan import BatchLimits, BatchPlan, BucketLoad, plan_batches
from trainer.parsing import BatchParser, parse_one_each

Batch = tuple[dict[str, tf.Tensor], tf.Tensor, tf.Tensor]

DEFAULT_LIMITS = BatchLimits(padded_steps=16_384, max_examples=512, min_examples=8, min_steps=200)
# Records whose lengths are parsed at a time: enough to hide the cost of a call.
_LENGTH_POOL = 256


@dataclass(frozen=True)
class Order:
    """In which order an epoch goes through its records.

    Attributes:
      seed: Of the whole training run.
      epoch: From 0; each epoch has an order of its own.
      window: Records held in memory to be shuffled; a split that is no larger is shuffled whole.
    """

    seed: int = 0
    epoch: int = 0
    window: int = 65_536


class SplitSource:
    """One split of a data set on disk, its files checked to be there."""

    def __init__(self, folder: str | Path, manifest: Manifest, split: str) -> None:
        """Looks for every shard of a split.

        Args:
          folder: Of the data set.
          manifest: Of the data set.
          split: A split of it.

        Raises:
          DataError: No such split, or a shard that is missing or has another size than written.
        """
        self.folder = Path(folder)
        self.manifest = manifest
        self.split = split
        self.shards = [shard for shard in shards_of(manifest, split) if shard.records]
        for shard in self.shards:
            _check_shard(self.folder, shard)

    def loads(self) -> list[BucketLoad]:
        """Returns what each bucket of this split holds."""
        loads = []
        # Where the buckets go by one sequence, another may be longer; how long is known of the split.
        others = self._longest_beside_buckets()
        for i in range(len(self.manifest.buckets)):
            inside = [shard for shard in self.shards if shard.bucket == i]
            longest = max([others, *(shard.max_length for shard in inside)]) if inside else 0
            loads.append(BucketLoad(sum(shard.records for shard in inside), longest))
        return loads

    def _longest_beside_buckets(self) -> int:
        spec, lengths = self.manifest.spec, self.manifest.statistics[self.split].lengths
        # An aligned sequence is as long as its leader, record by record.
        decide = {spec.sequences[name].aligned_with or name for name in bucket_sequences(spec)}
        others = set(leaders(spec)) - decide
        return max((max(lengths[name].lengths, default=0) for name in others), default=0)

    def plan(self, limits: BatchLimits) -> BatchPlan:
        """Returns the batches of an epoch over this split."""
        return plan_batches(self.loads(), limits)

    def batches(self, plan: BatchPlan, order: Order | None = None, with_ids: bool = False) -> tf.data.Dataset:
        """Returns one epoch; see `open_dataset`.

        Args:
          plan: As `plan` returned it for this split.
          order: How to shuffle, for training; none means the order on disk and weights of 1.
          with_ids: Whether the features hold "id".
        """
        dataset = self._records() if order is None else self._shuffled(order)
        dataset = dataset.batch(_LENGTH_POOL).map(self._with_lengths).unbatch()
        dataset = dataset.bucket_by_sequence_length(
            element_length_func=lambda record, length: length,
            bucket_boundaries=exclusive_boundaries(self.manifest.buckets),
            bucket_batch_sizes=list(plan.sizes),
        )
        mean_examples = None if order is None else plan.mean_examples
        parser = BatchParser(self.manifest, mean_examples, with_ids)
        dataset = dataset.map(parser, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        return dataset.apply(tf.data.experimental.assert_cardinality(plan.steps)).prefetch(tf.data.AUTOTUNE)

    def iterate(self, dataset: tf.data.Dataset) -> Iterator[Batch]:
        """Yields the batches of a dataset of this split.

        Raises:
          DataError: A file is damaged, or holds other records than the manifest says.
        """
        batches = iter(dataset)
        while True:
            try:
                yield next(batches)
            except StopIteration:
                return
            except tf.errors.OpError as error:
                raise DataError(
                    f"{self.folder}: the records of split '{self.split}' do not fit the manifest: {_reason(error)}; "
                    f"`python -m pipeline verify {self.folder}` says which file, then write the data set again"
                ) from None

    def _records(self) -> tf.data.Dataset:
        return tf.data.TFRecordDataset(_paths(self.folder, self.shards))

    def _shuffled(self, order: Order) -> tf.data.Dataset:
        """Shuffles whole what fits into the window; else mixes all shards, then a window of records.

        Shards hold one bucket each. Read one after another they would be a curriculum of lengths
        that no window makes up for, so that each next record comes from a shard drawn in
        proportion to what it holds.
        """
        random = np.random.default_rng([order.seed, order.epoch])
        seed = int(random.integers(2**31))
        total = sum(shard.records for shard in self.shards)
        if total <= order.window:
            dataset = self._records()
        else:
            datasets = [tf.data.TFRecordDataset(path) for path in _paths(self.folder, self.shards)]
            turns = np.repeat(np.arange(len(datasets), dtype=np.int64), [shard.records for shard in self.shards])
            random.shuffle(turns)
            dataset = tf.data.Dataset.choose_from_datasets(
                datasets, tf.data.Dataset.from_tensor_slices(turns), stop_on_empty_dataset=False
            )
        return dataset.shuffle(max(min(total, order.window), 1), seed=seed, reshuffle_each_iteration=False)

    def _with_lengths(self, records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns serialized records, (n,), with the length that buckets go by, int32, (n,)."""
        names = [length_feature(name) for name in bucket_sequences(self.manifest.spec)]
        lengths = list(parse_one_each(records, names, self.manifest.spec).values())
        return records, tf.cast(tf.reduce_max(tf.stack(lengths), axis=0), tf.int32)


def open_dataset(
    folder: str | Path,
    split: str = TRAIN,
    *,
    training: bool | None = None,
    limits: BatchLimits = DEFAULT_LIMITS,
    order: Order | None = None,
    with_ids: bool = False,
) -> tf.data.Dataset:
    """Opens one epoch over one split of a data set that the pipeline wrote.

    Each example comes exactly once, batched with others of its bucket; the number of steps is the
    dataset's cardinality. For another epoch, open it with `Order(epoch=...)`.

    Args:
      folder: Of the data set.
      split: Which records.
      training: Whether the order is shuffled and weights are for training (below); not said: for
        the split "train".
      limits: What batches may be like.
      order: How to shuffle; means nothing unless training.
      with_ids: Whether the features hold "id", string, (batch,), and where records are cut up
        "id/parent", string, (batch,), and "id/start", int64, (batch,).

    Returns:
      A dataset of (features, label, weight), or of features where the data set has no label. What
      has steps is padded with 0 at the end.

      features[NAME] of a sequence: int32 (batch, steps) of tokens, float32 (batch, steps, dims) of
      a series, int32 (batch, steps, characters) of `take: characters`; of the context: int32 id or
      float32 number, (batch,). features[NAME/length]: int32 (batch,), real steps.
      features[NAME/missing]: float32 (batch, steps, dims), 1 where a number was missing, else 0.
      features[NAME/since]: float32 (batch, steps), seconds. features[NAME/sizes]: int32 (batch,
      steps), characters of each token.

      label: (batch,), int64 class id or float32 number, or int64 (batch, steps) for a
      per_step_class label. weight: float32, as label; in training it is batch size / mean batch
      size, so that a mean loss over each batch gives every example the same pull over an epoch;
      else 1. Steps of a per_step_class label weigh 1, padding 0. A class that the training split
      does not have (`unknown: keep`) comes as label 0 with weight 0.

    Raises:
      DataError: No data set, no such split, or a shard that is missing or cut off.
    """
    source = SplitSource(folder, load_manifest(folder), split)
    if training is None:
        training = split == TRAIN
    return source.batches(source.plan(limits), (order or Order()) if training else None, with_ids)


def _reason(error: tf.errors.OpError) -> str:
    """Returns the text of a failed assertion, else TensorFlow's first line without the names of its nodes."""
    lines: list[str] = (error.message or type(error).__name__).splitlines()
    failed = re.search(r"assertion failed: \[(.*)\]", lines[0])
    if failed:
        return failed[1].replace("\\'", "'")
    return re.sub(r"\{\{.*?\}\}|\[Op:.*", "", lines[0]).strip()


def _paths(folder: Path, shards: Sequence[Shard]) -> list[str]:
    return [str(folder / shard.path) for shard in shards]


def _check_shard(folder: Path, shard: Shard) -> None:
    path = folder / shard.path
    try:
        size = path.stat().st_size
    except OSError:
        raise DataError(f"{path}: is missing though the manifest names it; write the data set again") from None
    if size != shard.bytes:
        raise DataError(f"{path}: has {size} bytes where the manifest says {shard.bytes}; write the data set again")
