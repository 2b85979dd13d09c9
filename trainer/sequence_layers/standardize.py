"""Numbers in units of their standard deviation, and back."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from trainer.sequence_layers.masks import PACKAGE

_FARTHEST = 1e6  # standard deviations: no data, and few enough for products of float32


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
