"""Weights of classes: what each setting gives, and that their mean over training examples is 1."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UsageError
from trainer.tasks.class_weights import class_weights

NAMES = ["cat", "dog", "bird"]


def test_balanced_is_examples_by_classes_times_count() -> None:
    np.testing.assert_allclose(class_weights(NAMES, [10, 20, 30], "balanced"), [60 / 30, 60 / 60, 60 / 90])


def test_a_class_without_examples_is_not_counted() -> None:
    np.testing.assert_allclose(class_weights(NAMES, [10, 0, 30], "balanced"), [40 / 20, 0, 40 / 60])


def test_none_and_by_name() -> None:
    assert class_weights(NAMES, [1, 2, 3], "none").tolist() == [1, 1, 1]
    by_name = class_weights(NAMES, [2, 1, 1], {"dog": 4})
    np.testing.assert_allclose(by_name, np.array([1, 4, 1]) * 4 / 7)
    assert by_name.dtype == np.float32


@given(
    st.lists(st.integers(0, 10_000), min_size=3, max_size=3).filter(any),
    st.sampled_from(["none", "balanced", {}, {"cat": 0.5, "bird": 7}]),
)
def test_the_mean_over_examples_is_1(counts: list[int], setting: Any) -> None:
    weights = class_weights(NAMES, counts, setting)
    np.testing.assert_allclose(weights @ np.array(counts) / sum(counts), 1, rtol=1e-5)
    if setting == "balanced":
        totals = (weights * counts)[np.array(counts) > 0]
        np.testing.assert_allclose(totals, totals[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("balance", "class_weights: 'balance' is no valid value; did you mean 'balanced'?; or weights by class"),
        ({"dgo": 1.0}, "class_weights: 'dgo' is no class of the data set; did you mean 'dog'?"),
        ({"dog": -1.0}, "class_weights.dog: received -1.0; a weight is a number, 0 or more"),
        ({"dog": True}, "class_weights.dog: received True; a weight is a number, 0 or more"),
        ({"dog": float("nan")}, "class_weights.dog: received nan; a weight is a number, 0 or more"),
        (
            {"cat": 0, "dog": 0},
            "class_weights: every training example has the weight 0; give a class that has examples more than 0",
        ),
    ],
)
def test_settings_that_cannot_be(setting: Any, text: str) -> None:
    with pytest.raises(UsageError) as error:
        class_weights(NAMES, [3, 4, 0], setting)
    assert str(error.value) == text
