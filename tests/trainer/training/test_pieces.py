"""Reading piece by piece: what comes out, and the gradient."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from schemas.errors import UsageError
from tests.trainer.models.settings import model_settings
from trainer.models.model import SequenceModel
from trainer.models.pieces import piece_count, piece_of, read_piece
from trainer.tasks.losses import CrossEntropy
from trainer.training.pieces import PiecewiseGradient

LENGTHS = [11, 4, 0, 7, 1]
STEPS = 12
TARGETS: dict[str, dict[str, Any]] = {
    "class": {"kind": "class", "classes": 3},
    "per_step_class": {"kind": "per_step_class", "leader": "x", "classes": 3},
}
FORWARD = {"next_token": {"kind": "next_token", "leader": "x", "classes": 3, "end": False}}
POOLING = ("mean", "max", "last", "attention")


def model_of(kind: str, piece_steps: int, **changes: Any) -> SequenceModel:
    keras.utils.set_random_seed(1)
    settings = model_settings(bidirectional=False, layers=2, pooling=POOLING, piece_steps=piece_steps, **changes)
    model = SequenceModel({"x": {"dims": 2}}, (TARGETS | FORWARD)[kind], settings, {"age": {}})
    model.compile(loss=CrossEntropy())
    return model


def batch_of(kind: str) -> tuple[dict[str, Any], Any, Any]:
    draw = np.random.default_rng(3)
    batch = len(LENGTHS)
    features = {
        "x": tf.constant(draw.normal(size=(batch, STEPS, 2)), tf.float32),
        "x/length": tf.constant(LENGTHS),
        "age": tf.constant(draw.normal(size=batch), tf.float32),
    }
    shape = (batch,) if kind == "class" else (batch, STEPS)
    label = tf.constant(draw.integers(0, 3, shape))
    weight = tf.constant(draw.uniform(0.5, 1.5, shape), tf.float32)
    if kind != "class":
        weight *= tf.sequence_mask(LENGTHS, STEPS, tf.float32)
    return features, label, weight


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("size", [1, 5, 12, 100])
def test_what_comes_out_is_that_of_the_whole(kind: str, cell: str, size: int) -> None:
    features, _, _ = batch_of(kind)
    whole = np.asarray(model_of(kind, 0, cell=cell)(features, training=False))
    model = model_of(kind, size, cell=cell)
    np.testing.assert_allclose(np.asarray(model(features, training=False)), whole, atol=1e-6)
    traced = tf.function(lambda batch: model(batch, training=False))
    np.testing.assert_allclose(traced(features).numpy(), whole, atol=1e-6)


def whole_gradient(model: SequenceModel, batch: Any) -> tuple[Any, list[Any]]:
    """The same with all pieces on one tape; the state is a constant to the next piece."""
    features, label, weight = batch
    branch, size = model.branches[0], model.settings["piece_steps"]
    with tf.GradientTape() as tape:
        states = branch.encoder.start(len(LENGTHS))
        pool = branch.pooling.start(len(LENGTHS)) if branch.pooling is not None else None
        parts = []
        for index in range(int(piece_count(STEPS, size))):
            piece, real = piece_of({"x": features["x"]}, features["x/length"], index, size)
            x, states = read_piece(branch, piece, real, states, training=True)
            parts.append(x)
            pool = pool and branch.pooling.add(pool, x, real)
        vector = branch.pooling.finish(pool) if pool else tf.concat(parts, axis=1)
        outputs = model.conclude([vector], features, None if pool else STEPS, training=True)
        loss = model.compute_loss(y=label, y_pred=outputs, sample_weight=weight)
    return loss, tape.gradient(loss, model.trainable_variables)


def compare(model: SequenceModel, batch: Any, reseed: Callable[[], None]) -> None:
    reseed()
    expected_loss, expected = whole_gradient(model, batch)
    reseed()
    loss, gradients = tf.function(PiecewiseGradient(model, reseed))(*batch)
    assert float(loss) == pytest.approx(float(expected_loss), rel=1e-5)
    assert any(np.abs(part).max() > 1e-3 for part in expected)
    for ours, theirs in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(ours.numpy(), tf.convert_to_tensor(theirs).numpy(), atol=2e-6)


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("size", [1, 5, 100])
def test_the_gradient_is_that_of_all_pieces_at_once(kind: str, size: int) -> None:
    compare(model_of(kind, size), batch_of(kind), lambda: None)


@pytest.mark.parametrize("size", [1, 3, 100])
def test_convolutions_that_look_back_only_go_on_from_piece_to_piece(size: int) -> None:
    convolutions: dict[str, Any] = {"conv_filters": (3, 4), "conv_width": 3, "layer_norm": True}
    model, whole = (model_of("next_token", steps, **convolutions) for steps in (size, 0))
    batch = batch_of("next_token")
    expected = np.asarray(whole(batch[0], training=False))
    np.testing.assert_allclose(np.asarray(model(batch[0], training=False)), expected, atol=1e-6)
    np.testing.assert_allclose(np.asarray(model.last(batch[0])), np.asarray(whole.last(batch[0])), atol=1e-6)
    compare(model, batch, lambda: None)


def test_both_readings_of_a_piece_drop_the_same() -> None:
    model = model_of("class", 5, step_dropout=0.5, dropout=0.4)
    states = [state for state in model.variables if state.path.endswith("seed_generator_state")]

    def reseed() -> None:
        for number, state in enumerate(states):
            state.assign([number, 7])

    assert len(states) >= 2
    compare(model, batch_of("class"), reseed)


def test_one_piece_gives_the_gradient_of_the_whole() -> None:
    batch = batch_of("class")
    features, label, weight = batch
    model = model_of("class", 100)
    with tf.GradientTape() as tape:
        loss = model.compute_loss(y=label, y_pred=model(features, training=True), sample_weight=weight)
    expected = tape.gradient(loss, model.trainable_variables)
    for ours, theirs in zip(PiecewiseGradient(model, lambda: None)(*batch)[1], expected, strict=True):
        np.testing.assert_allclose(ours.numpy(), tf.convert_to_tensor(theirs).numpy(), atol=2e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"bidirectional": True},
            "piece_steps: a sequence is read piece by piece from its beginning, and bidirectional layers begin at its "
            "end, too; set bidirectional: false, or piece_steps: 0",
        ),
        (
            {"bidirectional": False, "conv_filters": (3,)},
            "piece_steps: a convolution looks beyond the end of a piece; set conv_filters: [], or piece_steps: 0",
        ),
    ],
)
def test_what_cannot_be_read_piece_by_piece(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        SequenceModel({"x": {"dims": 2}}, TARGETS["class"], model_settings(piece_steps=4, **changes))
    assert str(error.value) == message


def test_several_sequences_cannot() -> None:
    settings = model_settings(piece_steps=4, bidirectional=False)
    model = SequenceModel({"x": {"dims": 2}, "y": {"ids": 5}}, TARGETS["class"], settings)
    with pytest.raises(UsageError) as error:
        PiecewiseGradient(model, lambda: None)
    assert str(error.value) == (
        "piece_steps: the records have 2 sequences (x, y), and one can be read piece by piece; set piece_steps: 0"
    )
