"""Lists of different lengths as one array of values and the offsets of each list."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Ragged:
    """One sequence of each record.

    Attributes:
      values: Arrow array, (sum of lengths * dims,).
      offsets: int64, (records + 1,), in values; record i holds values[offsets[i]:offsets[i + 1]].
      dims: Values of one step.
    """

    values: pa.Array
    offsets: Int64s
    dims: int = 1

    @property
    def lengths(self) -> Int64s:
        """Steps of each record, int64, (records,)."""
        return np.diff(self.offsets) // self.dims

    def filter(self, keep: npt.NDArray[np.bool_]) -> "Ragged":
        """Returns the lists of some of the records."""
        if keep.all():
            return self
        return self._ranges(self.offsets[:-1][keep], np.diff(self.offsets)[keep])

    def slices(self, rows: Int64s, starts: Int64s, stops: Int64s) -> "Ragged":
        """Returns steps starts[i] to stops[i] (not included) of record rows[i], for each i."""
        return self._ranges(self.offsets[rows] + starts * self.dims, (stops - starts) * self.dims)

    def to_arrow(self) -> pa.ListArray:
        """Returns the lists as a list array, (records,), of steps * dims values each."""
        return pa.ListArray.from_arrays(pa.array(self.offsets.astype(np.int32)), self.values)

    def _ranges(self, starts: Int64s, sizes: Int64s) -> "Ragged":
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        index = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], sizes)
        return Ragged(self.values.take(pa.array(index)), offsets, self.dims)


def count_in_rows(flags: npt.NDArray[np.bool_], offsets: npt.NDArray[np.integer]) -> Int64s:
    """Returns how many of the flags of each row are set, int64, (rows,); offsets as of `Ragged`.

    Fast where few of them are.
    """
    return np.diff(np.searchsorted(np.flatnonzero(flags), offsets))


def from_lists(lists: pa.ListArray, dims: int = 1) -> Ragged:
    """Returns the lists of an Arrow array without nulls, list<T>, (records,)."""
    offsets = lists.offsets.to_numpy().astype(np.int64)
    return Ragged(lists.values.slice(offsets[0], offsets[-1] - offsets[0]), offsets - offsets[0], dims)
