"""What reaches a layer reaches it by an argument: no mask that Keras attaches to a tensor is needed."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from keras.src import backend

from tests.trainer.conversion.forms import FORMS, STEPS, drawn
from trainer.conversion.convert import convert

LENGTHS = np.array([3, 7, STEPS, 5])


def converted(name: str) -> tuple[Any, list[Any]]:
    form = FORMS[name]
    return convert(form.build(STEPS)), drawn(form.inputs, len(LENGTHS), STEPS, 2)


@pytest.mark.parametrize(
    "name",
    [
        "embedding with mask_zero, lstm",
        "masking, lstm of every step",
        "bidirectional, concat",
        "step labels",
        "models within a model",
        "average of embeddings",
        "additive attention",
        "several heads",
        "backwards",
    ],
)
def test_attached_masks_have_no_effect(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, given = converted(name)
    lengths = [LENGTHS] * len(given)
    with_masks = model([*given, *lengths])
    monkeypatch.setattr(backend, "get_keras_mask", lambda tensor: None, raising=False)
    monkeypatch.setattr(backend, "set_keras_mask", lambda tensor, mask: None, raising=False)
    again, _ = converted(name)
    again.set_weights(model.get_weights())
    for one in (model, again):
        np.testing.assert_allclose(one([*given, *lengths]), with_masks, rtol=1e-6, atol=1e-6)


def test_masks_given_by_hand_are_kept() -> None:
    ids = keras.Input((6,), name="ids", dtype="int32")
    states = layers.LSTM(3)(layers.Embedding(9, 4)(ids), mask=keras.ops.not_equal(ids, 4))
    fixed = keras.Model(ids, states)
    given = np.array([[4, 4, 1, 2, 4, 4], [1, 4, 4, 2, 3, 4]])
    np.testing.assert_allclose(convert(fixed)([given, np.array([6, 6])]), fixed(given), rtol=1e-6, atol=1e-6)


def test_lengths_out_of_range_count_as_the_nearest() -> None:
    model, given = converted("step labels")
    lengths = np.array([-3, 0, STEPS, STEPS + 9])
    nearest = np.array([0, 0, STEPS, STEPS])
    np.testing.assert_array_equal(model([*given, lengths]), model([*given, nearest]))


def test_gradients_are_finite_whatever_the_padded_steps_hold() -> None:
    import tensorflow as tf

    model, given = converted("MaxPooling1D of 3, same with strides of 2")
    given[0][0, 3:] = np.nan
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model([*given, LENGTHS]))
    for gradient in tape.gradient(loss, model.trainable_weights):
        assert np.isfinite(gradient).all()
