"""Times of frames: how long after the frame before, and why they are refused."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.formats.fields import fields_of
from schemas.formats.jsonl import parse_jsonl
from schemas.records.examples import ExampleBlock
from schemas.records.validate import validate
from schemas.spec import parse_spec


def read(records: list[dict[str, Any]], clock: str = "format: unix_seconds", more: str = "") -> ExampleBlock:
    spec = parse_spec(
        f"sequences: {{x: {{type: series, dims: 1, empty: keep, time: {{from: at, {clock}}}{more}}}}}",
    )
    data = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    return validate(parse_jsonl(data, fields_of(spec)), spec)


def frames(count: int) -> list[list[float]]:
    return [[float(i)] for i in range(count)]


def since(block: ExampleBlock) -> list[Any]:
    seconds = block.beside["x/since"]
    assert (seconds.dims, seconds.values.type) == (1, pa.float32())
    lists: list[Any] = seconds.to_arrow().to_pylist()
    return lists


@given(st.lists(st.lists(st.integers(-(10**12), 10**12), max_size=5).map(sorted), min_size=1, max_size=5))
def test_seconds_since_the_frame_before(times: list[list[int]]) -> None:
    block = read([{"x": frames(len(t)), "at": t} for t in times], "format: unix_milliseconds")
    assert not block.rejected
    expected = [[0 if i == 0 else float(np.float32((t[i] - t[i - 1]) / 1e3)) for i in range(len(t))] for t in times]
    assert since(block) == expected


def test_texts_in_a_zone() -> None:
    # Clocks are put forward between the first two.
    times = ["2024-03-31T01:59:59", "2024-03-31T03:00:00.5", "2024-03-31T03:00:00.500000"]
    block = read([{"x": frames(3), "at": times}], "format: iso8601, zone: Europe/Berlin")
    assert since(block) == [[0, 1.5, 0]]


def test_a_pattern() -> None:
    block = read([{"x": frames(2), "at": ["1.2.2024 10:00", "2.2.2024 10:01"]}], "format: '%d.%m.%Y %H:%M', zone: UTC")
    assert since(block) == [[0, 86_460]]


UNIX = "every time of 'x' must be a number of unix_seconds within the years 1 to 9999"


@pytest.mark.parametrize(
    ("times", "reason", "rule"),
    [
        ([1, None], "invalid_time", f"{UNIX}; time 2 of 2 is null"),
        ([1, 1e300], "invalid_time", f"{UNIX}; time 2 of 2 is 1e+300"),
        ([1], "not_aligned", "'x' must have as many times as frames; it has 1 and 2"),
        ([1, 2, 3], "not_aligned", "'x' must have as many times as frames; it has 3 and 2"),
        ([2, 1], "not_in_order", "the times of 'x' must not fall back; time 2 of 2 is before the one before"),
        (None, "missing_field", "field 'at' must have a value; it is null"),
        (["1", "2"], "wrong_type", 'field \'at\' must be a list of numbers; it is ["1", "2"]'),
    ],
)
def test_why_times_are_refused(times: Any, reason: str, rule: str) -> None:
    good = {"x": frames(2), "at": [5, 6.5]}
    block = read([good, {"x": frames(2), "at": times}, good])
    assert [(item.line, item.reason, item.rule) for item in block.rejected] == [(1, reason, rule)]
    assert since(block) == [[0, 1.5], [0, 1.5]]


@pytest.mark.parametrize(
    ("clock", "rule"),
    [
        (
            "format: iso8601",
            "every time of 'x' must be written as iso8601 says, with its offset from UTC; "
            "or name the `zone` of these times in the spec; time 1 of 1 is 'soon'",
        ),
        ("format: iso8601, zone: UTC", "every time of 'x' must be written as iso8601 says; time 1 of 1 is 'soon'"),
        ("format: '%Y', zone: UTC", "every time of 'x' must be written as %Y says; time 1 of 1 is 'soon'"),
    ],
)
def test_why_texts_are_refused(clock: str, rule: str) -> None:
    block = read([{"x": frames(1), "at": ["soon"]}], clock)
    assert [(item.reason, item.rule) for item in block.rejected] == [("invalid_time", rule)]


def test_texts_are_no_numbers() -> None:
    block = read([{"x": frames(1), "at": [5]}], "format: iso8601")
    assert [item.rule for item in block.rejected] == ["field 'at' must be a list of strings; it is [5]"]


def test_the_first_step_of_a_piece_keeps_its_distance() -> None:
    """What went before is in another example, or in none, and yet it was so long ago."""
    record = {"x": frames(3), "at": [10, 11, 13]}
    assert since(read([record], more=", max_length: 2, too_long: truncate_head")) == [[1, 2]]
    assert since(read([record], more=", max_length: 2, too_long: split")) == [[0, 1], [2]]


def test_times_are_part_of_what_a_record_is() -> None:
    text = "format: iso8601, zone: UTC"
    one, same, other = read(
        [{"x": frames(2), "at": at} for at in ([0, 1], [0.0, 1.0], [0, 2])],
    ).ids.to_pylist()
    assert one == same != other
    written = [{"x": frames(2), "at": ["1970-01-01T00:00:00Z", "1970-01-01T01:00:01+01:00"]}]
    assert read(written, text).ids.to_pylist() == [one]
    spec = parse_spec("sequences: {x: {type: series, dims: 1}}")
    without = validate(parse_jsonl(b'{"x": [[0], [1]]}', fields_of(spec)), spec)
    assert without.ids.to_pylist() != [one]
