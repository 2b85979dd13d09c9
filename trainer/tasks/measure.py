"""What is measured of each example, and what it comes to over many."""

from collections.abc import Sequence
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]


class Tally(Protocol):
    """What has been counted and added up so far; it does not depend on what the batches were.

    Attributes:
      labels: That were measured: examples, steps, or numbers to predict; of an unknown class, too.
      unknown: Of these, how many are of a class that the model does not know.
    """

    labels: int
    unknown: int

    def add(self, observed: Sequence[Array], weight: Array) -> None:
        """Adds examples.

        Args:
          observed: What `Measure.observe` returned, (batch, ...) each.
          weight: As `open_dataset` gives it outside training, (batch, ...): 1, or 0 where there is no label.
        """

    def merge(self, other: Self) -> None:
        """Adds what another tally of the same measure holds."""

    def report(self) -> dict[str, float]:
        """Returns the metrics by name, without those that nothing can be said of; none where there are no labels."""


class Sums:
    """A tally that is sums over labels, all of which are known."""

    unknown = 0

    def __init__(self, count: int) -> None:
        """Begins with nothing.

        Args:
          count: Of the sums.
        """
        self.labels = 0
        self.sums: Floats = np.zeros(count)

    def merge(self, other: Self) -> None:
        """Adds what another tally holds."""
        self.labels += other.labels
        self.sums += other.sums


class Measure(Protocol):
    """The metrics of a task.

    Attributes:
      names: Of the metrics that a report may hold.
    """

    names: Sequence[str]

    def observe(self, outputs: Any, label: Any, weight: Any, features: Any) -> Sequence[Any]:
        """Returns in the graph, of a batch, what a tally needs to know, in as few numbers as will do.

        Args:
          outputs: Of the model.
          label: As `open_dataset` gives it.
          weight: As `open_dataset` gives it outside training.
          features: As `open_dataset` gives them.

        Returns:
          Tensors, (batch, ...) each.
        """

    def tally(self) -> Tally:
        """Returns a tally of nothing."""
