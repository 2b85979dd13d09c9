"""Padding in front of the steps, where it is asked for, in place of behind them.

Nothing is gained by it: what reads padded steps is told the lengths, and cuDNN's kernels take rows that are padded at
the end only. It is there for models and arrays that are made that way.
"""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from schemas.manifest import length_feature


def features_in_front(features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns the features of a batch with padding in front of all that has steps; they have it at the end."""
    return {name: _moved_by(to_front, name, values, features) for name, values in features.items()}


def features_at_end(features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns the features of a batch with padding at the end of all that has steps; they have it in front."""
    return {name: _moved_by(to_end, name, values, features) for name, values in features.items()}


def batch_in_front(batch: Any, labelled: str | None) -> Any:
    """Returns a batch of `open_dataset` with padding in front.

    Args:
      batch: (features, label, weight), or features.
      labelled: The sequence whose steps the label is of, if it has steps.
    """
    if not isinstance(batch, tuple):
        return features_in_front(batch)
    features, label, weight = batch
    if labelled is not None:
        lengths = features[length_feature(labelled)]
        label, weight = to_front(label, lengths), to_front(weight, lengths)
    return features_in_front(features), label, weight


def to_front(values: Any, lengths: Any) -> Any:
    """Moves the padding of sequences from the end to the front, for what reads them padded there.

    Args:
      values: (batch, steps, ...) of any type; the first `lengths` steps are real.
      lengths: int32 (batch,), each at most `steps`.

    Returns:
      The same shape; the last `lengths` steps are the real ones, in their order, the others are 0
      (an empty string). `to_end` is the exact inverse.
    """
    steps = tf.shape(values)[1]
    return _moved(values, steps - lengths, lambda step: step >= steps - tf.expand_dims(lengths, 1))


def to_end(values: Any, lengths: Any) -> Any:
    """Moves the padding of sequences from the front to the end: the inverse of `to_front`.

    Args:
      values: (batch, steps, ...) of any type; the last `lengths` steps are real.
      lengths: int32 (batch,), each at most `steps`.

    Returns:
      The same shape; the first `lengths` steps are the real ones, in their order, the others are 0.
    """
    steps = tf.shape(values)[1]
    return _moved(values, lengths - steps, lambda step: step < tf.expand_dims(lengths, 1))


def _moved(values: Any, distances: Any, is_real: Any) -> Any:
    """Returns each row turned round by its own distance, (batch,), to the right; 0 where no step is real."""
    values = tf.convert_to_tensor(values)
    steps = tf.shape(values)[1]
    step = tf.expand_dims(tf.range(steps), 0)
    index = tf.math.floormod(step - tf.expand_dims(distances, 1), tf.maximum(steps, 1))
    moved = tf.ensure_shape(tf.gather(values, index, batch_dims=1), values.shape)
    mask = is_real(step)
    mask = tf.reshape(mask, tf.concat([tf.shape(mask), tf.ones(values.shape.rank - 2, tf.int32)], 0))
    return tf.where(mask, moved, tf.zeros([], values.dtype) if values.dtype != tf.string else "")


def _moved_by(move: Any, name: str, values: tf.Tensor, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
    lengths = features.get(length_feature(name.split("/")[0]))
    if lengths is None or values.shape.rank == 1:  # of the context, a length, or an id
        return values
    return move(values, lengths)
