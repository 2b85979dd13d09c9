"""Missing numbers of series: which they are, and what stands in their place."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.dataset_pb2 import Missing, SequenceFeature
from schemas.ragged import Int64s, Ragged

Floats = npt.NDArray[np.float32]


def missing_flags(series: Ragged) -> Ragged:
    """Returns for each number of a series 1 where it is missing (NaN) and 0 elsewhere, int64, of the same steps."""
    flags = np.isnan(series.values.to_numpy()).astype(np.int64)
    return Ragged(pa.array(flags), series.offsets, series.dims)


def fill_from_records(series: Ragged, feature: SequenceFeature) -> Ragged:
    """Returns a series with what its policy puts in place of missing numbers, as far as a record alone says it.

    With `mean`, which only the training split tells, they stay NaN; see `fill_means`.

    Args:
      series: Whole records, as `read_series` returns them.
      feature: A resolved series.
    """
    values = series.values.to_numpy()
    if feature.missing == Missing.forward:
        values = fill_forward(values, series.offsets, series.dims)
    elif feature.missing == Missing.zero:
        values = fill_missing(values, series.dims, [0.0] * series.dims)
    return Ragged(pa.array(values), series.offsets, series.dims)


def fill_means(series: Ragged, feature: SequenceFeature, means: Sequence[float]) -> Ragged:
    """Returns a series without NaN: where its policy is `mean`, the means are in place of missing numbers.

    Args:
      series: Of an `ExampleBlock`.
      feature: A resolved series.
      means: Of each dimension over the training split, (dims,).
    """
    if feature.missing != Missing.mean:
        return series
    values = fill_missing(series.values.to_numpy(), series.dims, means)
    return Ragged(pa.array(values), series.offsets, series.dims)


def fill_missing(values: Floats, dims: int, means: Sequence[float]) -> Floats:
    """Returns numbers with `means` in place of those that are missing; `values` stay as they are.

    Args:
      values: Steps one after another, float32, (steps * dims,); NaN: missing.
      dims: Numbers of one step.
      means: What stands for each dimension, (dims,); rounded to float32.
    """
    places = np.flatnonzero(np.isnan(values))
    if not len(places):
        return values
    filled = values.copy()
    filled[places] = np.array(means, np.float32)[places % dims]
    return filled


def fill_forward(values: Floats, offsets: Int64s, dims: int) -> Floats:
    """Returns numbers with the last one before in place of those that are missing.

    That is the last of the same dimension and record; 0 before the first one. `values` stay as they are.

    Args:
      values: Steps one after another, float32, (steps * dims,); NaN: missing.
      offsets: int64, (records + 1,), in `values`, as of `Ragged`.
      dims: Numbers of one step.
    """
    missing = np.isnan(values)
    if not missing.any():
        return values
    step = np.arange(len(values) // dims)
    last = np.maximum.accumulate(np.where(missing.reshape(-1, dims), -1, step[:, None]), axis=0)
    first = np.repeat(offsets[:-1] // dims, np.diff(offsets) // dims)
    known = last >= first[:, None]
    filled = np.take_along_axis(values.reshape(-1, dims), np.maximum(last, 0), axis=0)
    return np.where(known, filled, np.float32(0)).reshape(-1)
