"""What is padding, lengths say and no value: nothing at padded steps is seen, and a frame of zeros is a frame."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.properties.cases import PLAIN, Batch, model_of, predicted, taken, widened
from tests.trainer.properties.data_sets import TASKS
from trainer.tasks.task import Task

pytestmark = pytest.mark.quick
Data = Callable[[str], Path]
Batches = Callable[[str], Batch]
MORE = {"text": 6, "shape": 6, "frames": 6, "letters": 6, "waves": 2}
CLASSES = ["B-animal", "B-place", "I-animal", "I-place", "O"]


@pytest.mark.parametrize("task", TASKS)
def test_loss_and_metrics_do_not_see_them(task: str, data: Data, batch_of: Batches) -> None:
    """Neither those of `evaluate` nor those that Keras keeps in `fit`."""
    model, batch = model_of(data(task), PLAIN), batch_of(task)
    wide = widened(batch, model.task.leader, MORE)
    assert measured(model.task, model, wide) == pytest.approx(measured(model.task, model, batch), rel=1e-5)
    assert kept_by_keras(model, wide) == pytest.approx(kept_by_keras(model, batch), rel=1e-5)


def measured(task: Task, model: keras.Model, batch: Batch) -> dict[str, float]:
    """Returns the metrics of a batch as `evaluate` takes them."""
    features, label, weight = tf.nest.map_structure(tf.constant, batch)
    measure = task.measure(CLASSES)
    tally = measure.tally()
    observed = measure.observe(model(features, training=False), label, weight, features)
    tally.add([np.asarray(part) for part in observed], batch[2])
    metrics = tally.report()
    assert len(metrics) >= 3
    return metrics


def kept_by_keras(model: keras.Model, batch: Batch) -> dict[str, float]:
    """Returns the loss of a batch, over its labels, and the metrics that `fit` shows."""
    features, label, weight = tf.nest.map_structure(tf.constant, batch)
    outputs = model(features, training=False)
    loss = model.compute_loss(y=label, y_pred=outputs, sample_weight=weight)
    model.reset_metrics()
    shown = model.compute_metrics(features, label, outputs, sample_weight=weight)
    values = {name: float(value) for name, value in shown.items() if name != "loss"}
    return {**values, "loss": float(loss) * batch[2].size / np.count_nonzero(batch[2])}


@pytest.mark.parametrize(
    ("task", "way"), [("number", "lstm both ways"), ("number", "convolution"), ("forecast", PLAIN)]
)
def test_frames_of_zeros_are_frames(task: str, way: str, data: Data, batch_of: Batches) -> None:
    """A mask from values would skip them: then the answer would be that of the record without them."""
    model, (features, label, weight) = model_of(data(task), way), batch_of(task)
    row = int(np.argmax(features["waves/length"]))
    alone, _, _ = taken((features, label, weight), [row], model.task.leader)
    zeroed = {**alone, "waves": alone["waves"].copy()}
    zeroed["waves"][:, 2:4] = 0
    zeroed["waves"][:, -1] = 0
    kept = [i for i in range(zeroed["waves"].shape[1]) if zeroed["waves"][0, i].any()]
    shorter = {**zeroed, "waves": zeroed["waves"][:, kept], "waves/length": np.array([len(kept)], np.int32)}
    nearly = {**zeroed, "waves": np.where(zeroed["waves"] == 0, np.float32(1e-7), zeroed["waves"])}
    wide, _, _ = widened((zeroed, label[[row]], weight[[row]]), None, MORE, "zeros")
    answer = predicted(model, zeroed)[0]
    np.testing.assert_allclose(predicted(model, nearly)[0], answer, rtol=1e-5)
    np.testing.assert_allclose(predicted(model, wide)[0], answer, rtol=1e-5)
    dropped = predicted(model, shorter)[0]
    assert np.abs(dropped[-1:] - answer[-1:]).max() > 1e-4 if task == "forecast" else abs(dropped - answer) > 1e-4


@pytest.mark.parametrize("padded", ["text", "waves"])
def test_padding_of_one_branch_alone(padded: str, data: Data, batch_of: Batches) -> None:
    """Where branches are joined, no mask of one may stand for the other, and the context has none."""
    for task in ("binary", "per_step_class"):
        model, batch = model_of(data(task), "lstm both ways"), batch_of(task)
        leader = model.task.leader
        names = [padded] if padded == "waves" else ["text", "shape", "frames", "letters"]
        wide, _, _ = widened(batch, leader, dict.fromkeys(names, 5))
        for one, other in zip(predicted(model, wide), predicted(model, batch[0]), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
