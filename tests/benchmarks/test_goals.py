"""The goals: verdicts in both directions, and a table that hides nothing."""

import pytest
from goals import GOALS, Fact, Goal, Measured, NotMeasured, goals_table

LOWER = Goal("memory", 1.2, 0.8, " GB")
HIGHER = Goal("speed", 30, 40, lower=False)


@pytest.mark.parametrize(
    ("goal", "measured", "verdict"),
    [
        (LOWER, 0.8, "aim met"),
        (LOWER, 0.81, "met"),
        (LOWER, 1.2, "met"),
        (LOWER, 1.201, "**missed**"),
        (HIGHER, 40.0, "aim met"),
        (HIGHER, 39.9, "met"),
        (HIGHER, 30.0, "met"),
        (HIGHER, 29.99, "**missed**"),
        (HIGHER, NotMeasured("failed"), "not measured"),
        (GOALS["files"], Fact(True, "works"), "met"),
        (GOALS["files"], Fact(False, "failed"), "**missed**"),
        (LOWER, Fact(False, "failed: MemoryError"), "**missed**"),
    ],
)
def test_verdicts(goal: Goal, measured: Measured, verdict: str) -> None:
    assert goal.verdict(measured) == verdict


def test_rows_show_units_and_reasons() -> None:
    assert LOWER.row(0.5372) == ["memory", "1.2 GB", "0.8 GB", "0.537 GB", "aim met"]
    assert HIGHER.row(NotMeasured("failed: x")) == ["speed", "30", "40", "failed: x", "not measured"]
    assert GOALS["workers"].row(Fact(False, "2 different ones"))[1:] == [
        "the same",
        "–",
        "2 different ones",
        "**missed**",
    ]


def test_a_number_never_looks_better_than_its_goal_by_rounding() -> None:
    assert LOWER.row(1.2001) == ["memory", "1.2 GB", "0.8 GB", "1.2001 GB", "**missed**"]
    assert HIGHER.row(29.999) == ["speed", "30", "40", "29.999", "**missed**"]


def test_every_goal_has_a_row_though_nothing_was_measured() -> None:
    rows = goals_table({}).splitlines()[2:]
    assert len(rows) == len(GOALS)
    assert all(row.endswith("| – | not measured |") for row in rows)
