"""Event time never goes back, never passes what is still to come or the clock of the day, and does not stand still."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.streaming.reading.clock import EventClock
from schemas.streams.windows import SECOND, UNKNOWN

DAY = 1_700_000_000 * SECOND
LOOKS = st.lists(
    st.tuples(
        st.integers(0, 30),  # seconds since the look before
        st.none() | st.integers(DAY - 1_000 * SECOND, DAY + 1_000 * SECOND),
        st.booleans(),
    ),
    max_size=30,
)


@given(LOOKS, st.integers(0, 100), st.integers(0, 100))
def test_it_never_goes_back_nor_beyond_the_newest_record_or_the_day(
    looks: list[tuple[int, int | None, bool]], delay: int, idle: int
) -> None:
    clock = EventClock(delay * SECOND, idle)
    now, before, newest, quiet = 0, UNKNOWN, UNKNOWN, 0
    for seconds, came, caught_up in looks:
        now += seconds
        is_quiet = caught_up and came is None
        quiet = quiet + seconds if is_quiet else 0
        newest = max(newest, UNKNOWN if came is None else came)
        watermark = clock.read(came, is_quiet, now, DAY + now * SECOND)
        assert watermark >= before
        assert watermark <= DAY + now * SECOND - delay * SECOND
        if newest != UNKNOWN and quiet <= idle and before <= newest - delay * SECOND:
            assert watermark <= newest - delay * SECOND
        before = watermark


def test_it_stays_a_delay_behind_the_newest_record() -> None:
    clock = EventClock(10 * SECOND, 60)
    assert clock.watermark == UNKNOWN
    assert clock.read(DAY, False, 0, DAY + 100 * SECOND) == DAY - 10 * SECOND
    assert clock.read(DAY - 5 * SECOND, False, 1, DAY + 101 * SECOND) == DAY - 10 * SECOND
    assert clock.read(DAY + 20 * SECOND, False, 2, DAY + 102 * SECOND) == DAY + 10 * SECOND


def test_a_silent_source_goes_on_at_the_pace_of_the_clock() -> None:
    clock = EventClock(0, 60)
    late = DAY + 9_000 * SECOND
    clock.read(DAY, False, 100, late)
    assert clock.read(None, True, 101, late) == DAY
    assert clock.read(None, True, 161, late) == DAY
    assert clock.read(None, True, 171, late) == DAY + 10 * SECOND
    assert clock.read(None, True, 181, late) == DAY + 20 * SECOND


def test_records_that_wait_or_cannot_be_asked_for_hold_the_time() -> None:
    clock = EventClock(0, 60)
    late = DAY + 9_000 * SECOND
    clock.read(DAY, False, 0, late)
    clock.read(None, True, 1, late)
    assert clock.read(None, False, 50, late) == DAY  # the broker is away
    assert clock.read(None, True, 100, late) == DAY
    assert clock.read(None, True, 159, late) == DAY
    assert clock.read(None, True, 170, late) == DAY + 10 * SECOND


def test_a_part_without_any_record_holds_nobody_up_for_long() -> None:
    clock = EventClock(5 * SECOND, 60)
    assert clock.read(None, True, 0, DAY) == UNKNOWN
    assert clock.read(None, True, 59, DAY + 59 * SECOND) == UNKNOWN
    assert clock.read(None, True, 60, DAY + 60 * SECOND) == DAY - 5 * SECOND
    assert clock.read(None, True, 70, DAY + 70 * SECOND) == DAY + 5 * SECOND


def test_a_record_from_the_future_does_not_make_all_others_late() -> None:
    clock = EventClock(5 * SECOND, 60)
    assert clock.read(DAY + 10**6 * SECOND, False, 0, DAY) == DAY - 5 * SECOND


def test_a_clock_goes_on_from_where_an_earlier_one_had_come_to() -> None:
    clock = EventClock(0, 60, DAY)
    assert clock.read(DAY - 100 * SECOND, False, 0, DAY + 10**6 * SECOND) == DAY
    clock = EventClock(0, 60, DAY)
    clock.read(None, True, 0, DAY + 10**6 * SECOND)
    assert clock.read(None, True, 61, DAY + 10**6 * SECOND) == DAY + SECOND
