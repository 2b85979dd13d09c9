"""What holds for every layer for padded sequences, whatever it computes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer.sequence_layers.padded import DIMS, Rows, batch_of, first, gradients, rows_of_numbers
from trainer.sequence_layers.attention import AttentionPooling
from trainer.sequence_layers.convolution import MaskedConvolution
from trainer.sequence_layers.max_pooling import MaskedMaxPooling
from trainer.sequence_layers.one_hot import OneHot
from trainer.sequence_layers.padding import zero_padding
from trainer.sequence_layers.pooling import SequencePooling
from trainer.sequence_layers.step_normalization import StepNormalization

Make = Callable[..., Any]
KINDS = ["mean", "max", "last", "attention"]
NUMERIC: dict[str, Make] = {
    "convolution": lambda **kw: MaskedConvolution(3, 3, activation="tanh", **kw),
    "convolution with a stride": lambda **kw: MaskedConvolution(3, 4, stride=3, activation="linear", **kw),
    "causal convolution": lambda **kw: MaskedConvolution(3, 3, causal=True, activation="tanh", **kw),
    "max pooling": lambda **kw: MaskedMaxPooling(3, 2, **kw),
    "attention": lambda **kw: AttentionPooling(5, **kw),
    "pooling": lambda **kw: SequencePooling(KINDS, False, 5, **kw),
    "bidirectional pooling": lambda **kw: SequencePooling(KINDS, True, 5, **kw),
    "normalization": lambda **kw: StepNormalization(**kw),
}
ALL = {**NUMERIC, "one-hot": lambda **kw: OneHot(7, **kw)}


def built(make: Make, **kwargs: Any) -> Any:
    """Returns the layer with its weights, none of which is 0."""
    keras.utils.set_random_seed(0)
    layer = make(**kwargs)
    layer.build((None, None, DIMS))
    rng = np.random.default_rng(0)
    layer.set_weights([rng.normal(size=weight.shape) for weight in layer.get_weights()])
    return layer


LAYERS = {name: built(make) for name, make in ALL.items()}


def as_inputs(name: str, batch: Any) -> Any:
    """Returns a batch as the layer takes it: ids for one-hot."""
    return np.nan_to_num(np.abs(batch[..., 0]) * 3).astype(np.int32) if name == "one-hot" else batch


@pytest.mark.parametrize("name", ALL)
@given(rows=rows_of_numbers(), extra=st.integers(0, 7), fill=st.sampled_from(["zeros", "poison", "random", "nan"]))
@settings(max_examples=25)
def test_a_row_gives_the_same_alone_padded_by_any_amount_and_in_any_batch(
    name: str, rows: Rows, extra: int, fill: str
) -> None:
    layer = LAYERS[name]
    batch, lengths = batch_of(rows, max(1, *map(len, rows)) + extra, fill)
    together = first(layer(as_inputs(name, batch), lengths))
    for i, row in enumerate(rows):
        alone, length = batch_of([row], max(1, len(row)))
        expected = first(layer(as_inputs(name, alone), length))[0]
        got = together[i, : len(expected)] if expected.ndim == 2 else together[i]
        np.testing.assert_allclose(got, expected, atol=1e-5)
        assert not together[i, len(expected) :].any() or expected.ndim == 1
        if not len(row):
            assert not together[i].any()


@pytest.mark.parametrize("name", NUMERIC)
@pytest.mark.parametrize("fill", ["poison", "random", "nan"])
def test_gradients_do_not_see_padding_and_none_goes_there(name: str, fill: str) -> None:
    rng = np.random.default_rng(3)
    rows = [rng.normal(size=(length, DIMS)).astype(np.float32) for length in (5, 2, 0, 1)]
    plain, lengths = batch_of(rows, 5)
    of_plain, *expected = gradients(LAYERS[name], plain, lengths)
    of_padded, *got = gradients(LAYERS[name], batch_of(rows, 9, fill)[0], lengths)
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    np.testing.assert_allclose(of_padded[:, :5], of_plain, atol=1e-4)
    assert np.abs(of_plain).max() > 0.01
    for gradient, length in zip(of_padded, lengths, strict=True):
        assert not gradient[length:].any()


@pytest.mark.parametrize("name", ALL)
def test_xla_gives_the_same(name: str) -> None:
    rows = [np.full((length, DIMS), 0.5 + length, np.float32) for length in (5, 2, 0)]
    batch, lengths = batch_of(rows, 6, "poison")
    inputs = tf.constant(as_inputs(name, batch))
    compiled = tf.function(LAYERS[name], jit_compile=True)(inputs, tf.constant(lengths))
    np.testing.assert_allclose(first(compiled), first(LAYERS[name](inputs, lengths)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_is_near_and_leaves_padding_at_0(name: str, policy: str) -> None:
    rng = np.random.default_rng(4)
    rows = [rng.normal(size=(length, DIMS)).astype(np.float32) for length in (6, 3, 0)]
    batch, lengths = batch_of(rows, 8, "random")
    half = built(ALL[name], dtype=policy)
    outputs = half(as_inputs(name, batch), lengths)
    outputs = outputs[0] if isinstance(outputs, tuple) else outputs
    assert outputs.dtype.name == policy.removeprefix("mixed_")
    values = np.asarray(tf.cast(outputs, tf.float32))
    assert not values[2].any()
    np.testing.assert_allclose(values, first(LAYERS[name](as_inputs(name, batch), lengths)), atol=0.15, rtol=0.05)


@pytest.mark.parametrize("name", ALL)
def test_a_saved_model_with_unknown_batch_and_steps_is_read_again(name: str, tmp_path: Path) -> None:
    ids = name == "one-hot"
    inputs = keras.Input((None,), dtype="int32") if ids else keras.Input((None, DIMS))
    lengths = keras.Input((), dtype="int32")
    model = keras.Model([inputs, lengths], ALL[name]()(inputs, lengths))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.layers[-1].get_config() == model.layers[-1].get_config()
    for steps in (3, 8):
        rows = [np.full((length, DIMS), length + 0.25, np.float32) for length in (steps, 2, 0)]
        batch, counts = batch_of(rows, steps, "poison")
        features = [as_inputs(name, batch), counts]
        assert first(again(features)).tolist() == first(model(features)).tolist()


class Stack(keras.layers.Layer):
    """Convolution, pooling, convolution, normalisation, LSTM, attention: as a model would have them."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = [MaskedConvolution(6, 5), MaskedMaxPooling(2, 2), MaskedConvolution(4, 3, stride=2)]
        self.norm = StepNormalization()
        self.lstm = keras.layers.LSTM(4, return_sequences=True)
        self.pooling = SequencePooling(KINDS, False)

    def call(self, inputs: Any, lengths: Any) -> Any:
        x = inputs
        for layer in self.steps:
            x, lengths = layer(x, lengths)
        # The LSTM reads forwards, so that padding behind a sequence cannot matter, and it is zeroed after it.
        x = zero_padding(self.lstm(self.norm(x, lengths)), lengths)
        return self.pooling(x, lengths)


STACK = Stack()
STACK(np.zeros((1, 5, DIMS), np.float32), np.array([5], np.int32))


@given(rows=rows_of_numbers(most=20), extra=st.integers(0, 9))
@settings(max_examples=25)
def test_layers_work_one_behind_another(rows: Rows, extra: int) -> None:
    batch, lengths = batch_of(rows, max(1, *map(len, rows)) + extra, "poison")
    together = first(STACK(batch, lengths))
    for i, row in enumerate(rows):
        alone, length = batch_of([row], max(1, len(row)))
        np.testing.assert_allclose(together[i], first(STACK(alone, length))[0], atol=1e-5)


@pytest.mark.parametrize("name", ALL)
def test_shapes_that_are_known_stay_known(name: str) -> None:
    spec = tf.TensorSpec([2, 6], tf.int32) if name == "one-hot" else tf.TensorSpec([2, 6, DIMS])
    graph = tf.function(LAYERS[name]).get_concrete_function(spec, tf.TensorSpec([2], tf.int32))
    assert all(output.shape.is_fully_defined() for output in graph.outputs)
