"""Padding set to 0, and what layers have in common that are given lengths."""

from typing import Any

import keras
from keras import ops

from trainer.sequence_layers.masks import sequence_mask


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
