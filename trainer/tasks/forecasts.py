"""The next frames after each step of a series."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from schemas.manifest_pb2 import Manifest
from schemas.vocabulary import Vocabulary
from trainer.sequence_layers.masks import PACKAGE
from trainer.sequence_layers.standardize import Moments, scale_of
from trainer.tasks.answers import ForecastAnswers
from trainer.tasks.leaders import label_leader
from trainer.tasks.measure import Array, Sums
from trainer.tasks.numbers import ScaledSquaredError


@keras.saving.register_keras_serializable(package=PACKAGE)
class FromLastFrame(Moments):
    """(x + share of the last frame) * standard deviation + mean: what the model says is added to a linear forecast.

    The shares are weights, 1 at first: the naive forecast. Most series change little from one frame to the next, and an
    LSTM whose inputs are dropped at random cannot repeat a frame. The autoregressive part of LSTNet (Lai et al., 2018,
    "Modeling long- and short-term temporal patterns with deep neural networks", section 3.6), of one frame.
    """

    def build(self, inputs_shape: Any = None, frames_shape: Any = None) -> None:
        """Makes the shares, (horizon * dims,)."""
        self.share = self.add_weight(shape=(len(self.mean),), initializer="ones", name="share")
        self.built = True

    def call(self, inputs: Any, frames: Any) -> Any:
        """Returns the next frames in their original units.

        Args:
          inputs: float32 (..., horizon * dims).
          frames: The last ones, in their original units, float32 (..., dims).
        """
        last = ops.concatenate([frames] * (len(self.mean) // frames.shape[-1]), axis=-1)
        return (inputs + self.share * (last - self._mean) / self._scale) * self._scale + self._mean


class ForecastTask:
    """Predicts the frames behind each step in the series' own units, float32 (batch, steps, horizon * dims)."""

    forward = True
    keras_metrics = ()

    def __init__(
        self, leader: str, of: str, dims: int, horizon: int, mean: Sequence[float], variance: Sequence[float]
    ) -> None:
        """Sets what is predicted.

        Args:
          leader: The sequence with a length of its own whose steps are answered.
          of: The series, which is the leader or aligned with it.
          dims: Numbers of a frame.
          horizon: Frames.
          mean: Of the series in the training split, (dims,).
          variance: Likewise.
        """
        self.leader = leader
        self.outputs = horizon * dims
        self.beside = of
        self._dims = dims
        self._mean = list(mean) * horizon
        self._variance = list(variance) * horizon

    def finish(self) -> keras.layers.Layer:
        """Returns the layer that adds the last frame and leaves standard deviations for the series' units."""
        return FromLastFrame(self._mean, self._variance, dtype="float32")

    def loss(self) -> keras.losses.Loss:
        """Returns the squared error of each number in units of the variance of its dimension."""
        return ScaledSquaredError(self._variance)

    def measure(self, classes: Sequence[str]) -> "ForecastMeasure":
        """Returns squared and absolute errors, and those of a naive forecast."""
        return ForecastMeasure(self.beside, self._variance)

    def answers(self, classes: Sequence[str], vocabulary: Vocabulary | None) -> ForecastAnswers:
        """Returns how frames are told."""
        return ForecastAnswers(self._dims)


class ForecastMeasure:
    """Errors over all numbers to predict, and what they are beside those of the last frame said again.

    `loss` is the mean of error^2 / variance of the dimension in the training split; `mae` and `rmse` are in the
    series' own units, over all dimensions; `skill` is 1 - loss / that of the naive forecast, which says that every
    next frame is the last one again: 1 is perfect, 0 is no better, below 0 is worse (Murphy, 1988, "Skill scores based
    on the mean square error and their relationships to the correlation coefficient"). Of one dimension the variance
    cancels out.
    """

    names = ("loss", "mae", "rmse", "skill")

    def __init__(self, of: str, variance: Sequence[float]) -> None:
        """Sets the series and the variance of every number to predict, (horizon * dims,); 0 counts as 1."""
        self._of = of
        self._scale = scale_of(variance)

    def observe(self, outputs: Any, label: Any, weight: Any, features: Any) -> Sequence[Any]:
        """Returns sums over each example, float64 (batch, 4).

        They are of squared errors / variance, such ones of the naive forecast, squared and absolute errors.
        """
        frames = features[self._of]
        naive = tf.tile(frames, [1, 1, outputs.shape[-1] // frames.shape[-1]])
        error, naive_error = (_error(said, label, weight) for said in (outputs, naive))
        parts = [(error / self._scale) ** 2, (naive_error / self._scale) ** 2, error**2, tf.abs(error)]
        return [tf.stack([tf.reduce_sum(part, axis=(1, 2)) for part in parts], axis=1)]

    def tally(self) -> "ForecastTally":
        """Returns a tally of nothing."""
        return ForecastTally()


def _error(said: Any, label: Any, weight: Any) -> Any:
    """Returns what is wrong by how much, float64; 0 where nothing is to be predicted."""
    error = tf.cast(said, tf.float64) - tf.cast(label, tf.float64)
    return tf.where(weight > 0, error, tf.zeros_like(error))


class ForecastTally(Sums):
    """Sums of errors over all numbers to predict."""

    def __init__(self) -> None:
        """Begins with nothing."""
        super().__init__(4)

    def add(self, observed: Sequence[Array], weight: Array) -> None:
        """Adds examples."""
        self.labels += int(np.count_nonzero(weight))
        self.sums += observed[0].sum(axis=0)

    def report(self) -> dict[str, float]:
        """Returns the metrics; no skill where the naive forecast is never wrong."""
        if not self.labels:
            return {}
        loss, naive, squared, absolute = (float(total) / self.labels for total in self.sums)
        metrics = {"loss": loss, "mae": absolute, "rmse": squared**0.5}
        return metrics | ({"skill": 1.0 - loss / naive} if naive else {})


def forecast_target(manifest: Manifest) -> dict[str, Any]:
    """Returns the target of a data set whose label is the next frames."""
    label, moments = manifest.spec.label, manifest.moments[manifest.spec.label.of]
    return {
        "kind": "forecast",
        "leader": label_leader(manifest),
        "of": label.of,
        "dims": manifest.spec.sequences[label.of].dims,
        "horizon": label.horizon,
        "mean": list(moments.mean),
        "variance": list(moments.variance),
    }
