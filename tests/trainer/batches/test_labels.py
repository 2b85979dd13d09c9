"""Each kind of label against a plain reference, with nonsense behind the real steps."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.spec import parse_spec
from tests.trainer.batches.next_steps import next_frames, next_tokens
from trainer.batches.labels import (
    class_label,
    label_spec,
    next_frames_label,
    next_step_label,
    next_token_label,
    number_label,
    step_class_label,
)

LENGTHS = st.lists(st.integers(0, 6), max_size=4)
POISON = 10**6


def padded(rows: list[list[int]], extra: int) -> npt.NDArray[np.int32]:
    """Rows, at least one step wide, with poison behind them."""
    width = max([1, *map(len, rows)]) + extra
    return np.array([[*row, *[POISON] * (width - len(row))] for row in rows], np.int32).reshape(-1, width)


def as_lists(pair: Any) -> tuple[Any, Any]:
    label, weight = pair
    assert weight.dtype == tf.float32
    assert label.shape == weight.shape
    return label.numpy().tolist(), weight.numpy().tolist()


@settings(deadline=None)
@given(LENGTHS, st.integers(0, 2), st.integers(1, 7), st.booleans(), st.randoms(use_true_random=False))
def test_next_tokens(lengths: list[int], extra: int, after: int, end: bool, random: Any) -> None:
    rows = [[random.randrange(1, 9) for _ in range(length)] for length in lengths]
    tokens = padded(rows, extra)
    found = next_token_label(tf.constant(tokens), tf.constant(lengths, tf.int64), after, end)
    assert found[0].dtype == tf.int64
    expected = [next_tokens(row, tokens.shape[1], after, end) for row in rows]
    assert as_lists(found) == ([row.tolist() for row, _ in expected], [weight.tolist() for _, weight in expected])


@settings(deadline=None)
@given(
    LENGTHS,
    st.integers(0, 2),
    st.integers(1, 7),
    st.integers(1, 8),
    st.integers(1, 3),
    st.booleans(),
    st.integers(0, 9),
)
def test_next_frames(
    lengths: list[int], extra: int, after: int, horizon: int, dims: int, with_missing: bool, seed: int
) -> None:
    random = np.random.default_rng(seed)
    width = max([1, *lengths]) + extra
    frames = random.normal(size=(len(lengths), width, dims)).astype(np.float32)
    missing = random.integers(0, 2, frames.shape).astype(np.float32) * with_missing
    expected = [
        next_frames(frames[i, :length], missing[i, :length], width, after, horizon) for i, length in enumerate(lengths)
    ]
    for i, length in enumerate(lengths):
        frames[i, length:], missing[i, length:] = np.nan, POISON
    of_series = tf.constant(missing) if with_missing else None
    lengths_of = tf.constant(lengths, tf.int64)
    label, weight = next_frames_label(tf.constant(frames), lengths_of, after, horizon, of_series)
    assert label.shape == (len(lengths), width, horizon * dims)
    assert as_lists((label, weight)) == ([of.tolist() for of, _ in expected], [of.tolist() for _, of in expected])


def test_frames_side_by_side() -> None:
    frames = tf.constant([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]])
    label, weight = as_lists(next_frames_label(frames, tf.constant([3], tf.int64), 1, 2))
    assert label == [[[3, 4, 5, 6], [5, 6, 0, 0], [0, 0, 0, 0]]]
    assert weight == [[[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0]]]


@pytest.mark.parametrize(
    ("end", "label", "weight"),
    [
        (False, [[0, 0], [0, 0], [5, 0]], [[0, 0], [0, 0], [1, 0]]),
        (True, [[0, 0], [0, 0], [5, 0]], [[0, 0], [1, 0], [1, 1]]),
    ],
)
def test_sequences_of_no_one_and_two_tokens(end: bool, label: Any, weight: Any) -> None:
    tokens = tf.constant([[9, 9], [4, 9], [4, 5]])
    assert as_lists(next_token_label(tokens, tf.constant([0, 1, 2], tf.int64), 1, end)) == (label, weight)


def test_numbers_and_classes() -> None:
    assert as_lists(number_label(tf.constant([1.5, -2.0]))) == ([1.5, -2.0], [1.0, 1.0])
    assert as_lists(class_label(tf.constant([2, -1, 0], tf.int64))) == ([2, 0, 0], [1.0, 0.0, 1.0])


def test_classes_of_steps() -> None:
    classes = tf.constant([[2, -1, POISON], [POISON, -1, 3], [1, 0, 4]], tf.int64)
    found = step_class_label(classes, tf.constant([2, 0, 3], tf.int64))
    assert as_lists(found) == ([[2, 0, 0], [0, 0, 0], [1, 0, 4]], [[1, 0, 0], [0, 0, 0], [1, 1, 1]])


@pytest.mark.parametrize(
    ("label", "shape", "dtype"),
    [
        ("{type: class}", [None], tf.int64),
        ("{type: number}", [None], tf.float32),
        ("{type: per_step_class, of: t}", [None, None], tf.int64),
        ("{type: next_step, of: t}", [None, None], tf.int64),
        ("{type: next_step, of: s, horizon: 3}", [None, None, 6], tf.float32),
    ],
)
def test_shapes_are_known_beforehand(label: str, shape: list[int | None], dtype: tf.DType) -> None:
    spec = parse_spec(f"sequences: {{t: {{type: tokens}}, s: {{type: series, dims: 2}}}}\nlabel: {label}")
    assert label_spec(spec) == tf.TensorSpec(shape, dtype)


def test_the_spec_says_what_is_next() -> None:
    lengths = tf.constant([2], tf.int64)
    features = {
        "t": tf.constant([[4, 5]]),
        "s": tf.constant([[[1.0], [2.0]]]),
        "s/missing": tf.constant([[[0.0], [1.0]]]),
    }
    sequences = "sequences: {t: {type: tokens}, s: {type: series, dims: 1, missing: zero}}\n"
    tokens = parse_spec(f"{sequences}label: {{type: next_step, of: t, end: true, after: 2}}")
    assert as_lists(next_step_label(tokens, features, lengths)) == ([[0, 0]], [[0.0, 1.0]])
    frames = parse_spec(f"{sequences}label: {{type: next_step, of: s}}")
    assert as_lists(next_step_label(frames, features, lengths)) == ([[[0.0], [0.0]]], [[[0.0], [0.0]]])
    del features["s/missing"]
    assert as_lists(next_step_label(frames, features, lengths)) == ([[[2.0], [0.0]]], [[[1.0], [0.0]]])
