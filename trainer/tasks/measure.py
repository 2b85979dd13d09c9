"""What is measured of each example, and what the sums over examples say."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


class Measure(Protocol):
    """The metrics of a task: additive numbers of each example, and what is made of their sums."""

    def observe(self, outputs: Any, label: Any) -> Sequence[Any]:
        """Returns in the graph, of a batch, what `columns` needs to know, in as few numbers as will do.

        Args:
          outputs: Of the model.
          label: As `open_dataset` gives it.
        """

    def columns(self, observed: Sequence[Array], weight: Array) -> Floats:
        """Returns numbers of each example, (batch, columns), whose sums `report` takes.

        Args:
          observed: What `observe` returned.
          weight: As `open_dataset` gives it outside training: 1, or 0 where there is no label.
        """

    def report(self, sums: Floats) -> Mapping[str, float]:
        """Returns the metrics by name, of the sums over one or more examples, (columns,)."""
