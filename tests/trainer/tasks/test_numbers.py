"""Metrics of numbers, in any batches, and their loss."""

import numpy as np
import pytest

from tests.trainer.tasks.measured import SIZES, measured
from trainer.tasks.numbers import NumberMeasure, ScaledSquaredError


@pytest.mark.parametrize("size", SIZES)
def test_errors(size: int) -> None:
    outputs, label = np.array([1.0, 5.0, 3.0]), np.array([1.0, 2.0, 7.0], np.float32)
    totals = measured(NumberMeasure(4.0), outputs, label, np.ones(3), np.array([1, 1, 9]), size)
    assert totals.metrics() == pytest.approx({"loss": 25 / 3 / 4, "mae": 7 / 3, "rmse": (25 / 3) ** 0.5})
    first, second, last = totals.by_bucket()
    assert (first["mae"], last["mae"]) == (1.5, 4.0)
    assert "mae" not in second


def test_the_loss_is_scaled() -> None:
    loss = ScaledSquaredError([400.0])
    assert float(loss(np.array([1000.0, 1000.0]), np.array([1020.0, 1000.0]))) == pytest.approx(0.5)
    assert float(ScaledSquaredError([0.0])(np.array([1.0]), np.array([3.0]))) == 4.0
    of_each = ScaledSquaredError([4.0, 100.0])(np.zeros((1, 2, 2)), np.array([[[2.0, 10.0], [0.0, 0.0]]]))
    assert float(of_each) == pytest.approx(0.5)
    # Its square would be more than a float32 holds.
    assert float(ScaledSquaredError([1e38])(np.array([0.0]), np.array([1e20]))) == pytest.approx(100.0)
