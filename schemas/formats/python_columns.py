"""Columns of values that a library gives as Python's own: one Arrow array where they are of one type.

The values of a row decide what the row is; a row of another type than its neighbours costs itself and
the speed of its block only.
"""

from collections.abc import Hashable, Sequence
from decimal import Decimal
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.formats.explain import WRONG_TYPE
from schemas.formats.fields import Field
from schemas.formats.rejected import excerpt
from schemas.formats.tables import as_json
from schemas.formats.typed_columns import Problem, ReadColumn, must_be, read_parts
from schemas.ragged import Int64s

_NONE = type(None)
_ARROW_TYPES = {str: pa.string(), bytes: pa.binary(), bool: pa.bool_(), int: pa.int64(), float: pa.float64()}
_SHOWN_CHARACTERS = 80


def column_of_records(records: Sequence[Any], field: Field) -> ReadColumn:
    """Returns the column of a field.

    Args:
      records: Values of Python: dictionaries by field name; what is none is rejected.
      field: What to read.
    """
    values: Sequence[Any] = records
    problems: list[Problem] = []
    for i, name in enumerate(field.path):
        wrong = [j for j, value in enumerate(values) if not isinstance(value, dict | _NONE)]
        what = f"field '{'.'.join(field.path[:i])}'" if i else "a record"
        problems += [_problem(j, f"{what} must be an object that holds '{name}'", values[j]) for j in wrong]
        values = [value.get(name) if isinstance(value, dict) else None for value in values]
    read = _read_values(values, field)
    return ReadColumn(read.column, [*problems, *read.problems])


def _read_values(values: Sequence[Any], field: Field) -> ReadColumn:
    # Where numbers are wanted, an integer among floats is one.
    numbers = _is_number(field.types[0])
    whole = _to_arrow(values, numbers)
    if whole is not None:
        return read_parts([(np.arange(len(values)), whole)], len(values), field)
    rows: dict[Hashable, list[int]] = {}
    for i, value in enumerate(values):
        rows.setdefault(_kind(value), []).append(i)
    parts: list[tuple[Int64s, pa.Array]] = []
    problems = []
    for group in rows.values():
        array = _to_arrow([values[i] for i in group], numbers)
        if array is not None:
            parts.append((np.array(group), array))
            continue
        for i in group:
            array = _to_arrow([values[i]], numbers)
            if array is not None:
                parts.append((np.array([i]), array))
            else:
                problems.append(_problem(i, must_be(field), values[i]))
    read = read_parts(parts, len(values), field)
    return ReadColumn(read.column, [*read.problems, *problems])


def _problem(row: int, rule: str, value: Any) -> Problem:
    text = excerpt(as_json(value))
    shown = text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."
    return Problem(np.array([row]), WRONG_TYPE, f"{rule}; it is {shown}")


def _is_number(kind: pa.DataType) -> bool:
    return _is_number(kind.value_type) if pa.types.is_list(kind) else bool(pa.types.is_floating(kind))


def _kind(value: Any) -> Hashable:
    """Returns what rows that can be of one Arrow type have in common."""
    if isinstance(value, list):
        return frozenset(map(_kind, value)) - {_NONE}
    kind: type = type(value)
    return kind


def _to_arrow(values: Sequence[Any], numbers: bool) -> pa.Array | None:
    """Returns the array of some values, or None where they are of several types, or of one that is not read."""
    kinds = set(map(type, values)) - {_NONE}
    if not kinds:
        return pa.nulls(len(values))
    if kinds == {list}:
        inner = _to_arrow(list(chain.from_iterable(value for value in values if value is not None)), numbers)
        return None if inner is None else _lists(values, inner)
    if numbers and kinds == {int, float}:
        values, kinds = [None if value is None else float(value) for value in values], {float}
    kind = kinds.pop()
    if kinds or (kind not in _ARROW_TYPES and kind is not Decimal):
        return None
    try:
        return pa.array(values, _ARROW_TYPES.get(kind))
    except UnicodeEncodeError:  # bytes that are no UTF-8, as the library hands them on
        return pa.array([None if value is None else value.encode("utf-8", "surrogateescape") for value in values])
    except (OverflowError, pa.ArrowInvalid):  # beyond 64 bits
        return None


def _lists(values: Sequence[Any], inner: pa.Array) -> pa.ListArray:
    sizes = [0 if value is None else len(value) for value in values]
    missing = pa.array([value is None for value in values])
    return pa.ListArray.from_arrays(pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int32()), inner, mask=missing)
