"""One class a record."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import tensorflow as tf

from schemas.errors import DataError
from schemas.manifest_pb2 import Manifest
from schemas.vocabulary import Vocabulary
from trainer.tasks.answers import ClassAnswers
from trainer.tasks.losses import LEAST_PROBABILITY
from trainer.tasks.measure import Array, Int64s
from trainer.tasks.scores import area_under_curve, class_counts, found, macro_f1
from trainer.tasks.softmax import SoftmaxTask

TWO = 2
OF_CLASSES = ("loss", "accuracy", "macro_f1")
FOUND = ("precision", "recall", "f1")


class ClassTask(SoftmaxTask):
    """Predicts the probability of each class of a record, float32 (batch, classes)."""

    leader = None
    forward = False

    def __init__(self, classes: int) -> None:
        """Sets the number of classes."""
        self.outputs = classes

    def measure(self, classes: Sequence[str]) -> "ClassMeasure":
        """Returns loss, accuracy and F1; see `ClassMeasure`."""
        return ClassMeasure(self.outputs)

    def answers(self, classes: Sequence[str], vocabulary: Vocabulary | None) -> ClassAnswers:
        """Returns how classes are told."""
        return ClassAnswers(classes)


class ClassMeasure:
    """Cross entropy in nats, the share of examples whose most probable class is right, and F1.

    A class that the model does not know counts as wrong, and has no probability and so no loss. Of two classes the
    second one is what there is to find: precision, recall, F1 and the area under the ROC curve are of it.
    """

    def __init__(self, classes: int) -> None:
        """Sets the number of classes."""
        self._classes = classes
        of_two = (*FOUND, "auc") if classes == TWO else ()
        self.names = (*OF_CLASSES, *of_two)

    def observe(self, outputs: Any, label: Any, weight: Any, features: Any) -> Sequence[Any]:
        """Returns the probability of the label, the most probable class and the label, (batch,) each.

        Of two classes also the probability of the second one, (batch,).
        """
        last = [outputs[:, 1]] if self._classes == TWO else []
        return [*observed_classes(outputs, label), *last]

    def tally(self) -> "ClassTally":
        """Returns a tally of nothing."""
        return ClassTally(self._classes)


def observed_classes(outputs: Any, label: Any) -> list[Any]:
    """Returns the probability of the label, the most probable class and the label.

    Args:
      outputs: Probabilities, float32 (batch, [steps,] classes).
      label: Class ids, (batch, [steps]).
    """
    label = tf.cast(label, tf.int64)
    return [tf.gather(outputs, label, batch_dims=label.shape.rank), tf.argmax(outputs, axis=-1), label]


class ClassTally:
    """Counts of classes, the sum of losses, and all scores where they are wanted."""

    def __init__(self, classes: int) -> None:
        """Begins with nothing, of a number of classes."""
        self.labels = self.unknown = 0
        self._loss = 0.0
        self._counts: Int64s = np.zeros((3, classes), np.int64)
        self._scores: list[Array] = []
        self._positive: list[Array] = []

    def add(self, observed: Sequence[Array], weight: Array) -> None:
        """Adds labels; `observed` may end with scores of the second class, (n,) like all others."""
        probability, predicted, label, *scores = observed
        known = weight > 0
        self.labels += len(label)
        self.unknown += int(np.count_nonzero(~known))
        self._loss -= float(np.log(np.maximum(probability[known].astype(np.float64), LEAST_PROBABILITY)).sum())
        self._counts += class_counts(predicted, label, known, self._counts.shape[1])
        for of_second in scores:
            self._scores.append(of_second[known])
            self._positive.append(label[known] == 1)

    def merge(self, other: Self) -> None:
        """Adds what another tally holds."""
        self.labels += other.labels
        self.unknown += other.unknown
        self._loss += other._loss
        self._counts += other._counts
        self._scores += other._scores
        self._positive += other._positive

    def report(self) -> dict[str, float]:
        """Returns the metrics; no loss where no class is known."""
        if not self.labels:
            return {}
        known = self.labels - self.unknown
        metrics = {"loss": self._loss / known} if known else {}
        metrics |= {"accuracy": int(self._counts[0].sum()) / self.labels, "macro_f1": macro_f1(self._counts)}
        if self._counts.shape[1] == TWO:
            metrics |= found(self._counts[:, 1])
        area = area_under_curve(np.concatenate(self._scores), np.concatenate(self._positive)) if self._scores else None
        return metrics | ({} if area is None else {"auc": area})


def class_target(manifest: Manifest) -> dict[str, Any]:
    """Returns the target of a data set with a class label.

    Raises:
      DataError: Its classes are fewer than two.
    """
    return {"kind": "class", "classes": class_count(manifest)}


def class_count(manifest: Manifest) -> int:
    """Returns how many classes a data set has.

    Raises:
      DataError: They are fewer than two.
    """
    if manifest.classes.size < TWO:
        raise DataError(f"label: has {manifest.classes.size} class(es) in the data set; training needs 2 or more")
    return int(manifest.classes.size)
