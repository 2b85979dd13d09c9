"""Padding: set to 0, and moved from the end of a sequence to its front and back."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from trainer.layers import sequence_mask


class LengthsLayer(keras.layers.Layer):
    """A layer that is given lengths, and so neither needs nor passes on an implicit mask."""

    def __init__(self, **kwargs: Any) -> None:
        """Makes the layer; `kwargs` are those of `keras.layers.Layer`."""
        super().__init__(**kwargs)
        self.supports_masking = True  # else Keras warns that it drops a mask, which is what is meant

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Passes no mask on."""


def step_mask(values: Any, lengths: Any) -> Any:
    """Returns which steps are real, bool (batch, steps, 1, ...) of the rank of `values`, (batch, steps, ...)."""
    mask = sequence_mask(lengths, ops.shape(values)[1])
    for _ in range(len(values.shape) - 2):
        mask = ops.expand_dims(mask, -1)
    return mask


def zero_padding(values: Any, lengths: Any) -> Any:
    """Returns `values`, numbers (batch, steps, ...), with 0 at padded steps; no gradient comes from there.

    Args:
      values: Padded at the end; what stands there may be anything, NaN too.
      lengths: int32 (batch,).
    """
    values = ops.convert_to_tensor(values)
    return ops.where(step_mask(values, lengths), values, ops.cast(0, values.dtype))


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
