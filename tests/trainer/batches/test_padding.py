"""Padding moved to the front and back."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer.sequence_layers.padded import Rows, batch_of, rows_of_numbers
from trainer.batches.padding import batch_in_front, features_at_end, to_end, to_front


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


def test_all_that_has_steps_is_moved_and_nothing_else() -> None:
    features = {
        "text": tf.constant([[5, 6, 0], [7, 0, 0]]),
        "text/length": tf.constant([2, 1]),
        "text/since": tf.constant([[1.0, 2.0, 0.0], [3.0, 0.0, 0.0]]),
        "other": tf.constant([[1.0], [2.0]])[..., None],
        "other/length": tf.constant([1, 0]),
        "age": tf.constant([30.0, 40.0]),
        "id": tf.constant(["a", "b"]),
    }
    label, weight = tf.constant([[1, 2, 0], [3, 0, 0]]), tf.constant([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    front, moved_label, moved_weight = batch_in_front((features, label, weight), "text")
    assert front["text"].numpy().tolist() == [[0, 5, 6], [0, 0, 7]]
    assert front["text/since"].numpy().tolist() == [[0, 1, 2], [0, 0, 3]]
    assert moved_label.numpy().tolist() == [[0, 1, 2], [0, 0, 3]]
    assert moved_weight.numpy().tolist() == [[0, 1, 1], [0, 0, 1]]
    for name in ("text/length", "other/length", "age", "id"):
        assert front[name] is features[name]
    back = features_at_end(front)
    assert back["text"].numpy().tolist() == features["text"].numpy().tolist()
    assert front["other"].numpy().tolist() == [[[1.0]], [[0.0]]]


def test_labels_of_records_stay_where_they_are() -> None:
    label, weight = tf.constant([1, 2]), tf.constant([1.0, 0.5])
    _, same_label, same_weight = batch_in_front(({"x": tf.constant([[1], [2]])}, label, weight), None)
    assert same_label is label and same_weight is weight
