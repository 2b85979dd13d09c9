"""What chance makes of each measure, against simulated samples of equal records."""

import math
from collections import Counter

import numpy as np
import pytest

from pipeline.drift.chance import (
    Chance,
    chance_of_distance,
    chance_of_shares,
    chance_of_shift,
)
from pipeline.drift.clusters import effective_records
from pipeline.drift.measures import binned, greatest_difference, jensen_shannon_distance, length_bins, mean_shift
from pipeline.moments import ExactMoments

DRAWS = 200


def moments_of(values: np.ndarray) -> ExactMoments:
    moments = ExactMoments()
    moments.add(values.astype(np.float32))
    return moments


def simulated(found: list[tuple[float, Chance]]) -> tuple[float, float, float]:
    """Returns the mean of a measure, what is told of it, and the share of samples beyond the margin."""
    values, told = [value for value, _ in found], [chance.average for _, chance in found]
    return float(np.mean(values)), float(np.mean(told)), float(np.mean([value > one.margin for value, one in found]))


@pytest.mark.parametrize(
    ("n", "m", "near"), [(1000, 1000, 0.06), (300, 20_000, 0.06), (100, 1000, 0.1), (30, 200, 0.2)]
)
def test_distance_of_lengths(n: int, m: int, near: float) -> None:
    random = np.random.default_rng(1)
    found = []
    for _ in range(DRAWS):
        span, base = (Counter(random.lognormal(3, 0.6, size).astype(int).tolist()) for size in (n, m))
        bins = length_bins(base)
        left, right = binned(span, bins), binned(base, bins)
        pooled = [a + b for a, b in zip(left, right, strict=True)]
        found.append((jensen_shannon_distance(left, right), chance_of_distance(pooled, n, m, 1)))
    mean, told, beyond = simulated(found)
    assert told == pytest.approx(mean, rel=near)
    assert beyond <= 0.01


@pytest.mark.parametrize("classes", [2, 3, 10, 100])
@pytest.mark.parametrize(("n", "m"), [(50, 500), (2000, 2000)])
def test_shares_of_classes(classes: int, n: int, m: int) -> None:
    random = np.random.default_rng(2)
    shares = random.dirichlet(np.full(classes, 2.0))
    found = []
    for _ in range(DRAWS):
        span, base = (random.multinomial(size, shares).tolist() for size in (n, m))
        pooled = [a + b for a, b in zip(span, base, strict=True)]
        found.append((greatest_difference(span, base), chance_of_shares(pooled, n, m, 1)))
    mean, told, beyond = simulated(found)
    assert told == pytest.approx(mean, rel=0.16)
    assert beyond <= 0.01


def test_rare_classes_do_not_cry_wolf() -> None:
    """One of 20 rejected where the base has one of 1,000: about as likely as not to happen within a month."""
    assert 1 / 20 - 1 / 1000 < chance_of_shares([2, 1018], 20, 1000, 1).margin < 0.2


@pytest.mark.parametrize(("n", "m"), [(10, 30), (100, 1000), (2000, 2000)])
def test_shift_of_means(n: int, m: int) -> None:
    random = np.random.default_rng(3)
    chance = chance_of_shift(n, m, 1)
    found = [
        (mean_shift(moments_of(random.normal(5, 2, n)), moments_of(random.normal(5, 2, m))), chance)
        for _ in range(DRAWS)
    ]
    mean, told, beyond = simulated(found)
    assert told == pytest.approx(mean, rel=0.2)  # of 200 draws
    assert beyond <= 0.01


def test_steps_of_a_record_that_are_all_the_same() -> None:
    """Then a step more of a record tells nothing, and the effective number of records is what counts."""
    random = np.random.default_rng(4)
    lengths = random.integers(1, 60, 400)
    draws = effective_records(Counter(lengths.tolist()))
    assert 200 < draws < 400
    found = []
    for _ in range(DRAWS):
        span, base = (np.repeat(random.normal(size=400), lengths) for _ in range(2))
        found.append((mean_shift(moments_of(span), moments_of(base)), chance_of_shift(draws, draws, 1)))
    mean, told, beyond = simulated(found)
    assert told == pytest.approx(mean, rel=0.2)  # of 200 draws
    assert beyond <= 0.01


def test_by_hand() -> None:
    two = chance_of_shares([50, 50], 50, 50, 1)
    assert two.average == pytest.approx(math.sqrt(2 / math.pi) * 0.1)
    assert two.margin == pytest.approx(math.sqrt(2 * math.log(400)) * 0.1 + math.log(400) / 150)
    # Two bins: one degree of freedom, the mean of a half-normal variable.
    one = chance_of_distance([10, 10], 10, 10, 1)
    assert one.average == pytest.approx(math.sqrt(0.2 / (8 * math.log(2))) * math.sqrt(2 / math.pi))


def test_what_cannot_differ_does_not() -> None:
    assert chance_of_distance([0, 9, 0], 4, 5, 1) == Chance(0, 0)
    assert chance_of_shares([9, 0], 4, 5, 1) == Chance(0, 0)


def test_more_comparisons_make_the_margin_wider_and_not_the_mean() -> None:
    alone, among = chance_of_shift(50, 50, 1), chance_of_shift(50, 50, 100)
    assert alone.average == among.average
    assert alone.margin < among.margin < 2 * alone.margin


def test_the_worked_example_of_the_docs() -> None:
    """Of docs/drift.md: 439 of 685 negative reviews, and 1,334 of 2,664 in the base."""
    assert greatest_difference([439, 246, 0], [1334, 1330, 0]) == pytest.approx(0.140125, abs=5e-7)
    found = chance_of_shares([1773, 1576, 0], 685, 2664, 1)
    assert found.average == pytest.approx(0.017061, abs=5e-7)
    assert found.margin == pytest.approx(0.076935, abs=5e-7)
