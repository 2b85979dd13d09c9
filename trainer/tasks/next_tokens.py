"""The next token after each step of a sequence: a language model."""

import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from schemas.manifest import id_count
from schemas.manifest_pb2 import Manifest
from schemas.vocabulary import Vocabulary
from trainer.tasks.answers import NextTokenAnswers
from trainer.tasks.classes import observed_classes
from trainer.tasks.leaders import label_leader
from trainer.tasks.losses import LEAST_PROBABILITY
from trainer.tasks.measure import Array
from trainer.tasks.softmax import SoftmaxTask


class NextTokenTask(SoftmaxTask):
    """Predicts the probability of each next token, float32 (batch, steps, ids); id 0 is the end of the sequence."""

    forward = True

    def __init__(self, leader: str, classes: int, end: bool) -> None:
        """Sets the sequence whose steps are answered, the number of ids, and whether the end is one that may come."""
        self.leader = leader
        self.outputs = classes
        self._end = end

    def measure(self, classes: Sequence[str]) -> "NextTokenMeasure":
        """Returns loss, perplexity and accuracy."""
        return NextTokenMeasure()

    def answers(self, classes: Sequence[str], vocabulary: Vocabulary | None) -> NextTokenAnswers:
        """Returns how the next token is told."""
        assert vocabulary is not None
        return NextTokenAnswers(vocabulary, self._end)


class NextTokenMeasure:
    """Cross entropy in nats a step, perplexity, and the share of steps whose most probable next token is right.

    Perplexity is e to the cross entropy: as many equally probable tokens would be as hard to guess from (Jelinek et
    al., 1977, "Perplexity: a measure of the difficulty of speech recognition tasks"). Tokens out of vocabulary are
    told apart as their ids are.
    """

    names = ("loss", "perplexity", "accuracy")

    def observe(self, outputs: Any, label: Any, weight: Any, features: Any) -> Sequence[Any]:
        """Returns the probability of the label, the most probable token and the label, (batch, steps) each."""
        return observed_classes(outputs, label)

    def tally(self) -> "NextTokenTally":
        """Returns a tally of nothing."""
        return NextTokenTally()


class NextTokenTally:
    """The sum of losses, and how often the next token was right."""

    unknown = 0

    def __init__(self) -> None:
        """Begins with nothing."""
        self.labels = 0
        self._loss = 0.0
        self._right = 0

    def add(self, observed: Sequence[Array], weight: Array) -> None:
        """Adds the steps of examples."""
        there = weight > 0
        probability, predicted, label = (part[there] for part in observed)
        self.labels += len(label)
        self._loss -= float(np.log(np.maximum(probability.astype(np.float64), LEAST_PROBABILITY)).sum())
        self._right += int(np.count_nonzero(predicted == label))

    def merge(self, other: Self) -> None:
        """Adds what another tally holds."""
        self.labels += other.labels
        self._loss += other._loss
        self._right += other._right

    def report(self) -> dict[str, float]:
        """Returns the metrics."""
        if not self.labels:
            return {}
        loss = self._loss / self.labels
        return {"loss": loss, "perplexity": math.exp(loss), "accuracy": self._right / self.labels}


def next_token_target(manifest: Manifest) -> dict[str, Any]:
    """Returns the target of a data set whose label is the next token."""
    label = manifest.spec.label
    ids = id_count(manifest, label.of)
    return {"kind": "next_token", "leader": label_leader(manifest), "classes": ids, "end": label.end}
