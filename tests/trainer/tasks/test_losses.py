"""Cross entropy against NumPy in float64, and its gradient where probabilities are tiny."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UsageError
from trainer.tasks.losses import LEAST_PROBABILITY, CrossEntropy

shapes = st.sampled_from([(4,), (2, 3), (1, 1), (3, 0)])


def softmax(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True, initial=-np.inf))
    return powers / powers.sum(axis=-1, keepdims=True)


@given(shapes, st.integers(2, 5), st.sampled_from([0.0, 0.1, 0.9]), st.integers(0, 99))
def test_against_numpy(shape: tuple[int, ...], classes: int, smoothing: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities = softmax(rng.normal(size=(*shape, classes)) * 5).astype(np.float32)
    labels = rng.integers(0, classes, shape).astype(np.int32)
    target = (1 - smoothing) * np.eye(classes)[labels] + smoothing / classes
    expected = -(target * np.log(probabilities.astype(np.float64))).sum(axis=-1)
    loss = CrossEntropy(smoothing, reduction="none")
    for got in (loss(labels, probabilities), loss.call(labels, tf.constant(probabilities))):
        assert got.dtype.name == "float32"
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_without_smoothing_it_is_that_of_keras_where_that_is_exact() -> None:
    probabilities = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]], np.float32)
    labels = np.array([1, 2])
    expected = keras.losses.SparseCategoricalCrossentropy()(labels, probabilities)
    np.testing.assert_allclose(CrossEntropy()(labels, probabilities), expected, rtol=1e-6)


def test_a_probability_of_0_and_a_label_that_is_no_class() -> None:
    loss = CrossEntropy(reduction="none")(np.array([0, 1, -1, 2]), np.array([[0.0, 1.0]] * 4))
    np.testing.assert_allclose(loss, [-np.log(LEAST_PROBABILITY), 0, 0, 0], rtol=1e-6)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("gap", [0.0, 10.0, 69.0, 86.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weight", [1.0, 2.0**15])
def test_the_gradient_through_softmax_is_right_down_to_1e_37(
    jit: bool, gap: float, smoothing: float, weight: float
) -> None:
    loss = CrossEntropy(smoothing)

    @tf.function(jit_compile=jit)
    def gradient(logits: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(logits)
            total = weight * loss(tf.constant([0]), tf.nn.softmax(logits))
        return tape.gradient(total, logits)

    logits = np.array([[-gap, 0.0, -1.0]], np.float32)
    expected = softmax(logits.astype(np.float64)) - ((1 - smoothing) * np.eye(3)[[0]] + smoothing / 3)
    got = gradient(tf.constant(logits)).numpy() / weight
    if gap < 80 or weight == 1:
        np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-5)
    else:  # bounded, but a number and in the right direction
        assert np.isfinite(got).all()
        assert got[0, 0] < 0 < got[0, 1]


def test_smoothing_that_is_no_share() -> None:
    for value in (1.0, -0.1, float("nan")):
        with pytest.raises(UsageError) as error:
            CrossEntropy(value)
        assert str(error.value) == (
            f"label_smoothing: received {value}; it is a share of each label, from 0 to less than 1; "
            "0.1 is usual, 0 is none"
        )


def test_the_loss_is_made_again_from_its_config() -> None:
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(CrossEntropy(0.2)))
    assert isinstance(again, CrossEntropy)
    assert again.label_smoothing == 0.2


def test_in_a_compiled_model_with_weights_of_steps() -> None:
    inputs = keras.Input((None, 3))
    model = keras.Model(inputs, keras.layers.Activation("linear")(inputs))
    model.compile(loss=CrossEntropy())
    probabilities = softmax(np.random.default_rng(0).normal(size=(2, 3, 3))).astype(np.float32)
    labels, weights = np.array([[0, 1, -1], [2, 0, 1]]), np.array([[1, 1, 0], [1, 0, 0]], np.float32)
    picked = np.take_along_axis(probabilities, np.maximum(labels, 0)[..., None], -1)[..., 0]
    expected = (-np.log(picked) * weights).sum() / weights.size
    got = model.evaluate(probabilities, labels, sample_weight=weights, verbose=0)
    np.testing.assert_allclose(got, expected, rtol=1e-5)


@given(shapes, st.integers(0, 99), st.sampled_from([0.0, 0.2]))
def test_each_step_has_the_weight_of_its_own_class(shape: tuple[int, ...], seed: int, smoothing: float) -> None:
    rng = np.random.default_rng(seed)
    table = np.array([0.5, 2.0, 0.0], np.float32)
    labels = rng.integers(-1, 3, shape)
    probabilities = softmax(rng.normal(size=(*shape, 3))).astype(np.float32)
    plain = np.asarray(CrossEntropy(smoothing, reduction="none")(labels, probabilities))
    expected = np.where(labels < 0, 0.0, plain * table[labels])
    got = np.asarray(CrossEntropy(smoothing, table.tolist(), reduction="none")(labels, probabilities))
    np.testing.assert_allclose(got, expected, rtol=1e-6)
