"""What a spec says of events: when each came to be, and how they are grouped."""

from typing import Any

import pytest
import yaml

from schemas.dataset_pb2 import DatasetSpec
from schemas.errors import DataError
from schemas.messages import to_plain
from schemas.spec import cuts_keys, event_time_of, parse_spec, reads_event_time, resolve

BY_TIME = {"by": "k", "order_by": "at", "order_as": "time", "time_format": "iso8601", "zone": "UTC"}


def parse(**values: Any) -> DatasetSpec:
    spec = parse_spec(yaml.safe_dump({"sequences": {"w": {"type": "tokens"}}} | values))
    assert resolve(spec) == spec, "a resolved spec resolves to itself"
    return spec


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (
            {"window": "10"},
            "group.window '10': is no length of time; write a whole number and a unit: 30s, 10m, 1h or 2d",
        ),
        (
            {"session_gap": "0s"},
            "group.session_gap 0s: is no time at all; write 1s or more, such as 30s, 10m, 1h or 2d",
        ),
        ({"session_gap": "999999999d"}, "group.session_gap: 999999999d is out of range; it must be 36500d or less"),
        ({"max_events": 0}, "group.max_events: 0 is out of range; it must be 1 or more"),
        (
            {"window": "1h", "order_as": "number", "time_format": None, "zone": None},
            "group.window: means nothing but for `order_as: time`; remove it",
        ),
        (
            {"session_gap": "1h", "order_as": "text", "time_format": None, "zone": None},
            "group.session_gap: means nothing but for `order_as: time`; remove it",
        ),
    ],
)
def test_an_end_of_records_that_means_nothing_is_refused(said: dict[str, Any], text: str) -> None:
    group = {name: value for name, value in (BY_TIME | said).items() if value is not None}
    assert error(group=group) == text


@pytest.mark.parametrize(
    ("said", "cuts"),
    [({}, False), ({"window": "10m"}, True), ({"session_gap": "36500d"}, True), ({"max_events": 1}, True)],
)
def test_whether_a_key_has_several_records(said: dict[str, Any], cuts: bool) -> None:
    assert cuts_keys(parse(group=BY_TIME | said)) == cuts
    assert not cuts_keys(parse())


def error(**values: Any) -> str:
    with pytest.raises(DataError) as raised:
        parse(**values)
    return str(raised.value)


@pytest.mark.parametrize(
    ("values", "clock", "is_read"),
    [
        ({}, None, False),
        ({"group": {"by": "k", "order_by": "at"}}, None, False),
        ({"event_time": {"from": "a.b"}}, {"from": "a.b", "format": "iso8601"}, True),
        (
            {"event_time": {"from": "a", "format": "%d.%m.%Y", "zone": "Europe/Berlin"}},
            {"from": "a", "format": "%d.%m.%Y", "zone": "Europe/Berlin"},
            True,
        ),
        ({"group": BY_TIME}, {"from": "at", "format": "iso8601", "zone": "UTC"}, False),
        (
            {"group": {"by": "k", "order_by": "at", "order_as": "time", "time_format": "unix_seconds"}},
            {"from": "at", "format": "unix_seconds"},
            False,
        ),
        (
            {"group": BY_TIME, "event_time": {"from": "at", "zone": "UTC"}},
            {"from": "at", "format": "iso8601", "zone": "UTC"},
            False,
        ),
        (
            {"group": {"by": "k", "order_by": "n"}, "event_time": {"from": "at"}},
            {"from": "at", "format": "iso8601"},
            True,
        ),
    ],
)
def test_when_records_came_to_be(values: dict[str, Any], clock: dict[str, Any] | None, is_read: bool) -> None:
    spec = parse(**values)
    found = event_time_of(spec)
    assert (found and to_plain(found)) == clock
    assert reads_event_time(spec) == is_read


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"event_time": {}}, "event_time.from: is missing; name the field that says when a record came to be"),
        (
            {"event_time": {"from": "a..b"}},
            "event_time.from: 'a..b' is no field path; write names joined by '.', as in review.text",
        ),
        (
            {"event_time": {"from": "a", "zone": "Nowhere"}},
            "event_time.zone: 'Nowhere' is no time zone; use UTC or a name of the IANA database, such as Europe/Berlin",
        ),
        (
            {"event_time": {"from": "a", "format": "unix_seconds", "zone": "UTC"}},
            "event_time.zone: means nothing for unix_seconds, which counts from 1970-01-01 UTC; remove it",
        ),
        (
            {"group": BY_TIME, "event_time": {"from": "seen", "zone": "UTC"}},
            "event_time: 'seen' as iso8601 in UTC, and events are sorted by the time 'at' as iso8601 in UTC; remove "
            "event_time, which is what they are sorted by",
        ),
        (
            {"group": BY_TIME, "event_time": {"from": "at"}},
            "event_time: 'at' as iso8601, and events are sorted by the time 'at' as iso8601 in UTC; remove "
            "event_time, which is what they are sorted by",
        ),
    ],
)
def test_an_event_time_that_means_nothing_is_refused(values: dict[str, Any], text: str) -> None:
    assert error(**values) == text
