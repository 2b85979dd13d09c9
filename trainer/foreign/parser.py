"""Serialized records of others become padded tensors, a whole batch at once.

The length of a sequence is what the record states, or the number of values that it holds: never the place of a value
that is taken for padding.
"""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from schemas.dataset_pb2 import StoredAs
from schemas.spec import NUMBER, PER_STEP_CLASS
from schemas.tfrecords_pb2 import RecordSpec
from trainer.batches import labels
from trainer.batches.parsing import parse_records
from trainer.foreign.spec import BYTES, FLOAT, INT64, KINDS, bucket_sequences, sequences_of, stored_features

_TYPES = {BYTES: tf.string, INT64: tf.int64, FLOAT: tf.float32}


class RecordParser:
    """Parses what a spec of records names; see `trainer.foreign.files.open_tfrecords`."""

    def __init__(self, spec: RecordSpec, mean_examples: float | None = None) -> None:
        """Chooses what is parsed.

        Args:
          spec: Resolved.
          mean_examples: Of a batch over an epoch, where weights make up for the size of batches; none means weights
            of 1.
        """
        self._spec = spec
        self._mean_examples = mean_examples
        self._sequences = sequences_of(spec)
        self._is_example = spec.stored_as != StoredAs.sequence_example

    def bucket_lengths(self, records: tf.Tensor) -> tf.Tensor:
        """Returns the length that buckets go by, int64, (n,), of serialized records, string, (n,).

        Of a sequence whose length is stated nothing else is parsed.
        """
        stated = [self._spec.features[name].length for name in bucket_sequences(self._spec)]
        unstated = [name for name, length in zip(bucket_sequences(self._spec), stated, strict=True) if not length]
        parsed = self._parse(records, unstated, [length for length in stated if length], label=False)
        lengths = [parsed[length] for length in stated if length]
        lengths += [self._found_steps(name, parsed) for name in unstated]
        return tf.reduce_max(tf.stack(lengths), axis=0)

    def __call__(self, records: tf.Tensor) -> Any:
        """Returns (features, label, weight) of records, string, (batch,), or features where there is no label."""
        parsed = self._parse(records, sorted(self._spec.features), [], label=True)
        steps = {name: self._steps(name, parsed) for name in self._sequences}
        features: dict[str, tf.Tensor] = {}
        for name, feature in self._spec.features.items():
            if name in steps:
                features[name] = self._sequence(name, parsed, steps[name])
                features[f"{name}/length"] = tf.cast(steps[name], tf.int32)
            else:
                features[name] = _small(name, parsed[feature.feature])
        if not self._spec.HasField("label"):
            return features
        return (features, *self._label(parsed, steps))

    def _parse(self, records: tf.Tensor, names: list[str], lengths: list[str], label: bool) -> dict[str, Any]:
        """Returns values by their name in the records; lists are ragged: (n, (values)), or (n, (steps), (values))."""
        one: dict[str, Any] = {name: tf.io.FixedLenFeature([], tf.int64) for name in lengths}
        many: dict[str, Any] = {}
        for name, stored in stored_features(self._spec, names, label).items():
            if stored.many:
                many[name] = tf.io.RaggedFeature(_TYPES[stored.dtype], row_splits_dtype=tf.int64)
            else:
                one[name] = tf.io.FixedLenFeature([], _TYPES[stored.dtype])
        parsed, lists = parse_records(records, not self._is_example, one, many)
        return {**parsed, **lists}

    def _found_steps(self, name: str, parsed: Mapping[str, Any]) -> tf.Tensor:
        """Returns how many steps the values of a sequence are, int64, (n,)."""
        feature = self._spec.features[name]
        found = parsed[feature.feature].row_lengths()
        return found // feature.dims if self._is_example else found

    def _steps(self, name: str, parsed: Mapping[str, Any]) -> tf.Tensor:
        """Returns the steps of a sequence, int64, (n,), checked against what the record states and holds."""
        feature = self._spec.features[name]
        steps = self._found_steps(name, parsed)
        checks = [self._check_dims(feature.feature, parsed, feature.dims)]
        if feature.length:
            agrees = tf.reduce_all(parsed[feature.length] == steps)
            checks.append(_check(agrees, f"'{feature.feature}' has another length than '{feature.length}' says"))
        with tf.control_dependencies(checks):
            return tf.identity(steps)

    def _check_dims(self, stored: str, parsed: Mapping[str, Any], dims: int) -> Any:
        """Checks that every step has all its values: one after another in an example, else in a `Feature` a step."""
        values = parsed[stored]
        each = values.row_lengths() % dims if self._is_example else values.values.row_lengths() - dims
        return _check(tf.reduce_all(each == 0), f"'{stored}' has a step of another number of values than {dims}")

    def _sequence(self, name: str, parsed: Mapping[str, Any], steps: tf.Tensor) -> tf.Tensor:
        feature = self._spec.features[name]
        dims = feature.dims
        # To one step at least: an RNN needs one.
        width = tf.maximum(tf.reduce_max(steps), 1)
        padded = self._padded(parsed[feature.feature], steps * dims, width * dims)
        if feature.type == KINDS.series:
            return tf.ensure_shape(tf.reshape(padded, [-1, width, dims]), [None, None, dims])
        return _small(name, padded)

    def _padded(self, values: tf.RaggedTensor, lengths: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
        """Returns (n, width) of the values of each record, `lengths` (n,) of them, padded at the end."""
        flat = tf.RaggedTensor.from_row_lengths(values.flat_values, lengths, validate=False)
        return flat.to_tensor(shape=tf.stack([-1, width]))

    def _label(self, parsed: Mapping[str, Any], steps: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        label, asked = parsed[self._spec.label.feature], self._spec.label
        if asked.type == PER_STEP_CLASS:
            of = steps[asked.of]
            agrees = tf.reduce_all(label.row_lengths() == of)
            checks = [self._check_dims(asked.feature, parsed, 1)]
            checks.append(_check(agrees, f"'{asked.feature}' has another length than '{asked.of}'"))
            with tf.control_dependencies(checks):
                width = tf.maximum(tf.reduce_max(of), 1)
            return labels.step_class_label(self._padded(label, of, width), of)
        share = 1.0
        if self._mean_examples is not None:
            share = tf.cast(tf.size(label), tf.float32) / self._mean_examples
        label, weight = labels.number_label(label) if asked.type == NUMBER else labels.class_label(label)
        return label, weight * share


def _small(name: str, values: tf.Tensor) -> tf.Tensor:
    """Returns int64 as int32, once no value is lost by it, and anything else as it is."""
    if values.dtype != tf.int64:
        return values
    small = tf.cast(values, tf.int32)
    rule = f"'{name}' has an id that does not fit 32 bits"
    with tf.control_dependencies([_check(tf.reduce_all(tf.cast(small, tf.int64) == values), rule)]):
        return tf.identity(small)


def _check(holds: tf.Tensor, rule: str) -> Any:
    """Returns the operation that fails with `rule`; it must come before those that would say less."""
    return tf.raw_ops.Assert(condition=holds, data=[rule])
