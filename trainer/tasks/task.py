"""What a model predicts, as its output layer, its loss, its metrics and its words see it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import keras

from schemas.errors import UsageError
from schemas.manifest_pb2 import Manifest
from schemas.spec import CLASS, NEXT_STEP, NUMBER, PER_STEP_CLASS, series_sequences
from schemas.vocabulary import Vocabulary
from trainer.tasks.answers import Answers
from trainer.tasks.classes import ClassTask, class_target
from trainer.tasks.forecasts import ForecastTask, forecast_target
from trainer.tasks.measure import Measure
from trainer.tasks.next_tokens import NextTokenTask, next_token_target
from trainer.tasks.numbers import NumberTask, number_target
from trainer.tasks.step_classes import StepClassTask, step_class_target


class Task(Protocol):
    """What a model predicts.

    Attributes:
      leader: The sequence with a length of its own whose steps are answered one by one; None: one answer a record.
      forward: Whether an answer must follow from its own step and those before it alone.
      beside: The series whose frame of the step is given to `finish`, too, in its own units; None: nothing is.
      outputs: Numbers of the output layer for each answer.
      keras_metrics: What `fit` shows of it: names, or metrics made for one model.
    """

    leader: str | None
    forward: bool
    beside: str | None
    outputs: int

    @property
    def keras_metrics(self) -> Sequence[Any]:
        """See above."""

    def finish(self) -> keras.layers.Layer:
        """Returns the layer that makes answers of the numbers of the output layer, in float32."""

    def loss(self) -> keras.losses.Loss:
        """Returns the loss of each answer, for labels as `open_dataset` gives them."""

    def measure(self, classes: Sequence[str]) -> Measure:
        """Returns what is measured over a split.

        Args:
          classes: Names of the classes in the order of their ids; none where the label is no class.
        """

    def answers(self, classes: Sequence[str], vocabulary: Vocabulary | None) -> Answers:
        """Returns what is said of each example.

        Args:
          classes: Names of the classes in the order of their ids; none where the label is no class.
          vocabulary: Of the sequence that the label is of; None where it has none.
        """


def target_of(manifest: Manifest) -> dict[str, Any]:
    """Returns what there is to know of the label of a data set, in plain values, as `task_of` takes it.

    Raises:
      UsageError: There is no label.
      DataError: Its classes are fewer than two.
    """
    label = manifest.spec.label if manifest.spec.HasField("label") else None
    if label is None:
        raise UsageError(
            "label: the data set has no label; class, number, per_step_class and next_step labels are what can be "
            "trained: name one in the spec and write the data set again"
        )
    return _TARGETS[label.type](manifest)


def task_of(target: Mapping[str, Any]) -> Task:
    """Returns the task of a target: {"kind", and what the task takes}."""
    facts = {name: value for name, value in target.items() if name != "kind"}
    task: Task = _TASKS[target["kind"]](**facts)
    return task


def _next_step_target(manifest: Manifest) -> dict[str, Any]:
    is_series = manifest.spec.label.of in series_sequences(manifest.spec)
    return forecast_target(manifest) if is_series else next_token_target(manifest)


_TARGETS: dict[int, Callable[[Manifest], dict[str, Any]]] = {
    CLASS: class_target,
    NUMBER: number_target,
    PER_STEP_CLASS: step_class_target,
    NEXT_STEP: _next_step_target,
}
_TASKS: dict[str, Any] = {
    "class": ClassTask,
    "number": NumberTask,
    "per_step_class": StepClassTask,
    "next_token": NextTokenTask,
    "forecast": ForecastTask,
}
