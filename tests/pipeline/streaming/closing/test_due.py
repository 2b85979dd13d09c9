"""What becomes of records when, and under which name: for every time, every window and every state of the folder."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.streaming.closing.closings import KINDS, LATE, TOO_LATE, WINDOW
from pipeline.streaming.closing.due import Held, Times, due_time, free_name, held_bytes, kind_of, take_due
from pipeline.streaming.spooled import Spooled
from schemas.spans.names import check_span_name, late_number, period_of
from schemas.streams.windows import DAY, HOUR, MINUTE, SECOND, window_name, windows_of
from schemas.times import FIRST_MICROS, LAST_MICROS

LENGTHS = st.sampled_from([SECOND, MINUTE, 10 * MINUTE, HOUR, DAY, 7 * DAY])
MOMENTS = st.integers(FIRST_MICROS, LAST_MICROS)
LATENESS = st.integers(0, 3 * DAY)


def held_of(kind: str, window: int) -> Held:
    return Held(Spooled(f"{kind}{window}", "a", window, 1, 7, "", np.array([[0, 1]]), window), kind)


@given(MOMENTS, LENGTHS, LATENESS, st.integers(-2 * DAY, 9 * DAY), st.booleans())
def test_what_comes_is_in_time_or_late_or_too_late(
    time: int, length: int, lateness: int, ahead: int, is_closed: bool
) -> None:
    window, times = int(windows_of(np.array([time]), length)[0]), Times(length, lateness)
    reached = window + length + ahead
    kind = kind_of(window, times, reached, is_closed)
    assert (kind == TOO_LATE) == (ahead >= lateness)
    if kind != TOO_LATE:
        assert kind == (LATE if is_closed else WINDOW)
    due = due_time(kind, window, times)
    assert due >= window + length
    assert kind != LATE or due > reached, "late ones wait for others"
    assert kind != TOO_LATE or due <= reached, "what is too late waits for nobody"


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(-9, 9))), st.integers(0, 30), st.integers(-100, 150))
def test_all_is_closed_that_is_due_and_all_else_waits(made: list[tuple[str, int]], lateness: int, reached: int) -> None:
    times, held = Times(10, lateness), [held_of(kind, number * 10) for kind, number in made]
    due, rest = take_due(held, times, reached)
    closed = [(kind, ref.window) for (kind, window), refs in due.items() for ref in refs if ref.window == window]
    left = [(one.kind, one.ref.window) for one in rest]
    assert sorted(closed + left) == sorted((one.kind, one.ref.window) for one in held)
    assert all(due_time(kind, window, times) <= reached for kind, window in closed)
    assert all(due_time(kind, window, times) > reached for kind, window in left)
    assert [window for _, window in due] == sorted(window for _, window in due)
    assert sum(held_bytes(held).values()) == 7 * len(held)


@given(MOMENTS, LENGTHS, st.lists(st.sampled_from(KINDS), max_size=8))
def test_names_are_free_and_tell_the_window_and_the_kind(time: int, length: int, kinds: list[str]) -> None:
    window, names = int(windows_of(np.array([time]), length)[0]), list[str]()
    first, late = window_name(window, length), 0
    for kind in kinds:
        name, now = free_name(kind, window, length, names)
        assert name not in names
        assert now == (LATE if kind == WINDOW and first in names else kind)
        assert (name == first) == (now == WINDOW)
        if now == TOO_LATE:
            assert name.startswith(f"{first}-too-late-")
        else:
            assert check_span_name(name) == name
            assert period_of(name) == period_of(first)
            late += now == LATE
            assert late_number(name) == (late if now == LATE else 0)
        names.append(name)
