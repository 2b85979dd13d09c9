from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UsageError
from schemas.spans.names import check_span_name, period_of
from schemas.streams.windows import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    late_name,
    parse_length,
    parse_window,
    window_name,
    windows_of,
)
from schemas.times import FIRST_MICROS, LAST_MICROS

LENGTHS = [SECOND, 30 * SECOND, MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, DAY, 7 * DAY]


@pytest.mark.parametrize(("text", "length"), [("30s", 30 * SECOND), ("10m", 600 * SECOND), ("2d", 2 * DAY)])
def test_lengths(text: str, length: int) -> None:
    assert parse_length(text, "--window") == length


@pytest.mark.parametrize("text", ["", "10", "m", "-1h", "1.5h", "10 m", "1w", "10M", "١m", "1h30m", "1234567890s"])
def test_what_is_no_length(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--window '.*': is no length of time; write a whole number and a unit"):
        parse_length(text, "--window")


def test_no_time_at_all() -> None:
    with pytest.raises(UsageError) as raised:
        parse_window("0s", "--window")
    assert str(raised.value) == "--window 0s: is no time at all; write 1s or more, such as 30s, 10m, 1h or 2d"


@pytest.mark.parametrize("text", ["7m", "5h", "36h", "7s"])
def test_windows_that_begin_at_odd_times(text: str) -> None:
    assert parse_length(text, "--window") > 0
    with pytest.raises(UsageError, match=rf"^--window {text}: does not divide a day"):
        parse_window(text, "--window")


@given(st.lists(st.integers(FIRST_MICROS, LAST_MICROS), min_size=1), st.sampled_from(LENGTHS))
def test_every_time_lies_in_its_window(times: list[int], length: int) -> None:
    starts = windows_of(np.array(times), length)
    assert all(
        start <= time < start + length and start % length == 0 for start, time in zip(starts, times, strict=True)
    )


@given(st.datetimes(datetime(1, 1, 8), datetime(9999, 12, 30)), st.sampled_from(LENGTHS))
def test_names_of_windows_are_names_of_spans(when: datetime, length: int) -> None:
    micros = (when - datetime(1970, 1, 1)) // (datetime(1, 1, 1, 0, 0, 0, 1) - datetime(1, 1, 1))
    start = int(windows_of(np.array([micros]), length)[0])
    name = window_name(start, length)
    found = period_of(check_span_name(name))
    assert found is not None
    assert (found.start - datetime(1970, 1, 1)).total_seconds() == start / SECOND
    assert window_name(start + length, length) != name
    check_span_name(late_name(name, 1))
    assert len({name, late_name(name, 1), late_name(name, 2)}) == 3


def test_the_first_and_the_last_window_of_all_have_names() -> None:
    for length in (7 * DAY, 2 * DAY, DAY):
        first, second, last = windows_of(np.array([FIRST_MICROS, FIRST_MICROS + length, LAST_MICROS]), length).tolist()
        assert window_name(first, length) == "0001-01-01"
        assert window_name(second, length) > "0001-01-01"
        assert window_name(last, length).startswith("9999-12-")
