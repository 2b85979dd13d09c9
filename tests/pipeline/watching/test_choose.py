import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.watching.choose import batches, halves, is_due, next_name, unread
from pipeline.watching.observe import Now, State, finished, is_watched, observe
from pipeline.watching.start import objection
from schemas.dataset_pb2 import Input
from schemas.errors import UsageError
from schemas.spans.names import in_order, period_of

times = st.datetimes(datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 30))


@given(times, st.lists(times))
def test_the_next_name_is_later_than_all_others(utc: datetime.datetime, others: list[datetime.datetime]) -> None:
    names = [next_name(other, []) for other in others]
    name = next_name(utc, [*names, "by-hand", ""])
    assert in_order([*names, name])[-1] == name
    assert name not in names
    assert period_of(name) is not None
    if all(other.replace(microsecond=0) < utc.replace(microsecond=0) for other in others):
        assert name == f"{utc.year:04d}{utc:-%m-%dT%H%M%S}"


def test_the_next_name_is_later_than_a_day_an_hour_and_a_second() -> None:
    utc = datetime.datetime(2026, 11, 20, 5, 30, 12, 999)
    assert next_name(utc, ["2026-11-20"]) == "2026-11-20T053012"
    assert next_name(utc, ["2026-11-20T06"]) == "2026-11-20T060001"
    assert next_name(utc, ["2026-11-20T053012"]) == "2026-11-20T053013"


def test_there_is_an_end_of_time() -> None:
    with pytest.raises(UsageError) as raised:
        next_name(datetime.datetime(2026, 11, 20), ["9999-12-31T235959"])
    assert str(raised.value) == ("the span 9999-12-31T235959: no time is later, as the next span has to be; remove it")


@given(st.lists(st.text(min_size=1)), st.integers(10, 100))
def test_batches_hold_all_paths_in_order_within_the_limit(paths: list[str], most: int) -> None:
    found = list(batches([path.encode("utf-8", "replace").decode() for path in paths], most))
    assert [len(path) for batch in found for path in batch] == [len(path) for path in paths]
    assert all(batch for batch in found)
    assert all(len(batch) == 1 or sum(len(path.encode()) + 9 for path in batch) <= most for batch in found)


@given(st.lists(st.text(), min_size=2))
def test_halves_hold_all_paths_and_neither_is_empty(paths: list[str]) -> None:
    first, second = halves(paths)
    assert first + second == paths
    assert first
    assert second


@pytest.mark.parametrize(
    ("count", "waited", "due"), [(0, 99.0, False), (1, 0.0, False), (1, 5.0, True), (3, 0.0, True), (4, 0.0, True)]
)
def test_files_are_due(count: int, waited: float, due: bool) -> None:
    assert is_due(count, 3, waited, 5.0) is due


def test_what_failed_is_unread_again_only_when_it_is_another() -> None:
    state = State(5, 1)
    done = {"a": state, "b": state, "c": state}
    assert unread(done, {"a": 5}, {"b": state, "c": State(5, 2)}) == {"c": state}


@pytest.mark.parametrize(
    ("name", "pattern", "watched"),
    [
        ("a.jsonl", "", True),
        ("a.jsonl", "*.jsonl", True),
        ("a.csv", "*.jsonl", False),
        (".a.jsonl", "", False),
        (".a.jsonl", ".*", False),
        *((f"a.jsonl{suffix}", "", False) for suffix in (".tmp", ".part", ".partial", ".crdownload", "~")),
    ],
)
def test_unfinished_and_hidden_files_are_not_watched(name: str, pattern: str, watched: bool) -> None:
    assert is_watched(name, pattern) is watched


def test_an_age_counts_on_the_first_look_and_only_from_the_past() -> None:
    second = 10**9
    found = {"old": State(1, 40 * second), "new": State(1, 95 * second), "later": State(1, 200 * second)}
    now = Now(before=5.0, after=5.5, utc_ns=100 * second)
    seen = observe({}, found, now, first=True)
    assert {path: one.since for path, one in seen.items()} == {"old": -54.5, "new": 0.5, "later": 5.5}
    assert list(finished(seen, now, 10)) == ["old"]
    assert finished(observe({}, found, now), now, 0.1) == {}


def test_a_change_of_size_or_of_time_begins_anew() -> None:
    first = observe({}, {"a": State(1, 1), "b": State(1, 1), "c": State(1, 1)}, Now(0.0, 0.0, 0))
    second = observe(first, {"a": State(2, 1), "b": State(1, 2), "c": State(1, 1)}, Now(7.0, 7.0, 0))
    assert {path: one.since for path, one in second.items()} == {"a": 7.0, "b": 7.0, "c": 0.0}
    assert list(finished(second, Now(7.0, 7.0, 0), 7)) == ["c"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/in/a.jsonl", ""),
        ("/in/a\n.jsonl", "the name holds unprintable characters; rename the file"),
        (
            "/in/{Date}.jsonl",
            "the name holds {date, which stands for a date where input is named; rename the file",
        ),
    ],
)
def test_some_names_cannot_be_input(path: str, said: str) -> None:
    assert objection(path, Input()) == said


def test_a_suffix_must_name_a_format() -> None:
    assert objection("/in/a.md", Input()).startswith("/in/a.md: has the suffix '.md', which names no format; say")
