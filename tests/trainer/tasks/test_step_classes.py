"""Metrics of classes of steps: all real steps alike, entities where the classes are tags."""

import numpy as np
import pytest

from tests.trainer.tasks.measured import SIZES, check_row, in_bucket, measured
from tests.trainer.tasks.test_classes import reference
from tests.trainer.tasks.test_entities import spans
from trainer.tasks.step_classes import StepClassTask

TAGS = ["B-x", "I-x", "O"]


def drawn(classes: int) -> tuple[np.ndarray, ...]:
    """Outputs, labels, which of them are known, and lengths of 40 records; rubbish where there is no step."""
    draw = np.random.default_rng(classes)
    lengths = draw.integers(0, 11, 40)
    label, known = draw.integers(0, classes, (40, 11)), draw.random((40, 11)) < 0.9
    return draw.dirichlet([1] * classes, (40, 11)).astype(np.float32), label, known, lengths


def of_steps(outputs: np.ndarray, label: np.ndarray, known: np.ndarray, lengths: np.ndarray) -> dict[str, float]:
    real = np.arange(11) < lengths[:, None]
    return reference(outputs[real], label[real], known[real])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("classes", [2, 4])
def test_all_real_steps_count_alike(size: int, classes: int) -> None:
    outputs, label, known, lengths = drawn(classes)
    real = np.arange(11) < lengths[:, None]
    measure = StepClassTask("x", classes).measure([f"c{i}" for i in range(classes)])
    weight = (known & real).astype("f")
    totals = measured(measure, outputs, np.where(weight, label, 0), weight, lengths, size, {"x/length": lengths})
    expected = of_steps(outputs, label, known, lengths)
    expected.pop("auc", None)
    assert totals.metrics() == pytest.approx(expected, rel=1e-12)
    assert (totals.total.labels, totals.total.unknown) == (real.sum(), (real & ~known).sum())
    for i, row in enumerate(totals.by_bucket()):
        inside = in_bucket(lengths, i)
        expected = of_steps(*(part[inside] for part in (outputs, label, known, lengths)))
        expected.pop("auc", None)
        check_row(row, i, {"examples": inside.sum(), "labels": lengths[inside].sum()} | expected)


@pytest.mark.parametrize("size", SIZES)
def test_entities(size: int) -> None:
    outputs, label, known, lengths = drawn(3)
    weight = (known & (np.arange(11) < lengths[:, None])).astype("f")
    totals = measured(StepClassTask("x", 3).measure(TAGS), outputs, label, weight, lengths, size, {"x/length": lengths})
    right = ours = theirs = 0
    for scores, classes, sure, length in zip(outputs, label, known, lengths, strict=True):
        predicted = spans([TAGS[i] for i in scores[:length].argmax(axis=1)])
        there = spans([TAGS[i] if k else "O" for i, k in zip(classes[:length], sure, strict=False)])
        right, ours, theirs = right + len(predicted & there), ours + len(predicted), theirs + len(there)
    metrics = totals.metrics()
    assert list(metrics) == ["loss", "accuracy", "macro_f1", "entity_precision", "entity_recall", "entity_f1"]
    assert metrics["entity_precision"] == pytest.approx(right / ours)
    assert metrics["entity_recall"] == pytest.approx(right / theirs)
    assert metrics["entity_f1"] == pytest.approx(2 * right / (ours + theirs))


def test_two_tags_are_no_two_classes() -> None:
    outputs = np.array([[[0.9, 0.1], [0.2, 0.8]]])
    weight, lengths = np.ones((1, 2)), np.array([2])
    label = np.array([[0, 1]])
    totals = measured(
        StepClassTask("x", 2).measure(["B-x", "O"]), outputs, label, weight, lengths, 1, {"x/length": lengths}
    )
    shares = {"accuracy": 1.0, "macro_f1": 1.0, "entity_precision": 1.0, "entity_recall": 1.0, "entity_f1": 1.0}
    assert totals.metrics() == pytest.approx({"loss": -np.log(0.72) / 2, **shares}, rel=1e-6)


def test_records_without_steps_say_nothing() -> None:
    measure = StepClassTask("x", 2).measure(["a", "b"])
    lengths = np.array([0])
    totals = measured(
        measure, np.zeros((1, 1, 2)), np.zeros((1, 1), int), np.zeros((1, 1)), lengths, 1, {"x/length": lengths}
    )
    assert totals.metrics() == {}
    check_row(totals.by_bucket()[0], 0, {"examples": 1, "labels": 0})
