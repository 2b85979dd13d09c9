"""Bucket plans against every other plan, and the two conventions of a boundary."""

import itertools
from bisect import bisect_right
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.batch_seconds import PER_SECOND
from schemas.buckets import (
    Int64s,
    bucket_index,
    bucketed_efficiency,
    epoch_seconds,
    exclusive_boundaries,
    longest_efficiency,
    padded_steps,
    padded_steps_by_count,
    plan_buckets,
    plan_buckets_at_knee,
    random_batch_efficiency,
    upper_bounds,
)
from schemas.cuts import knee
from schemas.dataset_pb2 import BatchSeconds
from schemas.manifest_pb2 import Bucket

Histogram = dict[int, int]
Boundaries = Callable[[Histogram, int], list[int]]

small_histograms = st.dictionaries(st.integers(0, 60), st.integers(1, 30), min_size=1, max_size=9)
large_histograms = st.dictionaries(st.integers(0, 3000), st.integers(1, 10_000), min_size=1, max_size=80)
small_models = st.builds(
    BatchSeconds,
    batch=st.floats(0, 1),
    step=st.floats(0, 1),
    padded_step=st.floats(0, 1),
    padded_steps=st.integers(1, 300),
    examples=st.integers(1, 20),
)
large_models = st.builds(
    BatchSeconds,
    batch=st.floats(0, 0.01),
    step=st.floats(0, 0.001),
    padded_step=st.floats(0, 1e-6),
    padded_steps=st.integers(1, 20_000),
    examples=st.integers(1, 600),
)


def columns(histogram: Histogram) -> tuple[Int64s, Int64s]:
    rising = sorted(histogram)
    return np.array(rising, np.int64), np.array([histogram[length] for length in rising], np.int64)


def buckets_of(inclusive_bounds: list[int]) -> list[Bucket]:
    starts = [0, *(bound + 1 for bound in inclusive_bounds)]
    closed = [Bucket(min_length=s, max_length=e) for s, e in zip(starts, inclusive_bounds, strict=False)]
    return [*closed, Bucket(min_length=starts[-1])]


def padded_by_hand(histogram: Histogram, bounds: list[int]) -> int:
    total = 0
    for low, high in itertools.pairwise([-1, *bounds, max(histogram)]):
        inside = [length for length in histogram if low < length <= high]
        total += max(inside, default=0) * sum(histogram[length] for length in inside)
    return total


def seconds_by_hand(histogram: Histogram, bounds: list[int], seconds: BatchSeconds) -> Fraction:
    total = Fraction(0)
    for low, high in itertools.pairwise([-1, *bounds, max(histogram)]):
        inside = [length for length in histogram if low < length <= high]
        longest = max(inside, default=0)
        examples = max(1, min(seconds.examples, seconds.padded_steps // max(1, longest)))
        batch = Fraction(seconds.batch) + Fraction(seconds.step) * longest
        batch += Fraction(seconds.padded_step) * longest * examples
        total += batch * Fraction(sum(histogram[length] for length in inside), examples)
    return total


def rounding(histogram: Histogram) -> Fraction:
    """What costs in whole attoseconds may be too low by: less than one for each record."""
    return Fraction(sum(histogram.values()), PER_SECOND)


def all_bounds(histogram: Histogram, count: int) -> list[list[int]]:
    rising = sorted(histogram)
    return [list(bounds) for bounds in itertools.combinations(rising[:-1], min(count, len(rising)) - 1)]


def least_by_trying_all(histogram: Histogram, count: int) -> int:
    return min(padded_by_hand(histogram, bounds) for bounds in all_bounds(histogram, count))


def equal_width(histogram: Histogram, count: int) -> list[int]:
    return [max(histogram) * k // count for k in range(1, count)]


def geometric(histogram: Histogram, count: int) -> list[int]:
    low, high = max(min(histogram), 1), max(max(histogram), 1)
    return [int(low * (high / low) ** (k / count)) for k in range(1, count)]


def equal_count(histogram: Histogram, count: int) -> list[int]:
    return equal_weight(histogram, count, lambda length: 1)


def equal_tokens(histogram: Histogram, count: int) -> list[int]:
    return equal_weight(histogram, count, lambda length: length)


def equal_weight(histogram: Histogram, count: int, weight: Callable[[int], int]) -> list[int]:
    rising = sorted(histogram)
    running = np.cumsum([histogram[length] * weight(length) for length in rising])
    return [rising[int(np.searchsorted(running, running[-1] * k / count))] for k in range(1, count)]


def test_the_plan_of_the_documentation() -> None:
    lengths, counts = columns({3: 1, 5: 1, 9: 1})
    buckets = plan_buckets(lengths, counts, 2)
    assert buckets == [Bucket(min_length=0, max_length=5), Bucket(min_length=6)]
    assert padded_steps(lengths, counts, buckets) == 19
    assert bucketed_efficiency(lengths, counts, buckets) == 17 / 19


@pytest.mark.parametrize(
    ("histogram", "count", "bounds"),
    [
        ({7: 3}, 1, []),
        ({7: 3}, 4, []),
        ({0: 2}, 2, []),
        ({0: 5, 1: 1}, 2, [0]),
        ({1: 1, 2: 1, 3: 1}, 9, [1, 2]),
        ({1: 1000, 100: 1, 101: 1000}, 2, [1]),
        ({10: 1, 11: 1, 1000: 1}, 2, [11]),
    ],
)
def test_plans(histogram: Histogram, count: int, bounds: list[int]) -> None:
    assert plan_buckets(*columns(histogram), count) == buckets_of(bounds)


@given(small_histograms, st.integers(1, 10))
def test_the_plan_pads_as_little_as_the_best_of_all_plans(histogram: Histogram, count: int) -> None:
    lengths, counts = columns(histogram)
    buckets = plan_buckets(lengths, counts, count)
    assert len(buckets) == min(count, len(histogram))
    assert padded_steps(lengths, counts, buckets) == least_by_trying_all(histogram, count)


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=7, unique=True), st.integers(1, 8))
def test_the_plan_is_exact_for_large_numbers(lengths: list[int], count: int) -> None:
    histogram = {length: 10**9 + length % 7 for length in lengths}
    bounds = upper_bounds(plan_buckets(*columns(histogram), count)).tolist()
    assert padded_by_hand(histogram, bounds) == least_by_trying_all(histogram, count)


@given(small_histograms, st.integers(1, 10), small_models)
def test_the_plan_takes_as_little_as_the_best_of_all_plans(
    histogram: Histogram, count: int, seconds: BatchSeconds
) -> None:
    buckets = plan_buckets(*columns(histogram), count, seconds)
    assert len(buckets) == min(count, len(histogram))
    planned = seconds_by_hand(histogram, upper_bounds(buckets).tolist(), seconds)
    best = min(seconds_by_hand(histogram, bounds, seconds) for bounds in all_bounds(histogram, count))
    assert best <= planned <= best + rounding(histogram)


@pytest.mark.parametrize("rule", [equal_width, geometric, equal_count, equal_tokens])
@given(histogram=large_histograms, count=st.integers(1, 12), seconds=large_models)
def test_the_plan_never_takes_longer_than_common_rules(
    rule: Boundaries, histogram: Histogram, count: int, seconds: BatchSeconds
) -> None:
    bounds = upper_bounds(plan_buckets(*columns(histogram), count, seconds)).tolist()
    common = seconds_by_hand(histogram, sorted(set(rule(histogram, count))), seconds)
    assert seconds_by_hand(histogram, bounds, seconds) <= common + rounding(histogram)


@given(large_histograms, st.lists(st.integers(0, 3000), max_size=6, unique=True), large_models)
def test_predicted_seconds(histogram: Histogram, bounds: list[int], seconds: BatchSeconds) -> None:
    bounds = sorted(bound for bound in bounds if bound < max(histogram))
    found = epoch_seconds(*columns(histogram), buckets_of(bounds), seconds)
    exact = float(seconds_by_hand(histogram, bounds, seconds))
    assert found == pytest.approx(exact, rel=1e-12, abs=float(rounding(histogram)))


@given(large_histograms, st.integers(1, 12), st.integers(1, 20_000), st.integers(1, 600))
def test_seconds_for_nothing_but_padded_steps_are_padded_steps(
    histogram: Histogram, count: int, padded_steps: int, examples: int
) -> None:
    seconds = BatchSeconds(batch=0, step=0, padded_step=1, padded_steps=padded_steps, examples=examples)
    assert plan_buckets(*columns(histogram), count, seconds) == plan_buckets(*columns(histogram), count)


def test_the_seconds_of_the_documentation() -> None:
    lengths, counts = columns({10: 1000, 40: 200, 160: 50})
    seconds = BatchSeconds(batch=0.01, step=0.001, padded_step=1e-6, padded_steps=1600, examples=40)
    padded, timed = plan_buckets(lengths, counts, 2), plan_buckets(lengths, counts, 2, seconds)
    assert (padded, timed) == (buckets_of([10]), buckets_of([40]))
    assert [padded_steps(lengths, counts, plan) for plan in (padded, timed)] == [50_000, 56_000]
    assert [epoch_seconds(lengths, counts, plan, seconds) for plan in (padded, timed)] == [4.8, 2.406]


@pytest.mark.parametrize("rule", [equal_width, geometric, equal_count, equal_tokens])
@given(histogram=large_histograms, count=st.integers(1, 12))
def test_the_plan_is_never_worse_than_common_rules(rule: Boundaries, histogram: Histogram, count: int) -> None:
    lengths, counts = columns(histogram)
    planned = padded_steps(lengths, counts, plan_buckets(lengths, counts, count))
    assert planned <= padded_by_hand(histogram, sorted(set(rule(histogram, count))))


@given(large_histograms)
def test_one_bucket_more_is_never_worse(histogram: Histogram) -> None:
    lengths, counts = columns(histogram)
    costs = [padded_steps(lengths, counts, plan_buckets(lengths, counts, count)) for count in range(1, 8)]
    assert costs == sorted(costs, reverse=True)
    assert costs[0] == max(histogram) * sum(histogram.values())


@given(large_histograms, large_models)
def test_one_bucket_more_never_takes_longer(histogram: Histogram, seconds: BatchSeconds) -> None:
    lengths, counts = columns(histogram)
    plans = [plan_buckets(lengths, counts, count, seconds) for count in range(1, 8)]
    costs = [epoch_seconds(lengths, counts, plan, seconds) for plan in plans]
    assert costs == sorted(costs, reverse=True)


@given(large_histograms, st.integers(1, 40), st.none() | large_models)
def test_the_knee_has_the_buckets_that_are_planned_for_its_number(
    histogram: Histogram, most: int, seconds: BatchSeconds | None
) -> None:
    lengths, counts = columns(histogram)
    chosen = plan_buckets_at_knee(lengths, counts, most, seconds)
    assert 1 <= len(chosen) <= most
    assert chosen == plan_buckets(lengths, counts, len(chosen), seconds)


@given(large_histograms, st.integers(1, 40))
def test_the_knee_is_that_of_the_padding_efficiency(histogram: Histogram, most: int) -> None:
    lengths, counts = columns(histogram)
    totals = padded_steps_by_count(lengths, counts, most)
    assert len(plan_buckets_at_knee(lengths, counts, most)) == knee(totals)


@pytest.mark.parametrize(
    ("histogram", "most", "bounds"),
    [
        ({7: 3}, 32, []),
        ({0: 2}, 32, []),
        ({2: 90, 9: 10}, 1, []),
        ({2: 90, 9: 10}, 2, [2]),
        ({2: 90, 9: 10}, 32, [2]),
        ({3: 10, 5: 10, 9: 1}, 4, [3, 5]),
        ({3: 10, 5: 10, 9: 1}, 3, [5]),
    ],
)
def test_knees(histogram: Histogram, most: int, bounds: list[int]) -> None:
    assert plan_buckets_at_knee(*columns(histogram), most) == buckets_of(bounds)


def test_equal_seconds_for_all_lengths_need_one_bucket() -> None:
    lengths, counts = columns({2: 90, 9: 10, 30: 5})
    seconds = BatchSeconds(batch=1, step=0, padded_step=0, padded_steps=10_000, examples=4)
    assert plan_buckets_at_knee(lengths, counts, 32, seconds) == buckets_of([])
    assert len(plan_buckets(lengths, counts, 2, seconds)) == 2


@given(large_histograms, st.integers(1, 12))
def test_the_buckets_cover_every_length_once(histogram: Histogram, count: int) -> None:
    buckets = plan_buckets(*columns(histogram), count)
    assert buckets[0].min_length == 0
    assert not buckets[-1].HasField("max_length")
    for bucket, following in itertools.pairwise(buckets):
        assert bucket.min_length <= bucket.max_length == following.min_length - 1


def test_a_length_at_below_and_above_a_boundary() -> None:
    buckets = buckets_of([5, 9])
    lengths = np.array([0, 4, 5, 6, 8, 9, 10, 10**12])
    assert bucket_index(lengths, buckets).tolist() == [0, 0, 0, 1, 1, 1, 2, 2]
    assert upper_bounds(buckets).tolist() == [5, 9]
    assert exclusive_boundaries(buckets) == [6, 10]


def test_one_bucket_has_no_boundary() -> None:
    buckets = buckets_of([])
    assert exclusive_boundaries(buckets) == []
    assert bucket_index(np.array([0, 3]), buckets).tolist() == [0, 0]


@given(st.sets(st.integers(0, 50), max_size=8), st.lists(st.integers(0, 60), max_size=30))
def test_exclusive_boundaries_put_every_length_into_the_same_bucket(bounds: set[int], lengths: list[int]) -> None:
    buckets = buckets_of(sorted(bounds))
    # tf.data counts the boundaries that are not greater than the length.
    wanted = [bisect_right(exclusive_boundaries(buckets), length) for length in lengths]
    assert bucket_index(np.array(lengths, np.int64), buckets).tolist() == wanted
    inside = [buckets[index] for index in wanted]
    assert all(b.min_length <= length for b, length in zip(inside, lengths, strict=True))
    assert all(length <= b.max_length for b, length in zip(inside, lengths, strict=True) if b.HasField("max_length"))


@given(small_histograms, st.sets(st.integers(0, 60), max_size=5))
def test_efficiencies_are_real_steps_by_padded_steps(histogram: Histogram, bounds: set[int]) -> None:
    lengths, counts = columns(histogram)
    real = sum(length * count for length, count in histogram.items())
    bounds = {bound for bound in bounds if bound < max(histogram)}
    padded = padded_by_hand(histogram, sorted(bounds))
    buckets = buckets_of(sorted(bounds))
    assert padded_steps(lengths, counts, buckets) == padded
    assert bucketed_efficiency(lengths, counts, buckets) == (real / padded if padded else 1.0)
    longest = max(histogram) * sum(histogram.values())
    assert longest_efficiency(lengths, counts) == (real / longest if longest else 1.0)


@given(
    st.dictionaries(st.integers(0, 9), st.integers(1, 3), min_size=1, max_size=3).filter(any),
    st.integers(1, 4),
)
def test_random_batches_against_every_batch_that_can_be_drawn(histogram: Histogram, batch_size: int) -> None:
    records = [length for length, count in histogram.items() for _ in range(count)]
    batches = list(itertools.product(records, repeat=batch_size))
    real = sum(sum(batch) for batch in batches)
    padded = sum(max(batch) * batch_size for batch in batches)
    assert random_batch_efficiency(*columns(histogram), batch_size) == pytest.approx(real / padded, rel=1e-12)


def test_nothing_padded_is_nothing_wasted() -> None:
    nothing = np.array([], np.int64)
    zeros = columns({0: 4})
    assert random_batch_efficiency(nothing, nothing, 8) == 1.0
    assert longest_efficiency(nothing, nothing) == 1.0
    assert bucketed_efficiency(nothing, nothing, buckets_of([3])) == 1.0
    assert random_batch_efficiency(*zeros, 8) == longest_efficiency(*zeros) == 1.0
    assert random_batch_efficiency(*columns({5: 9}), 64) == 1.0
