"""Periods that are missing between spans."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.spans.gaps import Gap, gaps
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


@given(st.sets(st.integers(1, 28), min_size=1))
def test_spans_and_gaps_are_all_days(days: set[int]) -> None:
    names = [f"2026-02-{day:02d}" for day in days]
    missing = [name for gap in gaps(names) for name in periods_between(gap.since, gap.until)]
    assert sorted([*names, *missing]) == periods_between(min(names), max(names))
    assert sum(gap.periods for gap in gaps(names)) == len(missing)
