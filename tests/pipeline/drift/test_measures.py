"""Distances against values that were computed by hand."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.drift.measures import (
    MOST_SHIFT,
    binned,
    greatest_difference,
    jensen_shannon_distance,
    length_bins,
    mean_shift,
    rounded,
    share_change,
)
from pipeline.moments import ExactMoments

histograms = st.dictionaries(st.integers(0, 300), st.integers(1, 50), min_size=1, max_size=60)
counts = st.lists(st.integers(0, 1000), min_size=5, max_size=5).filter(any)


def moments_of(*values: float) -> ExactMoments:
    moments = ExactMoments()
    moments.add(np.array(values, np.float32))
    return moments


@pytest.mark.parametrize(
    ("left", "right", "distance"),
    [
        ([1, 0], [0, 1], 1.0),
        ([3, 3], [5, 5], 0.0),
        # M = (3/4, 1/4): (1 · log2(4/3) + 1/2 · log2(2/3) + 1/2 · log2 2) / 2 = 0.311278
        ([7, 0], [4, 4], 0.557923),
        # M = (1/2, 1/2) of (3/4, 1/4) and (1/4, 3/4): 1 - H(1/4) = 0.188722
        ([3, 1], [1, 3], 0.434421),
    ],
)
def test_jensen_shannon_distance(left: list[int], right: list[int], distance: float) -> None:
    assert rounded(jensen_shannon_distance(left, right)) == distance


@given(counts, counts, counts)
def test_the_distance_is_a_metric_in_0_to_1(a: list[int], b: list[int], c: list[int]) -> None:
    assert 0 <= jensen_shannon_distance(a, b) <= 1
    assert jensen_shannon_distance(a, b) == pytest.approx(jensen_shannon_distance(b, a), abs=1e-9)
    assert rounded(jensen_shannon_distance(a, [3 * count for count in a])) == 0
    way_round = jensen_shannon_distance(a, c) + jensen_shannon_distance(c, b)
    assert jensen_shannon_distance(a, b) <= way_round + 1e-7


def test_bins_of_equal_mass() -> None:
    base = dict.fromkeys(range(1, 101), 7)
    assert length_bins(base) == [0, *range(5, 101, 5)]
    assert binned(base, length_bins(base)) == [0, *[35] * 20, 0]
    assert binned({0: 2, 1: 1, 100: 3, 101: 4, 9999: 5}, length_bins(base)) == [2, 1, *[0] * 18, 3, 9]


def test_bins_of_one_length_tell_longer_and_shorter_ones() -> None:
    assert length_bins({100: 50}) == [99, 100]
    shifted = [binned({length: 9}, [99, 100]) for length in (99, 100, 101)]
    assert shifted == [[9, 0, 0], [0, 9, 0], [0, 0, 9]]


@given(histograms, histograms)
def test_every_record_is_in_one_bin(base: dict[int, int], span: dict[int, int]) -> None:
    bins = length_bins(base)
    assert len(bins) <= 21
    assert bins == sorted(set(bins))
    assert sum(binned(span, bins)) == sum(span.values())
    own = binned(base, bins)
    assert (own[0], own[-1]) == (0, 0), "nothing of the base is outside"
    assert all(own[1:-1]), "no bin between is empty"
    assert jensen_shannon_distance(own, own) == 0


def test_greatest_difference_and_share_change() -> None:
    assert greatest_difference([50, 30, 20], [5, 2, 3]) == 0.1
    assert greatest_difference([1, 0, 0], [0, 0, 9]) == 1
    assert share_change(1, 4, 3, 4) == 0.5
    assert share_change(0, 7, 0, 3) == 0


def test_mean_shift() -> None:
    assert mean_shift(moments_of(0, 2), moments_of(3, 5)) == 3  # means 1 and 4, variances 1
    assert mean_shift(moments_of(0, 2), moments_of(1, 1)) == 0
    assert mean_shift(moments_of(-1, 1), moments_of(2, 2)) == pytest.approx(2 / math.sqrt(0.5), rel=1e-15)


def test_a_shift_is_finite() -> None:
    assert mean_shift(moments_of(5), moments_of(5)) == 0
    assert mean_shift(moments_of(5), moments_of(np.nextafter(np.float32(5), np.float32(6)))) == MOST_SHIFT
    huge = float(np.finfo(np.float32).max)
    assert mean_shift(moments_of(huge), moments_of(-huge)) == MOST_SHIFT
    assert mean_shift(moments_of(huge, huge), moments_of(0, 1e-45)) == MOST_SHIFT
    assert mean_shift(moments_of(huge, -huge), moments_of(0, 1e-45)) == pytest.approx(0, abs=1e-40)


@given(histograms.map(Counter), st.integers(1, 9))
def test_more_of_the_same_is_at_no_distance(base: Counter[int], times: int) -> None:
    bins = length_bins(base)
    more = binned({length: times * count for length, count in base.items()}, bins)
    assert rounded(jensen_shannon_distance(binned(base, bins), more)) == 0


def test_what_is_stored_has_six_decimals_and_no_negative_zero() -> None:
    assert rounded(0.12345649) == 0.123456
    assert str(rounded(-1e-9)) == "0.0"
