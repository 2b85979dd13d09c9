"""Every kernel computes what the plain loop computes: outputs, last states, gradients, whatever the lengths."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer.recurrent.readers import assert_close, assert_same, draw, initial_state, layers, read

CELLS = st.sampled_from(["lstm", "gru"])
LENGTHS = st.lists(st.integers(0, 9), min_size=1, max_size=4)


@given(CELLS, st.booleans(), LENGTHS, st.integers(0, 2), st.integers(1, 3), st.integers(1, 3))
@settings(max_examples=8, deadline=None)
def test_every_kernel_is_the_plain_loop(
    cell: str, bidirectional: bool, lengths: list[int], padding: int, size: int, units: int
) -> None:
    steps = max(1, max(lengths) + padding)
    made = layers(cell, units, bidirectional, size)
    x = draw(1, len(lengths), steps, size)
    state = None if bidirectional else initial_state(cell, len(lengths), units)
    expected = read(made["reference"], x, tf.constant(lengths), state)
    for kernel in ("fast", "keras", "loop"):
        assert_close(read(made[kernel], x, tf.constant(lengths), state), expected)
    assert_close(read(made["fast"], x, tf.constant(lengths), state, training=False), expected)


@given(CELLS, st.booleans(), LENGTHS, st.sampled_from([1e6, None]))
@settings(max_examples=8, deadline=None)
def test_what_padding_holds_changes_nothing(
    cell: str, bidirectional: bool, lengths: list[int], poison: float | None
) -> None:
    steps = max(lengths) + 2
    x = draw(1, len(lengths), steps, 3)
    real = tf.sequence_mask(lengths, steps)[:, :, None]
    other = 100 * draw(2, *x.shape) if poison is None else tf.fill(x.shape, poison)
    for layer in layers(cell, 2, bidirectional, 3).values():
        found = read(layer, tf.where(real, x, other), tf.constant(lengths))
        assert_same(found, read(layer, tf.where(real, x, 0.0), tf.constant(lengths)))
        padded = tf.boolean_mask(found["outputs"][0], ~real[:, :, 0])
        assert not np.any(np.asarray(padded))


@given(CELLS, LENGTHS, st.integers(1, 12))
@settings(max_examples=6, deadline=None)
def test_reading_piece_by_piece_is_reading_at_once(cell: str, lengths: list[int], piece: int) -> None:
    x = draw(1, len(lengths), max(1, *lengths), 2)
    for kernel in ("fast", "keras", "loop"):
        layer = layers(cell, 3, False, 2)[kernel]
        whole, last = layer(x, tf.constant(lengths))
        state: Any = None
        pieces = []
        for start in range(0, x.shape[1], piece):
            part = x[:, start : start + piece]
            rest = tf.clip_by_value(tf.constant(lengths) - start, 0, part.shape[1])
            outputs, state = layer(part, rest, state)
            pieces.append(outputs)
        found = {"outputs": [tf.concat(pieces, 1)], "last": tf.nest.flatten(state)}
        assert_close(found, {"outputs": [whole], "last": tf.nest.flatten(last)}, tolerance=1e-6)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_row_alone_reads_as_in_any_batch(cell: str) -> None:
    layer = layers(cell, 3, True, 2)["fast"]
    lengths = [5, 9, 0, 2]
    x = draw(1, 4, 9, 2)
    together, _ = layer(x, tf.constant(lengths))
    for row, length in enumerate(lengths[:2]):
        alone, _ = layer(x[row : row + 1, :length], tf.constant([length]))
        np.testing.assert_allclose(alone[0], together[row, :length], atol=1e-6)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_weights_are_those_of_keras(cell: str) -> None:
    layer = layers(cell, 3, False, 2)["fast"]
    x = draw(1, 4, 6, 2)
    np.testing.assert_allclose(layer(x, tf.fill([4], 6))[0], layer.directions[0](x)[0], atol=1e-6)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("through", [0, 1])
def test_gradients_flow_through_the_last_state_where_that_is_asked_for(cell: str, through: int) -> None:
    layer = layers(cell, 3, False, 2)["fast"]
    config = {**layer.get_config(), "state_gradient": bool(through), "kernel": "auto"}
    copy = type(layer).from_config(config)
    copy.build((None, None, 2))
    with tf.GradientTape() as tape:
        _, ((h, *_),) = copy(draw(1, 2, 4, 2), tf.constant([4, 3]))
        total = tf.reduce_sum(h)
    gradients = tape.gradient(total, [weight.value for weight in copy.trainable_variables])
    assert [gradient is not None for gradient in gradients] == [bool(through)] * 3
