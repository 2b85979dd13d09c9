"""One class a record."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from schemas.errors import DataError
from schemas.manifest_pb2 import Manifest
from trainer.tasks.measure import Array, Floats

# Below this a float32 probability loses digits; its logarithm is about -87.
_LEAST_PROBABILITY = float(np.finfo(np.float32).tiny)


class ClassTask:
    """Predicts the probability of each class of a record, float32 (batch, classes)."""

    leader = None
    forward = False
    keras_metrics = ("accuracy",)

    def __init__(self, classes: int) -> None:
        """Sets the number of classes."""
        self.outputs = classes

    def finish(self) -> keras.layers.Layer:
        """Returns a softmax."""
        return keras.layers.Activation("softmax", dtype="float32")

    def loss(self) -> keras.losses.Loss:
        """Returns the cross entropy in nats."""
        return keras.losses.SparseCategoricalCrossentropy()

    def measure(self) -> "ClassMeasure":
        """Returns loss and accuracy."""
        return ClassMeasure()


class ClassMeasure:
    """Cross entropy in nats, and the share of examples whose most probable class is right.

    A class that the model does not know counts as wrong, and has no probability and so no loss.
    """

    def observe(self, outputs: Any, label: Any) -> Sequence[Any]:
        """Returns the probability of the label and whether it is the most probable class, (batch,) each."""
        label = tf.cast(label, tf.int64)
        return tf.gather(outputs, label, batch_dims=1), tf.argmax(outputs, axis=-1) == label

    def columns(self, observed: Sequence[Array], weight: Array) -> Floats:
        """Returns loss, hit, whether the class is known, and 1, (batch, 4)."""
        probability, hit = observed
        known = weight > 0
        loss = np.where(known, -np.log(np.maximum(probability.astype(np.float64), _LEAST_PROBABILITY)), 0.0)
        return np.stack([loss, hit & known, known, np.ones_like(loss)], axis=1).astype(np.float64)

    def report(self, sums: Floats) -> dict[str, float]:
        """Returns the metrics; no loss where no class is known."""
        loss, hits, known, examples = (float(total) for total in sums)
        return ({"loss": loss / known} if known else {}) | {"accuracy": hits / examples}


def class_target(manifest: Manifest) -> dict[str, Any]:
    """Returns the target of a data set with a class label.

    Raises:
      DataError: Its classes are fewer than two.
    """
    if manifest.classes.size < 2:
        raise DataError(f"label: has {manifest.classes.size} class(es) in the data set; training needs 2 or more")
    return {"kind": "class", "classes": int(manifest.classes.size)}
