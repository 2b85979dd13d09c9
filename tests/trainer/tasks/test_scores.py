"""Shares of classes and the area under the curve, against their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.tasks.scores import area_under_curve, class_counts, found, macro_f1

LABELLED = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans()), min_size=1, max_size=40)
SCORED = st.lists(st.tuples(st.sampled_from([0.0, 0.25, 0.5, 0.75]), st.booleans()), max_size=40)


@given(LABELLED)
def test_macro_f1_is_the_mean_over_classes_that_occur(triples: list[tuple[int, int, bool]]) -> None:
    predicted, label, known = (np.array(column) for column in zip(*triples, strict=True))
    scores = []
    for c in range(4):
        hits = sum(p == c and y == c and k for p, y, k in triples)
        said = sum(p == c for p, _, _ in triples)
        there = sum(y == c and k for _, y, k in triples)
        if said or there:
            precision, recall = (hits / n if n else 0.0 for n in (said, there))
            scores.append(2 * precision * recall / (precision + recall) if hits else 0.0)
    assert macro_f1(class_counts(predicted, label, known, 4)) == pytest.approx(np.mean(scores), rel=1e-12)


@given(SCORED)
def test_the_area_counts_pairs(pairs: list[tuple[float, bool]]) -> None:
    above, below = ([score for score, kind in pairs if kind is wanted] for wanted in (True, False))
    wins = [1.0 if a > b else 0.5 if a == b else 0.0 for a in above for b in below]
    scores = np.array([score for score, _ in pairs], np.float32)
    area = area_under_curve(scores, np.array([kind for _, kind in pairs], bool))
    assert area == (sum(wins) / len(wins) if wins else None)


def test_the_area_of_scores_that_all_tie_is_a_half() -> None:
    assert area_under_curve(np.full(5, 0.3, np.float32), np.array([True, False, True, False, False])) == 0.5


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((3, 4, 6), {"precision": 0.75, "recall": 0.5, "f1": 0.6}),
        ((0, 0, 6), {"precision": 0.0, "recall": 0.0, "f1": 0.0}),
        ((0, 2, 0), {"precision": 0.0, "recall": 0.0, "f1": 0.0}),
        ((0, 0, 0), {}),
    ],
)
def test_precision_and_recall(counts: tuple[int, ...], expected: dict[str, float]) -> None:
    assert found(np.array(counts)) == pytest.approx(expected)
    assert list(found(np.array(counts), "entity_")) == [f"entity_{name}" for name in expected]
