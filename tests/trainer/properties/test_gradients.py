"""Training sees real steps alone, and each label as often as any other.

The gradient of a padded batch is the sum of those of its sequences, whatever stands at padded steps; over an epoch
every example, or labelled step, has the same pull, however batches are made.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.properties.cases import (
    PLAIN,
    Batch,
    loss_and_gradients,
    model_of,
    parameters,
    relaxed,
    taken,
    whole_batch,
    widened,
)
from trainer import Batching, BatchLimits, Order, open_epochs
from trainer.batches.batching import METHODS

Data = Callable[[str], Path]
Batches = Callable[[str], Batch]
MORE = {"text": 4, "shape": 4, "frames": 4, "letters": 4, "waves": 2}
CASES = [
    ("class", "strides and max pooling"),
    ("binary", "lstm both ways, two layers, normalised"),
    ("binary", "no cell"),
    ("number", "lstm forward, two layers"),
    ("per_step_class", PLAIN),
    ("per_step_class", "convolution"),
    ("next_token", "one-hot"),
    ("forecast", "pieces"),
]


@pytest.mark.parametrize(("task", "way"), parameters(CASES))
def test_of_a_batch_is_the_sum_of_those_of_its_sequences(task: str, way: str, data: Data, batch_of: Batches) -> None:
    model = model_of(data(task), way)
    leader = model.task.leader
    features, label, weight = batch_of(task)
    pulls = np.random.default_rng(3).uniform(0.5, 1.5, weight.shape[0]).astype(np.float32)
    batch = (features, label, weight * pulls.reshape(-1, *[1] * (weight.ndim - 1)))
    rows = [0, 1, 5, 8]  # 4, 0, 3 and 0 tokens, and other numbers of frames.
    loss, together = loss_and_gradients(model, widened(taken(batch, rows, leader), leader, MORE))
    alone = [loss_and_gradients(model, taken(batch, [row], leader)) for row in rows]
    assert loss == pytest.approx(sum(one for one, _ in alone), rel=1e-5)
    for i, gradient in enumerate(together):
        expected = np.sum([gradients[i] for _, gradients in alone], axis=0)
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5 * max(1, np.abs(expected).max()))
    assert max(np.abs(gradient).max() for gradient in together) > 1e-3


@pytest.mark.parametrize("task", ["class", "per_step_class", "forecast"])
def test_over_an_epoch_every_label_has_the_same_pull(task: str, data: Data) -> None:
    """The sum over all batches is what all records give where each of their labels counts alike."""
    model, whole = model_of(data(task), PLAIN), whole_batch(data(task), "train")
    run = tf.function(lambda *batch: gradients_of(model, batch), input_signature=relaxed(whole))
    labels = np.count_nonzero(whole[2])
    expected = [gradient.numpy().astype(np.float64) * whole[2].size / labels for gradient in run(*whole)]
    for method in METHODS:
        limits = BatchLimits(padded_steps=40, max_examples=5)
        epochs = open_epochs(data(task), batching=Batching(method, limits, pool=2), with_ids=True)
        batches = list(epochs.open(Order(seed=1)))
        assert len(batches) == epochs.steps > 5
        parts = [run(*batch) for batch in batches]
        for i, gradient in enumerate(expected):
            total = np.sum([part[i].numpy() for part in parts], axis=0) / epochs.steps
            np.testing.assert_allclose(total, gradient, rtol=1e-4, atol=1e-6 + 1e-5 * np.abs(gradient).max())


def gradients_of(model: Any, batch: Any) -> list[tf.Tensor]:
    """Returns the gradients of the loss that training lowers, a mean over all entries of the batch."""
    features, label, weight = batch
    with tf.GradientTape() as tape:
        loss = model.compute_loss(y=label, y_pred=model(features, training=True), sample_weight=weight)
    return [tf.convert_to_tensor(gradient) for gradient in tape.gradient(loss, model.trainable_variables)]
