"""Events by themselves: what is read of each, and why some are rejected."""

import json
from typing import Any

import pyarrow as pa
import pytest

from schemas.dataset_pb2 import DatasetSpec
from schemas.errors import UsageError
from schemas.formats.fields import event_fields_of, fields_of, raw_fields_of
from schemas.formats.jsonl import parse_jsonl
from schemas.records.events import Events, event_schema, read_events
from schemas.spec import parse_spec

GROUP = "group: {by: who, order_by: at%s}\n"
TIME = GROUP % ", order_as: time, time_format: iso8601, zone: UTC"
WORDS = GROUP % "" + "sequences: {w: {type: tokens}}\n"
EVERYTHING = (
    GROUP % ""
    + """
sequences:
  w: {type: tokens, from: what.word}
  x: {type: series, dims: 2, aligned_with: w}
  y: {type: series, dims: 2, layout: flat, aligned_with: w}
  z: {type: series, dims: 1, layout: flat, missing: zero, aligned_with: w}
context: {c: {type: category}, n: {type: number}}
label: {type: per_step_class, of: w}
split: {by: field, from: part}
"""
)


def read(spec: str, *events: dict[str, Any] | bytes) -> Events:
    resolved = parse_spec(spec)
    lines = [event if isinstance(event, bytes) else json.dumps(event).encode() for event in events]
    return read_events(parse_jsonl(b"\n".join(lines), raw_fields_of(resolved)), resolved)


def rejections(spec: str, *events: dict[str, Any]) -> list[tuple[int, str, str]]:
    good = {"who": "a", "at": 1, "w": "x"}
    return [(item.line, item.reason, item.rule) for item in read(spec, *[good | event for event in events]).rejected]


def types(spec: str | DatasetSpec) -> dict[str, tuple[str, bool]]:
    spec = parse_spec(spec) if isinstance(spec, str) else spec
    return {field.name: ("/".join(map(str, field.types)), field.required) for field in event_fields_of(spec)}


def test_an_event_holds_one_step_of_each_sequence() -> None:
    name = "string/int64/bool"
    frame = str(pa.list_(pa.float64()))
    assert types(EVERYTHING) == {
        "/order": ("double", True),
        "/split": (name, False),
        "c": (name, False),
        "id": (name, True),
        "label": (name, True),
        "n": ("double", False),
        "w": (name, True),
        "x": (frame, True),
        "y": (frame, True),
        "z": ("double", False),
    }
    paths = {field.name: field.path for field in event_fields_of(parse_spec(EVERYTHING))}
    assert (paths["id"], paths["/order"], paths["w"]) == (("who",), ("at",), ("what", "word"))


@pytest.mark.parametrize(
    ("order", "read_as", "sorted_as"),
    [
        ("", "double", "double"),
        (", order_as: text", "string", "string"),
        (", order_as: time, time_format: iso8601", "string", "int64"),
        (", order_as: time, time_format: unix_seconds", "double", "int64"),
    ],
)
def test_what_events_are_sorted_by(order: str, read_as: str, sorted_as: str) -> None:
    spec = parse_spec(GROUP % order + "sequences: {w: {type: tokens}}")
    assert types(spec)["/order"] == (read_as, True)
    assert str(event_schema(spec).field("/order").type) == sorted_as


def test_raw_fields_are_those_of_what_stands_in_the_files() -> None:
    grouped, plain = parse_spec(WORDS), parse_spec("sequences: {w: {type: tokens}}")
    assert raw_fields_of(grouped) == event_fields_of(grouped)
    assert raw_fields_of(plain) == fields_of(plain)


def test_one_field_of_an_event_may_be_a_step_and_be_said_once() -> None:
    """Which it may not in a record, where one is a list and the other is not."""
    spec = TIME + "sequences: {w: {type: tokens}}\ncontext: {first: {type: category, from: w}}\n"
    times = 'split: {by: time, from: at, time_format: iso8601, zone: UTC, before: {train: "2024-01-01"}}'
    assert [field.path for field in event_fields_of(parse_spec(spec + times)) if field.path == ("at",)] == [("at",)] * 2


def test_one_field_of_an_event_as_two_types() -> None:
    with pytest.raises(UsageError) as caught:
        event_fields_of(parse_spec(GROUP % "" + "sequences: {w: {type: tokens, from: at}}"))
    assert str(caught.value) == (
        "'at' is read as a string, an integer of 64 bits or a boolean for 'w' and as something else elsewhere in the "
        "spec; correct one `from`"
    )


def test_good_events() -> None:
    step = {"what": {"word": 7}, "x": [1, 2], "y": [3, 4], "label": True}
    events = read(
        EVERYTHING,
        {"who": 5, "at": 2, "c": "red", "n": 1.5, "part": "train", "z": 9} | step,
        b"",
        {"who": "5", "at": 1, "z": None} | step,
    )
    assert {name: column.to_pylist() for name, column in events.columns.items()} == {
        "/order": [2, 1],
        "/split": ["train", None],
        "c": ["red", None],
        "id": ["5", "5"],
        "label": ["true", "true"],
        "n": [1.5, None],
        "w": ["7", "7"],
        "x": [[1, 2], [1, 2]],
        "y": [[3, 4], [3, 4]],
        "z": [9, None],
    }
    assert pa.schema([(name, column.type) for name, column in events.columns.items()]) == event_schema(
        parse_spec(EVERYTHING)
    )
    assert (events.lines.tolist(), events.rejected, events.read) == ([0, 2], [], 2)


def test_no_event_at_all() -> None:
    events = read(EVERYTHING, b"")
    assert {name: len(column) for name, column in events.columns.items()} == dict.fromkeys(
        event_schema(parse_spec(EVERYTHING)).names, 0
    )
    assert events.read == 0


def test_a_bad_event_is_rejected_by_itself() -> None:
    good = {"who": "a", "at": 1, "w": "x"}
    events = read(WORDS, good, b"oops", {**good, "at": None}, {**good, "w": ["x"]}, {"at": 1, "w": "x"}, good)
    assert events.lines.tolist() == [0, 5]
    assert [(item.line, item.reason, item.rule) for item in sorted(events.rejected, key=lambda item: item.line)] == [
        (1, "invalid_json", "a line must hold one JSON object; Expecting value at character 1"),
        (2, "missing_field", "field 'at' must have a value; it is null"),
        (3, "wrong_type", "field 'w' must be a string, an integer of 64 bits or a boolean; it is [\"x\"]"),
        (4, "missing_field", "field 'who' must have a value; the record has no such field"),
    ]
    assert events.rejected[-1].excerpt == '{"at": 1, "w": "x"}'


def test_orders_that_are_none() -> None:
    exact = (
        "'at' must be 2^53 or less to be told apart from its neighbours; say `order_as: time` with unix_nanoseconds, "
        "or `order_as: text`"
    )
    assert rejections(WORDS, {"at": 2**53}, {"at": 2**53 + 2}, {"at": -1e300}) == [
        (1, "not_exact", exact),
        (2, "not_exact", exact),
    ]
    spec = "sequences: {w: {type: tokens}}\n" + TIME
    assert rejections(spec, {"at": "2024-01-01"}, {"at": "soon"}) == [
        (1, "invalid_time", "'at' must be a time as 'iso8601' writes it")
    ]
    assert rejections(spec.replace(", zone: UTC", ""), {"at": "2024-01-01"}, {"at": "2024-01-01T10:00Z"}) == [
        (
            0,
            "invalid_time",
            "'at' must be a time as 'iso8601' writes it, with an offset from UTC, unless group.zone is said",
        )
    ]
    assert rejections(WORDS, {"at": "1"}) == [(0, "wrong_type", "field 'at' must be a number; it is \"1\"")]


def test_steps_that_are_none() -> None:
    frames = GROUP % "" + "sequences: {x: {type: series, dims: 2}}"
    assert rejections(frames, {"x": [1, 2]}, {"x": [1]}, {"x": [1, None]}, {"x": [1e39, 0]}) == [
        (1, "wrong_dims", "every frame of 'x' must hold 2 numbers; frame 1 of 1 holds 1"),
        (2, "null_value", "'x' must hold no null; say `missing: forward`, `zero` or `mean` in the spec to fill it"),
        (3, "not_finite", "every number of 'x' must be finite as a 32-bit float"),
    ]
    flat = GROUP % "" + "sequences: {x: {type: series, dims: 2, layout: flat}}"
    assert rejections(flat, {"x": [1, 2]}, {"x": [1, 2, 3, 4]}, {"x": []}) == [
        (1, "wrong_dims", "'x' of an event must hold 2 numbers"),
        (2, "wrong_dims", "'x' of an event must hold 2 numbers"),
    ]


def test_what_a_record_has_once_is_judged_where_it_is_said() -> None:
    spec = WORDS + "context: {n: {type: number}}\nlabel: {type: number}\n"
    assert rejections(spec, {}, {"n": 1e39, "label": 1}, {"label": -1e39}) == [
        (1, "not_finite", "'n' must be finite as a 32-bit float"),
        (2, "not_finite", "the label must be finite as a 32-bit float"),
    ]
    times = 'split: {by: time, from: day, time_format: iso8601, zone: UTC, before: {train: "2024-01-01"}}'
    assert rejections(WORDS + times, {"day": "2023-05-05"}, {}, {"day": "x"}) == [
        (2, "invalid_time", "'day' must be a time as 'iso8601' writes it")
    ]


def test_missing_numbers_of_a_step_are_left_to_the_series() -> None:
    spec = (
        GROUP % ", order_as: text"
        + """
sequences:
  x: {type: series, dims: 2, missing: zero}
  y: {type: series, dims: 2, layout: flat, missing: zero}
  z: {type: series, layout: columns, columns: [a, b], missing: zero, time: {from: t, format: unix_seconds}}
"""
    )
    event = {"who": "a", "at": "", "t": 1}
    events = read(spec, event, {**event, "x": [1, None], "y": [None, 2], "a": 3}, {**event, "t": None})
    assert {name: column.to_pylist() for name, column in events.columns.items()} == {
        "/order": ["", ""],
        "id": ["a", "a"],
        "x": [None, [1, None]],
        "y": [[None, None], [None, 2]],
        "z/time": [1, 1],
        "z[0]": [None, 3],
        "z[1]": [None, None],
    }
    assert [(item.line, item.reason) for item in events.rejected] == [(2, "missing_field")]
