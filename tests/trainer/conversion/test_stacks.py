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
    lambda kind, mode: ("Bidirectional", (getattr(layers, kind)(2, return_sequences=True),), {"merge_mode": mode}),
    st.sampled_from(["LSTM", "GRU"]),
    st.sampled_from(["concat", "sum", "mul", "ave"]),
)
CONV = st.builds(
    lambda kind, width, stride, padding: (kind, (3, width) if kind != "DepthwiseConv1D" else (width,), {"strides": stride, "padding": padding}),
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
        ("Bidirectional", (layers.GRU(2),), {}),
        ("GlobalAveragePooling1D", (), {}),
        ("GlobalMaxPooling1D", (), {}),
        ("Dense", (2,), {}),
    ]
)
STACKS = st.tuples(st.lists(st.one_of(RECURRENT, BOTH_WAYS, CONV, DILATED, POOL, PLAIN), max_size=4), END)


def built(stack: Any, steps: int) -> Any:
    made = []
    for kind, args, given_settings in [*stack[0], stack[1]]:
        copies = [type(arg).from_config(arg.get_config()) if isinstance(arg, layers.Layer) else arg for arg in args]
        made.append(getattr(layers, kind)(*copies, **given_settings))
    return keras.Sequential([keras.Input((steps, FEATURES)), *made])


@pytest.mark.quick
@settings(max_examples=25)
@given(STACKS, st.integers(1, STEPS + 4), st.integers(0, 99))
def test_any_stack_is_equal_to_each_record_alone(stack: Any, length: int, seed: int) -> None:
    fixed = built(stack, STEPS)
    shaken(fixed)
    variable = convert(fixed)
    alone = built(stack, length)
    alone.set_weights(fixed.get_weights())
    records = drawn(("frames",), 3, length, seed)
    poisoned = padded(records, ("frames",), length + 3, seed)
    assert_same(variable([*poisoned, np.full(3, length)]), alone(records[0]))
    full = drawn(("frames",), 3, STEPS, seed)
    assert_same(variable([*full, np.full(3, STEPS)]), fixed(full[0]))
