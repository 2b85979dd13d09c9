"""Parquet: the row groups of a range of bytes become blocks, a few rows at a time.

A row group belongs to the range in which its share of the file begins: the size of the groups before
it, of that of all groups, times the size of the file. That is about where its first byte lies, needs
nothing but the footer, and puts every row group in exactly one range whatever the footer says. (Arrow
knows the first byte, but ends the whole process where it is asked for that of a damaged column.)
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.errors import DataError
from schemas.formats.fields import Field
from schemas.formats.raw import RawBlock
from schemas.formats.tables import block_of_table, find_path
from schemas.messages import printable

_MOST_ROWS_A_STEP = 4096  # a value that is stored once may be decoded thousands of times
_STEPS_A_BLOCK = 8
_MOST_WORDS = 300  # characters of what Arrow says
_BUFFER_BYTES = 1 << 18  # with none, Arrow reads the whole column of a row group at once


def read_parquet(stream: BinaryIO, start: int, end: int, fields: list[Field], block_bytes: int) -> Iterator[RawBlock]:
    """Yields the records of the row groups whose shares of the file begin in a range of bytes.

    Args:
      stream: The whole file; seekable.
      start: First byte of the range.
      end: The byte behind its last.
      fields: What to read; only their columns are read.
      block_bytes: Size of a block in memory at which the next one begins.

    Yields:
      Blocks whose offsets are rows of the file.

    Raises:
      DataError: What is no Parquet file, or is damaged.
    """
    size = stream.seek(0, io.SEEK_END)
    with _arrow_errors():
        file = pq.ParquetFile(stream, buffer_size=_BUFFER_BYTES, page_checksum_verification=True)
        columns = _columns_read(file.schema_arrow, fields)
        groups = list(_row_groups(file.metadata, size))
    for group, begin, first_row in groups:
        if start <= begin < end:
            yield from _read_group(file, group, first_row, columns, fields, block_bytes)


@contextmanager
def _arrow_errors() -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # Arrow raises many kinds for what it cannot make sense of
        raise _damaged(error) from error


def parquet_names(stream: BinaryIO) -> list[str]:
    """Returns the names of the columns of a file.

    Raises:
      DataError: What is no Parquet file, or is damaged.
    """
    try:
        names: list[str] = pq.read_schema(stream).names
    except Exception as error:  # as above
        raise _damaged(error) from error
    return names


def _damaged(error: object) -> DataError:
    words = printable(" ".join(str(error).split()), _MOST_WORDS)
    return DataError(f"no whole Parquet file: {words}; it is cut off or damaged; write it again")


def _row_groups(metadata: pq.FileMetaData, size: int) -> Iterator[tuple[int, int, int]]:
    """Yields number, begin of its share of the file and first row of each row group."""
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    weights = [max(group.total_byte_size, 1) for group in groups]
    every = sum(weights)
    before = first_row = 0
    for i, (group, weight) in enumerate(zip(groups, weights, strict=True)):
        if group.num_rows < 0:
            raise _damaged(f"row group {i} has {group.num_rows} rows")
        yield i, size * before // every, first_row
        before += weight
        first_row += group.num_rows


def _columns_read(schema: pa.Schema, fields: list[Field]) -> list[str]:
    """Returns the path of each field as far as it is there."""
    paths = set()
    for field in fields:
        found, names = [], schema
        for name in find_path(field, schema):
            indices = names.get_all_field_indices(name)
            if not indices:
                break
            found.append(name)
            kind = names.field(indices[0]).type
            if not pa.types.is_struct(kind):
                break
            names = kind
        if found:
            paths.add(".".join(found))
    return sorted(paths)


def _read_group(
    file: pq.ParquetFile, group: int, first_row: int, columns: list[str], fields: list[Field], block_bytes: int
) -> Iterator[RawBlock]:
    metadata = file.metadata.row_group(group)
    encoded = max(metadata.total_byte_size, 1)
    rows = block_bytes // _STEPS_A_BLOCK * metadata.num_rows // encoded
    step = min(max(rows, 1), _MOST_ROWS_A_STEP)
    done = first_row
    for table in _tables(file, group, columns, step, block_bytes):
        yield block_of_table(table, fields, done, file.schema_arrow)
        done += table.num_rows
    if done != first_row + metadata.num_rows:
        raise _damaged(f"row group {group} must hold {metadata.num_rows} rows; it holds {done - first_row}")


def _tables(file: pq.ParquetFile, group: int, columns: list[str], step: int, block_bytes: int) -> Iterator[pa.Table]:
    batches: list[pa.RecordBatch] = []
    size = 0
    rows = file.iter_batches(step, [group], columns=columns, use_threads=False)
    while True:
        with _arrow_errors():
            batch = next(rows, None)
        if batch is not None:
            batches.append(batch)
            size += batch.nbytes
        if batches and (batch is None or size >= block_bytes):
            yield pa.Table.from_batches(batches)
            batches, size = [], 0
        if batch is None:
            return
