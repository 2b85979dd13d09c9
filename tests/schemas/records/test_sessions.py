"""Several records of one key: where they begin, what they are called, and when they are complete."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.dataset_pb2 import DatasetSpec
from schemas.errors import UsageError
from schemas.formats.fields import raw_fields_of
from schemas.formats.jsonl import parse_jsonl
from schemas.records.events import read_events
from schemas.records.grouping import EventTable, Grouped, group_events
from schemas.records.sessions import closing_times, record_ids
from schemas.records.splits import place_examples
from schemas.records.validate import validate
from schemas.spec import parse_spec

SECOND = 1_000_000
START = datetime(2024, 1, 1, tzinfo=UTC)
START_MICROS = int(START.timestamp()) * SECOND
RULES = [
    *({"session_gap": "3s"}, {"window": "10s"}, {"max_events": 2}, {"max_events": 1}),
    *({"session_gap": "3s", "window": "5s"}, {"session_gap": "4s", "max_events": 2}),
    {"window": "4s", "session_gap": "2s", "max_events": 3},
]
ENDING = [rules for rules in RULES if "window" in rules or "session_gap" in rules]


def spec_of(more: str = "", duplicates: str = "keep", **rules: Any) -> DatasetSpec:
    order = "order_by: at, order_as: time, time_format: iso8601, zone: UTC"
    said = "".join(f", {name}: {value}" for name, value in rules.items())
    group = f"group: {{by: who, {order}, duplicates: {duplicates}{said}}}\n"
    return parse_spec("sequences: {w: {type: tokens}}\nsplit: {fractions: {train: 0.5, test: 0.5}}\n" + group + more)


def event(who: str, seconds: float, word: str = "x") -> bytes:
    return json.dumps({"who": who, "at": (START + timedelta(seconds=seconds)).isoformat(), "w": word}).encode()


def group(lines: list[bytes], spec: DatasetSpec) -> Grouped:
    events = read_events(parse_jsonl(b"\n".join(lines), raw_fields_of(spec)), spec)
    assert events.rejected == []
    return group_events(EventTable(events.columns, events.offsets, np.zeros(len(lines), np.int64)), spec)


def records(lines: list[bytes], spec: DatasetSpec) -> dict[str, list[str]]:
    raw = group(lines, spec).raw
    found = dict(zip(raw.columns["id"].to_pylist(), raw.columns["w"].to_pylist(), strict=True))
    assert len(found) == len(raw.offsets), "no two records have one id"
    return found


def reference(events: list[tuple[str, float, str]], rules: dict[str, Any]) -> list[list[str]]:
    """The words of each record, event by event, as the documentation says it."""
    number = {name: int(value.rstrip("s")) for name, value in rules.items() if name != "max_events"}
    open_records: dict[str, tuple[float, list[str]]] = {}
    begins: dict[str, int] = {}
    found: list[list[str]] = []
    for who, at, word in sorted(events, key=lambda event: event[:2]):
        last, words = open_records.get(who, (at, []))
        new = who not in open_records
        if "session_gap" in number:
            new |= at - last > number["session_gap"]
        if "window" in number:
            new |= at // number["window"] != last // number["window"]
        count = 0 if new else begins[who] + 1
        if new or count % rules.get("max_events", 1 << 40) == 0:
            words = []
            found.append(words)
        words.append(word)
        begins[who], open_records[who] = count, (at, words)
    return found


TIMES = st.integers(-60, 60).map(lambda quarters: quarters / 4)
EVENTS = st.lists(st.tuples(st.sampled_from(["a", "b", "a@b", ""]), TIMES), max_size=25).map(
    lambda events: [(who, at, str(i)) for i, (who, at) in enumerate(events)]
)


@given(EVENTS, st.sampled_from(RULES))
def test_records_are_those_of_the_reference(events: list[tuple[str, float, str]], rules: dict[str, Any]) -> None:
    lines = [event(*one) for one in events]
    found = group(lines, spec_of(**rules))
    words = found.raw.columns["w"].to_pylist()
    assert sorted(words) == sorted(reference(events, rules))
    assert found.seen.tolist() == [min(map(int, own)) for own in words] == sorted(found.seen.tolist())
    assert found.first.tolist() == [int(own[0]) for own in words]
    assert found.kept == len(events)
    records(lines, spec_of(**rules))


@given(EVENTS, st.sampled_from(RULES), st.randoms())
def test_files_and_their_order_make_no_difference(
    events: list[tuple[str, float, str]], rules: dict[str, Any], random: Any
) -> None:
    once = list({event[:2]: event for event in events}.values())
    lines = [event(*one) for one in once]
    assert records(random.sample(lines, len(lines)), spec_of(**rules)) == records(lines, spec_of(**rules))


@given(EVENTS, st.sampled_from(RULES))
def test_a_key_has_one_split(events: list[tuple[str, float, str]], rules: dict[str, Any]) -> None:
    """That which it has as one record: by its hash, whatever the records are called."""
    lines = [event(*one) for one in events]

    def split_of_words(spec: DatasetSpec) -> dict[str, int]:
        examples = validate(group(lines, spec).raw, spec)
        placed = place_examples(examples, spec, {"train": 0.5, "test": 0.5})
        words = examples.sequences["w"].to_arrow().to_pylist()
        return {word: split for own, split in zip(words, placed.splits.tolist(), strict=True) for word in own}

    assert split_of_words(spec_of(**rules)) == split_of_words(spec_of())


def test_what_records_are_called() -> None:
    lines = [event("k", at, word) for at, word in [(0, "a"), (0, "b"), (0, "c"), (0.25, "d"), (90, "e")]]
    assert records(lines, spec_of(max_events=1)) == {
        "k@2024-01-01T00:00:00Z": ["a"],
        "k@2024-01-01T00:00:00Z~2": ["b"],
        "k@2024-01-01T00:00:00Z~3": ["c"],
        "k@2024-01-01T00:00:00.250000Z": ["d"],
        "k@2024-01-01T00:01:30Z": ["e"],
    }
    assert list(records(lines, spec_of(session_gap="10s"))) == ["k@2024-01-01T00:00:00Z", "k@2024-01-01T00:01:30Z"]
    assert list(records(lines, spec_of())) == ["k"]


@pytest.mark.parametrize(
    ("order", "names"),
    [
        (pa.array([0.0, -0.0, 2.0**53, -1.5, 1e-7]), ["0", "0", "9007199254740992", "-1.5", "1e-07"]),
        (pa.array(["a", "", "a@b~2%", "ä", "~"]), ["a", "", "a%40b%7E2%25", "ä", "%7E"]),
        (
            pa.array([0, -1, 1, 253402300799999999, -62135596800000000]),
            [
                *("1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:00.000001Z"),
                *("9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z"),
            ],
        ),
    ],
)
def test_names_of_every_order(order: pa.Array, names: list[str]) -> None:
    keys = pa.array(["k"] * len(names))
    assert record_ids(keys, order, np.zeros(len(names), np.int64)).to_pylist() == [f"k@{name}" for name in names]
    assert record_ids(keys, order, np.arange(len(names)) + 1).to_pylist() == [
        f"k@{name}~{i + 2}" for i, name in enumerate(names)
    ]


def test_a_gap_and_a_window_to_the_microsecond() -> None:
    spec = spec_of(session_gap="30m")
    at = [0, 1800, 3600.000001, 3601]
    assert list(records([event("k", one, str(one)) for one in at], spec).values()) == [
        ["0", "1800"],
        ["3600.000001", "3601"],
    ]
    spec = spec_of(window="1h")
    assert list(records([event("k", one, str(one)) for one in at], spec).values()) == [
        ["0", "1800"],
        ["3600.000001", "3601"],
    ]


def test_an_event_that_is_dropped_counts_for_nothing() -> None:
    lines = [event("k", 0), event("k", 0), event("k", 1), event("k", 2)]
    assert [len(own) for own in records(lines, spec_of(duplicates="drop", max_events=2)).values()] == [2, 1]


def micros(seconds: float) -> int:
    return START_MICROS + round(seconds * SECOND)


@given(EVENTS, st.sampled_from(ENDING), st.lists(TIMES, max_size=6), st.randoms())
def test_sessions_of_a_stream_are_those_of_all_events_at_once(
    events: list[tuple[str, float, str]], rules: dict[str, Any], stops: list[float], random: Any
) -> None:
    """Events come in any order, none of them earlier than what has been closed at, and what is complete goes."""
    spec = spec_of(**rules)
    once = list({one[:2]: one for one in events}.values())
    left = random.sample(once, len(once))
    found: dict[str, list[str]] = {}
    held: list[bytes] = []
    for stop in [*sorted(stops), 1e6]:
        coming = [one for one in left if one[1] < stop or random.random() < 0.4]
        left = [one for one in left if one not in coming]
        held += [event(*one) for one in coming]
        is_open = closing_times(held, spec) > micros(stop)
        gone = [line for line, still in zip(held, is_open.tolist(), strict=True) if not still]
        held = [line for line, still in zip(held, is_open.tolist(), strict=True) if still]
        closed = records(gone, spec)
        assert not closed.keys() & found.keys()
        found |= closed
    assert (held, left) == ([], [])
    assert found == records([event(*one) for one in once], spec)


@given(EVENTS, st.sampled_from(ENDING))
def test_all_events_of_a_session_close_together(events: list[tuple[str, float, str]], rules: dict[str, Any]) -> None:
    spec = spec_of(**{name: value for name, value in rules.items() if name != "max_events"})
    lines = [event(*one) for one in events]
    closing = closing_times(lines, spec)
    assert closing.dtype == np.int64
    for words in records(lines, spec).values():
        last = micros(max(events[int(word)][1] for word in words))
        [found] = {int(closing[int(word)]) for word in words}
        assert found > last
        assert found == min(end(last) for end in _ends(rules))


def _ends(rules: dict[str, Any]) -> list[Callable[[int], int]]:
    ends: list[Callable[[int], int]] = []
    if "session_gap" in rules:
        gap = int(rules["session_gap"][:-1]) * SECOND
        ends.append(lambda last: last + gap + 1)
    if "window" in rules:
        length = int(rules["window"][:-1]) * SECOND
        ends.append(lambda last: (last // length + 1) * length)
    return ends


def test_an_event_at_the_very_end_of_a_gap_is_waited_for() -> None:
    spec, lines = spec_of(session_gap="10s"), [event("k", 0)]
    assert closing_times(lines, spec).tolist() == [micros(10) + 1]
    assert len(records([*lines, event("k", 10)], spec)) == 1


def test_a_rejected_event_is_in_no_session() -> None:
    """Neither in a batch, so that it does not hold two sessions together."""
    no_word = json.dumps({"who": "k", "at": "2024-01-01T00:00:08"}).encode()
    lines = [event("k", 0), no_word, event("k", 16), b"nothing", b"", event("m", 3)]
    closing = closing_times(lines, spec_of(session_gap="10s"))
    assert closing.tolist() == [micros(10) + 1, micros(8), micros(26) + 1, 0, 0, micros(13) + 1]
    assert closing_times([], spec_of(session_gap="10s")).tolist() == []


@pytest.mark.parametrize("rules", [{}, {"max_events": 3}])
def test_a_key_that_is_never_complete(rules: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        closing_times([event("k", 0)], spec_of(**rules))
    assert str(caught.value) == (
        "spec group.session_gap: is missing; without it or group.window nobody can say when a key has all of its "
        "events; say one of them, such as session_gap: 30m"
    )


def test_nothing_to_cut() -> None:
    assert records([], spec_of(session_gap="3s", max_events=2)) == {}
