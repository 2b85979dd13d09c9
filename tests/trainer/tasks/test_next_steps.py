"""Metrics of next tokens and of forecasts against NumPy."""

import numpy as np
import pytest

from tests.trainer.tasks.measured import SIZES, measured
from trainer.tasks.forecasts import ForecastTask
from trainer.tasks.next_tokens import NextTokenTask

DRAW = np.random.default_rng(5)
LENGTHS = DRAW.integers(0, 11, 40)
REAL = np.arange(11) < LENGTHS[:, None]


@pytest.mark.parametrize("size", SIZES)
def test_next_tokens(size: int) -> None:
    outputs = DRAW.dirichlet([1] * 6, (40, 11)).astype(np.float32)
    label, weight = DRAW.integers(0, 6, (40, 11)), (REAL & (np.arange(11) > 1)).astype("f")
    totals = measured(NextTokenTask("x", 6, end=True).measure([]), outputs, label, weight, LENGTHS, size)
    there = weight > 0
    losses = -np.log(np.take_along_axis(outputs, label[..., None], 2)[..., 0].astype(np.float64))[there]
    hits = (outputs.argmax(axis=2) == label)[there]
    expected = {"loss": losses.mean(), "perplexity": np.exp(losses.mean()), "accuracy": hits.mean()}
    assert totals.metrics() == pytest.approx(expected, rel=1e-12)
    assert totals.total.labels == there.sum()


def test_the_least_probable_token_has_a_finite_perplexity() -> None:
    outputs, label = np.array([[[1.0, 0.0]]]), np.array([[1]])
    totals = measured(NextTokenTask("x", 2, end=False).measure([]), outputs, label, np.ones((1, 1)), np.array([1]), 1)
    assert totals.metrics() == pytest.approx({"loss": 87.33654, "perplexity": 2.0**126, "accuracy": 0.0})


FRAMES = DRAW.normal(size=(40, 11, 2)).astype(np.float32)
FORECAST = ForecastTask("x", "x", 2, 3, mean=[5.0, 0.0], variance=[4.0, 0.0])


@pytest.mark.parametrize("size", SIZES)
def test_forecasts(size: int) -> None:
    outputs, label = (DRAW.normal(size=(40, 11, 6)).astype(np.float32) for _ in range(2))
    weight = (REAL[..., None] & (DRAW.random((40, 11, 6)) < 0.5)).astype("f")
    totals = measured(FORECAST.measure([]), outputs, label, weight, LENGTHS, size, {"x": FRAMES})
    there, scale = weight > 0, np.array([2.0, 1.0] * 3)
    error, naive = (said.astype(np.float64) - label for said in (outputs, np.tile(FRAMES, 3)))
    loss, naive_loss = (((e / scale) ** 2)[there].mean() for e in (error, naive))
    expected = {
        "loss": loss,
        "mae": np.abs(error)[there].mean(),
        "rmse": (error**2)[there].mean() ** 0.5,
        "skill": 1 - loss / naive_loss,
    }
    assert totals.metrics() == pytest.approx(expected, rel=1e-12)
    assert totals.total.labels == there.sum()


def test_the_naive_forecast_has_no_skill_and_the_truth_all_of_it() -> None:
    label = np.tile(FRAMES, 3) + 1
    weight = np.broadcast_to(REAL[..., None], label.shape).astype("f")
    for outputs, expected in ((label - 1, 0.0), (label, 1.0), (label - 2, -3.0)):
        totals = measured(FORECAST.measure([]), outputs, label, weight, LENGTHS, 7, {"x": FRAMES})
        assert totals.metrics()["skill"] == pytest.approx(expected, abs=1e-5)


def test_where_the_naive_forecast_is_never_wrong_there_is_no_skill() -> None:
    label = np.tile(FRAMES, 3)
    weight = np.broadcast_to(REAL[..., None], label.shape).astype("f")
    totals = measured(FORECAST.measure([]), label, label, weight, LENGTHS, 7, {"x": FRAMES})
    assert totals.metrics() == {"loss": 0.0, "mae": 0.0, "rmse": 0.0}


def test_a_forecast_begins_as_the_naive_one() -> None:
    layer = FORECAST.finish()
    layer.build((None, 6))
    said = layer(np.zeros((40, 11, 6), np.float32), FRAMES).numpy()
    np.testing.assert_allclose(said, np.tile(FRAMES, 3), atol=1e-5)
    layer.share.assign(np.zeros(6))
    assert (layer(np.ones((1, 6), np.float32), FRAMES[:1, 0]).numpy() == [[7.0, 1.0] * 3]).all()
