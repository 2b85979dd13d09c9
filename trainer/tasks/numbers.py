"""One number a record."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from schemas.formats.fields import LABEL
from schemas.manifest_pb2 import Manifest
from schemas.vocabulary import Vocabulary
from trainer.sequence_layers.masks import PACKAGE
from trainer.sequence_layers.standardize import Unstandardize, scale_of
from trainer.tasks.answers import NumberAnswers
from trainer.tasks.measure import Array, Sums


class NumberTask:
    """Predicts a number in the label's own units, float32 (batch,)."""

    leader = None
    forward = False
    beside = None
    outputs = 1

    def __init__(self, mean: Sequence[float], variance: Sequence[float]) -> None:
        """Sets mean and variance of the label in the training split, (1,)."""
        self.mean = mean
        self.variance = variance

    @property
    def keras_metrics(self) -> tuple[keras.metrics.Metric, ...]:
        """Returns the mean absolute error; that of Keras takes numbers (batch,) for the ones of a single record."""
        return (keras.metrics.MeanMetricWrapper(absolute_error, name="mae"),)

    def finish(self) -> keras.layers.Layer:
        """Returns the layer that leaves standard deviations for the label's units."""
        return OneNumber(self.mean, self.variance, dtype="float32")

    def loss(self) -> keras.losses.Loss:
        """Returns the squared error in units of the variance."""
        return ScaledSquaredError(self.variance)

    def measure(self, classes: Sequence[str]) -> "NumberMeasure":
        """Returns squared and absolute errors."""
        return NumberMeasure(float(self.variance[0]))

    def answers(self, classes: Sequence[str], vocabulary: Vocabulary | None) -> NumberAnswers:
        """Returns how a number is told."""
        return NumberAnswers()


@keras.saving.register_keras_serializable(package=PACKAGE)
class OneNumber(Unstandardize):
    """x * standard deviation + mean of (batch, 1), as (batch,)."""

    def call(self, inputs: Any) -> Any:
        """Returns the values in their original units."""
        return ops.squeeze(super().call(inputs), -1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns the input's shape without its last axis."""
        return input_shape[:-1]


@keras.saving.register_keras_serializable(package=PACKAGE)
class ScaledSquaredError(keras.losses.Loss):
    """(prediction - label)^2 / variance: the squared error in units that do not depend on the label's."""

    def __init__(self, variance: Sequence[float], name: str = "scaled_squared_error", **kwargs: Any) -> None:
        """Sets the scale.

        Args:
          variance: Of each number of the last axis, or one for all; 0 counts as 1.
          name: Of the loss.
          **kwargs: Of `keras.losses.Loss`.
        """
        super().__init__(name=name, **kwargs)
        self.variance = [float(value) for value in variance]
        self._scale = scale_of(self.variance).astype(np.float32)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the error of each number, (batch, ...) as the labels."""
        # Divided first: the square of a large unit may be none that a float32 holds.
        return ops.square((y_pred - ops.cast(y_true, y_pred.dtype)) / self._scale)

    def get_config(self) -> dict[str, Any]:
        """Returns what a copy is made from."""
        return {**super().get_config(), "variance": self.variance}


@keras.saving.register_keras_serializable(package=PACKAGE)  # type: ignore[untyped-decorator]
def absolute_error(y_true: Any, y_pred: Any) -> Any:
    """Returns the absolute error of each number, (batch,)."""
    return ops.abs(y_pred - ops.cast(y_true, y_pred.dtype))


class NumberMeasure:
    """Squared error / variance of the training labels; mean and root mean square error in the label's units."""

    names = ("loss", "mae", "rmse")

    def __init__(self, variance: float) -> None:
        """Sets the variance of the label in the training split; 0 counts as 1."""
        self._variance = variance or 1.0

    def observe(self, outputs: Any, label: Any, weight: Any, features: Any) -> Sequence[Any]:
        """Returns predictions and labels, (batch,) each."""
        return outputs, label

    def tally(self) -> "NumberTally":
        """Returns a tally of nothing."""
        return NumberTally(self._variance)


class NumberTally(Sums):
    """Sums of squared and absolute errors."""

    def __init__(self, variance: float) -> None:
        """Begins with nothing; the variance is more than 0."""
        super().__init__(2)
        self._variance = variance

    def add(self, observed: Sequence[Array], weight: Array) -> None:
        """Adds labels, all of which weigh 1."""
        outputs, labels = observed
        error = outputs.astype(np.float64) - labels.astype(np.float64)
        self.labels += len(error)
        self.sums += [(error**2).sum(), np.abs(error).sum()]

    def report(self) -> dict[str, float]:
        """Returns the metrics."""
        if not self.labels:
            return {}
        squared, absolute = (float(total) / self.labels for total in self.sums)
        return {"loss": squared / self._variance, "mae": absolute, "rmse": squared**0.5}


def number_target(manifest: Manifest) -> dict[str, Any]:
    """Returns the target of a data set with a number label."""
    moments = manifest.moments[LABEL]
    return {"kind": "number", "mean": list(moments.mean), "variance": list(moments.variance)}
