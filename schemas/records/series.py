"""Series of raw records: frames of numbers, checked and laid out one after another."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.dataset_pb2 import Layout, Missing, SequenceFeature
from schemas.formats.explain import NOT_FINITE
from schemas.formats.fields import column_field
from schemas.ragged import Int64s, Ragged, from_lists
from schemas.records.lengths import NOT_ALIGNED
from schemas.records.nulls import any_in_row, first_in_row, float32, nulls, without_nulls
from schemas.records.tokens import NULL_VALUE
from schemas.records.verdicts import Verdicts

WRONG_DIMS = "wrong_dims"
_FILL = "say `missing: forward`, `zero` or `mean` in the spec to fill it"


def read_series(name: str, columns: Mapping[str, pa.Array], feature: SequenceFeature, verdicts: Verdicts) -> Ragged:
    """Returns the frames of each record, float32; where the feature allows missing numbers, NaN for each.

    A number is missing where it is null or NaN, and all of a frame that is null. Every missing
    number is the same NaN, bit for bit, so that it makes no difference how it was written.

    Args:
      name: Of the series.
      columns: By field name, (records,); of the series as its layout says: list<list<double>>,
        list<double>, or a list<double> for each dimension.
      feature: A resolved series.
      verdicts: Of the records; rejects those whose frames are not what the feature says.
    """
    read = {Layout.frames: _read_frames, Layout.flat: _read_flat, Layout.columns: _read_columns}[feature.layout]
    numbers, offsets = read(name, columns, feature, verdicts)
    if feature.missing == Missing.reject:
        refused, rule = ~np.isfinite(numbers), f"every number of '{name}' must be finite as a 32-bit float"
    else:
        missing = np.isnan(numbers)
        if missing.any():
            numbers[missing] = np.nan
        refused = np.isinf(numbers)
        rule = f"every number of '{name}' that is not missing must be finite as a 32-bit float"

    def found(i: int) -> str:
        steps = int(offsets[i + 1] - offsets[i]) // feature.dims
        step = first_in_row(refused, offsets, i) // feature.dims
        return f"one of frame {step + 1:,} of {steps:,} is not" if steps > 1 else ""

    verdicts.reject(any_in_row(refused, offsets), NOT_FINITE, rule, found)
    return Ragged(pa.array(numbers), offsets, feature.dims)


_Numbers = tuple[npt.NDArray[np.float32], Int64s]


def _read_frames(name: str, columns: Mapping[str, pa.Array], feature: SequenceFeature, verdicts: Verdicts) -> _Numbers:
    outer = from_lists(without_nulls(columns[name]))
    dims, frames = feature.dims, outer.values
    if feature.missing == Missing.reject:
        missing = any_in_row(nulls(frames), outer.offsets)
        verdicts.reject(missing, NULL_VALUE, f"'{name}' must hold no null in place of a frame; {_FILL}")
        frames = without_nulls(frames)
    elif frames.null_count:
        frames = pc.fill_null(frames, pa.scalar([None] * dims, frames.type))
    inner = from_lists(frames)
    sizes = np.diff(inner.offsets)
    wrong = sizes != dims

    def found(i: int) -> str:
        frame = first_in_row(wrong, outer.offsets, i)
        return f"frame {frame + 1:,} of {outer.lengths[i]:,} holds {sizes[outer.offsets[i] + frame]:,}"

    verdicts.reject(
        any_in_row(wrong, outer.offsets), WRONG_DIMS, f"every frame of '{name}' must hold {dims} numbers", found
    )
    return _numbers(name, inner.values, inner.offsets[outer.offsets], feature, verdicts)


def _read_flat(name: str, columns: Mapping[str, pa.Array], feature: SequenceFeature, verdicts: Verdicts) -> _Numbers:
    lists = from_lists(without_nulls(columns[name]))
    sizes = np.diff(lists.offsets)
    rule = f"'{name}' must hold a multiple of {feature.dims} numbers"
    verdicts.reject(sizes % feature.dims != 0, WRONG_DIMS, rule, lambda i: f"it holds {sizes[i]:,}")
    return _numbers(name, lists.values, lists.offsets, feature, verdicts)


def _read_columns(name: str, columns: Mapping[str, pa.Array], feature: SequenceFeature, verdicts: Verdicts) -> _Numbers:
    lists = [without_nulls(columns[column_field(name, i)]) for i in range(feature.dims)]
    lengths = np.stack([from_lists(column).lengths for column in lists])
    aligned = (lengths == lengths[0]).all(axis=0)
    if not aligned.all():
        # What they hold means nothing without the others: the record goes on as an empty one.
        rule = f"the columns of '{name}' must be lists of one length"
        verdicts.reject(~aligned, NOT_ALIGNED, rule, lambda i: f"theirs are {', '.join(map(str, lengths[:, i]))}")
        lists = [pc.if_else(pa.array(aligned), column, pa.scalar([], column.type)) for column in lists]
    dimensions = [from_lists(column) for column in lists]
    read = [_numbers(name, column.values, column.offsets, feature, verdicts)[0] for column in dimensions]
    return np.stack(read, axis=1).reshape(-1), dimensions[0].offsets * feature.dims


def _numbers(
    name: str, values: pa.DoubleArray, offsets: Int64s, feature: SequenceFeature, verdicts: Verdicts
) -> _Numbers:
    """Returns numbers with NaN for null; rejects the records that hold one where none may be missing."""
    if feature.missing == Missing.reject:
        verdicts.reject(any_in_row(nulls(values), offsets), NULL_VALUE, f"'{name}' must hold no null; {_FILL}")
    return float32(values), offsets
