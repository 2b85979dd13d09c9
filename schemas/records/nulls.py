"""Nulls in columns and lists."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.ragged import Int64s, count_in_rows
from schemas.records.verdicts import Mask


def nulls(column: pa.Array) -> Mask:
    """Returns which values are null, (n,)."""
    mask: Mask = pc.is_null(column).to_numpy(zero_copy_only=False)
    return mask


def without_nulls(column: pa.ListArray) -> pa.ListArray:
    """Returns the lists, an empty one for each null."""
    return pc.fill_null(column, pa.scalar([], column.type)) if column.null_count else column


def any_in_row(flags: Mask, offsets: Int64s) -> Mask:
    """Returns whether any of the flags of each row is set; offsets as of `Ragged`."""
    any_set: Mask = count_in_rows(flags, offsets) > 0
    return any_set


def first_in_row(flags: Mask, offsets: Int64s, row: int) -> int:
    """Returns the place within a row, from 0, of the first flag of it that is set; offsets as of `Ragged`."""
    return int(np.argmax(flags[offsets[row] : offsets[row + 1]]))


def float32(column: pa.Array) -> npt.NDArray[np.float32]:
    """Returns numbers as 32-bit floats, NaN for null; those beyond their range become infinite."""
    with np.errstate(over="ignore"):
        numbers: npt.NDArray[np.float32] = column.to_numpy(zero_copy_only=False).astype(np.float32)
    return numbers
