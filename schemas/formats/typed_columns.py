"""Columns of typed formats: an Arrow array of any type becomes the column that a field wants, or says why not.

Types decide, not values: an integer is a number or a name, a string is never a number, a boolean is a
name only. A time or a date is a text, its ISO 8601 form: as a number nobody would know its unit. What a
row holds that does not fit is a problem of that row; the rest of the column is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.formats.explain import INVALID_UTF8, WRONG_TYPE
from schemas.formats.fields import Field, canonical_type
from schemas.messages import printable
from schemas.ragged import Int64s


@dataclass(frozen=True)
class Problem:
    """Rows that break one rule.

    Attributes:
      rows: int64, their numbers.
      reason: Code, as of `Rejected`.
      rule: What was expected, in words.
    """

    rows: Int64s
    reason: str
    rule: str


@dataclass(frozen=True)
class ReadColumn:
    """A column of a field's canonical type, (rows,), and the rows that do not fit; those are null."""

    column: pa.Array
    problems: list[Problem]


def read_column(values: pa.Array, field: Field) -> ReadColumn:
    """Returns the column of a field from an array of any type, (rows,); nulls stay null."""
    values = _plain(values)
    wanted = canonical_type(field.types[0])
    if not _fits(values.type, field.types):
        hint = field.text_hint if _is_text(values.type) else ""
        rule = f"{must_be(field)}; it is of type {type_text(values.type)}{_remedy(values.type)}{hint}"
        return nothing_read(len(values), field, [Problem(np.arange(len(values)), WRONG_TYPE, rule)])
    try:
        return ReadColumn(_cast(values, wanted), [])
    except pa.ArrowInvalid:
        return _readable_rows(values, wanted, field)


def _readable_rows(values: pa.Array, wanted: pa.DataType, field: Field) -> ReadColumn:
    """Returns the column of values of which some are no UTF-8."""
    unreadable = np.array(_unreadable(values, np.arange(len(values)), wanted), np.int64)
    bad = np.zeros(len(values), bool)
    bad[unreadable] = True
    fitting = np.where(bad, -1, np.cumsum(~bad) - 1)
    column = _cast(values.filter(pa.array(~bad)), wanted)
    rule = f"field '{path_of(field)}' must be valid UTF-8"
    return ReadColumn(column.take(pa.array(fitting, mask=bad)), [Problem(unreadable, INVALID_UTF8, rule)])


def read_parts(parts: Sequence[tuple[Int64s, pa.Array]], count: int, field: Field) -> ReadColumn:
    """Returns the column of a field whose rows come with different types.

    Args:
      parts: Row numbers, in order, and their values; a row that is in none of them is null.
      count: Number of rows.
      field: What to read.
    """
    parts = [part for part in parts if len(part[0])]
    if len(parts) == 1 and len(parts[0][0]) == count:
        return read_column(parts[0][1], field)  # as nearly always: its rows are in order
    read = [read_column(values, field) for _, values in parts]
    place, at, problems = np.full(count, -1), 0, []
    for (rows, _), part in zip(parts, read, strict=True):
        place[rows] = np.arange(at, at + len(rows))
        at += len(rows)
        problems += [replace(problem, rows=rows[problem.rows]) for problem in part.problems]
    every = pa.concat_arrays([part.column for part in read]) if read else nothing_read(0, field).column
    return ReadColumn(every.take(pa.array(place, mask=place < 0)), problems)


def nothing_read(count: int, field: Field, problems: Sequence[Problem] = ()) -> ReadColumn:
    """Returns a column of nulls."""
    return ReadColumn(pa.nulls(count, canonical_type(field.types[0])), list(problems))


def path_of(field: Field) -> str:
    """Returns the names of a field's path, with dots between them."""
    return ".".join(field.path)


def must_be(field: Field) -> str:
    """Returns the rule that a value of the field must keep, in words."""
    return f"field '{path_of(field)}' must be {field.expected}"


def type_text(kind: pa.DataType) -> str:
    """Returns the name of an Arrow type, cut where it is long."""
    return printable(str(kind))


def _fits(kind: pa.DataType, wanted: Sequence[pa.DataType]) -> bool:
    if pa.types.is_null(kind):
        return True
    if pa.types.is_list(wanted[0]):
        return _is_list(kind) and _fits(kind.value_type, [item.value_type for item in wanted])
    if _is_time(kind):
        return list(wanted) == [pa.string()]
    return any(_scalar_fits(kind, one) for one in wanted)


def _remedy(kind: pa.DataType) -> str:
    inner = kind
    while _is_list(inner):
        inner = inner.value_type
    return "; where it is a time, say `iso8601` for its format" if _is_time(inner) else ""


def _is_time(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def _scalar_fits(kind: pa.DataType, wanted: pa.DataType) -> bool:
    if pa.types.is_string(wanted):
        return _is_text(kind)
    if pa.types.is_boolean(wanted):
        return bool(pa.types.is_boolean(kind))
    whole = pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0)
    if pa.types.is_integer(wanted):
        return bool(whole)
    return bool(whole or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _is_text(kind: pa.DataType) -> bool:
    tests = (
        *(pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
        *(pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary),
    )
    return any(test(kind) for test in tests)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _plain(values: pa.Array) -> pa.Array:
    """Returns the same values without the forms that say the same in fewer bytes."""
    kind = values.type
    if isinstance(kind, pa.BaseExtensionType):
        return _plain(values.storage)
    if pa.types.is_dictionary(kind):
        return _plain(values.dictionary_decode())
    if pa.types.is_run_end_encoded(kind):
        return _plain(pc.run_end_decode(values))
    if pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        return _lists(values, _plain(values.flatten()))
    if _is_list(kind) and not _is_plain(kind.value_type):
        return _lists(values, _plain(values.flatten()))
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return values.cast(pa.timestamp(kind.unit, "UTC"))  # which is written without a database of zones
    return values


def _is_plain(kind: pa.DataType) -> bool:
    if _is_list(kind):
        return _is_plain(kind.value_type)
    tests = (
        *(pa.types.is_dictionary, pa.types.is_run_end_encoded, pa.types.is_timestamp),
        *(pa.types.is_list_view, pa.types.is_large_list_view),
    )
    return not isinstance(kind, pa.BaseExtensionType) and not any(test(kind) for test in tests)


def _lists(values: pa.Array, flat: pa.Array) -> pa.ListArray:
    """Returns list<T> of lists of any form; `flat` holds what is in them, without that of nulls."""
    missing = pc.is_null(values)
    sizes = pc.if_else(missing, 0, pc.list_value_length(values)).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), flat, mask=missing)


def _cast(values: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Returns the values as another type.

    Raises:
      ArrowInvalid: Some are no UTF-8.
    """
    # A number of any width becomes the double nearest to it, as it does when JSON is read.
    options = pc.CastOptions(wanted, allow_int_overflow=True, allow_float_truncate=True, allow_decimal_truncate=True)
    column = pc.cast(values, options=options)
    column.validate(full=True)  # a cast from string to string looks at nothing
    return column


def _unreadable(values: pa.Array, rows: Int64s, wanted: pa.DataType) -> list[int]:
    """Returns which of some rows cannot be cast; halves them until they are found."""
    # Taken and not sliced: the check of a slice of lists looks at what is in all of them.
    try:
        _cast(values.take(pa.array(rows)), wanted)
    except pa.ArrowInvalid:
        if len(rows) == 1:
            return [int(rows[0])]
        half = len(rows) // 2
        return _unreadable(values, rows[:half], wanted) + _unreadable(values, rows[half:], wanted)
    return []
