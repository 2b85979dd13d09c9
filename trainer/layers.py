"""Layers for padded sequences: the mask comes from the lengths and is passed on by hand.

Keras can carry a mask along with a tensor, but layers drop it silently, `Concatenate` makes
padding valid, and newer versions stop it at every RNN. Here each layer that needs a mask is given
one, and what padding holds cannot matter: it is set to 0 before the first LSTM.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

PACKAGE = "lengthwise"
_FARTHEST = 1e6  # standard deviations: no data, and few enough for products of float32


def sequence_mask(lengths: Any, steps: Any) -> Any:
    """Returns which steps are real, bool (batch, steps).

    Args:
      lengths: int32 (batch,), real steps, the first ones.
      steps: Steps with padding.
    """
    return ops.expand_dims(ops.arange(steps, dtype="int32"), 0) < ops.expand_dims(lengths, 1)


def scale_of(variance: Sequence[float]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Returns the standard deviations, float64 (dims,); 1 for a dimension that never varies."""
    deviation = np.sqrt(np.asarray(variance, np.float64))
    return np.where(deviation > 0, deviation, 1.0)


class Moments(keras.layers.Layer):
    """Holds the mean and scale of each dimension as constants."""

    def __init__(self, mean: Sequence[float], variance: Sequence[float], **kwargs: Any) -> None:
        """Sets mean and variance, (dims,) each; a variance of 0 counts as 1."""
        super().__init__(**kwargs)
        self.supports_masking = True  # each step by itself
        self.mean = [float(value) for value in mean]
        self.variance = [float(value) for value in variance]
        self._mean = np.asarray(self.mean, np.float32)
        self._scale = scale_of(self.variance).astype(np.float32)

    def get_config(self) -> dict[str, Any]:
        """Returns what a copy is made from."""
        return {**super().get_config(), "mean": self.mean, "variance": self.variance}

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns the input's shape."""
        return input_shape


@keras.saving.register_keras_serializable(package=PACKAGE)
class Standardize(Moments):
    """(x - mean) / standard deviation of each dimension, float32 (..., dims), within [-1e6, 1e6]."""

    def call(self, inputs: Any) -> Any:
        """Returns the standardised values."""
        return ops.clip((inputs - self._mean) / self._scale, -_FARTHEST, _FARTHEST)


@keras.saving.register_keras_serializable(package=PACKAGE)
class Unstandardize(Moments):
    """x * standard deviation + mean of each dimension, float32 (..., dims)."""

    def call(self, inputs: Any) -> Any:
        """Returns the values in their original units."""
        return inputs * self._scale + self._mean


@keras.saving.register_keras_serializable(package=PACKAGE)
class MaskedPooling(keras.layers.Layer):
    """Makes one vector of the outputs of all real steps; a sequence without steps gives zeros."""

    def __init__(self, kinds: Sequence[str], bidirectional: bool, **kwargs: Any) -> None:
        """Chooses what is taken.

        Args:
          kinds: One or more of "mean", "max" and "last", which is what each direction has after
            its last step.
          bidirectional: Whether the second half of the inputs was read from the end.
          **kwargs: Of `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.supports_masking = True  # it takes the lengths instead, and its outputs have no steps
        self.kinds = list(kinds)
        self.bidirectional = bidirectional

    def call(self, inputs: Any, lengths: Any) -> Any:
        """Pools over the steps.

        Args:
          inputs: float32 (batch, steps, size), steps >= 1.
          lengths: int32 (batch,).

        Returns:
          float32 (batch, size * kinds).
        """
        mask = ops.expand_dims(sequence_mask(lengths, ops.shape(inputs)[1]), -1)
        pools = {"mean": self._mean, "max": self._max, "last": self._last}
        return ops.concatenate([pools[kind](inputs, mask, lengths) for kind in self.kinds], axis=-1)

    def _mean(self, inputs: Any, mask: Any, lengths: Any) -> Any:
        total = ops.sum(ops.where(mask, inputs, 0.0), axis=1)
        return total / ops.cast(ops.expand_dims(ops.maximum(lengths, 1), -1), total.dtype)

    def _max(self, inputs: Any, mask: Any, lengths: Any) -> Any:
        lowest = -float(np.finfo(np.float16).max)  # far below any output of an LSTM, which lie in [-1, 1]
        greatest = ops.max(ops.where(mask, inputs, lowest), axis=1)
        return _zero_where_empty(greatest, lengths)

    def _last(self, inputs: Any, mask: Any, lengths: Any) -> Any:
        index = ops.reshape(ops.maximum(lengths - 1, 0), (-1, 1, 1))
        forward = ops.squeeze(ops.take_along_axis(inputs, index, axis=1), 1)
        if self.bidirectional:
            half = inputs.shape[-1] // 2
            forward = ops.concatenate([forward[:, :half], inputs[:, 0, half:]], axis=-1)
        return _zero_where_empty(forward, lengths)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Passes no mask on."""

    def get_config(self) -> dict[str, Any]:
        """Returns what a copy is made from."""
        return {**super().get_config(), "kinds": self.kinds, "bidirectional": self.bidirectional}


@keras.saving.register_keras_serializable(package=PACKAGE)
class CharacterMean(keras.layers.Layer):
    """Makes the mean of the embeddings of its characters of each token; one without any gives zeros.

    Only real characters are embedded, so that one long token costs no memory for the others.
    """

    def __init__(self, ids: int, size: int, **kwargs: Any) -> None:
        """Makes the embedding.

        Args:
          ids: Rows of the embedding.
          size: Numbers of each.
          **kwargs: Of `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.ids = ids
        self.size = size
        self.embedding = keras.layers.Embedding(ids, size)

    def build(self, characters_shape: Any = None, sizes_shape: Any = None) -> None:
        """Makes the weights."""
        self.embedding.build((None,))
        self.built = True

    def call(self, characters: Any, sizes: Any) -> Any:
        """Averages over the characters.

        Args:
          characters: int32 (batch, steps, characters).
          sizes: int32 (batch, steps), real characters, the first ones; may be 0.

        Returns:
          float32 (batch, steps, size).
        """
        shape = ops.shape(characters)
        sizes = ops.reshape(sizes, (-1,))
        mask = sequence_mask(sizes, shape[2])
        vectors = self.embedding(tf.boolean_mask(ops.reshape(characters, (-1, shape[2])), mask))
        total = tf.math.unsorted_segment_sum(vectors, tf.where(mask)[:, 0], shape[0] * shape[1])
        mean = total / ops.cast(ops.expand_dims(ops.maximum(sizes, 1), -1), total.dtype)
        return ops.reshape(mean, (shape[0], shape[1], self.size))

    def get_config(self) -> dict[str, Any]:
        """Returns what a copy is made from."""
        return {**super().get_config(), "ids": self.ids, "size": self.size}


def _zero_where_empty(vectors: Any, lengths: Any) -> Any:
    return ops.where(ops.expand_dims(lengths > 0, -1), vectors, 0.0)
