"""Any stack of layers that can be converted says of padded records what it says of each record alone."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from tests.effort import tries
from tests.trainer.conversion.forms import FEATURES, drawn
from tests.trainer.conversion.test_forms import assert_same, padded, shaken
from trainer.conversion.convert import convert

STEPS = 9
# As kind and settings, so that a failure can be read.
RECURRENT = st.builds(
    lambda kind, units, way: (kind, (units,), {"return_sequences": True, **way}),
    st.sampled_from(["LSTM", "GRU", "SimpleRNN"]),
    st.integers(1, 4),
    st.sampled_from([{}, {"go_backwards": True}]),
)
BOTH_WAYS = st.builds(
    lambda kind, mode: ("Bidirectional", (kind,), {"merge_mode": mode, "return_sequences": True}),
    st.sampled_from(["LSTM", "GRU"]),
    st.sampled_from(["concat", "sum", "mul", "ave"]),
)
CONV = st.builds(
    lambda kind, width, stride, padding: (
        kind,
        (3, width) if kind != "DepthwiseConv1D" else (width,),
        {"strides": stride, "padding": padding},
    ),
    st.sampled_from(["Conv1D", "SeparableConv1D", "DepthwiseConv1D"]),
    st.integers(1, 4),
    st.integers(1, 3),
    st.just("same"),
)
DILATED = st.builds(
    lambda width, by, padding: ("Conv1D", (3, width), {"dilation_rate": by, "padding": padding}),
    st.integers(1, 4),
    st.integers(1, 3),
    st.sampled_from(["same", "causal"]),
)
POOL = st.builds(
    lambda kind, size, stride: (kind, (size,), {"strides": stride, "padding": "same"}),
    st.sampled_from(["MaxPooling1D", "AveragePooling1D"]),
    st.integers(1, 4),
    st.integers(1, 3),
)
PLAIN = st.sampled_from(
    [
        ("Dense", (3,), {"activation": "tanh"}),
        ("BatchNormalization", (), {}),
        ("LayerNormalization", (), {}),
        ("Masking", (-1.0,), {}),
        ("Dropout", (0.5,), {}),
        ("UpSampling1D", (2,), {}),
        ("ZeroPadding1D", ((1, 2),), {}),
        ("Softmax", (1,), {}),
        ("PReLU", (), {"shared_axes": [1]}),
    ]
)
END = st.sampled_from(
    [
        ("LSTM", (3,), {}),
        ("Bidirectional", ("GRU",), {"return_sequences": False}),
        ("GlobalAveragePooling1D", (), {}),
        ("GlobalMaxPooling1D", (), {}),
        ("Dense", (2,), {}),
    ]
)
STACKS = st.tuples(st.lists(st.one_of(RECURRENT, BOTH_WAYS, CONV, DILATED, POOL, PLAIN), max_size=4), END)


def made(kind: str, args: tuple[Any, ...], given_settings: dict[str, Any]) -> Any:
    if kind != "Bidirectional":
        return getattr(layers, kind)(*args, **given_settings)
    rest = dict(given_settings)
    inner = getattr(layers, args[0])(2, return_sequences=rest.pop("return_sequences"))
    return layers.Bidirectional(inner, **rest)


def built(stack: Any, steps: int) -> Any:
    return keras.Sequential([keras.Input((steps, FEATURES)), *(made(*each) for each in [*stack[0], stack[1]])])


@pytest.mark.quick
@settings(max_examples=tries(8))
@given(STACKS, st.lists(st.integers(1, STEPS + 4), min_size=2, max_size=2), st.integers(0, 99))
def test_any_stack_is_equal_to_each_record_alone(stack: Any, shorter: list[int], seed: int) -> None:
    fixed = built(stack, STEPS)
    shaken(fixed)
    lengths = [*shorter, STEPS]
    records = [drawn(("frames",), 1, length, seed) for length in lengths]
    poisoned = padded(records, ("frames",), STEPS + 5, seed)
    out = convert(fixed)([*poisoned, np.array(lengths)])
    for number, length in enumerate(lengths):
        alone = built(stack, length)
        alone.set_weights(fixed.get_weights())
        assert_same(out, number, alone(records[number][0]))


def test_as_many_records_as_steps() -> None:
    keras.utils.set_random_seed(0)
    backwards = keras.layers.LSTM(1, go_backwards=True, return_sequences=True)
    fixed = keras.Sequential([keras.Input((3, 2)), backwards, keras.layers.LSTM(3)])
    records = np.random.default_rng(0).normal(size=(3, 3, 2)).astype("float32")
    answers = np.asarray(convert(fixed)([records, np.array([1, 1, 3])]))
    np.testing.assert_allclose(answers[2], np.asarray(fixed(records))[2], rtol=1e-6, atol=1e-6)
