"""The layouts of a series: one meaning, whichever way the numbers are written."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.formats.fields import fields_of
from schemas.formats.jsonl import parse_jsonl
from schemas.records.examples import ExampleBlock
from schemas.records.validate import validate
from schemas.spec import parse_spec

DIMS = 3
FILL = "say `missing: forward`, `zero` or `mean` in the spec to fill it"
NAMES = ["a", "in.b", "in.c"]
number = st.sampled_from([None, float("nan"), 0, 1, -2.5, 1e30, 1e39])
series = st.lists(st.lists(number, min_size=DIMS, max_size=DIMS), max_size=5)


def read(records: list[dict[str, Any]], layout: str, missing: str) -> ExampleBlock:
    where = f"columns: [{', '.join(NAMES)}]" if layout == "columns" else f"dims: {DIMS}, from: {layout}"
    spec = parse_spec(f"sequences: {{x: {{type: series, layout: {layout}, {where}, missing: {missing}}}}}")
    data = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    return validate(parse_jsonl(data, fields_of(spec)), spec)


def in_all_layouts(frames: list[list[Any]]) -> dict[str, Any]:
    a, b, c = ([frame[i] for frame in frames] for i in range(DIMS))
    return {"frames": frames, "flat": [x for frame in frames for x in frame], "a": a, "in": {"b": b, "c": c}}


def content(block: ExampleBlock) -> Any:
    """What a block holds, as text, since NaN is not equal to NaN."""
    held = {
        name: (values.values.to_pylist(), values.offsets.tolist(), values.dims, str(values.values.type))
        for name, values in (block.sequences | block.beside).items()
    }
    return str((block.ids.to_pylist(), held, [(r.line, r.reason, r.rule) for r in block.rejected]))


@given(st.lists(series, max_size=6), st.sampled_from(["reject", "forward", "zero", "mean"]))
def test_the_layout_makes_no_difference(records: list[list[list[Any]]], missing: str) -> None:
    written = [in_all_layouts(frames) for frames in records]
    frames, flat, columns = (content(read(written, layout, missing)) for layout in ("frames", "flat", "columns"))
    assert frames == flat == columns


@pytest.mark.parametrize("missing", ["reject", "forward"])
def test_columns_of_different_lengths_are_rejected(missing: str) -> None:
    records = [
        {"a": [1, 2], "in": {"b": [3, 4], "c": [5, 6]}},
        {"a": [1, 2], "in": {"b": [3], "c": [5, 6]}},
        {"a": [None], "in": {"b": [], "c": []}},
        {"a": [7], "in": {"b": [8], "c": [9]}},
    ]
    block = read(records, "columns", missing)
    assert block.sequences["x"].to_arrow().to_pylist() == [[1, 3, 5, 2, 4, 6], [7, 8, 9]]
    rule = "the columns of 'x' must be lists of one length"
    assert [(item.line, item.reason, item.rule) for item in block.rejected] == [
        (1, "not_aligned", f"{rule}; theirs are 2, 1, 2"),
        (2, "not_aligned", f"{rule}; theirs are 1, 0, 0"),
    ]


def test_what_else_is_wrong_with_columns() -> None:
    records = [
        {"a": [1], "in": {"b": [2]}},
        {"a": [1], "in": {"b": [2], "c": None}},
        {"a": [1], "in": {"b": [2], "c": 3}},
        {"a": [1], "in": {"b": [2], "c": ["3"]}},
        {"a": [1], "in": {"b": [None], "c": [3]}},
        {"a": [1], "in": {"b": [1e39], "c": [3]}},
        {"a": [], "in": {"b": [], "c": []}},
    ]
    assert sorted((item.line, item.reason, item.rule) for item in read(records, "columns", "reject").rejected) == [
        (0, "missing_field", "field 'in.c' must have a value; the record has no such field"),
        (1, "missing_field", "field 'in.c' must have a value; it is null"),
        (2, "wrong_type", "field 'in.c' must be a list of numbers; it is 3"),
        (3, "wrong_type", "field 'in.c' must be a list of numbers; it is [\"3\"]"),
        (4, "null_value", f"'x' must hold no null; {FILL}"),
        (5, "not_finite", "every number of 'x' must be finite as a 32-bit float"),
        (
            6,
            "empty_sequence",
            "'x' must have one step or more; say `empty: keep` or `empty: drop` in the spec to allow none",
        ),
    ]


def test_a_column_may_be_read_twice() -> None:
    spec = parse_spec("sequences: {x: {type: series, layout: columns, columns: [a, a]}}")
    block = validate(parse_jsonl(b'{"a": [1, 2]}\n', fields_of(spec)), spec)
    assert block.sequences["x"].to_arrow().to_pylist() == [[1, 1, 2, 2]]
    assert block.sequences["x"].lengths.tolist() == [2]


def test_no_record_at_all() -> None:
    for layout in ("frames", "flat", "columns"):
        block = read([], layout, "forward")
        assert (len(block), block.sequences["x"].lengths.tolist(), block.beside["x/missing"].dims) == (0, [], DIMS)
