"""What a record costs by the predicted seconds of a batch."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.batch_seconds import PER_SECOND, batch_examples, record_costs
from schemas.dataset_pb2 import BatchSeconds

coefficients = st.floats(0, 1e3)
models = st.builds(
    BatchSeconds,
    batch=coefficients,
    step=coefficients,
    padded_step=coefficients,
    padded_steps=st.integers(1, 2**31 - 1) | st.integers(1, 500),
    examples=st.integers(1, 2**31 - 1) | st.integers(1, 50),
)
rising = st.lists(st.integers(0, 10**6) | st.integers(0, 60), min_size=1, max_size=12, unique=True).map(sorted)


def test_a_worked_example() -> None:
    seconds = BatchSeconds(batch=0.25, step=0.125, padded_step=0.0625, padded_steps=40, examples=8)
    # 8 examples of 4 steps: (0.25 + 0.5) / 8 + 0.25; 4 of 10: (0.25 + 1.25) / 4 + 0.625; 1 of 30 and of 50.
    costs = [Fraction(cost, PER_SECOND) for cost in record_costs([0, 4, 10, 30, 50], seconds)]
    assert [batch_examples(length, seconds) for length in (0, 4, 10, 30, 50)] == [8, 8, 4, 1, 1]
    assert costs == [0.03125, 0.34375, 1.0, 5.875, 9.625]


def test_coefficients_are_the_doubles_that_they_are() -> None:
    seconds = BatchSeconds(batch=0.1, step=0, padded_step=0, padded_steps=1, examples=1)
    assert record_costs([5], seconds) == [100000000000000005]


@given(rising, models)
def test_costs_are_the_formula_rounded_down(lengths: list[int], seconds: BatchSeconds) -> None:
    for length, cost in zip(lengths, record_costs(lengths, seconds), strict=True):
        examples = max(1, min(seconds.examples, seconds.padded_steps // max(length, 1)))
        each = (Fraction(seconds.batch) + Fraction(seconds.step) * length) / examples
        exact = (each + Fraction(seconds.padded_step) * length) * PER_SECOND
        assert cost <= exact < cost + 1


@given(rising, models)
def test_a_longer_bucket_never_costs_less(lengths: list[int], seconds: BatchSeconds) -> None:
    costs = record_costs(lengths, seconds)
    assert costs == sorted(costs)


@pytest.mark.parametrize("name", ["batch", "step", "padded_step"])
def test_one_coefficient_alone(name: str) -> None:
    seconds = BatchSeconds(padded_steps=100, examples=10, **{name: 1.0})
    wanted = {"batch": [0.1, 0.2], "step": [0.5, 4.0], "padded_step": [5, 20]}[name]
    assert [cost / PER_SECOND for cost in record_costs([5, 20], seconds)] == wanted
