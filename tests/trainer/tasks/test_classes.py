"""Metrics of classes of records against NumPy, in any order and any batches."""

import numpy as np
import pytest

from tests.trainer.tasks.measured import SIZES, check_row, in_bucket, measured
from trainer.tasks.classes import ClassMeasure


def reference(outputs: np.ndarray, label: np.ndarray, known: np.ndarray) -> dict[str, float]:
    predicted = outputs.argmax(axis=1)
    right = known & (predicted == label)
    losses = -np.log(outputs[np.arange(len(label)), label].astype(np.float64))[known]
    metrics = {"loss": losses.mean()} if known.any() else {}
    f1 = []
    for c in range(outputs.shape[1]):
        hits, said, there = (right & (label == c)).sum(), (predicted == c).sum(), (known & (label == c)).sum()
        if said + there:
            f1.append(2 * hits / (said + there))
    metrics |= {"accuracy": right.mean(), "macro_f1": np.mean(f1)}
    if outputs.shape[1] > 2:
        return metrics
    if said + there:
        metrics |= {"precision": hits / said if said else 0, "recall": hits / there if there else 0, "f1": f1[-1]}
    above, below = (outputs[known & (label == c), 1] for c in (1, 0))
    if len(above) and len(below):
        pairs = above[:, None] - below[None]
        metrics["auc"] = ((pairs > 0) + 0.5 * (pairs == 0)).mean()
    return metrics


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("classes", [2, 3])
def test_as_in_numpy(size: int, classes: int) -> None:
    draw = np.random.default_rng(classes)
    outputs = draw.dirichlet([1] * classes, 50).astype(np.float32).round(2)  # with ties
    label, lengths, known = draw.integers(0, classes, 50), draw.integers(0, 10, 50), draw.random(50) < 0.8
    totals = measured(ClassMeasure(classes), outputs, np.where(known, label, 0), known.astype("f"), lengths, size)
    outputs = np.maximum(outputs, np.finfo(np.float32).tiny)
    assert totals.metrics() == pytest.approx(reference(outputs, label, known), rel=1e-12)
    assert (totals.examples, totals.total.labels, totals.total.unknown) == (50, 50, 50 - known.sum())
    for i, row in enumerate(totals.by_bucket()):
        inside = in_bucket(lengths, i)
        expected = reference(outputs[inside], label[inside], known[inside])
        check_row(row, i, {"examples": inside.sum(), "labels": inside.sum()} | expected)


def test_a_probability_of_zero_is_a_finite_loss() -> None:
    totals = measured(ClassMeasure(2), np.array([[0.0, 1.0]]), np.array([0]), np.ones(1), np.array([1]), 1)
    assert totals.metrics()["loss"] == pytest.approx(87.336, abs=1e-3)


def test_a_bucket_of_one_class_has_no_area_and_an_empty_one_no_metrics() -> None:
    outputs = np.array([[0.9, 0.1], [0.8, 0.2]])
    totals = measured(ClassMeasure(2), outputs, np.zeros(2, np.int64), np.ones(2), np.array([1, 1]), 2)
    first, second, _ = totals.by_bucket()
    loss = -np.log(outputs[:, 0].astype(np.float32).astype(np.float64)).mean()
    check_row(first, 0, {"examples": 2, "labels": 2, "loss": loss, "accuracy": 1.0, "macro_f1": 1.0})
    check_row(second, 1, {"examples": 0, "labels": 0})


def test_a_class_that_is_not_known_is_wrong_and_has_no_loss() -> None:
    outputs = np.array([[0.9, 0.1], [0.2, 0.8]])
    totals = measured(ClassMeasure(2), outputs, np.zeros(2, np.int64), np.zeros(2), np.array([1, 1]), 2)
    assert totals.metrics() == {"accuracy": 0.0, "macro_f1": 0.0, "precision": 0.0, "recall": 0.0, "f1": 0.0}
