"""Weights of classes: the loss of each step is multiplied by the weight of that step's class, and of no other.

Keras' own `class_weight` takes labels (batch, steps) for one-hot vectors and weighs whole records by the step of the
greatest, and where there is one step only, by its class; here both are compared with plain NumPy.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from schemas.contract import read_classes
from schemas.manifest import load_manifest
from tests.trainer.properties.cases import PLAIN, predicted, small_config, taken, whole_batch
from trainer import build_model

pytestmark = pytest.mark.quick
NAMED = {"per_step_class": {"O": 0.25, "B-animal": 3.0}, "class": {"dark": 4.0}, "binary": {"yes": 0.0}}


@pytest.mark.parametrize("setting", ["balanced", "named"])
@pytest.mark.parametrize("task", NAMED)
def test_loss_against_numpy(task: str, setting: str, data: Callable[[str], Path]) -> None:
    manifest = load_manifest(data(task))
    names = read_classes(data(task), manifest)
    asked: Any = "balanced" if setting == "balanced" else NAMED[task]
    model = build_model(manifest, small_config(PLAIN, class_weights=asked), class_names=names)
    whole = whole_batch(data(task), "train")
    labels = whole[1][whole[2] > 0]
    weights = plain_weights(np.bincount(labels, minlength=len(names)), names, asked)
    leader = model.task.leader
    one_step = int(np.flatnonzero(whole[0]["text/length"] == 1)[0])
    for rows in (range(len(whole[1])), [one_step], [2, 5]):
        features, label, weight = taken(whole, rows, leader)
        outputs = model({name: tf.constant(values) for name, values in features.items()})
        got = float(model.compute_loss(y=tf.constant(label), y_pred=outputs, sample_weight=tf.constant(weight)))
        terms = [
            -np.log(of_step[k]) * weights[k]
            for said, of_row, of_weight in zip(predicted(model, features), label, weight, strict=True)
            for of_step, k in zip(np.atleast_2d(said), np.atleast_1d(of_row)[np.atleast_1d(of_weight) > 0], strict=True)
        ]
        assert got == pytest.approx(np.sum(terms) / weight.size, rel=1e-5)


def plain_weights(counts: Any, names: list[str], asked: Any) -> np.ndarray:
    """As many times its examples as the rest of the classes have, or as named; the mean over all labels is 1."""
    raw = np.array([1 / n for n in counts]) if asked == "balanced" else np.array([asked.get(name, 1) for name in names])
    return raw * counts.sum() / (raw * counts).sum()
