"""Series of raw records: frames of numbers, checked and laid out one after another."""

import numpy as np
import pyarrow as pa

from schemas.dataset_pb2 import Layout, SequenceFeature
from schemas.records.explain import NOT_FINITE
from schemas.records.nulls import any_in_row, float32, nulls, without_nulls
from schemas.records.ragged import Ragged, from_lists
from schemas.records.tokens import NULL_VALUE
from schemas.records.verdicts import Verdicts

WRONG_DIMS = "wrong_dims"


def read_series(name: str, column: pa.Array, feature: SequenceFeature, verdicts: Verdicts) -> Ragged:
    """Returns the frames of each record, float32.

    Args:
      name: Of the series.
      column: list<list<double>> or list<double>, (records,), as the layout says.
      feature: A resolved series.
      verdicts: Of the records; rejects those whose frames are not what the feature says.
    """
    outer = from_lists(without_nulls(column))
    dims = feature.dims
    if feature.layout == Layout.frames:
        missing = any_in_row(nulls(outer.values), outer.offsets)
        verdicts.reject(missing, NULL_VALUE, f"'{name}' must hold no null in place of a frame")
        inner = from_lists(without_nulls(outer.values))
        wrong = any_in_row(np.diff(inner.offsets) != dims, outer.offsets)
        verdicts.reject(wrong, WRONG_DIMS, f"every frame of '{name}' must hold {dims} numbers")
        values, offsets = inner.values, inner.offsets[outer.offsets]
    else:
        values, offsets = outer.values, outer.offsets
        wrong = np.diff(offsets) % dims != 0
        verdicts.reject(wrong, WRONG_DIMS, f"'{name}' must hold a multiple of {dims} numbers")
    verdicts.reject(any_in_row(nulls(values), offsets), NULL_VALUE, f"'{name}' must hold no null")
    numbers = float32(values)
    infinite = any_in_row(~np.isfinite(numbers), offsets)
    verdicts.reject(infinite, NOT_FINITE, f"every number of '{name}' must be finite as a 32-bit float")
    return Ragged(pa.array(numbers), offsets, dims)
