"""How many draws the steps of records are worth, by hand and against what simulated records show."""

from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.drift.chance import chance_of_shares
from pipeline.drift.clusters import OovRecords, effective_records, effective_steps, likeness
from pipeline.drift.measures import share_change
from pipeline.statistics.details import length_details
from pipeline.statistics.encoded_facts import oov_sums
from pipeline.statistics.merging import merged_oov
from pipeline.statistics.record_facts import OovSums
from tests.pipeline.drift.worlds import tokens_of

DRAWS = 200

# Steps out of vocabulary, and all steps, of each record.
records = st.lists(
    st.integers(0, 30).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=20
)


def sample_of(pairs: list[tuple[int, int]]) -> OovRecords:
    unknown, lengths = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
    return OovRecords(int(unknown.sum()), int(lengths.sum()), oov_sums(unknown, lengths, np.ones(len(pairs), np.bool_)))


def drawn(random: np.random.Generator, number: int, oov: float, alike: float) -> OovRecords:
    """Log-normal lengths with a median of 20: a few records hold much of all."""
    lengths = np.maximum(1, random.lognormal(3, 0.8, number).astype(np.int64))
    text = tokens_of(random, lengths, oov, alike)
    return OovRecords(text.oov_steps, text.lengths.steps, merged_oov([text]))


def test_effective_records_by_hand() -> None:
    assert effective_records({7: 30}) == 30
    assert effective_records({1: 100, 100: 1}) == 200**2 / (100 + 10_000)
    assert effective_records({0: 5}) == 0
    assert effective_records({}) == 0


def test_effective_steps_by_hand() -> None:
    sample = sample_of([(0, 4), (1, 4), (2, 2), (0, 0)])
    assert sample == OovRecords(3, 10, OovSums(records=3, squares=5, products=8, length_squares=36))
    assert effective_steps(sample, Fraction(0)) == 10
    assert effective_steps(sample, Fraction(1)) == pytest.approx(effective_records({4: 2, 2: 1, 0: 1}))
    assert effective_steps(sample, Fraction(1, 2)) == pytest.approx(100 / (10 + 13))
    assert effective_steps(OovRecords(0, 0, OovSums()), Fraction(1)) == 0


def test_likeness_by_hand() -> None:
    # r = 1/2: Σ(x - 2)² = 8, / (r (1 - r)) = 32, · 4/3 less 16 steps = 26.67 of 48 pairs; one record more counts as 1.
    assert likeness([sample_of([(0, 4), (4, 4), (2, 4), (2, 4)])]) == Fraction(4 * Fraction(80, 3) / 48 + 1, 5)
    assert likeness([sample_of([(0, 4), (4, 4)] * 50)]) == 1
    assert likeness([sample_of([(2, 4)] * 99)]) == Fraction(1, 100)


@pytest.mark.parametrize(
    "pairs",
    [
        pytest.param([(1, 4)], id="one record"),
        pytest.param([(0, 4), (0, 2)], id="all known"),
        pytest.param([(4, 4), (2, 2)], id="all unknown"),
        pytest.param([(0, 1), (1, 1)], id="records of one step"),
        pytest.param([(0, 0), (0, 0)], id="no step"),
    ],
)
def test_what_tells_nothing_is_taken_to_be_all_alike(pairs: list[tuple[int, int]]) -> None:
    assert likeness([sample_of(pairs)]) == 1
    other = sample_of([(0, 4), (4, 4), (2, 4), (2, 4)])
    if sample_of(pairs).steps > 2:
        assert likeness([sample_of(pairs), other]) == likeness([other])


def test_a_sample_without_sums_leaves_it_unknown() -> None:
    assert likeness([OovRecords(1, 4, None), sample_of([(0, 4), (4, 4)])]) is None


@given(records, records)
def test_draws_lie_between_those_of_records_and_of_steps(left: Any, right: Any) -> None:
    alike = likeness([sample_of(left), sample_of(right)])
    assert alike is not None
    assert 0 < alike <= 1
    assert alike == likeness([sample_of(right), sample_of(left)])
    for pairs in (left, right):
        draws, lengths = effective_steps(sample_of(pairs), alike), Counter(n for _, n in pairs)
        assert effective_records(lengths) * (1 - 1e-12) <= draws <= length_details(lengths).steps


@pytest.mark.parametrize("alike", [0.0, 0.05, 0.3, 1.0])
def test_the_likeness_of_many_records_is_found(alike: float) -> None:
    found = likeness([drawn(np.random.default_rng(1), 200_000, 0.1, alike)])
    assert found is not None
    # A few long records hold most pairs of steps, so that 200,000 are worth some 15,000: 0.02 is the deviation at 1.
    assert float(found) == pytest.approx(alike, abs=0.06)


@pytest.mark.parametrize("alike", [0.0, 0.05, 0.3, 1.0])
@pytest.mark.parametrize(("n", "m"), [(20, 200), (200, 200), (1000, 200)])
def test_margins_of_records_that_differ(alike: float, n: int, m: int) -> None:
    random = np.random.default_rng(2)
    found = []
    for _ in range(DRAWS):
        span, base = drawn(random, n, 0.1, alike), drawn(random, m, 0.1, alike)
        degree = likeness([span, base])
        assert degree is not None
        pooled = [span.unknown + base.unknown, span.steps + base.steps - span.unknown - base.unknown]
        chance = chance_of_shares(pooled, effective_steps(span, degree), effective_steps(base, degree), 1)
        found.append((share_change(*span[:2], *base[:2]), chance))
    assert sum(value > chance.margin for value, chance in found) <= DRAWS // 100
    if alike < 1:  # else some samples have next to no variance to tell
        told, mean = (float(np.mean(values)) for values in ([c.average for _, c in found], [v for v, _ in found]))
        assert told == pytest.approx(mean, rel=0.25)
