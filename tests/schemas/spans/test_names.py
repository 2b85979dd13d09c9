"""Names of spans: which are valid, what dates they mean, and which of them are in a range."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UsageError
from schemas.spans.names import (
    Period,
    check_span_name,
    in_order,
    late_number,
    newest,
    period_of,
    periods_between,
    select,
    span_path,
)

LENGTHS = [datetime.timedelta(**{unit: 1}) for unit in ("days", "hours", "minutes", "seconds")]
MOMENTS = st.datetimes(datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 30))


@st.composite
def periods(draw: st.DrawFn) -> Period:
    moment, length = draw(MOMENTS), draw(st.sampled_from(LENGTHS))
    start = datetime.datetime.min + (moment - datetime.datetime.min) // length * length
    return Period(start, length)


@given(periods())
def test_a_name_means_the_period_that_it_is_made_of(period: Period) -> None:
    assert period_of(period.name) == period
    assert check_span_name(period.name) == period.name


@pytest.mark.parametrize(
    ("name", "start", "length"),
    [
        ("2026-11-20", datetime.datetime(2026, 11, 20), LENGTHS[0]),
        ("2026-11-20T05", datetime.datetime(2026, 11, 20, 5), LENGTHS[1]),
        ("2026-11-20T0530", datetime.datetime(2026, 11, 20, 5, 30), LENGTHS[2]),
        ("2026-11-20T053012", datetime.datetime(2026, 11, 20, 5, 30, 12), LENGTHS[3]),
    ],
)
def test_dates(name: str, start: datetime.datetime, length: datetime.timedelta) -> None:
    assert period_of(name) == Period(start, length)


@given(periods(), st.integers(1, 10**6))
def test_a_late_span_is_of_the_period_of_its_name(period: Period, number: int) -> None:
    name = f"{period.name}-late" if number == 1 else f"{period.name}-late-{number}"
    assert (period_of(name), late_number(name), check_span_name(name)) == (period, number, name)
    assert late_number(period.name) == 0


@pytest.mark.parametrize("ending", ["-late-0", "-late-1", "-late-02"])
def test_a_late_span_has_one_name(ending: str) -> None:
    name = f"2026-11-20T05{ending}"
    assert (period_of(name), late_number(name)) == (None, 0)
    with pytest.raises(UsageError) as raised:
        check_span_name(name)
    assert str(raised.value) == (
        f"--span {name}: the late spans of a period are 2026-11-20T05-late, 2026-11-20T05-late-2, "
        "2026-11-20T05-late-3 and so on; say one of these"
    )


@pytest.mark.parametrize("name", ["late", "week-47-late", "2026-11-20-later", "2026-11-20-late-", "2026-11-20-late-٢"])
def test_names_that_only_look_late_are_no_dates(name: str) -> None:
    assert period_of(name) is None
    assert in_order([name, "2026-11-20"]) == ["2026-11-20", name]


@pytest.mark.parametrize("name", ["2026-11-31", "2026-11-31-late", "2026-13-01", "2026-11-20T24", "0000-01-01"])
def test_a_date_that_there_is_none_of_is_refused(name: str) -> None:
    assert period_of(name) is None
    with pytest.raises(UsageError, match=f"^--span {name}: there is no such date; correct it$"):
        check_span_name(name)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "a b", "a\n", "-x", "é", "x" * 65, "٢٠٢٦-11-20"])
def test_names_that_no_file_should_have_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="a name is 1 to 64 letters"):
        check_span_name(name)


@pytest.mark.parametrize("name", ["2026-11-20", "week-47", "v1.2_x", "20261120"])
def test_other_names_are_allowed(name: str) -> None:
    assert check_span_name(name) == name
    assert span_path(name) == f"spans/{name}"


def test_names_in_order() -> None:
    names = ["b", "2026-11-21", "2026-11-20T05", "a", "2026-11-20", "2026-11-20T0500"]
    ordered = ["2026-11-20", "2026-11-20T05", "2026-11-20T0500", "2026-11-21", "a", "b"]
    assert in_order(names) == ordered
    assert in_order(reversed(ordered)) == ordered


def test_late_spans_stand_behind_that_of_their_period() -> None:
    ordered = ["2026-11-20T0640", "2026-11-20T0640-late", "2026-11-20T0640-late-2", "2026-11-20T0640-late-10"]
    ordered += ["2026-11-20T064000", "2026-11-20T0650-late", "2026-11-20T0700", "a-late"]
    assert in_order(reversed(ordered)) == ordered


def test_late_spans_are_in_the_range_of_their_period_and_count_with_it() -> None:
    names = ["2026-11-19", "2026-11-20", "2026-11-20-late", "2026-11-20-late-2", "2026-11-21-late", "2026-11-22"]
    assert select(names, "2026-11-20", "2026-11-20") == names[1:4]
    assert select(names, "2026-11-20-late", "2026-11-21") == names[1:5]
    assert select(names, last=2) == names[4:]
    assert select(names, last=3) == select(names, until="2026-11-22", last=3) == names[1:]
    assert newest([*names, "a", "a-late"], 2) == ["a", "a-late"]
    assert newest(names, 9) == names
    assert newest([], 1) == []


def test_a_range_includes_its_ends_and_the_hours_of_the_last_day() -> None:
    names = ["2026-11-19", "2026-11-20", "2026-11-21", "2026-11-21T23", "2026-11-22"]
    assert select(names, "2026-11-20", "2026-11-21") == names[1:4]
    assert select(names, "2026-11-21T00", "") == names[2:]
    assert select(names, "", "2026-11-19") == names[:1]
    assert select(names) == names
    assert select(names, last=2) == names[3:]
    assert select(names, until="2026-11-20", last=5) == names[:2]


@given(st.lists(periods(), max_size=20, unique=True), periods(), periods())
def test_a_range_and_what_lies_beside_it_are_all(spans: list[Period], one: Period, other: Period) -> None:
    names = [span.name for span in spans]
    since, until = sorted((one, other), key=lambda period: period.start)
    inside = select(names, since.name, until.name)
    expected = {span.name for span in spans if since.start <= span.start < until.end}
    assert set(inside) == expected
    assert inside == in_order(expected)


def test_a_range_of_names_that_are_no_dates_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^--since 2026-11-20: the span 'week-47' is no date"):
        select(["week-47"], "2026-11-20")
    with pytest.raises(UsageError, match=r"^--since 'week-47': is no date; write a day"):
        select([], "week-47")
    with pytest.raises(UsageError, match=r"^--since 2026-11-20 --until 2026-11-19: the last is before the first"):
        select([], "2026-11-20", "2026-11-19")
    with pytest.raises(UsageError, match=r"^--last -1: must be 1 or more$"):
        select([], last=-1)


def test_all_periods_between_two() -> None:
    assert periods_between("2024-02-28", "2024-03-01") == ["2024-02-28", "2024-02-29", "2024-03-01"]
    assert periods_between("2026-11-20T23", "2026-11-21T00") == ["2026-11-20T23", "2026-11-21T00"]
    assert periods_between("2026-11-20", "2026-11-20") == ["2026-11-20"]
    with pytest.raises(UsageError, match="one is longer than the other"):
        periods_between("2026-11-20", "2026-11-21T00")
    with pytest.raises(UsageError, match="the last is before the first"):
        periods_between("2026-11-21", "2026-11-20")
