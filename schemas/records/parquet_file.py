"""Parquet: the row groups of a range of bytes become blocks, a few rows at a time.

A row group belongs to the range in which it begins, as far as the sizes of all groups tell, so that
every row is read once whatever the ranges are.
"""

from collections.abc import Iterator
from itertools import accumulate
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.errors import DataError
from schemas.messages import printable
from schemas.records.fields import Field
from schemas.records.raw import RawBlock
from schemas.records.tables import block_of_table, find_path

_MOST_ROWS_A_STEP = 4096  # a value that is stored once may be decoded thousands of times
_STEPS_A_BLOCK = 8
_MOST_WORDS = 300  # characters of what Arrow says
_BUFFER_BYTES = 1 << 18  # with none, Arrow reads the whole column of a row group at once


def read_parquet(stream: BinaryIO, start: int, end: int, fields: list[Field], block_bytes: int) -> Iterator[RawBlock]:
    """Yields the records of the row groups that begin in a range of bytes.

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
    try:
        size = stream.seek(0, 2)
        file = pq.ParquetFile(stream, buffer_size=_BUFFER_BYTES, page_checksum_verification=True)
        groups = _row_groups(file.metadata, size)
        columns = _columns_read(file.schema_arrow, fields)
        for group, begin, first_row in groups:
            if start <= begin < end:
                yield from _read_group(file, group, first_row, columns, fields, block_bytes)
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


def _row_groups(metadata: pq.FileMetaData, size: int) -> list[tuple[int, int, int]]:
    """Returns number, place in the file and first row of each row group that has rows.

    The place is where the group would begin if all bytes of the file were shared out by the sizes that
    the footer states for whole groups. Where its columns begin is not asked: of a damaged footer, that
    makes Arrow end the process.
    """
    sizes, rows = [], []
    for i in range(metadata.num_row_groups):
        group = metadata.row_group(i)
        if group.num_rows < 0 or group.total_byte_size < 0:
            raise _damaged(f"row group {i} has {group.num_rows} rows in {group.total_byte_size} bytes")
        sizes.append(group.total_byte_size)
        rows.append(group.num_rows)
    begins = [before * size // max(sum(sizes), 1) for before in accumulate(sizes, initial=0)]
    first_rows = accumulate(rows, initial=0)
    # A last group without bytes would begin behind the file.
    groups = zip(range(len(rows)), (min(begin, size - 1) for begin in begins), first_rows, strict=False)
    return [(i, begin, first) for i, begin, first in groups if rows[i]]


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
    for batch in file.iter_batches(step, [group], columns=columns, use_threads=False):
        batches.append(batch)
        if sum(one.nbytes for one in batches) >= block_bytes:
            yield pa.Table.from_batches(batches)
            batches = []
    if batches:
        yield pa.Table.from_batches(batches)
