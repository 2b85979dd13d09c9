"""JSONL: the lines of a block of bytes become columns, each bad line a rejected record."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from schemas.formats.blocks import MAX_RECORD_BYTES
from schemas.formats.explain import explain_line, parse_object
from schemas.formats.fields import Field, Nested, canonical_type, nested_types
from schemas.formats.lines import (
    BYTE_ORDER_MARK,
    Lines,
    block_of_groups,
    is_utf8,
    one_chunk,
    read_in_groups,
    split_lines,
)
from schemas.formats.raw import RawBlock

_OPEN, _CLOSE = b"{}"


def parse_jsonl(
    data: bytes, fields: list[Field], base_offset: int = 0, max_record_bytes: int = MAX_RECORD_BYTES
) -> RawBlock:
    """Reads a block of whole lines.

    Args:
      data: The lines; the last one need not end with a newline.
      fields: What to read; other fields are passed over.
      base_offset: Position of `data` in its file.
      max_record_bytes: A longer line is rejected.
    """
    every, line_count = split_lines(data, base_offset)
    fits = every.fitting(max_record_bytes)
    lines = every.take(~_blank(every, fits))
    whole = _look_like_objects(lines, lines.fitting(max_record_bytes))
    candidates = lines if whole.all() else lines.take(whole)

    def read(some: Lines) -> pa.Table | None:
        return _read_group(some, some.joined(), fields)

    def read_all() -> pa.Table | None:
        return _read_group(lines, data.removeprefix(BYTE_ORDER_MARK), fields)

    groups = read_in_groups(candidates, read, read_all if whole.all() else None)
    return block_of_groups(groups, lines.take(~whole), line_count, fields, base_offset, explain_line, max_record_bytes)


def _blank(lines: Lines, looked_at: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which of the lines that are looked at hold white space only."""
    blank: npt.NDArray[np.bool_] = lines.ends == lines.starts
    first = np.frombuffer(lines.data, np.uint8)[np.minimum(lines.starts, len(lines.data) - 1)]
    for i in np.flatnonzero(~blank & looked_at & (first != _OPEN)):
        blank[i] = not lines.text(int(i)).strip(b" \t\r")
    return blank


def _look_like_objects(lines: Lines, looked_at: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which of the lines that are looked at begin and end as an object does.

    Where all do and Arrow finds as many objects as there are lines, each line is one object: an
    object that goes on in a next line would make that line begin with something else.
    """
    if not len(lines):
        return np.zeros(0, bool)
    view = np.frombuffer(lines.data, np.uint8)
    sure: npt.NDArray[np.bool_] = (view[lines.starts] == _OPEN) & (view[lines.ends - 1] == _CLOSE)
    for i in np.flatnonzero(~sure & looked_at):
        text = lines.text(int(i)).strip(b" \t\r")
        sure[i] = text.startswith(b"{") and text.endswith(b"}")
    return sure & looked_at


def _read_group(lines: Lines, content: bytes, fields: list[Field]) -> pa.Table | None:
    """Returns the table of a group of lines, or None where Arrow cannot read every one."""
    table = read_objects(content, fields, choose_types(lines.text(0), fields))
    if table is None or table.num_rows != len(lines):
        return None
    return pa.table({field.name: _as_canonical(_extract(table, field.path)) for field in fields})


def read_objects(
    content: bytes, fields: list[Field], chosen: dict[str, pa.DataType], others: str = "ignore"
) -> pa.Table | None:
    """Returns a row for each object, or None where Arrow cannot read all of the content.

    Args:
      content: Objects, one after another.
      fields: What to read of each.
      chosen: The type of each field.
      others: "ignore" or "error": what other fields are.
    """
    if not is_utf8(content):
        return None
    try:
        return pj.read_json(
            pa.BufferReader(content),
            pj.ReadOptions(use_threads=False, block_size=len(content) + 1),
            pj.ParseOptions(
                explicit_schema=pa.schema(_arrow_fields(nested_types(fields, chosen))),
                unexpected_field_behavior=others,
            ),
        )
    except pa.ArrowInvalid:
        return None


def choose_types(line: bytes, fields: list[Field]) -> dict[str, pa.DataType]:
    """Returns the type of each field for a group, judged by its first line."""
    chosen = {field.name: field.types[0] for field in fields}
    # Where another part of the spec reads the same field as one type, that is the type.
    settled = {field.path for field in fields if len(field.types) == 1}
    flexible = [field for field in fields if len(field.types) > 1 and field.path not in settled]
    record = parse_object(line) if flexible else None
    if record is None and read_objects(line, [], {}) is None:
        return chosen
    for field in flexible:
        chosen[field.name] = _type_tried(line, field) if record is None else _type_seen(record, field)
    return chosen


def _type_tried(line: bytes, field: Field) -> pa.DataType:
    """Returns the type that Arrow reads; it takes lines that Python does not, as deeply nested ones."""
    fitting = (kind for kind in field.types if read_objects(line, [field], {field.name: kind}) is not None)
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
    column = one_chunk(table[path[0]])
    return pc.struct_field(column, list(path[1:])) if len(path) > 1 else column


def _as_canonical(column: pa.Array) -> pa.Array:
    return pc.cast(column, canonical_type(column.type))
