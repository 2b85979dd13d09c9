"""JSONL: the lines of a block of bytes become columns, each bad line a rejected record.

The meaning of a block is the meaning of its lines, one at a time. Arrow reads many lines in one
call as long as that cannot make a difference, and fewer at a time as soon as something is wrong
with one of them, so that one bad line costs itself and the speed of its neighbours only.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from schemas.records.explain import explain_line, parse_object
from schemas.records.fields import Field, Nested, nested_types
from schemas.records.rejected import Rejected, excerpt

Int64s = npt.NDArray[np.int64]

_NEWLINE, _OPEN, _CLOSE, _RETURN = b"\n{}\r"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_GROUP_SIZES = (256, 32, 4, 1)  # lines read together after a larger group failed


@dataclass(frozen=True)
class RawBlock:
    """The raw records of a block.

    Attributes:
      columns: By field name; all (records,). Names are strings, whatever they were in the record.
      offsets: int64, (records,); position of each record in its file.
      lines: int64, (records,); line of each record within the block, from 0.
      rejected: Lines that hold no such record.
      line_count: All lines of the block, blank ones included.
      fields: What was read.
      data: What it was read from.
      base_offset: Position of `data` in its file.
    """

    columns: dict[str, pa.Array]
    offsets: Int64s
    lines: Int64s
    rejected: list[Rejected]
    line_count: int
    fields: list[Field]
    data: bytes
    base_offset: int

    def received(self, i: int) -> bytes:
        """Returns record i as it stood in the file, without the end of its line."""
        start = int(self.offsets[i]) - self.base_offset
        end = self.data.find(b"\n", start)
        return self.data[start : end if end >= 0 else None].removesuffix(b"\r")


@dataclass(frozen=True)
class _Lines:
    """Lines of a block: bytes data[starts[i]:ends[i]], line numbers[i]."""

    data: bytes
    starts: Int64s
    ends: Int64s
    numbers: Int64s

    def __len__(self) -> int:
        return len(self.starts)

    def take(self, index: Int64s | slice | npt.NDArray[np.bool_]) -> "_Lines":
        return _Lines(self.data, self.starts[index], self.ends[index], self.numbers[index])

    def text(self, i: int) -> bytes:
        return self.data[self.starts[i] : self.ends[i]]

    def joined(self) -> bytes:
        return b"\n".join(self.text(i) for i in range(len(self)))


def parse_jsonl(data: bytes, fields: list[Field], base_offset: int = 0) -> RawBlock:
    """Reads a block of whole lines.

    Args:
      data: The lines; the last one need not end with a newline.
      fields: What to read; other fields are passed over.
      base_offset: Position of `data` in its file.
    """
    lines, line_count = _split_lines(data, base_offset)
    whole = _look_like_objects(lines)
    rejected = [_reject(lines, int(i), fields, base_offset) for i in np.flatnonzero(~whole)]
    tables, kept = [], []
    candidates = lines if whole.all() else lines.take(whole)
    for group, table in _read(candidates, fields, data if whole.all() else None):
        if table is None:
            rejected.append(_reject(group, 0, fields, base_offset))
        else:
            tables.append(table)
            kept.append(group)
    schema = pa.schema([(field.name, _canonical(field.types[0])) for field in fields])
    table = pa.concat_tables(tables).combine_chunks() if tables else schema.empty_table()
    return RawBlock(
        columns={name: _one_chunk(table[name]) for name in table.column_names},
        offsets=np.concatenate([[], *(group.starts for group in kept)]).astype(np.int64) + base_offset,
        lines=np.concatenate([[], *(group.numbers for group in kept)]).astype(np.int64),
        rejected=rejected,
        line_count=line_count,
        fields=fields,
        data=data,
        base_offset=base_offset,
    )


def _split_lines(data: bytes, base_offset: int) -> tuple[_Lines, int]:
    """Returns the lines that are not blank, and how many there are with the blank ones."""
    mark = len(BYTE_ORDER_MARK) if base_offset == 0 and data.startswith(BYTE_ORDER_MARK) else 0
    view = np.frombuffer(data, np.uint8)
    newlines = np.flatnonzero(view == _NEWLINE)
    starts = np.concatenate([[mark], newlines + 1])
    ends = np.concatenate([newlines, [len(data)]])
    if starts[-1] >= len(data):  # nothing behind the last newline
        starts, ends = starts[:-1], ends[:-1]
    numbers = np.arange(len(starts))
    ends = ends - ((ends > starts) & (view[np.maximum(ends - 1, 0)] == _RETURN) if len(data) else 0)
    odd = (ends == starts) | (view[np.minimum(starts, len(data) - 1)] != _OPEN) if len(data) else ends == starts
    blank = ends == starts
    for i in np.flatnonzero(odd & ~blank):
        blank[i] = not data[starts[i] : ends[i]].strip(b" \t\r")
    lines = _Lines(data, starts.astype(np.int64), ends.astype(np.int64), numbers.astype(np.int64))
    return lines.take(~blank), len(starts)


def _look_like_objects(lines: _Lines) -> npt.NDArray[np.bool_]:
    """Which lines begin and end as an object does.

    Where all do and Arrow finds as many objects as there are lines, each line is one object: an
    object that goes on in a next line would make that line begin with something else.
    """
    if not len(lines):
        return np.zeros(0, bool)
    view = np.frombuffer(lines.data, np.uint8)
    sure: npt.NDArray[np.bool_] = (view[lines.starts] == _OPEN) & (view[lines.ends - 1] == _CLOSE)
    for i in np.flatnonzero(~sure):
        text = lines.text(int(i)).strip(b" \t\r")
        sure[i] = text.startswith(b"{") and text.endswith(b"}")
    return sure


def _read(lines: _Lines, fields: list[Field], data: bytes | None) -> Iterator[tuple[_Lines, pa.Table | None]]:
    """Yields groups of lines with their table, or single lines with None where they are bad."""
    table = _read_group(lines, fields, data) if len(lines) else None
    if table is not None or len(lines) == 1:
        yield lines, table
        return
    size = next((size for size in _GROUP_SIZES if size < len(lines)), 1)
    for start in range(0, len(lines), size):
        yield from _read(lines.take(slice(start, start + size)), fields, None)


def _read_group(lines: _Lines, fields: list[Field], data: bytes | None) -> pa.Table | None:
    """Returns the table of a group of lines, or None where Arrow cannot read every one."""
    content = lines.joined() if data is None else data.removeprefix(BYTE_ORDER_MARK)
    table = _read_objects(content, fields, _choose_types(lines.text(0), fields))
    if table is None or table.num_rows != len(lines):
        return None
    return pa.table({field.name: _as_canonical(_extract(table, field.path)) for field in fields})


def _read_objects(content: bytes, fields: list[Field], chosen: dict[str, pa.DataType]) -> pa.Table | None:
    """Returns a row for each object, or None where Arrow cannot read all of the content."""
    try:
        pc.cast(pa.array([content], pa.large_binary()), pa.large_string())  # refuses what is no UTF-8
        return pj.read_json(
            pa.BufferReader(content),
            pj.ReadOptions(use_threads=False, block_size=len(content) + 1),
            pj.ParseOptions(
                explicit_schema=pa.schema(_arrow_fields(nested_types(fields, chosen))),
                unexpected_field_behavior="ignore",
            ),
        )
    except pa.ArrowInvalid:
        return None


def _choose_types(line: bytes, fields: list[Field]) -> dict[str, pa.DataType]:
    """Returns the type of each field for a group, judged by its first line."""
    chosen = {field.name: field.types[0] for field in fields}
    # Where another part of the spec reads the same field as one type, that is the type.
    settled = {field.path for field in fields if len(field.types) == 1}
    flexible = [field for field in fields if len(field.types) > 1 and field.path not in settled]
    record = parse_object(line) if flexible else None
    if record is None and _read_objects(line, [], {}) is None:
        return chosen
    for field in flexible:
        chosen[field.name] = _type_tried(line, field) if record is None else _type_seen(record, field)
    return chosen


def _type_tried(line: bytes, field: Field) -> pa.DataType:
    """Returns the type that Arrow reads; it takes lines that Python does not, as deeply nested ones."""
    fitting = (kind for kind in field.types if _read_objects(line, [field], {field.name: kind}) is not None)
    return next(fitting, field.types[0])


def _type_seen(record: dict[str, Any], field: Field) -> pa.DataType:
    value: object = record
    for name in field.path:
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, list):
        value = next((item for item in value if item is not None), None)
    string, integer, boolean = field.types
    return boolean if isinstance(value, bool) else integer if isinstance(value, int) else string


def _arrow_fields(tree: Nested) -> list[pa.Field]:
    types = {name: pa.struct(_arrow_fields(kind)) if isinstance(kind, dict) else kind for name, kind in tree.items()}
    return [pa.field(name, kind) for name, kind in types.items()]


def _extract(table: pa.Table, path: tuple[str, ...]) -> pa.Array:
    column = _one_chunk(table[path[0]])
    return pc.struct_field(column, list(path[1:])) if len(path) > 1 else column


def _canonical(kind: pa.DataType) -> pa.DataType:
    """The type of a column, whatever the type in the record was."""
    if pa.types.is_list(kind):
        return pa.list_(_canonical(kind.value_type))
    return pa.string() if pa.types.is_integer(kind) or pa.types.is_boolean(kind) else kind


def _as_canonical(column: pa.Array) -> pa.Array:
    return pc.cast(column, _canonical(column.type))


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _reject(lines: _Lines, i: int, fields: list[Field], base_offset: int) -> Rejected:
    line = lines.text(i)
    reason, rule = explain_line(line, fields)
    return Rejected("", base_offset + int(lines.starts[i]), int(lines.numbers[i]), reason, rule, excerpt(line))
