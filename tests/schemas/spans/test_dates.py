"""Dates in patterns."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UsageError
from schemas.spans.dates import DatedPattern, fill_date, fill_dates, is_dated, window
from schemas.spans.names import Period, period

DAY = period("2026-11-20", "--span")
HOUR = period("2026-11-20T05", "--span")


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("a/{date}.jsonl", "a/2026-11-20.jsonl"),
        ("train=a/{date:%Y/%m/%d}/*.csv", "train=a/2026/11/20/*.csv"),
        ("{date}/{date:%j}-{date:%G-W%V-%u}", "2026-11-20/324-2026-W47-5"),
        ("{date:100%%-%y}", "100%-26"),
        ("{a,b}/{0}/{}/{name}", "{a,b}/{0}/{}/{name}"),
        ("{{date}}/{{date:%Y}}/{date}", "{date}/{date:%Y}/2026-11-20"),
        ("{{{date}}}", "{{date}}"),
        ("{updated}/{date:day}", "{updated}/day"),
    ],
)
def test_a_day_in_a_pattern(text: str, filled: str) -> None:
    assert fill_date(text, DAY) == filled


def test_an_hour_in_a_pattern() -> None:
    assert fill_date("{date}/{date:%Y%m%dT%H}", HOUR) == "2026-11-20T05/20261120T05"
    assert fill_date("{date:%H:%M:%S}", period("0800-01-02T030405", "--span")) == "03:04:05"
    assert fill_date("{date:%Y-%G}", period("0800-06-02", "--span")) == "0800-0800"


def test_other_braces_have_no_place_for_a_date() -> None:
    assert not any(is_dated(text) for text in ("a.jsonl", "{a,b}", "{{date}}", "{dates}", "{up_date}", "date", "{}"))
    assert is_dated("x/{date}")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "{Date}.csv",
            "--input {Date}.csv: '{Date}' is no place for a date; write {date} or {date:%Y/%m/%d}, and {{date}} for a "
            "name that holds {date} itself",
        ),
        ("a/{date:%Y", "--input a/{date:%Y: '{date:%Y' is no place for a date; write {date} or "),
        ("{ date }", "--input { date }: '{ date }' is no place for a date; "),
        ("{date!r}", "--input {date!r}: '{date!r}' is no place for a date; "),
        ("{date:}", "--input {date:}: {date:} has no form; write {date} or {date:%Y/%m/%d}"),
        (
            "{date:%b}",
            "--input {date:%b}: '%b' is no directive of a date here; valid: %Y, %y, %m, %d, %j, %G, %V, %u, %H, %M, "
            "%S, %%",
        ),
        ("{date:%s}", "--input {date:%s}: '%s' is no directive of a date here; valid: "),
        ("{date:%-d}", "--input {date:%-d}: '%-' is no directive of a date here; valid: "),
        ("{date:20%}", "--input {date:20%}: '%' is no directive of a date here; valid: "),
        (
            "{date:%d%H}",
            "--input {date:%d%H}: %H is not settled by 2026-11-20, which is a day; write * in its place, or name an "
            "hour such as 2026-11-20T05",
        ),
    ],
)
def test_what_is_no_place_for_a_date(text: str, error: str) -> None:
    with pytest.raises(UsageError) as caught:
        fill_dates([text], ["2026-11-20"])
    assert str(caught.value).startswith(error)


def test_a_place_for_a_date_without_a_date() -> None:
    with pytest.raises(UsageError) as caught:
        fill_dates(["a", "b-{date}"], [])
    assert str(caught.value) == (
        "--input b-{date}: has a place for a date, and none is named; say --span 2026-11-20, or "
        "--since 2026-11-01 --until 2026-11-20"
    )
    with pytest.raises(UsageError) as caught:
        fill_dates(["b-{date}"], ["first"])
    assert str(caught.value) == (
        "--span 'first': is no date; write a day such as 2026-11-20, or an hour such as 2026-11-20T05"
    )


def test_patterns_are_filled_in_for_each_period() -> None:
    filled = fill_dates(["all.csv", "train={date}.csv", "{date:%Y}.csv"], ["2026-12-31", "2027-01-01"])
    assert filled == [
        DatedPattern("all.csv", ""),
        DatedPattern("train=2026-12-31.csv", "2026-12-31"),
        DatedPattern("train=2027-01-01.csv", "2027-01-01"),
        DatedPattern("2026.csv", "2026-12-31"),
        DatedPattern("2027.csv", "2027-01-01"),
    ]
    assert fill_dates(["{{date}}.csv"], []) == [DatedPattern("{date}.csv", "")]


def test_a_late_span_has_the_date_of_its_period() -> None:
    assert fill_dates(["in/{date}.jsonl", "late/{date:%Y/%m/%d}"], ["2026-11-20-late-2"]) == [
        DatedPattern("in/2026-11-20.jsonl", "2026-11-20-late-2"),
        DatedPattern("late/2026/11/20", "2026-11-20-late-2"),
    ]
    assert window("2026-11-20-late") == ["2026-11-20-late"]
    assert window("2026-11-20-late", last=2) == ["2026-11-19", "2026-11-20"]
    assert window("2026-11-20-late", since="2026-11-19") == ["2026-11-19", "2026-11-20"]


def test_windows() -> None:
    assert window() == []
    assert window("first") == ["first"]
    assert window(since="2026-02-28", until="2026-03-01") == ["2026-02-28", "2026-03-01"]
    assert window("2026-03-01", since="2026-02-28") == ["2026-02-28", "2026-03-01"]
    assert window("mine", since="2026-02-28", until="2026-02-28") == ["2026-02-28"]
    assert window("2026-03-01T00", last=2) == ["2026-02-28T23", "2026-03-01T00"]


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        (
            {"until": "2026-01-01"},
            "--until 2026-01-01: says where a window ends, and nothing where it begins; say --since, too",
        ),
        (
            {"since": "2026-01-01"},
            "--since 2026-01-01: says where a window begins, and nothing where it ends; say --until, too",
        ),
        ({"last": 2}, "--last 2: is the number of periods that end with the span; say --span, too"),
        ({"last": 0, "span": "2026-01-01"}, "--last 0: must be 1 or more"),
        (
            {"last": 9**9, "span": "2026-01-01"},
            "--last 387420489: begins before the year 1; say a smaller number",
        ),
        (
            {"last": 2, "span": "2026-01-01", "since": "2026-01-01"},
            "--last 2: and --since or --until both say which periods are read; say one of them",
        ),
        (
            {"last": 2, "span": "mine"},
            "--span 'mine': is no date; write a day such as 2026-11-20, or an hour such as 2026-11-20T05",
        ),
        (
            {"since": "2026-01-02", "span": "2026-01-01"},
            "--since 2026-01-02 --until 2026-01-01: the last is before the first; exchange them",
        ),
    ],
)
def test_what_is_no_window(settings: dict[str, object], error: str) -> None:
    with pytest.raises(UsageError) as caught:
        window(**settings)  # type: ignore[arg-type]
    assert str(caught.value) == error


@given(st.datetimes(datetime.datetime(1000, 1, 1)), st.sampled_from(["%Y-%m-%dT%H%M%S", "%G-W%V-%u %y%j %H:%M:%S"]))
def test_directives_are_those_of_strftime(time: datetime.datetime, form: str) -> None:
    second = Period(time.replace(microsecond=0), datetime.timedelta(seconds=1))
    assert fill_date("x/{date:" + form + "}", second) == second.start.strftime(f"x/{form}")


@given(st.lists(st.sampled_from(["{", "}", "date", ":%Y", ",", "*"]), max_size=9).map("".join))
def test_a_pattern_is_filled_refused_or_left_alone(text: str) -> None:
    try:
        dated = is_dated(text)
        [filled] = fill_dates([text], ["2026-11-20"])
    except UsageError as error:
        assert "\n" not in str(error)
    else:
        assert dated == ("2026" in filled.text)
        assert dated or "{{date" in text or filled.text == text
