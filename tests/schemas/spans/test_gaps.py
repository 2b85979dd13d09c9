"""Periods that are missing between spans."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.spans.gaps import Gap, gaps, names_of
from schemas.spans.names import periods_between


def test_days_and_hours_have_gaps_of_their_own() -> None:
    names = ["2026-11-05", "2026-11-01", "2026-11-02", "first", "2026-11-01T23", "2026-11-02T02", "2026-11-07"]
    names += ["2026-11-02T0530", "2026-11-02T0545", "2026-11-02T053012", "2026-11-02T053024"]
    assert gaps(names) == [
        Gap("2026-11-03", "2026-11-04", 2),
        Gap("2026-11-06", "2026-11-06", 1),
        Gap("2026-11-02T00", "2026-11-02T01", 2),
    ]
    assert gaps([]) == gaps(["a", "2026-11-05"]) == []


@given(st.sets(st.integers(1, 27), min_size=1))
def test_spans_and_gaps_are_all_days(days: set[int]) -> None:
    # Days at even distances say that there is none between them; two after each other, that there is one each day.
    names = [f"2026-02-{day:02d}" for day in days | {min(days) + 1}]
    missing = [name for gap in gaps(names) for name in names_of(gap)]
    assert sorted([*names, *missing]) == periods_between(min(names), max(names))
    assert sum(gap.periods for gap in gaps(names)) == len(missing)


def test_spans_of_several_days_or_hours_lack_only_what_lies_at_their_distance() -> None:
    windows = [f"2026-11-02T{hour:02d}" for hour in (0, 6, 12)]
    assert gaps(windows) == []
    assert gaps([*windows, "2026-11-03T06", "2026-11-03T12"]) == [Gap("2026-11-02T18", "2026-11-03T00", 2)]
    assert names_of(Gap("2026-11-02T18", "2026-11-03T00", 2)) == ["2026-11-02T18", "2026-11-03T00"]
    assert gaps(["2026-11-01", "2026-11-08", "2026-11-22"]) == [Gap("2026-11-15", "2026-11-15", 1)]
    assert gaps(windows[:2]) == [Gap("2026-11-02T01", "2026-11-02T05", 5)]  # two say nothing yet
    assert gaps([f"2026-11-02T06{minute}" for minute in (10, 20, 50)]) == []


def test_late_spans_are_no_gap_and_fill_none() -> None:
    names = ["2026-11-01", "2026-11-01-late", "2026-11-01-late-2", "2026-11-02-late", "2026-11-04"]
    assert gaps(names) == [Gap("2026-11-03", "2026-11-03", 1)]
