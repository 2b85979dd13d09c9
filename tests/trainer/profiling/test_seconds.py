"""The fit of a step's seconds: exact where it can be, the best there is elsewhere, nothing below 0."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.profiling.seconds import (
    Measurement,
    StepSeconds,
    fit_seconds,
    median_relative_error,
    nonnegative_least_squares,
)

SHAPES = [(examples, steps) for steps in (1, 7, 60, 500) for examples in (1, 16, 128)]
coefficients = st.just(0.0) | st.floats(1e-7, 1e-1)


def measured(seconds: StepSeconds, shapes: list[tuple[int, int]] = SHAPES) -> list[Measurement]:
    return [Measurement(examples, steps, seconds.of(examples, steps)) for examples, steps in shapes]


@given(coefficients, coefficients, coefficients)
def test_what_follows_the_formula_is_found_again(batch: float, step: float, padded_step: float) -> None:
    seconds = StepSeconds(batch, step, padded_step)
    if seconds != StepSeconds(0, 0, 0):
        fitted = fit_seconds(measured(seconds))
        assert median_relative_error(fitted, measured(seconds)) < 1e-5
        for shape in SHAPES:
            assert fitted.of(*shape) == pytest.approx(seconds.of(*shape), rel=1e-5)


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 3))
def test_the_solution_meets_the_conditions_of_an_optimum(seed: int, rows: int, columns: int) -> None:
    random = np.random.default_rng(seed)
    matrix, target = random.normal(size=(rows, columns)), random.normal(size=rows)
    found = nonnegative_least_squares(matrix, target)
    slope = matrix.T @ (matrix @ found - target)
    # Karush-Kuhn-Tucker: nothing is gained by raising a column, nor by changing one that is above 0.
    assert (found >= 0).all()
    assert (slope >= -1e-6).all()
    assert np.abs(slope * found).max() < 1e-6


def test_noise_never_makes_a_coefficient_negative() -> None:
    random = np.random.default_rng(3)
    items = [Measurement(b, t, 1e-3 * b * t * float(random.uniform(0.5, 1.5))) for b, t in SHAPES]
    fitted = fit_seconds(items)
    assert min(fitted.batch, fitted.step, fitted.padded_step) >= 0
    assert fitted.padded_step == pytest.approx(1e-3, rel=0.5)


def test_lengths_that_are_all_the_same_leave_the_least_that_explains_them() -> None:
    fitted = fit_seconds(measured(StepSeconds(0.01, 0.001, 0.0001), [(1, 20), (8, 20), (64, 20)]))
    assert fitted == StepSeconds(pytest.approx(0.03), 0, pytest.approx(0.0001))


def test_one_measurement_is_enough() -> None:
    assert fit_seconds([Measurement(4, 10, 0.2)]) == StepSeconds(pytest.approx(0.2), 0, 0)


def test_the_error_is_the_median_of_the_relative_ones() -> None:
    items = [Measurement(1, 1, 1.0), Measurement(1, 1, 2.0), Measurement(1, 1, 4.0)]
    assert median_relative_error(StepSeconds(3.0, 0, 0), items) == 0.5  # of 2, 0.5, 0.25
