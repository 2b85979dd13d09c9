"""Cells of CSV become values: text as it is, numbers strictly, lists from the JSON in their cell."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.formats.csv_scan import Dialect, outline_of
from schemas.formats.explain import INVALID_JSON, MISSING_FIELD, WRONG_TYPE, explain_field, explain_utf8
from schemas.formats.fields import Field, canonical_type
from schemas.formats.jsonl import choose_types, read_objects
from schemas.formats.lines import RETURN
from schemas.messages import closest, printable

INVALID_CSV = "invalid_csv"
WRONG_CELLS = "wrong_cells"
_SHOWN_NAMES = 8
_TEXT = (pa.string(),)
_VALUE = "value"  # name of the only field of the JSON objects that are made of cells
_JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_MINUS, _DOT, _ZERO, _NINE = b"-.09"
_IN_NUMBERS = np.isin(np.arange(256), list(b"-+eE"))  # beside digits and dots


def column_name(field: Field) -> str:
    """Returns the name of the column of a field: columns hold no further ones, so a dot is part of the name."""
    return ".".join(field.path)


def typed_cells(cells: pa.StringArray, field: Field) -> pa.Array | None:
    """Returns the values of a field, of canonical type, or None where not every cell holds one.

    Args:
      cells: string, (records,), without nulls.
      field: Says which types the values may have. An empty cell is null, but for a text.
    """
    if field.types == _TEXT:
        return cells
    empty = pc.equal(pc.binary_length(cells), 0)
    if pc.any(empty).as_py():
        cells = pc.if_else(empty, pa.scalar(None, pa.string()), cells)
    if pa.string() in field.types:
        return cells
    return _numbers(cells) if field.types == (pa.float64(),) else _lists(cells, field)


def _numbers(cells: pa.StringArray) -> pa.Array | None:
    if not _hold_json_numbers(cells.drop_null()):
        return None
    try:
        numbers = pc.cast(cells, pa.float64())
    except pa.ArrowInvalid:
        return None
    return None if pc.any(pc.is_inf(numbers)).as_py() else numbers


def _hold_json_numbers(cells: pa.StringArray) -> bool:
    """Whether cells are written as JSON writes numbers, as far as Arrow would take other ways, too.

    Arrow also takes nan, inf, +1, 01, 1. and .5; what it refuses is left to it.
    """
    if not len(cells):
        return True
    offsets = np.frombuffer(cells.buffers()[1], np.int32)[cells.offset : cells.offset + len(cells) + 1].astype(np.int64)
    values = np.frombuffer(cells.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
    starts, ends = offsets[:-1] - offsets[0], offsets[1:] - offsets[0]
    digit = values - _ZERO <= _NINE - _ZERO  # without a sign, what is less than 0 is large
    dot = values == _DOT
    minus = values[starts] == _MINUS
    others = len(values) - sum(int(np.count_nonzero(flags)) for flags in (digit, dot, minus))
    if others and not _IN_NUMBERS[values[~(digit | dot)]].all():
        return False
    first = starts + minus
    if not (digit[ends - 1].all() and digit[first].all()):
        return False
    zeros = first[(values[first] == _ZERO) & (first + 1 < ends)]
    # Every cell ends with a digit, so what stands around a dot is of the same cell.
    return not ((dot[1:-1] & ~(digit[:-2] & digit[2:])).any() or digit[zeros + 1].any())


def _lists(cells: pa.StringArray, field: Field) -> pa.Array | None:
    cells = pc.ascii_trim(cells, " \t\r\n")
    # Anything else could end the object around the cell, and begin another.
    if not pc.all(pc.and_(pc.starts_with(cells, "["), pc.ends_with(cells, "]")), min_count=0).as_py():
        return None
    within = Field(_VALUE, (_VALUE,), field.types)
    example = next((cell.as_py() for cell in cells if cell.is_valid), "null")
    chosen = choose_types(_object(example), [within])
    objects = pc.binary_join_element_wise(f'{{"{_VALUE}":', cells.fill_null("null"), "}\n", "")
    content = objects.buffers()[2].slice(0, pc.sum(pc.binary_length(objects)).as_py()).to_pybytes()
    table = read_objects(content, [within], chosen, others="error")
    if table is None or table.num_rows != len(cells):
        return None
    return pc.cast(table[_VALUE].combine_chunks(), canonical_type(chosen[_VALUE]))


def _object(cell: str) -> bytes:
    return f'{{"{_VALUE}":{cell}}}'.encode()


def split_cells(record: str, dialect: Dialect) -> list[str]:
    """Returns the cells of a record that has no mistakes, without the end of its line."""
    cells, position = [], 0
    while True:
        if dialect.quote and record.startswith(dialect.quote, position):
            end = _closing(record, position + 1, dialect.quote)
            cells.append(record[position + 1 : end].replace(dialect.quote * 2, dialect.quote))
            end += 1
        else:
            end = record.find(dialect.delimiter, position) % (len(record) + 1)
            cells.append(record[position:end])
        if end >= len(record):
            return cells
        position = end + 1


def _closing(record: str, position: int, quote: str) -> int:
    """Returns where the quote closes whose cell begins at a position."""
    while True:
        position = record.index(quote, position)
        if not record.startswith(quote, position + 1):
            return position
        position += 2


def explain_form(record: bytes, dialect: Dialect) -> tuple[str, str] | None:
    """Returns the reason code and the rule where a record is no CSV; without the end of its line."""
    problem = explain_utf8(record)
    if problem:
        return problem
    outline = outline_of(record, dialect)
    if not len(outline.strays):
        return None
    at = int(outline.strays[0])
    if record[at] == RETURN:
        return INVALID_CSV, f"a carriage return outside quotes must end a line; byte {at} of the record does not"
    return INVALID_CSV, (
        f"a quote {dialect.quote} must open at the beginning of a cell, close at its end, and stand twice within; "
        f"the one at byte {at} of the record does not"
    )


def explain_record(record: bytes, fields: list[Field], names: Sequence[str], dialect: Dialect) -> tuple[str, str]:
    """Returns the reason code and the rule that a bad record breaks.

    Args:
      record: One record, without the end of its line.
      fields: What it must hold.
      names: Of the columns.
      dialect: How cells are written.
    """
    problem = explain_form(record, dialect)
    if problem:
        return problem
    cells = split_cells(record.decode(), dialect)
    if len(cells) != len(names):
        rule = f"a record must have {len(names)} cells, one for each column of the header; this one has {len(cells)}"
        remedy = f"; a cell that holds the delimiter must stand in {dialect.quote}"
        return WRONG_CELLS, rule + remedy if dialect.quote and len(cells) > len(names) else rule
    values = dict(zip(names, cells, strict=True))
    for field in fields:
        problem = _explain_cell(values, field)
        if problem:
            return problem
    return INVALID_JSON, "a cell with a list must hold JSON of valid strings and numbers"


def _explain_cell(values: dict[str, str], field: Field) -> tuple[str, str] | None:
    name = column_name(field)
    cell = values.get(name)
    if cell is None or (cell == "" and field.types != _TEXT):
        hint = _columns(name, values) if cell is None else "its cell is empty"
        return (MISSING_FIELD, f"field '{name}' must have a value; {hint}") if field.required else None
    value = _value_of(cell, field)
    problem = explain_field({name: value}, replace(field, path=(name,)))
    if problem and problem[0] == WRONG_TYPE and value is cell and field.types != (pa.float64(),):
        return WRONG_TYPE, f'{problem[1]}; a list stands in its cell as JSON, as [0.5, 1] or ["a", "b"]'
    return problem


def _columns(name: str, values: dict[str, str]) -> str:
    shown = ", ".join([*map(printable, list(values)[:_SHOWN_NAMES]), *(["..."] if len(values) > _SHOWN_NAMES else [])])
    return closest(name, values) or f"no column has this name, only: {shown}"


def _value_of(cell: str, field: Field) -> object:
    """Returns what a cell holds, the cell itself where it does not hold what it should."""
    if pa.string() in field.types:
        return cell
    if field.types == (pa.float64(),) and not _JSON_NUMBER.fullmatch(cell):
        return cell
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return cell
