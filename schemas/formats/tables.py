"""Tables of typed columns: rows become raw records, each one that does not fit the fields a rejected record."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import DataError
from schemas.formats.explain import MISSING_FIELD, WRONG_TYPE, explain_field
from schemas.formats.fields import Field
from schemas.formats.lines import one_chunk
from schemas.formats.raw import RawBlock
from schemas.formats.rejected import Rejected, excerpt
from schemas.formats.typed_columns import Problem, ReadColumn, nothing_read, path_of, read_column, type_text
from schemas.ragged import Int64s

Names = Iterable[pa.Field]  # a schema or the type of a struct


def block_of_table(
    table: pa.Table | pa.RecordBatch, fields: list[Field], first_row: int, schema: pa.Schema | None = None
) -> RawBlock:
    """Returns the rows of a table as raw records.

    A path goes through structs, or is the whole name of a column that has dots in it.

    Args:
      table: Columns of any type; those that no field reads are passed over.
      fields: What to read.
      first_row: Row of the file with which the table begins, from 0: the offset of its first record.
      schema: Of the file, where the table holds some of its columns only; names the nearest name
        of a field that is not there.

    Raises:
      DataError: Two columns have the name of a field.
    """
    table = pa.Table.from_batches([table]) if isinstance(table, pa.RecordBatch) else table
    placed = [replace(field, path=find_path(field, table.schema)) for field in fields]
    tops = {field.path[0]: _column(table, field.path[0]) for field in placed}
    columns = {field.name: _read_path(tops[field.path[0]], field, table.num_rows) for field in placed}

    def record(i: int) -> dict[str, Any]:
        return {name: as_python(column[i]) for name, column in tops.items() if column is not None}

    def explain(i: int) -> tuple[str, str]:
        return explain_missing(_with_names(record(i), schema or table.schema), placed)

    offsets = np.arange(first_row, first_row + table.num_rows)
    return block_of_columns(columns, fields, offsets, lambda i: as_json(record(i)), explain)


def find_path(field: Field, schema: pa.Schema) -> tuple[str, ...]:
    """Returns the path of a field in a table: its own, or the name of one column that is spelled like it."""
    return (path_of(field),) if field.path[0] not in schema.names and path_of(field) in schema.names else field.path


def block_of_columns(
    columns: Mapping[str, ReadColumn],
    fields: list[Field],
    offsets: Int64s,
    received: Callable[[int], bytes],
    explain: Callable[[int], tuple[str, str]],
    refused: Sequence[Rejected] = (),
    lines: Int64s | None = None,
) -> RawBlock:
    """Returns the block of columns that have been read; a row with a problem is rejected for its first one.

    Args:
      columns: By field name, (rows,).
      fields: What was read.
      offsets: int64, (rows,); position of each record.
      received: Returns what is shown of row i.
      explain: Returns reason code and rule where a value of row i is missing.
      refused: What was not even tried, beside the rows.
      lines: int64, (rows,); line of each row, where some were refused.
    """
    lines = np.arange(len(offsets)) if lines is None else lines
    problems = [problem for field in fields for problem in columns[field.name].problems]
    first = np.full(len(offsets), -1)
    for place, problem in reversed(list(enumerate(problems))):
        first[problem.rows] = place
    kept = np.flatnonzero(first < 0)
    index = pa.array(kept)
    whole = len(kept) == len(offsets)
    return RawBlock(
        columns={name: read.column if whole else read.column.take(index) for name, read in columns.items()},
        offsets=offsets[kept],
        lines=lines[kept],
        rejected=[
            *refused,
            *(
                _reject(problems[first[i]], int(offsets[i]), int(lines[i]), received(int(i)))
                for i in np.flatnonzero(first >= 0)
            ),
        ],
        line_count=len(offsets) + len(refused),
        fields=fields,
        received=lambda i: received(int(kept[i])),
        explain=lambda i: explain(int(kept[i])),
    )


def explain_missing(record: dict[str, Any], fields: list[Field]) -> tuple[str, str]:
    """Returns reason code and rule of the first field that must have a value and has none."""
    shown = json.loads(as_json(record))  # of JSON's types only
    found = (explain_field(shown, field) for field in fields if field.required)
    missing = next((problem for problem in found if problem is not None and problem[0] == MISSING_FIELD), None)
    return missing or (MISSING_FIELD, "every field that is read must have a value")


def as_json(record: dict[str, Any]) -> bytes:
    """Returns what is shown of a record: JSON, but that NaN and the infinities have names."""
    return json.dumps(record, ensure_ascii=False, sort_keys=True, default=_as_text).encode("utf-8", "backslashreplace")


def as_python(value: pa.Scalar) -> Any:
    """Returns a value as Python shows it, whatever it is."""
    try:
        return value.as_py()
    except (ValueError, OverflowError, KeyError, ImportError, pa.ArrowException):
        pass  # no UTF-8, a time beyond Python's, a name that is there twice
    if hasattr(value, "as_buffer"):
        return value.as_buffer().to_pybytes()
    if isinstance(value, pa.ListScalar):
        return [as_python(item) for item in value.values]
    if isinstance(value, pa.StructScalar):
        return {kind.name: as_python(value[i]) for i, kind in enumerate(value.type)}
    return f"a value of type {type_text(value.type)}"


def _as_text(value: Any) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def _reject(problem: Problem, offset: int, line: int, received: bytes) -> Rejected:
    return Rejected("", offset, line, problem.reason, problem.rule, excerpt(received))


def _column(table: pa.Table, name: str) -> pa.Array | None:
    found = table.schema.get_all_field_indices(name)
    if len(found) > 1:
        raise DataError(f"the table has {len(found)} columns named '{name}'; names must differ; rename one of them")
    return one_chunk(table.column(found[0])) if found else None


def _read_path(column: pa.Array | None, field: Field, count: int) -> ReadColumn:
    for i, name in enumerate(field.path[1:], 1):
        if column is None or pa.types.is_null(column.type):
            break
        kind = column.type
        if not pa.types.is_struct(kind):
            rule = f"field '{'.'.join(field.path[:i])}' must be an object that holds '{name}'"
            wrong = Problem(np.arange(count), WRONG_TYPE, f"{rule}; it is of type {type_text(kind)}")
            return nothing_read(count, field, [wrong])
        found = kind.get_all_field_indices(name)
        if len(found) > 1:
            raise DataError(f"'{'.'.join(field.path[:i])}' has {len(found)} fields named '{name}'; rename one of them")
        column = pc.struct_field(column, found) if found else None
    return nothing_read(count, field) if column is None else read_column(column, field)


def _with_names(record: dict[str, Any], names: Names) -> dict[str, Any]:
    """Returns the record with every name that the file knows, so that the nearest one can be told."""
    every = {kind.name: None for kind in names} | record
    for kind in names:
        if pa.types.is_struct(kind.type) and isinstance(every[kind.name], dict):
            every[kind.name] = _with_names(every[kind.name], kind.type)
    return every
