"""Cuts against every other cut, and where the knee lies."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.cuts import cheapest_cuts, knee

# Costs that stay the same from one length to the next come from floors; of the first length they may be 0.
rising_costs = st.lists(st.integers(0, 20), min_size=1, max_size=8).map(lambda steps: np.cumsum(steps).tolist())
large_costs = st.lists(st.integers(0, 10**22), min_size=1, max_size=7).map(sorted)
falling_totals = st.lists(st.integers(1, 10**6), min_size=1, max_size=40).map(lambda totals: sorted(totals)[::-1])


def counts_of(costs: list[int]) -> list[int]:
    return [1 + (7 * i * i + cost) % 11 for i, cost in enumerate(costs)]


def cost_by_hand(costs: list[int], counts: list[int], ends: list[int]) -> int:
    return sum(costs[end - 1] * sum(counts[start:end]) for start, end in itertools.pairwise([0, *ends]))


def least_by_trying_all(costs: list[int], counts: list[int], groups: int) -> int:
    places = itertools.combinations(range(1, len(costs)), groups - 1)
    return min(cost_by_hand(costs, counts, [*ends, len(costs)]) for ends in places)


@given(st.one_of(rising_costs, large_costs), st.integers(1, 10))
def test_every_number_of_groups_costs_as_little_as_the_best_of_all_cuts(costs: list[int], most: int) -> None:
    counts = counts_of(costs)
    cuts = cheapest_cuts(costs, counts, most)
    assert len(cuts.totals) == min(most, len(costs))
    for groups, total in enumerate(cuts.totals, 1):
        ends = cuts.ends(groups)
        assert len(ends) == groups
        assert ends == sorted({*ends})
        assert ends[-1] == len(costs)
        assert total == cost_by_hand(costs, counts, ends) == least_by_trying_all(costs, counts, groups)
        assert ends == cheapest_cuts(costs, counts, groups).ends(groups)


@given(rising_costs)
def test_each_group_saves_no_more_than_the_one_before(costs: list[int]) -> None:
    totals = cheapest_cuts(costs, counts_of(costs), len(costs)).totals
    saved = [-step for step in np.diff(totals).tolist()]
    assert min(saved, default=0) >= 0
    assert saved == sorted(saved, reverse=True)


@pytest.mark.parametrize(
    ("totals", "groups"),
    [
        ([180, 60, 45, 40, 36], 2),  # yields .2, .6, .8, .9, 1: two and three lie .25 above the line
        ([3240, 648, 405, 404, 400], 3),
        ([7], 1),
        ([9, 9, 9, 9], 1),
        ([0, 0, 0], 1),
        ([9, 4], 2),  # no point between the first and the last
        ([60, 30, 20, 15], 4),  # yields 1, 2, 3, 4: a straight line
        ([100, 30, 10], 3),  # yields .1, .33, 1: below the line
        ([100, 30, 10, 10, 10, 10], 3),
        ([3 * 10**30, 10**30, 10**30 - 1, 10**30 - 2], 2),
    ],
)
def test_knees(totals: list[int], groups: int) -> None:
    assert knee(totals) == groups


@given(falling_totals, st.integers(1, 10**20))
def test_the_knee_does_not_depend_on_the_unit_of_the_costs(totals: list[int], unit: int) -> None:
    assert knee([total * unit for total in totals]) == knee(totals)


@given(falling_totals)
def test_the_knee_is_never_beyond_the_first_number_that_costs_the_least(totals: list[int]) -> None:
    assert 1 <= knee(totals) <= totals.index(totals[-1]) + 1


@given(falling_totals)
def test_the_knee_is_the_point_of_the_yield_highest_above_the_line(totals: list[int]) -> None:
    yields = 1 / np.array(totals)
    place = knee(totals) - 1
    if totals[0] == totals[-1]:
        assert place == 0
    else:
        scaled = (yields - yields[0]) / (yields[-1] - yields[0])
        above = scaled - np.arange(len(totals)) / (len(totals) - 1)
        assert above[place] == pytest.approx(above.max(), abs=1e-9)
