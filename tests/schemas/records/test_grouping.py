"""Events become records: against a slow reference, and rule by rule."""

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.formats.fields import raw_fields_of
from schemas.formats.jsonl import parse_jsonl
from schemas.records.events import read_events
from schemas.records.grouping import EventTable, Grouped, group_events
from schemas.records.validate import validate
from schemas.spec import parse_spec

GROUP = "group: {by: who, order_by: at, duplicates: %s%s}\n"
STEPS = """
sequences:
  w: {type: tokens}
  x: {type: series, dims: 2, missing: zero, aligned_with: w}
  y: {type: series, dims: 2, layout: flat, aligned_with: w}
context: {c: {type: category}}
label: {type: class, from: tag}
"""
WORDS = "sequences: {w: {type: tokens}}\n"


def group(spec: str, events: list[dict[str, Any]], apart: list[int] | None = None) -> Grouped:
    resolved = parse_spec(spec)
    data = b"".join(json.dumps(event).encode() + b"\n" for event in events)
    found = read_events(parse_jsonl(data, raw_fields_of(resolved)), resolved)
    assert found.rejected == []
    numbers = np.array(apart or [0] * len(events), np.int64)
    return group_events(EventTable(found.columns, found.offsets, numbers), resolved)


def records(grouped: Grouped, *names: str) -> list[Any]:
    rows = list(zip(*(grouped.raw.columns[name].to_pylist() for name in names), strict=True))
    return [row[0] for row in rows] if len(names) == 1 else rows


def rejected(grouped: Grouped) -> list[tuple[int, str, str, str]]:
    return [(item.line, item.reason, item.rule, item.excerpt) for item in grouped.raw.rejected]


def reference(events: list[dict[str, Any]], apart: list[int], duplicates: str) -> dict[str, Any]:
    """What `group_events` does, event by event, as the documentation says it."""
    keys: dict[tuple[int, str], list[int]] = {}
    for i, event in enumerate(events):
        keys.setdefault((apart[i], event["who"]), []).append(i)
    found: dict[str, Any] = {"records": [], "first": [], "different": [], "repeated": [], "tied": 0}
    for rows in keys.values():
        seen: list[dict[str, Any]] = []
        kept: list[int] = []
        for i in sorted(rows, key=lambda i: (events[i]["at"], i)):
            if duplicates != "keep" and events[i] in seen:
                found["repeated"].append(i)
                continue
            seen.append(events[i])
            kept.append(i)
        own = [events[i] for i in kept]
        found["tied"] += sum(any(a["at"] == b["at"] and a != b for b in own) for a in own)
        once = {name: [event[name] for event in own if event.get(name) is not None] for name in ("c", "tag")}
        number = len(found["first"])
        found["first"].append(kept[0])
        if any(len(set(values)) > 1 for values in once.values()):
            found["different"].append(number)
            continue
        said = {name: values[0] if values else None for name, values in once.items()}
        steps = {name: [event[name] for event in own] for name in ("w", "x")}
        found["records"].append(
            (number, own[0]["who"], said["c"], said["tag"], steps["w"], steps["x"], [n for e in own for n in e["y"]])
        )
    return found


VALUES = st.sampled_from([0.0, 1.0, -2.5])
EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "who": st.sampled_from(["a", "b", "", "ä"]),
            "at": st.sampled_from([-1.5, 0.0, 1.0, 2.0**53]),
            "w": st.sampled_from(["x", "y"]),
            "x": st.none() | st.tuples(st.none() | VALUES, VALUES).map(list),
            "y": st.tuples(VALUES, VALUES).map(list),
        },
        optional={"c": st.none() | st.sampled_from(["red", "red", "red", "blue"]), "tag": st.just("t")},
    ),
    max_size=12,
)


@given(EVENTS, st.data(), st.sampled_from(["keep", "drop", "reject"]))
def test_grouping_does_what_the_reference_does(events: list[dict[str, Any]], data: st.DataObject, rule: str) -> None:
    apart = data.draw(st.lists(st.integers(0, 1), min_size=len(events), max_size=len(events)))
    # What is not said is null, and a frame that is null is one whose numbers all are.
    alike = [{"c": None, "tag": None, **event, "x": event["x"] or [None, None]} for event in events]
    want = reference(alike, apart, rule)
    found = group(GROUP % (rule, "") + STEPS, events, apart)
    raw = found.raw
    rows = zip(
        raw.lines.tolist(),
        *(raw.columns[name].to_pylist() for name in ("id", "c", "label", "w", "x", "y")),
        strict=True,
    )
    got = [(*row[:5], [frame or [None, None] for frame in row[5]], row[6]) for row in rows]
    assert got == want["records"]
    assert found.first.tolist() == want["first"]
    assert sorted(item.line for item in raw.rejected) == want["different"]
    assert {item.reason for item in raw.rejected} <= {"different_values"}
    repeated = sorted(want["repeated"])
    assert [item.line for item in found.rejected] == (repeated if rule == "reject" else [])
    assert found.dropped == (Counter({"duplicate event": len(repeated)}) if rule == "drop" and repeated else Counter())
    assert found.kept == len(events) - len(repeated)
    assert found.tied == want["tied"]
    assert len(found.first) == len(raw.offsets) + len(raw.rejected)


@given(EVENTS, st.randoms())
def test_the_order_of_files_makes_no_difference_where_no_two_events_share_their_order(
    events: list[dict[str, Any]], random: Any
) -> None:
    numbered = [{**event, "at": float(i)} for i, event in enumerate(events)]
    spec = GROUP % ("drop", "") + STEPS
    names = ("id", "c", "label", "w", "x", "y")
    shuffled = random.sample(numbered, len(numbered))
    first, second = (group(spec, some) for some in (numbered, shuffled))
    assert sorted(map(repr, records(first, *names))) == sorted(map(repr, records(second, *names)))
    assert first.tied == second.tied == 0


@pytest.mark.parametrize(
    ("order", "values", "expected"),
    [
        ("", [2, 10, -1, 1.5], [2, 3, 0, 1]),
        (", order_as: text", ["b", "a", "é", "Z", ""], [4, 3, 1, 0, 2]),
        (
            ", order_as: time, time_format: iso8601, zone: Europe/Berlin",
            ["2024-01-01T12:00", "2024-01-01T10:30Z", "2023-12-31", "2024-01-01T12:00:00.000001"],
            [2, 1, 0, 3],
        ),
        (", order_as: time, time_format: unix_seconds", [3, 1.5, 1.4999], [2, 1, 0]),
    ],
)
def test_orders(order: str, values: list[Any], expected: list[int]) -> None:
    events = [{"who": "k", "at": value, "w": str(i)} for i, value in enumerate(values)]
    found = group(GROUP % ("keep", order) + WORDS, events)
    assert records(found, "w") == [[str(i) for i in expected]]


def test_ties_stay_as_they_stand_and_are_counted() -> None:
    events = [
        {"who": "k", "at": at, "w": word} for at, word in [(1, "b"), (0, "a"), (1, "a"), (1, "b"), (2, "z"), (2, "z")]
    ]
    found = group(GROUP % ("keep", "") + WORDS, events)
    assert records(found, "w") == [["a", "b", "a", "b", "z", "z"]]
    assert found.tied == 3


@pytest.mark.parametrize(
    ("rule", "words"), [("keep", ["x", "x", "y", "x"]), ("drop", ["x", "y"]), ("reject", ["x", "y"])]
)
def test_the_same_event_again(rule: str, words: list[str]) -> None:
    events = [{"who": "k", "at": 1, "w": word, "other": i} for i, word in enumerate("xxyx")]
    found = group(GROUP % (rule, "") + WORDS, events)
    assert records(found, "w") == [words]
    assert found.kept == len(words)
    assert found.dropped == ({"duplicate event": 2} if rule == "drop" else {})
    said = "an event must not say the same as one before it in the same record; see group.duplicates in the spec"
    size = len(json.dumps(events[0])) + 1
    excerpt = '{"at":1,"w":"x","who":"k"}'
    assert [(item.line, item.offset, item.reason, item.rule, item.excerpt) for item in found.rejected] == (
        [(i, size * i, "duplicate_event", said, excerpt) for i in (1, 3)] if rule == "reject" else []
    )


def test_events_that_say_different_things_once() -> None:
    said = [None, "red", None, "red", "blue", "green"]
    events = [{"who": "k", "at": i, "w": "x", "c": color, "tag": "t"} for i, color in enumerate(said)]
    events += [{"who": "m", "at": 0, "w": "y", "c": "red", "tag": "u"}]
    spec = GROUP % ("keep", "") + WORDS + "context: {c: {type: category}}\nlabel: {type: class, from: tag}\n"
    found = group(spec, events)
    assert records(found, "id", "c", "label") == [("m", "red", "u")]
    assert rejected(found) == [
        (
            0,
            "different_values",
            'all events of a record must say the same of \'c\'; these say "red" and "blue"',
            '{"c":"red","tag":"t","w":["x","x","x","x","x","x"],"who":"k"}',
        )
    ]
    assert found.kept == 7
    assert found.first.tolist() == [0, 6]


def test_what_no_event_says() -> None:
    spec = parse_spec(GROUP % ("keep", "") + WORDS + "label: {type: class, from: tag}\n")
    found = group(
        GROUP % ("keep", "") + WORDS + "label: {type: class, from: tag}\n", [{"who": 7, "at": 0, "w": "y"}] * 2
    )
    [item] = validate(found.raw, spec).rejected
    assert (item.line, item.reason, item.rule, item.excerpt) == (
        0,
        "missing_field",
        "field 'tag' must have a value in one event of a record or more",
        '{"tag":null,"w":["y","y"],"who":"7"}',
    )


def test_the_first_event_decides_the_time_of_a_split() -> None:
    times = "split: {by: time, from: day, time_format: iso8601, zone: UTC, before: {train: '2024-01-01'}}"
    events = [{"who": "k", "at": -i, "w": "x", "day": f"202{i}-06-01"} for i in range(3, 6)]
    found = group(GROUP % ("keep", "") + WORDS + times, events)
    assert records(found, "/split") == ["2025-06-01"]
    assert found.raw.rejected == []


def test_a_record_stands_where_its_first_event_does() -> None:
    events = [{"who": who, "at": at, "w": "x"} for who, at in [("b", 2), ("a", 5), ("b", 1), ("a", 6)]]
    found = group(GROUP % ("keep", "") + WORDS, events)
    size = len(json.dumps(events[0])) + 1
    assert records(found, "id") == ["b", "a"]
    assert (found.first.tolist(), found.raw.offsets.tolist()) == ([2, 1], [2 * size, size])


def test_long_records_are_shown_by_their_beginning() -> None:
    events = [{"who": "k", "at": i, "w": "x", "c": str(i > 0)} for i in range(1000)]
    found = group(GROUP % ("keep", "") + WORDS + "context: {c: {type: category}}", events)
    [item] = found.raw.rejected
    assert item.excerpt == ('{"c":"False","w":[' + '"x",' * 50)[:197] + "..."


def test_the_order_of_a_rejected_event_is_shown_as_a_time() -> None:
    order = ", order_as: time, time_format: iso8601, zone: Europe/Berlin"
    found = group(GROUP % ("reject", order) + WORDS, [{"who": "k", "at": "2024-01-01", "w": "x"}] * 2)
    assert [item.excerpt for item in found.rejected] == ['{"at":"2023-12-31T23:00:00+00:00","w":"x","who":"k"}']


def test_nothing_to_group() -> None:
    found = group(GROUP % ("drop", "") + STEPS, [])
    assert (len(found.raw.offsets), found.first.tolist(), found.kept, found.tied) == (0, [], 0, 0)
    assert validate(found.raw, parse_spec(GROUP % ("drop", "") + STEPS)).read == 0
