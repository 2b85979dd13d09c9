"""Records of text formats: ranges of bytes that are read many at a time, and one by one where one is bad.

The meaning of a block is the meaning of its records, one at a time. Arrow reads many of them in one
call as long as that cannot make a difference, and fewer at a time as soon as something is wrong
with one of them, so that a bad record costs itself and the speed of its neighbours only.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.formats.explain import explain_size
from schemas.formats.fields import Field, canonical_type
from schemas.formats.raw import RawBlock
from schemas.formats.rejected import Rejected, excerpt
from schemas.ragged import Int64s

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
NEWLINE, RETURN = b"\n\r"
_GROUP_SIZES = (256, 32, 4, 1)  # records read together after a larger group failed


@dataclass(frozen=True)
class Lines:
    """Records within a block: bytes data[starts[i]:ends[i]], beginning in line numbers[i] (from 0)."""

    data: bytes
    starts: Int64s
    ends: Int64s
    numbers: Int64s

    def __len__(self) -> int:
        """Returns their number."""
        return len(self.starts)

    def take(self, index: Int64s | slice | npt.NDArray[np.bool_]) -> "Lines":
        """Returns some of them."""
        return Lines(self.data, self.starts[index], self.ends[index], self.numbers[index])

    def fitting(self, max_record_bytes: int) -> npt.NDArray[np.bool_]:
        """Returns which of them are not too large."""
        fits: npt.NDArray[np.bool_] = self.ends - self.starts <= max_record_bytes
        return fits

    def text(self, i: int) -> bytes:
        """Returns one of them, without the end of its line."""
        return self.data[self.starts[i] : self.ends[i]]

    def joined(self) -> bytes:
        """Returns all of them, with a newline between two."""
        return b"\n".join(self.text(i) for i in range(len(self)))


def split_lines(data: bytes, base_offset: int) -> tuple[Lines, int]:
    """Returns the lines without their ends, and how many there are; a last empty one is none."""
    mark = len(BYTE_ORDER_MARK) if base_offset == 0 and data.startswith(BYTE_ORDER_MARK) else 0
    view = np.frombuffer(data, np.uint8)
    newlines = np.flatnonzero(view == NEWLINE)
    starts = np.concatenate([[mark], newlines + 1])
    ends = np.concatenate([newlines, [len(data)]])
    if starts[-1] >= len(data):  # nothing behind the last newline
        starts, ends = starts[:-1], ends[:-1]
    ends = ends - ((ends > starts) & (view[np.maximum(ends - 1, 0)] == RETURN) if len(data) else 0)
    return Lines(data, starts.astype(np.int64), ends.astype(np.int64), np.arange(len(starts))), len(starts)


def read_in_groups(
    records: Lines, read: Callable[[Lines], pa.Table | None], whole: Callable[[], pa.Table | None] | None = None
) -> Iterator[tuple[Lines, pa.Table | None]]:
    """Yields groups of records with their table, or single records with None where they are bad.

    Args:
      records: What to read.
      read: Returns the table of some records, or None where it cannot read every one.
      whole: Does the same for all of `records`, where that is quicker.
    """
    table = (whole() if whole else read(records)) if len(records) else None
    if table is not None or len(records) == 1:
        yield records, table
        return
    size = next((size for size in _GROUP_SIZES if size < len(records)), 1)
    for start in range(0, len(records), size):
        yield from read_in_groups(records.take(slice(start, start + size)), read)


def block_of_groups(
    groups: Iterable[tuple[Lines, pa.Table | None]],
    refused: Lines,
    line_count: int,
    fields: list[Field],
    base_offset: int,
    explain: Callable[[bytes, list[Field]], tuple[str, str]],
    max_record_bytes: int,
) -> RawBlock:
    """Returns the block of what `read_in_groups` yields.

    Args:
      groups: Groups with their tables: a column for each field, of canonical type.
      refused: Records that were not even tried.
      line_count: All lines of the block.
      fields: What was read.
      base_offset: Position of the data in its file.
      explain: Returns reason code and rule that a record breaks.
      max_record_bytes: More is too large.
    """

    def explained(text: bytes) -> tuple[str, str]:
        return explain_size(text, max_record_bytes) or explain(text, fields)

    def reject(records: Lines, i: int) -> Rejected:
        text = records.text(i)
        place = base_offset + int(records.starts[i]), int(records.numbers[i])
        return Rejected("", *place, *explained(text), excerpt(text[:max_record_bytes]))

    rejected = [reject(refused, i) for i in range(len(refused))]
    tables, kept = [], []
    for group, table in groups:
        if table is None:
            rejected.append(reject(group, 0))
        else:
            tables.append(table)
            kept.append(group)
    read = _concatenated(kept)
    return RawBlock(
        columns=_columns(tables, fields),
        offsets=read.starts + base_offset,
        lines=read.numbers,
        rejected=rejected,
        line_count=line_count,
        fields=fields,
        received=read.text,
        explain=lambda i: explained(read.text(i)),
    )


def _concatenated(groups: list[Lines]) -> Lines:
    if len(groups) == 1:
        return groups[0]
    none = np.zeros(0, np.int64)
    return Lines(
        groups[0].data if groups else b"",
        np.concatenate([none, *(group.starts for group in groups)]),
        np.concatenate([none, *(group.ends for group in groups)]),
        np.concatenate([none, *(group.numbers for group in groups)]),
    )


def _columns(tables: list[pa.Table], fields: list[Field]) -> dict[str, pa.Array]:
    schema = pa.schema([(field.name, canonical_type(field.types[0])) for field in fields])
    table = pa.concat_tables(tables).combine_chunks() if tables else schema.empty_table()
    return {name: one_chunk(table[name]) for name in table.column_names}


def is_utf8(content: bytes) -> bool:
    """Returns whether bytes are UTF-8; quicker than Python where they are, and without a copy."""
    offsets = pa.py_buffer(np.array([0, len(content)], np.int64))
    try:
        pa.Array.from_buffers(pa.large_string(), 1, [None, offsets, pa.py_buffer(content)]).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def one_chunk(column: pa.ChunkedArray) -> pa.Array:
    """Returns a column as one array."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
