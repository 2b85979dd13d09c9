"""Serialized records become padded tensors: what the manifest lists, a whole batch at once.

A data set holds `tf.train.Example` or `tf.train.SequenceExample` messages; the tensors are the same.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import tensorflow as tf

from schemas.dataset_pb2 import DatasetSpec, StoredAs
from schemas.formats.fields import LABEL
from schemas.manifest import length_feature, sizes_feature
from schemas.manifest_pb2 import Manifest, StoredFeature
from schemas.model_inputs import NO_INPUTS, input_shapes, is_characters
from schemas.spec import NEXT_STEP, NUMBER, PER_STEP_CLASS, bucket_sequences
from trainer.batches import labels
from trainer.batches.layout import PLAIN, Layout

_TYPES = {"bytes": tf.string, "int64": tf.int64, "float": tf.float32}


def input_specs(manifest: Manifest) -> dict[str, tf.TensorSpec]:
    """Returns the features of a batch that a model may take, by name: all but ids and label."""
    return {name: tf.TensorSpec([None, *shape.dims], shape.dtype) for name, shape in input_shapes(manifest).items()}


def parse_records(
    records: tf.Tensor, sequence_examples: bool, one: Mapping[str, Any], many: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns values by name: of features of one value and of any number, and of lists of one `Feature` a step.

    Args:
      records: Serialized, string, (batch,).
      sequence_examples: Whether they are `tf.train.SequenceExample`, whose features of any number are lists, ragged
        (batch, (steps), (values)); else `tf.train.Example`, which has no lists but ragged (batch, (values)).
      one: How each feature of exactly one value is parsed.
      many: How each feature of any number of values is parsed.
    """
    if not sequence_examples:
        return tf.io.parse_example(records, {**one, **many}), {}
    parsed, lists, _ = tf.io.parse_sequence_example(records, one, many)
    return parsed, lists


def bucket_length(records: tf.Tensor, spec: DatasetSpec) -> tf.Tensor:
    """Returns the length that buckets go by, int64, (batch,), of serialized records, string, (batch,)."""
    wanted = {length_feature(name): tf.io.FixedLenFeature([], tf.int64) for name in bucket_sequences(spec)}
    parsed, _ = parse_records(records, spec.stored_as == StoredAs.sequence_example, wanted, {})
    return tf.reduce_max(tf.stack(list(parsed.values())), axis=0)


class BatchParser:
    """Parses the serialized records of one batch into padded tensors; see `trainer.batches.opening.open_dataset`."""

    def __init__(self, manifest: Manifest, mean_size: float | None, with_ids: bool, layout: Layout = PLAIN) -> None:
        """Chooses what is parsed.

        Args:
          manifest: Of the data set.
          mean_size: Labels of a batch on average over an epoch, where weights are for training: of examples, of real
            steps, or of numbers to predict.
          with_ids: Whether the features hold the ids of examples and of the records that they are pieces of.
          layout: The shapes of batches.
        """
        self._spec = manifest.spec
        self._mean_size = mean_size
        self._layout = layout
        hidden = set() if with_ids else NO_INPUTS - {LABEL}
        self._stored = {feature.name: feature for feature in manifest.features if feature.name not in hidden}
        plain = {name: _plain_spec(feature) for name, feature in self._stored.items()}
        self._specs = plain | input_specs(manifest)

    def __call__(self, records: tf.Tensor, bucket: tf.Tensor) -> Any:
        """Returns (features, label, weight), or features where there is no label.

        Args:
          records: Of a batch, serialized, string, (batch,).
          bucket: That the batch belongs to, int64.
        """
        rows = self._layout.rows(tf.size(records, tf.int64), bucket)
        own = self._layout.of_replica(records, rows)
        parsed = self._parse(own, records)
        filled = partial(_filled, rows=rows // self._layout.shares)
        own_features = {name: self._tensor(name, parsed, bucket) for name in self._stored if name != LABEL}
        features = {name: filled(values) for name, values in own_features.items()}
        if not self._spec.HasField("label"):
            return features
        label, weight = self._label(parsed, own_features, bucket)
        return features, filled(label), filled(weight * self._share(rows, tf.shape(label, tf.int64)[1:]))

    def _parse(self, own: tf.Tensor, records: tf.Tensor) -> dict[str, Any]:
        """Returns values of `own`, which are among `records`; those of steps are ragged: (batch, (values))."""
        one, many = {}, {}
        for name, feature in self._stored.items():
            dtype = _TYPES[feature.dtype]
            if feature.variable:
                many[name] = tf.io.RaggedFeature(dtype, row_splits_dtype=tf.int64)
            else:
                one[name] = tf.io.FixedLenFeature([], dtype)
        sequence_examples = self._spec.stored_as == StoredAs.sequence_example
        may_be_none = sequence_examples and self._layout.replica is not None
        # TensorFlow fails on a batch of no SequenceExample, which the share of a replica is that is all filler.
        some = tf.where(tf.size(own) > 0, [tf.size(own), 0], [0, 1]) if may_be_none else None
        if some is not None:
            own = tf.concat([own, records[: some[1]]], axis=0)
        parsed, lists = parse_records(own, sequence_examples, one, many)
        parsed |= {name: self._without_lists(name, values, parsed) for name, values in lists.items()}
        return parsed if some is None else {name: values[: some[0]] for name, values in parsed.items()}

    def _without_lists(self, name: str, values: tf.RaggedTensor, parsed: Mapping[str, Any]) -> tf.RaggedTensor:
        """Returns values of lists of one `Feature` a step as an `Example` holds them: one after another."""
        checks = [_check_lengths(name, values.row_lengths(), self._steps(name, parsed))]
        if not is_characters(name, self._spec):
            each, dims = values.values.row_lengths(), tf.cast(self._stored[name].dims, tf.int64)
            checks.append(_check_lengths(name, each, tf.fill(tf.shape(each), dims)))
        with tf.control_dependencies(checks):
            flat = tf.identity(values.flat_values)
        splits = tf.gather(values.values.row_splits, values.row_splits)
        return tf.RaggedTensor.from_row_splits(flat, splits, validate=False)

    def _tensor(self, name: str, parsed: Mapping[str, Any], bucket: tf.Tensor) -> tf.Tensor:
        spec = self._specs[name]
        values = self._padded(name, parsed, bucket) if self._stored[name].variable else parsed[name]
        return tf.ensure_shape(tf.cast(values, spec.dtype) if values.dtype != spec.dtype else values, spec.shape)

    def _padded(self, name: str, parsed: Mapping[str, Any], bucket: tf.Tensor) -> tf.Tensor:
        """Pads at the end to the width of the layout or the longest of the batch, to one step at least for an RNN."""
        steps = self._steps(name, parsed)
        width = self._layout.width(self._leader(name), steps, bucket)
        values = parsed[name]
        if is_characters(name, self._spec):
            return self._padded_characters(values, parsed[sizes_feature(name)], width)
        dims = self._stored[name].dims
        with tf.control_dependencies([_check_lengths(name, values.row_lengths(), steps * dims)]):
            padded = values.to_tensor(shape=tf.stack([-1, width * dims]))
        return tf.reshape(padded, [-1, width, dims]) if self._specs[name].shape.rank == 3 else padded

    def _padded_characters(self, values: tf.RaggedTensor, sizes: tf.RaggedTensor, width: tf.Tensor) -> tf.Tensor:
        """Returns characters, (batch, (characters)), with sizes of tokens, (batch, (steps)), by token."""
        rule = "the sizes of tokens do not add up to their characters"
        with tf.control_dependencies([_check(values.row_lengths(), tf.reduce_sum(sizes, axis=1), rule)]):
            flat = tf.identity(values.flat_values)
        tokens = tf.RaggedTensor.from_row_lengths(flat, sizes.flat_values, validate=False)
        of_records = tf.RaggedTensor.from_row_splits(tokens, sizes.row_splits, validate=False)
        return of_records.to_tensor(shape=tf.stack([-1, width, -1]))

    def _steps(self, name: str, parsed: Mapping[str, Any]) -> tf.Tensor:
        """Returns how many steps a feature has in each record, int64, (batch,)."""
        return parsed[length_feature(self._sequence(name))]

    def _sequence(self, name: str) -> str:
        return self._spec.label.of if name == LABEL else name.split("/")[0]

    def _leader(self, name: str) -> str:
        sequence = self._sequence(name)
        return self._spec.sequences[sequence].aligned_with or sequence

    def _label(
        self, parsed: Mapping[str, Any], features: Mapping[str, tf.Tensor], bucket: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns label and weight, 0 or 1, of the rows that are no filler."""
        label = self._spec.label
        if label.type == NEXT_STEP:
            return labels.next_step_label(self._spec, features, self._steps(LABEL, parsed))
        if label.type == PER_STEP_CLASS:
            return labels.step_class_label(self._padded(LABEL, parsed, bucket), self._steps(LABEL, parsed))
        return labels.number_label(parsed[LABEL]) if label.type == NUMBER else labels.class_label(parsed[LABEL])

    def _share(self, rows: tf.Tensor, sizes: tf.Tensor) -> tf.Tensor:
        """Returns the weight that makes up for a mean over all labels of a batch, filler and padding included.

        Args:
          rows: Of the whole batch, int64.
          sizes: Shape of the label of a row, int64.
        """
        if self._mean_size is None:
            return tf.constant(1.0)
        return tf.cast(rows * tf.reduce_prod(sizes), tf.float32) / self._mean_size


def _filled(values: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """Returns values with as many rows of zeros, or empty strings, behind them as there are too few."""
    missing = rows - tf.shape(values, tf.int64)[0]
    return tf.pad(values, [[0, missing], *[[0, 0]] * (values.shape.rank - 1)])


def _plain_spec(feature: StoredFeature) -> tf.TensorSpec:
    """Returns shape and type of a stored feature in a batch that is no input of a model."""
    return tf.TensorSpec([None, None] if feature.variable else [None], _TYPES[feature.dtype])


def _check_lengths(name: str, lengths: tf.Tensor, expected: tf.Tensor) -> Any:
    """Returns the operation that must come first: the others would fail with errors that say less."""
    return _check(lengths, expected, f"'{name}' has another length than it says")


def _check(values: tf.Tensor, expected: tf.Tensor, rule: str) -> Any:
    # One operation; `tf.debugging` makes two graphs of each check, and every epoch is traced anew.
    return tf.raw_ops.Assert(condition=tf.reduce_all(values == expected), data=[rule])
