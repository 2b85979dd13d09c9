"""Sequences whose steps hold different numbers of values, such as the characters of each token."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.ragged import Int64s, Ragged


@dataclass(frozen=True, kw_only=True)
class Nested(Ragged):
    """One sequence of each record; `dims` means nothing.

    Attributes:
      step_offsets: int64, (records + 1,), in `step_sizes`; as `offsets` are in `values`.
      step_sizes: int64, (steps,); values of each step.
    """

    step_offsets: Int64s
    step_sizes: Int64s

    @property
    def lengths(self) -> Int64s:
        """Steps of each record, int64, (records,)."""
        return np.diff(self.step_offsets)

    @property
    def sizes(self) -> Ragged:
        """Values of each step, int64, as a sequence of their own."""
        return Ragged(pa.array(self.step_sizes), self.step_offsets)

    def filter(self, keep: npt.NDArray[np.bool_]) -> "Nested":
        """Returns the lists of some of the records."""
        rows = np.flatnonzero(keep)
        return self.slices(rows, np.zeros_like(rows), self.lengths[rows])

    def slices(self, rows: Int64s, starts: Int64s, stops: Int64s) -> "Nested":
        """Returns steps starts[i] to stops[i] (not included) of record rows[i], for each i."""
        ends = np.concatenate([[0], np.cumsum(self.step_sizes)])
        first, beyond = self.step_offsets[rows] + starts, self.step_offsets[rows] + stops
        values = self._ranges(ends[first], ends[beyond] - ends[first])
        sizes = Ragged(pa.array(self.step_sizes), self.step_offsets).slices(rows, starts, stops)
        return Nested(values.values, values.offsets, step_offsets=sizes.offsets, step_sizes=sizes.values.to_numpy())
