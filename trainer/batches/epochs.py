"""The epochs of one split, batch by batch, whichever way these are made."""

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import tensorflow as tf

from schemas.dataset_pb2 import DatasetSpec
from schemas.errors import UsageError
from schemas.next_step import labelled_values_of
from schemas.shard_index import open_index
from schemas.spans.folder import explained
from schemas.spec import NEXT_STEP, PER_STEP_CLASS, labelled_sequence
from trainer.batches.batching import PLANNED, PRE, Batching
from trainer.batches.bucketed import bucketed_batches
from trainer.batches.foresight import padded_steps
from trainer.batches.layout import Layout, static_bounds, static_widths
from trainer.batches.order import Order
from trainer.batches.padding import batch_in_front
from trainer.batches.parsing import BatchParser
from trainer.batches.plan import EpochPlan, ShardSize, count_steps, plan_epoch
from trainer.batches.planned import PlannedReader
from trainer.batches.position import Position, digest
from trainer.batches.sizes import plan_batches, warnings_of
from trainer.batches.source import SplitSource


class Epochs:
    """The epochs of one split: as many steps each, known before the first one.

    Attributes:
      source: The split.
      batching: How batches are made.
      sizes: Records of a full batch of each bucket.
      steps: Batches of an epoch.
      examples: Records of an epoch.
      labels: Of an epoch: examples, or real steps, or the numbers and tokens that stand in next steps.
      warnings: What a person should know of the batches, a line each.
    """

    def __init__(self, source: SplitSource, batching: Batching, training: bool, with_ids: bool = False) -> None:
        """Plans what all epochs have in common.

        Args:
          source: The split.
          batching: How batches are made.
          training: Whether weights are for training; see `trainer.batches.opening.open_dataset`.
          with_ids: Whether the features hold ids.

        Raises:
          UsageError: Shapes cannot be static, or there is no such replica.
        """
        self.source = source
        self.batching = batching
        loads = source.loads()
        self._longest = [load.max_length for load in loads]
        self._plan = plan_batches(loads, batching.limits)
        self.sizes, self.examples = self._plan.sizes, self._plan.examples
        self.warnings = warnings_of(loads, batching.limits)
        planned = batching.method == PLANNED
        self.steps = count_steps([load.records for load in loads], self.sizes) if planned else self._plan.steps
        self.labels = self._labels()
        if self.examples and not self.labels:
            self.warnings.append(
                f"warning: label: no step of split '{source.split}' has one; nothing is learnt from it"
            )
        mean_size = max(1, self.labels) / self.steps if training and self.steps else None
        parser = BatchParser(source.manifest, mean_size, with_ids, self._layout())
        signature = [tf.TensorSpec([None], tf.string), tf.TensorSpec([], tf.int64)]
        parse = _in_front(parser, source.manifest.spec) if batching.padding == PRE else parser
        self._parse = tf.function(parse, input_signature=signature, autograph=False)
        self._reader = PlannedReader(source) if planned else None

    @property
    def element_spec(self) -> Any:
        """Shapes and types of a batch, as its dataset has them; no epoch is planned for it."""
        outputs = self._parse.get_concrete_function().structured_outputs
        return tf.nest.map_structure(lambda tensor: tf.TensorSpec(tensor.shape, tensor.dtype), outputs)

    def open(self, order: Order | None, first_step: int = 0) -> tf.data.Dataset:
        """Returns one epoch from a step on; see `trainer.batches.opening.open_dataset`.

        Args:
          order: How to shuffle; none means the order on disk.
          first_step: Batches to leave out.

        Raises:
          DataError: The index of a shard is missing or damaged.
          UsageError: There is no such step.
        """
        self._check_step("first_step", first_step)
        if self._reader is not None:
            with explained(self.source.folder, self.source.manifest):  # indexes are opened
                batches = self._reader.batches(self.plan(order), first_step)
        else:
            batches = bucketed_batches(self.source, self._plan, order).skip(first_step)
        dataset = batches.map(self._parse, tf.data.AUTOTUNE, deterministic=True).prefetch(tf.data.AUTOTUNE)
        return dataset.with_options(_options())

    def plan(self, order: Order | None) -> EpochPlan:
        """Returns which records make which batch, where batches are planned."""
        shards = [ShardSize(shard.bucket, shard.records, shard.bytes) for shard in self.source.shards]
        return plan_epoch(shards, self.sizes, order, self.batching.pool)

    def position(self, order: Order, step: int) -> Position:
        """Returns a place in training: what to keep to go on from there, with as many replicas as one likes.

        Args:
          order: Of the epoch.
          step: Batches of the epoch that are done.

        Raises:
          UsageError: There is no such step.
        """
        self._check_step("step", step)
        planned = self._reader is not None  # The other way has neither blocks nor pools.
        settings = {
            "split": self.source.split,
            "order": {**asdict(order), "epoch": None, "block_bytes": order.block_bytes if planned else None},
            "method": self.batching.method,
            "pool": self.batching.pool if planned else None,
            "sizes": list(self.sizes),
        }
        return Position(order.epoch, step, self.source.manifest.fingerprint, digest(settings))

    def resume(self, order: Order, position: Position) -> tf.data.Dataset:
        """Returns what remains of the epoch of a position.

        Args:
          order: How training shuffles; its epoch means nothing here.
          position: Of a training over the same batches.

        Raises:
          DataError: The data set, the split or the settings have changed.
          UsageError: There is no such step.
        """
        position.check(self.position(order, 0))
        return self.open(replace(order, epoch=position.epoch), position.step)

    def foreseen_padded_steps(self, order: Order | None) -> int:
        """Returns the padded steps of a planned epoch, of the length that buckets go by; no record is read.

        Args:
          order: How to shuffle; none means the order on disk.

        Raises:
          DataError: The index of a shard is missing or damaged.
        """
        plan, source = self.plan(order), self.source
        if self.batching.static_shapes:
            widths = static_bounds(source.manifest, self._longest)
            return sum(of.batches * of.size * max(width, 1) for of, width in zip(plan.streams, widths, strict=True))
        lengths = [
            [open_index(source.folder, shard)["length"] for shard in source.shards if shard.bucket == bucket]
            for bucket in range(len(plan.streams))
        ]
        return padded_steps(plan, lengths)

    def _check_step(self, name: str, step: int) -> None:
        if not 0 <= step <= self.steps:
            raise UsageError(f"{name}: {step} is none of the {self.steps} steps of an epoch")

    def _labels(self) -> int:
        manifest, label = self.source.manifest, self.source.manifest.spec.label
        if label.type == NEXT_STEP:
            return labelled_values_of(manifest, self.source.split)
        if label.type == PER_STEP_CLASS:
            return manifest.statistics[self.source.split].lengths[label.of].steps
        return self.examples

    def _layout(self) -> Layout:
        batching = self.batching
        if not batching.static_shapes:
            return Layout(batching.replicas, batching.replica)
        widths = static_widths(self.source.manifest, self.source.split, self._longest)
        return Layout(batching.replicas, batching.replica, self.sizes, widths)


def _in_front(parser: BatchParser, spec: DatasetSpec) -> Callable[[tf.Tensor, tf.Tensor], Any]:
    labelled = labelled_sequence(spec)
    return lambda records, bucket: batch_in_front(parser(records, bucket), labelled)


def _options() -> tf.data.Options:
    """Lets `tf.train.Checkpoint` save an iterator, and an epoch begin at once.

    The only state that a checkpoint could lose is that of assertions. TensorFlow's rewriting of the graph takes half a
    second for each iterator, and finds nothing to better here.
    """
    options = tf.data.Options()
    options.experimental_optimization.apply_default_optimizations = False
    options.experimental_external_state_policy = tf.data.experimental.ExternalStatePolicy.IGNORE
    return options
