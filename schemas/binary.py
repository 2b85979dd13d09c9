"""Columns of bytes, one string of bytes for each record, made and joined without a loop over records."""

from collections.abc import Iterable
from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import DataError

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]


def binary_column(data: Bytes, offsets: Offsets) -> pa.BinaryArray:
    """Returns the strings data[offsets[i]:offsets[i + 1]], binary, (len(offsets) - 1,).

    Raises:
      DataError: They hold 2 GiB or more, the most that Arrow's offsets count.
    """
    check_block_bytes(int(offsets[-1]))
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(np.ascontiguousarray(data))]
    return cast("pa.BinaryArray", pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers))


def check_block_bytes(size: int) -> None:
    """Checks that the bytes of one block are no more than Arrow's offsets count.

    Raises:
      DataError: They are 2 GiB or more.
    """
    if size >= 2**31:
        raise DataError(f"the records of one block hold {size:,} bytes; 2 GiB is the most; use shorter records")


def fixed_column(rows: Bytes) -> pa.BinaryArray:
    """Returns each row of uint8, (records, width), as a string of bytes."""
    return binary_column(rows.reshape(-1), np.arange(len(rows) + 1, dtype=np.int64) * rows.shape[1])


def byte_sizes(column: pa.Array) -> Offsets:
    """Returns the size of each string in bytes, int64, (records,)."""
    return cast("Offsets", pc.binary_length(column).to_numpy(zero_copy_only=False).astype(np.int64))


def contents(column: pa.Array) -> tuple[Bytes, npt.NDArray[np.int32]]:
    """Returns the bytes of all strings, and where each begins, int32, (records + 1,); copies only a slice."""
    column = pa.concat_arrays([column]) if column.offset else column
    _, offsets, data = column.buffers()
    starts = np.frombuffer(offsets, np.int32)[: len(column) + 1] if len(column) else np.zeros(1, np.int32)
    return np.frombuffer(data or b"", np.uint8)[: starts[-1]], starts


def join_columns(columns: Iterable[pa.BinaryArray]) -> pa.BinaryArray:
    """Returns the strings of each record one after another, binary, (records,)."""
    return cast("pa.BinaryArray", pc.binary_join_element_wise(*columns, pa.scalar(b"", pa.binary())))
