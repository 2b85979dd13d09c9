"""Event times of raw lines, and what validation says of the same lines."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.errors import UsageError
from schemas.formats.fields import event_fields_of, fields_of, raw_fields_of
from schemas.formats.jsonl import parse_jsonl
from schemas.records.event_time import event_times
from schemas.records.events import event_schema, read_events
from schemas.records.grouping import EventTable, group_events
from schemas.records.unlabelled import unlabelled_spec
from schemas.records.validate import validate
from schemas.spec import parse_spec

WORDS = "sequences: {w: {type: tokens}}\n"
TIMED = WORDS + "event_time: {from: at, zone: UTC}\n"
NESTED = WORDS + "event_time: {from: seen.at, format: unix_milliseconds}\n"
SORTED = WORDS + "group: {by: k, order_by: at, order_as: time, time_format: iso8601, zone: UTC}\n"
NUMBERED = TIMED + "group: {by: k, order_by: n, duplicates: reject}\n"
NOON = 1_704_110_400_000_000  # 2024-01-01T12:00Z


def line(**values: Any) -> bytes:
    return json.dumps({"k": "a", "n": 1, "w": ["x"]} | values).encode()


def judged(spec_text: str, text: bytes) -> list[tuple[str, str]] | None:
    """Why validation refuses a line that stands alone; None where it holds no record."""
    spec = parse_spec(spec_text)
    block = parse_jsonl(text, raw_fields_of(spec))
    found = read_events(block, spec) if spec.HasField("group") else validate(block, spec)
    return [(item.reason, item.rule) for item in found.rejected] if found.read else None


TEXTS = ["2024-01-01T12:00", "2024-01-01 12:00:00,25+02:00", "2024-02-30", "", "0001-01-01T00:00+01:00", "noon"]
OTHERS = [None, 1704110400, 1704110400123.5, 1e300, -7, True, [], {}]
ODD_LINES = [
    *(b"", b" ", b"\r", b"[1]", b"7", b"null", b"{", b'{"at":"\xff"}', b'{"at":"2024-01-01"}{}', b"\xef\xbb\xbf"),
    b'\xef\xbb\xbf{"at": "2024-01-01", "w": ["x"]}',
    b' {"at": "2024-01-01", "w": ["x"]} \r',
    b'{"at":\n"2024-01-01", "w": ["x"]}',
    b'{"at": "2024-01-01", "at": "2024-01-02", "w": ["x"]}',
]
TIMES = st.sampled_from([*TEXTS, *OTHERS])
RECORDS = st.fixed_dictionaries(
    {"n": st.just(1), "w": st.sampled_from(["x", ["x"]])},
    optional={"at": TIMES, "seen": st.fixed_dictionaries({}, optional={"at": TIMES}) | TIMES, "k": st.just("a")},
).map(lambda record: json.dumps(record).encode())
LINES = st.lists(RECORDS | st.sampled_from(ODD_LINES), max_size=9)


@given(st.sampled_from([TIMED, NESTED, SORTED, NUMBERED]), LINES)
@example(TIMED, [b"", b'\xef\xbb\xbf{"at": "2024-01-01", "w": ["x"]}'])
def test_event_times_are_bad_where_validation_says_so(spec_text: str, lines: list[bytes]) -> None:
    """Where validation finds no fault there is a time; where there is none, validation refuses the line."""
    spec = parse_spec(spec_text)
    times, bad = event_times(lines, spec)
    assert (times.dtype, times.shape, bad.shape) == (np.int64, (len(lines),), (len(lines),))
    assert not times[bad].any()
    for i, text in enumerate(lines):
        alone = event_times([text], spec)
        assert (times[i], bad[i]) == (alone[0][0], alone[1][0]), "a line is judged by itself"
        if b"\n" in text:
            assert bad[i]
            continue
        reasons = judged(spec_text, text)
        if bad[i]:
            assert reasons != []
        if reasons == []:
            assert not bad[i]
        if reasons and reasons[0][1].split(";")[0].endswith("unless event_time.zone is said"):
            assert bad[i]


@given(st.lists(st.integers(-(10**16), 10**17), max_size=20))
def test_event_times_are_those_that_events_are_sorted_by(micros: list[int]) -> None:
    spec = parse_spec(SORTED)
    lines = [line(at=np.datetime64(one, "us").item().isoformat(), w="x") for one in micros]
    times, bad = event_times(lines, spec)
    assert times.tolist() == micros
    assert not bad.any()
    events = read_events(parse_jsonl(b"\n".join(lines), raw_fields_of(spec)), spec)
    assert events.columns["/order"].to_pylist() == micros


@pytest.mark.parametrize(
    ("at", "reason", "rule"),
    [
        (None, "missing_field", "field 'at' must have a value; it is null"),
        (7, "wrong_type", "field 'at' must be a string; it is 7"),
        ("noon", "invalid_time", "'at' must be a time as 'iso8601' writes it"),
    ],
)
@pytest.mark.parametrize("spec", [TIMED, NUMBERED, SORTED])
def test_a_record_without_a_time_is_rejected(spec: str, at: object, reason: str, rule: str) -> None:
    step = {"w": "x"} if "group" in spec else {}
    assert judged(spec, line(at=at, **step)) == [(reason, rule)]
    assert judged(spec, line(at="2024-01-01", **step)) == []
    assert judged(WORDS, line(at=at)) == []


def test_a_time_without_an_offset_names_the_remedy() -> None:
    rule = "'at' must be a time as 'iso8601' writes it, with an offset from UTC, unless event_time.zone is said"
    assert judged(TIMED.replace(", zone: UTC", ""), line(at="2024-01-01")) == [("invalid_time", rule)]


def test_two_events_that_differ_in_their_time_only_are_not_the_same() -> None:
    spec = parse_spec(NUMBERED)
    lines = [line(at=at, w="x") for at in ("2024-01-01T12:00", "2024-01-01T12:00:01", "2024-01-01T12:00")]
    events = read_events(parse_jsonl(b"\n".join(lines), raw_fields_of(spec)), spec)
    assert events.columns["/event_time"].to_pylist() == [NOON, NOON + 1_000_000, NOON]
    grouped = group_events(EventTable(events.columns, events.offsets, np.zeros(3, np.int64)), spec)
    assert grouped.raw.columns["w"].to_pylist() == [["x", "x"]]
    [item] = grouped.rejected
    assert (item.line, item.excerpt) == (2, '{"at":"2024-01-01T12:00:00+00:00","k":"a","n":1,"w":"x"}')


def test_a_line_that_is_too_long_has_none() -> None:
    spec = parse_spec(TIMED + "input: {max_record_bytes: 60}")
    _, bad = event_times([line(at="2024-01-01"), line(at="2024-01-01", more="x" * 40)], spec)
    assert bad.tolist() == [False, True]


def test_a_spec_without_an_event_time() -> None:
    with pytest.raises(UsageError) as caught:
        event_times([line()], parse_spec(WORDS))
    assert str(caught.value) == (
        "spec event_time: is missing; name the field that says when a record came to be, such as event_time: {from: at}"
    )


def test_what_is_read_of_records_and_of_events() -> None:
    timed, numbered = parse_spec(TIMED), parse_spec(NUMBERED)
    assert [field.name for field in fields_of(timed)] == ["/event_time", "w"]
    assert [field.name for field in fields_of(timed, for_training=False)] == ["w"]
    assert [field.name for field in event_fields_of(numbered)] == ["/event_time", "/order", "id", "w"]
    assert [field.name for field in event_fields_of(unlabelled_spec(numbered))] == ["/order", "id", "w"]
    assert str(event_schema(numbered).field("/event_time").type) == "int64"
    assert event_fields_of(parse_spec(SORTED)) == event_fields_of(
        parse_spec(SORTED + "event_time: {from: at, zone: UTC}")
    )
