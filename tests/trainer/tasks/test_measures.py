"""Metrics against NumPy, in any order and any batches."""

import numpy as np
import pytest
import tensorflow as tf

from schemas.manifest_pb2 import Bucket
from trainer.metrics import Totals
from trainer.tasks.classes import ClassMeasure
from trainer.tasks.measure import Measure
from trainer.tasks.numbers import NumberMeasure

BUCKETS = [Bucket(min_length=0, max_length=3), Bucket(min_length=4, max_length=7), Bucket(min_length=8)]


def add(
    totals: Totals,
    measure: Measure,
    outputs: np.ndarray,
    label: np.ndarray,
    lengths: np.ndarray,
    weight: np.ndarray | None = None,
) -> None:
    observed = measure.observe(tf.constant(outputs, tf.float32), tf.constant(label))
    weight = np.ones(len(label), np.float32) if weight is None else weight
    totals.add([part.numpy() for part in observed], weight, lengths)


@pytest.mark.parametrize("size", [1, 7, 64])
def test_classes(size: int) -> None:
    draw = np.random.default_rng(0)
    outputs = draw.dirichlet([1, 1, 1], 50).astype(np.float32)
    labels = draw.integers(0, 3, 50)
    lengths = draw.integers(0, 8, 50)
    totals = Totals(ClassMeasure(), BUCKETS)
    for start in range(0, 50, size):
        part = slice(start, start + size)
        add(totals, ClassMeasure(), outputs[part], labels[part], lengths[part])
    losses = -np.log(outputs[np.arange(50), labels].astype(np.float64))
    hits = outputs.argmax(axis=1) == labels
    assert totals.examples == 50
    assert totals.metrics() == pytest.approx({"loss": losses.mean(), "accuracy": hits.mean()}, rel=1e-12)
    short = lengths <= 3
    first, second, last = totals.by_bucket()
    assert first == pytest.approx(
        {
            "min_length": 0,
            "max_length": 3,
            "examples": short.sum(),
            "loss": losses[short].mean(),
            "accuracy": hits[short].mean(),
        }
    )
    assert second["examples"] == 50 - short.sum()
    assert last == {"min_length": 8, "max_length": None, "examples": 0}


def test_a_probability_of_zero_is_a_finite_loss() -> None:
    totals = Totals(ClassMeasure(), BUCKETS)
    add(totals, ClassMeasure(), np.array([[0.0, 1.0]]), np.array([0]), np.array([1]))
    assert totals.metrics()["loss"] == pytest.approx(87.336, abs=1e-3)


def test_numbers() -> None:
    measure = NumberMeasure(variance=4.0)
    totals = Totals(measure, BUCKETS)
    add(totals, measure, np.array([1.0, 5.0]), np.array([1.0, 2.0], np.float32), np.array([1, 1]))
    add(totals, measure, np.array([3.0]), np.array([7.0], np.float32), np.array([9]))
    assert totals.metrics() == pytest.approx({"loss": 25 / 3 / 4, "mae": 7 / 3, "rmse": (25 / 3) ** 0.5})
    assert totals.by_bucket()[0]["mae"] == 1.5


def test_a_class_that_is_not_known_is_wrong_and_has_no_loss() -> None:
    measure = ClassMeasure()
    outputs = np.array([[0.5, 0.5], [0.25, 0.75], [0.9, 0.1], [0.2, 0.8]], np.float32)
    known = np.array([1, 0], np.float32)
    totals = Totals(measure, BUCKETS)
    add(totals, measure, outputs[:2], np.array([0, 0]), np.array([1, 1]), known)
    add(totals, measure, outputs[2:], np.array([0, 0]), np.array([1, 5]), known)
    assert totals.examples == 4
    assert totals.metrics() == pytest.approx({"loss": -(np.log(0.5) + np.log(np.float32(0.9))) / 2, "accuracy": 0.5})
    first, second, _ = totals.by_bucket()
    assert first == pytest.approx(
        {"min_length": 0, "max_length": 3, "examples": 3, "loss": totals.metrics()["loss"], "accuracy": 2 / 3}
    )
    assert second == {"min_length": 4, "max_length": 7, "examples": 1, "accuracy": 0.0}
