"""One class for each step of a sequence."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from schemas.manifest import length_feature
from schemas.manifest_pb2 import Manifest
from schemas.vocabulary import Vocabulary
from trainer.tasks.answers import StepClassAnswers
from trainer.tasks.classes import FOUND, OF_CLASSES, TWO, ClassTally, class_count, observed_classes
from trainer.tasks.entities import EntityTags, are_entity_tags, entity_counts
from trainer.tasks.leaders import label_leader
from trainer.tasks.measure import Array, Int64s
from trainer.tasks.scores import found
from trainer.tasks.softmax import SoftmaxTask


class StepClassTask(SoftmaxTask):
    """Predicts the probability of each class of each step, float32 (batch, steps, classes)."""

    forward = False

    def __init__(self, leader: str, classes: int) -> None:
        """Sets the sequence whose steps have classes, one with a length of its own, and the number of classes."""
        self.leader = leader
        self.outputs = classes

    def measure(self, classes: Sequence[str]) -> "StepClassMeasure":
        """Returns loss, accuracy and F1 of steps, and of entities where the classes are tags."""
        return StepClassMeasure(self.leader, self.outputs, EntityTags(classes) if are_entity_tags(classes) else None)

    def answers(self, classes: Sequence[str], vocabulary: Vocabulary | None) -> StepClassAnswers:
        """Returns how classes of steps are told."""
        return StepClassAnswers(self.leader, classes)


class StepClassMeasure:
    """What `ClassMeasure` measures of records, of all real steps alike, whatever record they are in.

    For tags there are precision, recall and F1 of entities, in place of those of the second of two classes. There is no
    area under the ROC curve, for which the scores of all steps would have to be kept.
    """

    def __init__(self, leader: str, classes: int, tags: EntityTags | None = None) -> None:
        """Sets the sequence, the number of its classes and, if they are tags of entities, what they mean."""
        self._leader = leader
        self._classes = classes
        self._tags = tags
        found_ones = [f"entity_{name}" for name in FOUND] if tags is not None else FOUND if classes == TWO else ()
        self.names = (*OF_CLASSES, *found_ones)

    def observe(self, outputs: Any, label: Any, weight: Any, features: Any) -> Sequence[Any]:
        """Returns the probability of the label, the most probable class and the label of each step, and the lengths.

        The first three are (batch, steps), the lengths (batch,).
        """
        return [*observed_classes(outputs, label), features[length_feature(self._leader)]]

    def tally(self) -> "StepClassTally":
        """Returns a tally of nothing."""
        return StepClassTally(self._classes, self._tags)


class StepClassTally:
    """Counts of the classes of steps, and of entities."""

    def __init__(self, classes: int, tags: EntityTags | None) -> None:
        """Begins with nothing."""
        self._steps = ClassTally(classes)
        self._tags = tags
        self._entities: Int64s = np.zeros(3, np.int64)

    @property
    def labels(self) -> int:
        """Steps that were measured."""
        return self._steps.labels

    @property
    def unknown(self) -> int:
        """Of these, how many are of a class that the model does not know."""
        return self._steps.unknown

    def add(self, observed: Sequence[Array], weight: Array) -> None:
        """Adds the steps of examples."""
        *of_steps, lengths = observed
        real = np.arange(weight.shape[1]) < lengths[:, None]
        self._steps.add([part[real] for part in of_steps], weight[real])
        if self._tags is not None:
            _, predicted, label = of_steps
            none = self._tags.none
            known = np.where(real & (weight > 0), label, none)
            self._entities += entity_counts(self._tags, np.where(real, predicted, none), known)

    def merge(self, other: Self) -> None:
        """Adds what another tally holds."""
        self._steps.merge(other._steps)
        self._entities += other._entities

    def report(self) -> dict[str, float]:
        """Returns the metrics of steps and of entities."""
        metrics = self._steps.report()
        if self._tags is None:
            return metrics
        of_steps = {name: metrics[name] for name in ("loss", "accuracy", "macro_f1") if name in metrics}
        return of_steps | found(self._entities, "entity_")


def step_class_target(manifest: Manifest) -> dict[str, Any]:
    """Returns the target of a data set with a per_step_class label.

    Raises:
      DataError: Its classes are fewer than two.
    """
    return {"kind": "per_step_class", "leader": label_leader(manifest), "classes": class_count(manifest)}
