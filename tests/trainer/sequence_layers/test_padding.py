"""Padding set to 0, and moved to the front and back."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer.sequence_layers.padded import Rows, batch_of, rows_of_numbers
from trainer.sequence_layers.padding import to_end, to_front, zero_padding


@given(rows_of_numbers(), st.integers(0, 5))
@settings(max_examples=40)
def test_padding_goes_to_the_front_and_back(rows: Rows, extra: int) -> None:
    steps = max(map(len, rows)) + extra
    batch, lengths = batch_of(rows, steps, "nan")
    front = np.asarray(to_front(batch, lengths))
    for row, moved in zip(rows, front, strict=True):
        assert moved[steps - len(row) :].tolist() == row.tolist()
        assert not moved[: steps - len(row)].any()
    poisoned = np.where(np.arange(steps)[None, :, None] < steps - lengths[:, None, None], np.nan, front)
    assert np.asarray(to_end(poisoned, lengths)).tolist() == batch_of(rows, steps)[0].tolist()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([["a", "b", "x"], ["c", "x", "x"]], [[b"", b"a", b"b"], [b"", b"", b"c"]]),
        ([[1, 2, 9], [3, 9, 9]], [[0, 1, 2], [0, 0, 3]]),
        ([[[[1]], [[2]], [[9]]], [[[3]], [[9]], [[9]]]], [[[[0]], [[1]], [[2]]], [[[0]], [[0]], [[3]]]]),
    ],
)
def test_any_rank_and_type(values: Any, expected: Any) -> None:
    lengths = tf.constant([2, 1])
    front = to_front(tf.constant(values), lengths)
    assert front.numpy().tolist() == expected
    assert to_front(to_end(front, lengths), lengths).numpy().tolist() == expected


@pytest.mark.parametrize("jit", [False, True])
def test_in_a_graph(jit: bool) -> None:
    signature = None if jit else [tf.TensorSpec([None, None, 2]), tf.TensorSpec([None], tf.int32)]
    move = tf.function(to_front, input_signature=signature, jit_compile=jit)
    x = tf.reshape(tf.range(1.0, 13.0), (2, 3, 2))
    assert move(x, tf.constant([1, 3])).numpy().tolist() == [[[0, 0], [0, 0], [1, 2]], x[1].numpy().tolist()]


def test_no_steps() -> None:
    assert to_front(np.zeros((2, 0, 3)), np.zeros(2, np.int32)).shape == (2, 0, 3)


def test_zeroed_padding_keeps_the_type() -> None:
    ids = zero_padding(np.array([[5, 6], [7, 8]], np.int32), np.array([1, 2], np.int32))
    assert np.asarray(ids).tolist() == [[5, 0], [7, 8]]
    assert np.asarray(ids).dtype == np.int32
