"""Times: every form, zones and their changes, what is bad, and the same as Python's own reading."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import DataError
from schemas.times import check_pattern, check_zone, parse_time, parse_times

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Monrovia")
MICRO = timedelta(microseconds=1)


def micros(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // MICRO


def parsed(values: list[Any], time_format: str = "iso8601", zone: str = "") -> list[int | None]:
    times, bad = parse_times(pa.array(values), time_format, zone)
    return [None if wrong else int(time) for time, wrong in zip(times, bad, strict=True)]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2024-05-01T12:30:15Z", "2024-05-01T12:30:15+00:00"),
        ("2024-05-01t12:30:15z", "2024-05-01T12:30:15+00:00"),
        ("2024-05-01 12:30:15+02:00", "2024-05-01T12:30:15+02:00"),
        ("2024-05-01T12:30:15-0330", "2024-05-01T12:30:15-03:30"),
        ("2024-05-01T12:30+05", "2024-05-01T12:30:00+05:00"),
        ("2024-05-01T12:30:15.25Z", "2024-05-01T12:30:15.250000+00:00"),
        ("2024-05-01T12:30:15,123456789Z", "2024-05-01T12:30:15.123456+00:00"),
        ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999+00:00"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00"),
    ],
)
def test_a_time_with_an_offset_needs_no_zone_and_ignores_it(text: str, meant: str) -> None:
    assert parsed([text]) == [micros(meant)]
    assert parsed([text], zone="Asia/Tokyo") == [micros(meant)]


@pytest.mark.parametrize("text", ["2024-05-01", "2024-05-01T00:00", "2024-05-01 00:00:00", "2024-05-01T00:00:00.000"])
def test_a_time_without_an_offset_is_that_of_the_zone(text: str) -> None:
    assert parsed([text]) == [None]
    assert parsed([text], zone="UTC") == [micros("2024-05-01T00:00:00+00:00")]
    assert parsed([text], zone="Europe/Berlin") == [micros("2024-04-30T22:00:00+00:00")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2024-5-1",
        "2024-02-30",
        "2023-02-29T00:00:00Z",
        "2024-13-01",
        "2024-00-10",
        "2024-01-00",
        "0000-01-01",
        "2024-05-01T24:00:00Z",
        "2024-05-01T12:60:00Z",
        "2024-05-01T12:30:60Z",
        "2024-05-01T12:30:15+24:00",
        "2024-05-01T12:30:15.Z",
        "2024-05-01T12:30:15.1234567890Z",
        "2024-05-01_12:30:15Z",
        "2024-05-01T12:30:15Z ",
        "٢٠٢٤-٠٥-٠١",
        "20240501",
    ],
)
def test_what_is_no_time_is_bad_beside_good_ones(text: str) -> None:
    good = "2024-05-01T12:30:15Z"
    meant = micros("2024-05-01T12:30:15+00:00")
    assert parsed([good, text, None, good], zone="UTC") == [meant, None, None, meant]


def test_a_time_that_a_zone_has_twice_is_the_first_one() -> None:
    assert parsed(["2024-10-27T02:30:00"], zone="Europe/Berlin") == [micros("2024-10-27T02:30:00+02:00")]


def test_a_time_that_a_zone_never_has_is_read_with_the_offset_before_the_change() -> None:
    assert parsed(["2024-03-31T02:30:00"], zone="Europe/Berlin") == [micros("2024-03-31T02:30:00+01:00")]


def test_a_column_may_mix_forms_and_offsets() -> None:
    values = ["2024-07-01T10:00:00", "2024-07-01T10:00:00Z", None, "2024-01-01", "2024-07-01T10:00:00.5+01:00"]
    assert parsed(values, zone="Europe/Berlin") == [
        micros("2024-07-01T10:00:00+02:00"),
        micros("2024-07-01T10:00:00+00:00"),
        None,
        micros("2024-01-01T00:00:00+01:00"),
        micros("2024-07-01T10:00:00.500000+01:00"),
    ]


@pytest.mark.parametrize(
    ("time_format", "value", "expected"),
    [
        ("unix_seconds", 1714566615, 1714566615_000_000),
        ("unix_seconds", 1714566615.25, 1714566615_250_000),
        ("unix_seconds", -0.5, -500_000),
        ("unix_milliseconds", 1714566615001, 1714566615_001_000),
        ("unix_microseconds", 1714566615000001, 1714566615_000_001),
        ("unix_microseconds", 1714566615000001.0, 1714566615_000_001),
        ("unix_nanoseconds", 1714566615123456789, 1714566615_123_457),
        ("unix_nanoseconds", 1714566615123456789.0, 1714566615_123_457),
        ("unix_seconds", 253402300799, 253402300799_000_000),
        ("unix_seconds", 253402300800, None),
        ("unix_microseconds", 2**63 - 1, None),
        ("unix_seconds", float("nan"), None),
        ("unix_seconds", float("inf"), None),
    ],
)
def test_numbers_count_from_1970(time_format: str, value: float, expected: int | None) -> None:
    assert parsed([value, None], time_format) == [expected, None]


@pytest.mark.parametrize(
    ("pattern", "text", "meant"),
    [
        ("%d.%m.%Y %H:%M", "01.05.2024 12:30", "2024-05-01T12:30:00+00:00"),
        ("%d.%m.%Y %H:%M", "1.5.2024 12:30", "2024-05-01T12:30:00+00:00"),
        ("%Y%m%d%H%M%S", "20240501123015", "2024-05-01T12:30:15+00:00"),
        ("%d %b %Y", "01 May 2024", "2024-05-01T00:00:00+00:00"),
        ("%Y-%m-%d %H:%M:%S.%f", "2024-05-01 12:30:15.25", "2024-05-01T12:30:15.250000+00:00"),
        ("%d/%m/%y", "01/05/24", "2024-05-01T00:00:00+00:00"),
        ("%H:%M", "12:30", "1900-01-01T12:30:00+00:00"),
        ("%d/%b/%Y:%H:%M:%S %z", "01/May/2024:12:30:15 -0200", "2024-05-01T12:30:15-02:00"),
    ],
)
def test_patterns_are_those_of_strptime(pattern: str, text: str, meant: str) -> None:
    assert parsed([text, "no time", text], pattern, "UTC") == [micros(meant), None, micros(meant)]


def test_a_pattern_with_an_offset_needs_no_zone() -> None:
    assert parsed(["01.05.2024 +0100"], "%d.%m.%Y %z") == [micros("2024-05-01T00:00:00+01:00")]
    assert parsed(["01.05.2024"], "%d.%m.%Y") == [None]


instants = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)) | st.datetimes(
    datetime(1900, 1, 1), datetime(2037, 12, 31)
)


@given(st.lists(instants, max_size=20), st.sampled_from(ZONES))
def test_any_zone_is_read_as_python_reads_it(times: list[datetime], zone: str) -> None:
    expected = [(time.replace(tzinfo=ZoneInfo(zone)) - EPOCH) // MICRO for time in times]
    assert parsed([time.isoformat() for time in times] or [""], zone=zone) == (expected or [None])
    assert parsed([time.strftime("%d.%m.") + f"{time:%Y}".zfill(4) for time in times] or [""], "%d.%m.%Y", zone) == (
        [(datetime(*time.timetuple()[:3], tzinfo=ZoneInfo(zone)) - EPOCH) // MICRO for time in times] or [None]
    )


@given(st.sampled_from(ZONES), st.integers(1950, 2030), st.integers(0, 8783))
def test_every_hour_of_a_year_is_read_as_python_reads_it(zone: str, year: int, hour: int) -> None:
    time = datetime(year, 1, 1, 0, 30) + timedelta(hours=hour)
    assert parsed([str(time)], zone=zone) == [(time.replace(tzinfo=ZoneInfo(zone)) - EPOCH) // MICRO]


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)), st.integers(-1439, 1439))
def test_any_offset_is_read_as_python_reads_it(time: datetime, minutes: int) -> None:
    aware = time.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert parsed([aware.isoformat(), aware.isoformat(" ")]) == [(aware - EPOCH) // MICRO] * 2


@given(st.text(alphabet="0123456789-:T Z+.", max_size=22))
def test_whatever_is_read_is_what_python_reads(text: str) -> None:
    found = parsed([text], zone="UTC")
    if found != [None]:
        assert found == [(datetime.fromisoformat(f"{text}{'' if aware(text) else '+00:00'}") - EPOCH) // MICRO] or (
            len(text) == 10 and found == [micros(f"{text}T00:00:00+00:00")]
        )


def aware(text: str) -> bool:
    return datetime.fromisoformat(text).tzinfo is not None or len(text) == 10


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59.999999-00:01"])
def test_an_offset_takes_no_time_beyond_what_python_knows(text: str) -> None:
    micros, bad = parse_times(pa.array([text, text[:19] + "Z"]), "iso8601", "")
    assert (int(micros[0]), bad.tolist()) == (0, [True, False])


def test_one_time_is_read_as_many_are() -> None:
    assert parse_time("2024-05-01", "iso8601", "UTC") == micros("2024-05-01T00:00:00+00:00")
    assert parse_time("2024-05-01", "iso8601", "") is None
    assert parse_time("1714566615", "unix_seconds", "") == 1714566615_000_000
    assert parse_time("soon", "unix_seconds", "") is None


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "Etc/GMT+5"])
def test_zones_are_those_of_the_database(name: str) -> None:
    check_zone(name, "split.zone")


@pytest.mark.parametrize("name", ["Berlin", "Europe", "../etc/passwd", "/etc/passwd", "", "+02:00", "a\0b"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(DataError) as raised:
        check_zone(name, "split.zone")
    assert str(raised.value) == (
        f"split.zone: '{name}' is no time zone; use UTC or a name of the IANA database, such as Europe/Berlin"
    )


@pytest.mark.parametrize("pattern", ["%q", "%Y %Y", "%", "%G-%V"])
def test_a_pattern_that_strptime_does_not_know_is_refused(pattern: str) -> None:
    with pytest.raises(DataError) as raised:
        check_pattern(pattern, "split.time_format")
    assert str(raised.value) == (
        f"split.time_format: '{pattern}' is no pattern of strptime; use directives such as %Y-%m-%d %H:%M:%S"
    )


def test_a_pattern_with_the_name_of_a_zone_is_refused() -> None:
    with pytest.raises(DataError) as raised:
        check_pattern("%d.%m.%Y %Z", "group.time_format")
    assert str(raised.value) == (
        "group.time_format: '%d.%m.%Y %Z' holds %Z, but the name of a zone says no offset for sure; where all times "
        "have the same one, write it in place of %Z, as in '%H:%M GMT', and name it as the zone; offsets are read by %z"
    )
    assert parsed(["01.05.2024 GMT", "01.05.2024 EST"], "%d.%m.%Y GMT", "UTC") == [
        micros("2024-05-01T00:00:00+00:00"),
        None,
    ]


@pytest.mark.parametrize(
    "pattern", ["%d.%m.%Y", "%d.%m.%Y %%Z", "%c", "%Y-%m-%d %H:%M:%S %z", "%d/%b/%y %I %p", "%j %Y 100%%"]
)
def test_a_pattern_that_strptime_knows_is_accepted(pattern: str) -> None:
    check_pattern(pattern, "split.time_format")
