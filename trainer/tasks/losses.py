"""Losses on what the model gives, elementwise: one number for each example, or for each step."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from schemas.errors import UsageError
from trainer.sequence_layers.masks import PACKAGE

LEAST_PROBABILITY = float(np.finfo(np.float32).tiny)  # below this a float32 loses digits; its logarithm is about -87
_STEEPEST = 1e38  # of a gradient; times a probability, summed over classes, it is still a number


@keras.saving.register_keras_serializable(package=PACKAGE)
class CrossEntropy(keras.losses.Loss):
    """-log of the probability of the right class, in nats, where need be against smoothed labels, by class.

    The label's distribution is (1 - e) * one-hot + e / classes (Szegedy et al., 2016, "Rethinking the
    Inception architecture for computer vision", section 7). Keras' own loss takes every probability below
    1e-7 for 1e-7, with no gradient, so that the examples that are furthest off would teach nothing.
    """

    def __init__(
        self,
        label_smoothing: float = 0.0,
        class_weights: Sequence[float] = (),
        name: str = "cross_entropy",
        **kwargs: Any,
    ) -> None:
        """Sets how much of each label is spread over all classes, and how much each class counts.

        Args:
          label_smoothing: e, from 0 to less than 1.
          class_weights: What the loss of the examples, or steps, of each class is multiplied by, (classes,), see
            `trainer.tasks.class_weights`; none: 1. Keras' own `class_weight` takes labels (batch, steps) for one-hot
            vectors, and the step of the greatest for the class.
          name: Of the loss.
          **kwargs: Of `keras.losses.Loss`.

        Raises:
          UsageError: `label_smoothing` is not from 0 to less than 1.
        """
        if not 0.0 <= label_smoothing < 1.0:
            raise UsageError(
                f"label_smoothing: received {label_smoothing}; it is a share of each label, from 0 to less than 1; "
                "0.1 is usual, 0 is none"
            )
        super().__init__(name=name, **kwargs)
        self.label_smoothing = float(label_smoothing)
        self.class_weights = [float(weight) for weight in class_weights]

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each example or step.

        Args:
          y_true: Class ids, (batch, [steps]); one that is no class, such as -1, has the loss 0.
          y_pred: Probabilities, float32 (batch, [steps,] classes).

        Returns:
          float32 (batch, [steps]).
        """
        classes = y_pred.shape[-1]
        labels = ops.cast(y_true, "int32")
        known = (labels >= 0) & (labels < classes)
        index = ops.expand_dims(ops.where(known, labels, 0), -1)
        # Of the right class alone: logarithms of all would be as many numbers again as there are outputs.
        loss = -_log(tf.gather(y_pred, index[..., 0], batch_dims=labels.shape.rank))
        if self.label_smoothing:
            loss = (1.0 - self.label_smoothing) * loss - self.label_smoothing * ops.mean(_log(y_pred), axis=-1)
        if self.class_weights:
            loss *= ops.take(ops.convert_to_tensor(self.class_weights, "float32"), index[..., 0])
        return ops.where(known, loss, 0.0)

    def get_config(self) -> dict[str, Any]:
        """Returns what a copy is made from."""
        own = {"label_smoothing": self.label_smoothing, "class_weights": self.class_weights}
        return {**super().get_config(), **own}


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _log(probabilities: Any) -> Any:
    """Returns the logarithm of each, at least that of `LEAST_PROBABILITY`, with a gradient that stays a number.

    1 / p times a weight or a loss scale can be infinite, and the gradient of softmax multiplies it by p again,
    which would make it NaN.
    """
    bounded = ops.maximum(probabilities, LEAST_PROBABILITY)

    def gradient(upstream: Any) -> Any:
        return ops.clip(upstream / bounded, -_STEEPEST, _STEEPEST)

    return ops.log(bounded), gradient
