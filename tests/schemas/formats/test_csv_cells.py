"""What a cell of CSV holds, strictly."""

import json
import math

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.formats.csv_cells import split_cells, typed_cells
from schemas.formats.csv_scan import Dialect
from schemas.formats.csv_text import parse_csv
from schemas.formats.fields import Field
from schemas.formats.jsonl import parse_jsonl

NAME = (pa.string(), pa.int64(), pa.bool_())
NAMES = tuple(pa.list_(kind) for kind in NAME)
TEXT, NUMBER = (pa.string(),), (pa.float64(),)
NUMBERS, FRAMES = (pa.list_(pa.float64()),), (pa.list_(pa.list_(pa.float64())),)


def typed(cells: list[str], types: tuple[pa.DataType, ...]) -> list[object] | None:
    column = typed_cells(pa.array(cells, pa.string()), Field("a", ("a",), types))
    return None if column is None else column.to_pylist()


def explain(cell: str, types: tuple[pa.DataType, ...], required: bool = True) -> tuple[str, str]:
    quoted = '"' + cell.replace('"', '""') + '"'
    block = parse_csv(f"{quoted},\n".encode(), ("a", "b"), [Field("a", ("a",), types, required)], Dialect())
    if block.rejected:
        return block.rejected[0].reason, block.rejected[0].rule
    assert block.columns["a"].to_pylist() == [None]
    return block.explain(0)


def json_number(cell: str) -> float | None:
    """Returns the number that JSON reads in a cell, or None."""
    try:
        value = json.loads(cell, parse_constant=lambda name: None)
    except ValueError:
        return None
    if cell != cell.strip() or isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


@given(st.lists(st.text("0123456789-+.eE xn", min_size=1, max_size=6), min_size=1, max_size=4))
@example(["1", "-0.5", "1e5", "0"])
@example(["01"])
@example(["-"])
@example(["1", ".5"])
@example(["1.", "5"])
@example(["nan"])
@example(["inf"])
@example(["1e999"])
@example(["+1"])
@example(["0x1"])
@example(["1-2"])
def test_numbers_are_those_of_json(cells: list[str]) -> None:
    expected = [json_number(cell) for cell in cells]
    assert typed(cells, NUMBER) == (None if None in expected else expected)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=5))
def test_numbers_are_read_exactly(numbers: list[float]) -> None:
    assert repr(typed([repr(number) for number in numbers], NUMBER)) == repr(numbers)


def test_empty_cells() -> None:
    assert typed(["", "a"], TEXT) == ["", "a"]
    assert typed(["", "a"], NAME) == [None, "a"]
    assert typed(["", "1"], NUMBER) == [None, 1]
    assert typed(["", "[1]"], NUMBERS) == [None, [1]]
    assert typed(["", ""], NAMES) == [None, None]
    assert typed(["", ""], NUMBER) == [None, None]


def test_a_name_is_the_cell_as_it_is() -> None:
    assert typed(["007", " a ", "true", "1.0"], NAME) == ["007", " a ", "true", "1.0"]


@pytest.mark.parametrize(
    ("cells", "types", "values"),
    [
        (["[1,2]", " [0.5, null]\n"], NUMBERS, [[1, 2], [0.5, None]]),
        (["[[1,2],[3,4]]", "[]"], FRAMES, [[[1, 2], [3, 4]], []]),
        (['["a","b\\n"]', "[]"], NAMES, [["a", "b\n"], []]),
        (["[1,2]", "[-3]"], NAMES, [["1", "2"], ["-3"]]),
        (["[true]", "[false]"], NAMES, [["true"], ["false"]]),
        (["[1]", '["a"]'], NAMES, None),
        (["[1", "2]"], NUMBERS, None),
        (['["a', 'b"]'], NAMES, None),
        (['[1],"value":[2]'], NUMBERS, None),
        (['[1],"other":[2]'], NUMBERS, None),
        (['[1]}\n{"value":[2]'], NUMBERS, None),
        (['[1]}{"value":[2]'], NUMBERS, None),
        (['["1"]'], NUMBERS, None),
        (["1"], NUMBERS, None),
        (["{}"], NUMBERS, None),
        (["[1]]"], NUMBERS, None),
    ],
)
def test_lists(cells: list[str], types: tuple[pa.DataType, ...], values: object) -> None:
    assert typed(cells, types) == values


def json_lists() -> st.SearchStrategy[object]:
    scalar = st.one_of(st.integers(-9, 9), st.booleans(), st.none(), st.floats(-9, 9), st.text('a,"\n]}', max_size=3))
    return st.lists(st.one_of(scalar, st.lists(scalar, max_size=2)), max_size=3)


@given(st.lists(json_lists(), max_size=4), st.sampled_from([NAMES, NUMBERS, FRAMES]))
def test_lists_are_those_of_jsonl(lists: list[object], types: tuple[pa.DataType, ...]) -> None:
    fields = [Field("a", ("a",), types)]
    cells = [json.dumps(value) for value in lists]
    lines = parse_jsonl("".join(f'{{"a": {cell}}}\n' for cell in cells).encode(), fields)
    quoted = [cell.replace('"', '""') for cell in cells]
    records = parse_csv("".join(f'"{cell}"\n' for cell in quoted).encode(), ("a",), fields, Dialect())
    assert records.columns["a"].equals(lines.columns["a"])
    assert [item.line for item in records.rejected] == [item.line for item in lines.rejected]
    assert [item.reason for item in records.rejected] == [item.reason for item in lines.rejected]


@pytest.mark.parametrize(
    ("cell", "types", "reason", "rule"),
    [
        ("", NAME, "missing_field", "field 'a' must have a value; its cell is empty"),
        ("", NUMBERS, "missing_field", "field 'a' must have a value; its cell is empty"),
        ("nan", NUMBER, "wrong_type", "field 'a' must be a number; it is \"nan\""),
        ("1,000", NUMBER, "wrong_type", "field 'a' must be a number; it is \"1,000\""),
        (" 1", NUMBER, "wrong_type", "field 'a' must be a number; it is \" 1\""),
        ("true", NUMBER, "wrong_type", "field 'a' must be a number; it is \"true\""),
        ("1e999", NUMBER, "not_finite", "field 'a' must be finite; it is Infinity"),
        ("[1e999]", NUMBERS, "not_finite", "field 'a' must be finite; it is [Infinity]"),
        ('["1"]', NUMBERS, "wrong_type", "field 'a' must be a list of numbers; it is [\"1\"]"),
        ("7", NUMBERS, "wrong_type", "field 'a' must be a list of numbers; it is 7"),
        (
            "[1,",
            NUMBERS,
            "wrong_type",
            "field 'a' must be a list of numbers; it is \"[1,\"; a list stands in its cell as JSON, "
            'as [0.5, 1] or ["a", "b"]',
        ),
        (
            '["\\ud800"]',
            NAMES,
            "invalid_json",
            "a cell with a list must hold JSON of valid strings and numbers",
        ),
    ],
)
def test_why_a_cell_is_refused(cell: str, types: tuple[pa.DataType, ...], reason: str, rule: str) -> None:
    assert explain(cell, types) == (reason, rule)


def test_a_field_that_is_not_required_may_be_empty_but_not_wrong() -> None:
    assert typed([""], NUMBER) == [None]
    assert explain("x", NUMBER, required=False)[0] == "wrong_type"


@pytest.mark.parametrize(
    ("record", "cells"),
    [
        ("", [""]),
        (",", ["", ""]),
        ("a,b", ["a", "b"]),
        ('"a,""b""",', ['a,"b"', ""]),
        ('"",""', ["", ""]),
        ('a,"b\r\nc"', ["a", "b\r\nc"]),
    ],
)
def test_splitting(record: str, cells: list[str]) -> None:
    assert split_cells(record, Dialect()) == cells
