"""TFRecords that the pipeline did not write become batches: files of others, and streams without an end."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from schemas.buckets import bucket_index, exclusive_boundaries, plan_buckets
from schemas.errors import DataError, UsageError
from schemas.manifest_pb2 import Bucket
from schemas.spec import DEFAULT_BUCKETS
from schemas.tfrecords_pb2 import RecordSpec
from trainer.batches.batching import DEFAULT_LIMITS
from trainer.batches.grouping import batch_by_bucket, bucket_of, shuffle
from trainer.batches.order import Order
from trainer.batches.reasons import guarded, reason
from trainer.batches.sizes import BatchLimits, BatchPlan, BucketLoad, full_sizes, plan_batches
from trainer.foreign.faults import check_first_records, compression_type, first_fault
from trainer.foreign.parser import RecordParser
from trainer.foreign.spec import buckets_of, is_measured, load_record_spec, record_spec_from

Features = str | Path | Mapping[str, object]

# Records whose lengths are parsed at a time: enough to hide the cost of a call, few enough for a slow stream.
_POOL = 256
# Files that are open at a time when records are shuffled.
_OPEN_FILES = 16


def open_tfrecords(
    patterns: str | Path | Sequence[str | Path],
    features: Features,
    *,
    limits: BatchLimits = DEFAULT_LIMITS,
    order: Order | None = None,
    mean_batch_size: float | None = None,
) -> tf.data.Dataset:
    """Opens one epoch over TFRecord files of `tf.train.Example` or `tf.train.SequenceExample`, whoever wrote them.

    Each record comes exactly once, batched with others of its bucket. Where the spec does not say `boundaries` and
    `longest`, the lengths of all records are read first; then the number of steps is the dataset's cardinality, and
    it is unknown otherwise. To read them once for several epochs, keep a `TFRecordFiles`.

    Args:
      patterns: Of the files, or their paths; also remote ones that TensorFlow can read.
      features: The spec: path of a YAML file, or what such a file holds as a mapping. docs/training.md lists it.
      limits: What batches may be like. Without the lengths `min_steps` and `min_examples` mean nothing.
      order: How to shuffle; none means the order of the sorted files.
      mean_batch_size: Mean examples of a batch, for weights in training; see below.

    Returns:
      A dataset of (features, label, weight), or of features where the spec has no label. What has steps is padded
      with 0 ("" for strings) at the end, to the longest of the batch.

      features[NAME]: tokens int32 (batch, steps); series float32 (batch, steps, dims); text string (batch, steps);
      number float32, category int32 and id string, (batch,). features[NAME/length] of each of the first three:
      int32 (batch,), real steps.

      label: (batch,), int64 class id or float32 number, or int64 (batch, steps) of per_step_class. weight: float32, as
      label: batch size / mean batch size where it is known, so that a mean loss over each batch gives every example
      the same pull; else 1. It is known where `mean_batch_size` says it, and of a shuffled epoch over files whose
      lengths were read. Steps of a per_step_class label weigh 1, padding 0. A negative class comes as label 0 with
      weight 0.

    Raises:
      UsageError: A spec that cannot mean anything.
      DataError: No file, or records that the spec does not fit; what is wrong beyond the first records fails when
        the dataset is iterated, see `TFRecordFiles.iterate`.
    """
    return TFRecordFiles(patterns, features).open(limits=limits, order=order, mean_batch_size=mean_batch_size)


def bucket_records(
    records: tf.data.Dataset,
    features: Features,
    *,
    limits: BatchLimits = DEFAULT_LIMITS,
    mean_batch_size: float | None = None,
) -> tf.data.Dataset:
    """Makes batches of a dataset of serialized records, which may never end.

    Lengths are parsed 256 records at a time, so that the first batch of a stream waits for as many.

    Args:
      records: Of string, (): serialized `tf.train.Example` or `tf.train.SequenceExample`, in the order wanted.
      features: See `open_tfrecords`; `boundaries` and `longest` must be said.
      limits: What batches may be like; `min_steps` and `min_examples` mean nothing here.
      mean_batch_size: See `open_tfrecords`; any number near it will do, for it scales all weights alike.

    Returns:
      See `open_tfrecords`. Its cardinality is infinite where that of `records` is, else unknown.

    Raises:
      UsageError: A spec that cannot mean anything, or that does not say where the buckets lie.
    """
    spec = _read(features)
    if is_measured(spec):
        missing = "longest" if spec.boundaries else "boundaries"
        raise UsageError(f"{missing}: must be said for a stream; nobody can look at all of its lengths beforehand")
    if records.element_spec != tf.TensorSpec([], tf.string):
        raise UsageError(f"records: expected serialized records, string (); received {records.element_spec}")
    buckets = buckets_of(spec.boundaries)
    sizes = full_sizes([*spec.boundaries, spec.longest], limits)
    return _batches(records, spec, buckets, sizes, mean_batch_size).prefetch(tf.data.AUTOTUNE)


class TFRecordFiles:
    """TFRecord files of others, opened by a spec; see `open_tfrecords`.

    Attributes:
      spec: Resolved.
      paths: Of the files, sorted.
    """

    def __init__(self, patterns: str | Path | Sequence[str | Path], features: Features) -> None:
        """Looks for the files and at the first records.

        Raises:
          UsageError: A spec that cannot mean anything.
          DataError: A pattern that matches nothing, or records that the spec does not fit.
        """
        self.spec = _read(features)
        self.paths = _expand([patterns] if isinstance(patterns, str | Path) else patterns)
        check_first_records(self.paths, self.spec)

    @cached_property
    def lengths(self) -> Counter[int] | None:
        """Records by the length that buckets go by, read when first asked for; None where the spec makes that needless.

        Raises:
          DataError: See `iterate`.
        """
        if not is_measured(self.spec):
            return None
        parser = RecordParser(self.spec)
        pools = self._in_order().batch(4 * _POOL).map(parser.bucket_lengths, num_parallel_calls=tf.data.AUTOTUNE)
        found: Counter[int] = Counter()
        for pool in self.iterate(pools):
            lengths, counts = np.unique(pool.numpy(), return_counts=True)
            found.update(dict(zip(lengths.tolist(), counts.tolist(), strict=True)))
        return found

    @cached_property
    def buckets(self) -> list[Bucket]:
        """The buckets, in rising order of length: as the spec says, else those that pad the least."""
        if self.spec.boundaries or self.lengths is None:
            return buckets_of(self.spec.boundaries)
        lengths = np.array(sorted(self.lengths), np.int64)
        return plan_buckets(lengths, np.array([self.lengths[int(n)] for n in lengths], np.int64), DEFAULT_BUCKETS)

    def plan(self, limits: BatchLimits = DEFAULT_LIMITS) -> BatchPlan | None:
        """Returns the batches of an epoch; None where the lengths were not read."""
        if self.lengths is None:
            return None
        return plan_batches(bucket_loads(self.lengths, self.buckets, self.spec.longest), limits)

    def sizes(self, limits: BatchLimits = DEFAULT_LIMITS) -> tuple[int, ...]:
        """Returns the examples of a full batch of each bucket."""
        plan = self.plan(limits)
        return plan.sizes if plan else full_sizes([*self.spec.boundaries, self.spec.longest], limits)

    def open(
        self,
        *,
        limits: BatchLimits = DEFAULT_LIMITS,
        order: Order | None = None,
        mean_batch_size: float | None = None,
    ) -> tf.data.Dataset:
        """Opens one epoch; see `open_tfrecords`."""
        plan = self.plan(limits)
        if mean_batch_size is None and plan and order:
            mean_batch_size = plan.examples / max(plan.steps, 1)
        records = self._in_order() if order is None else self._shuffled(order)
        dataset = _batches(records, self.spec, self.buckets, self.sizes(limits), mean_batch_size)
        if plan:
            dataset = dataset.apply(tf.data.experimental.assert_cardinality(plan.steps))
        return dataset.prefetch(tf.data.AUTOTUNE)

    def iterate(self, dataset: tf.data.Dataset) -> Iterator[Any]:
        """Returns the batches of a dataset of these files, one after another.

        Raises:
          DataError: A file is damaged, or a record does not fit the spec; with the file and the number of the record.
        """
        return guarded(
            dataset,
            lambda reason: first_fault(self.paths, self.spec) or f"{self.paths[0]} and those after it: {reason}",
        )

    def _in_order(self) -> tf.data.Dataset:
        return tf.data.TFRecordDataset(self.paths, compression_type(self.spec))

    def _shuffled(self, order: Order) -> tf.data.Dataset:
        """Takes turns among files drawn at random, then shuffles a window of records."""
        random = np.random.default_rng([order.seed, order.epoch])
        paths = tf.data.Dataset.from_tensor_slices([self.paths[i] for i in random.permutation(len(self.paths))])
        compression = compression_type(self.spec)
        records = paths.interleave(
            lambda path: tf.data.TFRecordDataset(path, compression),
            cycle_length=min(_OPEN_FILES, len(self.paths)),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        return shuffle(records, order.window, random)


def bucket_loads(lengths: Mapping[int, int], buckets: Sequence[Bucket], longest: int) -> list[BucketLoad]:
    """Returns what each bucket holds.

    Args:
      lengths: Records by length.
      buckets: In rising order of length.
      longest: Steps that the last bucket has to be ready for at least.
    """
    values = np.array(sorted(lengths), np.int64)
    index = bucket_index(values, buckets)
    loads = []
    for bucket in range(len(buckets)):
        inside = values[index == bucket].tolist()
        least = longest if bucket == len(buckets) - 1 else 0
        loads.append(BucketLoad(sum(lengths[length] for length in inside), max([least, *inside])))
    return loads


def _batches(
    records: tf.data.Dataset,
    spec: RecordSpec,
    buckets: Sequence[Bucket],
    sizes: Sequence[int],
    mean_examples: float | None,
) -> tf.data.Dataset:
    if mean_examples is not None and not mean_examples > 0:
        raise UsageError(f"mean_batch_size: {mean_examples} is out of range; it must be more than 0")
    parser = RecordParser(spec, mean_examples)
    boundaries = exclusive_boundaries(buckets)

    def with_buckets(pool: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return pool, bucket_of(parser.bucket_lengths(pool), boundaries)

    stream = records.batch(_POOL).map(with_buckets, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).unbatch()
    batches = batch_by_bucket(stream, sizes)
    return batches.map(lambda batch, bucket: parser(batch), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def _read(features: Features) -> RecordSpec:
    return load_record_spec(features) if isinstance(features, str | Path) else record_spec_from(features)


def _expand(patterns: Sequence[str | Path]) -> list[str]:
    """Returns the files of all patterns, each once, sorted."""
    found: set[str] = set()
    for pattern in patterns:
        try:
            matches = [str(path) for path in tf.io.gfile.glob(str(pattern)) if not tf.io.gfile.isdir(path)]
        except tf.errors.OpError as error:
            raise DataError(f"{pattern}: cannot be read: {reason(error)}") from None
        if not matches:
            raise DataError(f"{pattern}: matches no file; give the path or a pattern of TFRecord files")
        found.update(matches)
    if not found:
        raise UsageError("patterns: none is given; name one file or more")
    return sorted(found)
