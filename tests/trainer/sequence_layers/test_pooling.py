"""Pooling against NumPy; read piece by piece as in one go."""

import itertools
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UsageError
from tests.trainer.sequence_layers.padded import DIMS, Rows, batch_of, rows_of_numbers
from trainer.sequence_layers import accumulation
from trainer.sequence_layers.accumulation import KINDS, State
from trainer.sequence_layers.pooling import SequencePooling


def attention_pool() -> SequencePooling:
    keras.utils.set_random_seed(0)
    layer = SequencePooling(KINDS, True, attention_units=5)
    layer.build((None, None, DIMS))
    return layer


POOLING = attention_pool()


def test_against_numpy() -> None:
    x = np.random.default_rng(0).normal(size=(3, 4, 6)).astype(np.float32)
    lengths = np.array([4, 2, 1], np.int32)
    pooled = np.asarray(SequencePooling(["mean", "max", "last"], bidirectional=True)(x, lengths))
    for row, length in enumerate(lengths):
        real = x[row, :length]
        last = np.concatenate([real[-1, :3], real[0, 3:]])
        expected = np.concatenate([real.mean(axis=0), real.max(axis=0), last])
        np.testing.assert_allclose(pooled[row], expected, rtol=1e-6)


def test_last_of_one_direction_is_the_last_real_step() -> None:
    x = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    pooled = np.asarray(SequencePooling(["last"], bidirectional=False)(x, np.array([2, 3], np.int32)))
    assert pooled.tolist() == [[2.0, 3.0], [10.0, 11.0]]


def test_a_sequence_without_steps_pools_to_zeros_and_has_a_finite_gradient() -> None:
    x = tf.constant(np.full((2, 3, 2), 5.0, np.float32))
    with tf.GradientTape() as tape:
        tape.watch(x)
        pooled = SequencePooling(KINDS, bidirectional=False)(x, np.array([0, 2], np.int32))
        total = tf.reduce_sum(pooled)
    assert np.asarray(pooled).tolist() == [[0.0] * 8, [5.0] * 8]
    gradient = tape.gradient(total, x).numpy()
    # mean, max, last; and attention, whose weights do not matter where all steps are the same
    np.testing.assert_allclose(gradient[..., 0], [[0, 0, 0], [0.5 + 0.5 + 0.5, 0.5 + 0.5 + 1 + 0.5, 0]], atol=1e-5)


def read_in_pieces(layer: SequencePooling, batch: Any, lengths: Any, cuts: list[int]) -> State:
    """Returns the state after the pieces between the cuts, steps of the batch."""
    state = layer.start(len(batch))
    bounds = [0, *sorted(cuts), batch.shape[1]]
    for begin, end in itertools.pairwise(bounds):
        if end > begin:
            state = layer.add(state, batch[:, begin:end], np.clip(lengths - begin, 0, end - begin).astype(np.int32))
    return state


@given(rows_of_numbers(), st.lists(st.integers(0, 11), max_size=5), st.sampled_from([1.0, 1e4]))
def test_piece_by_piece_is_the_whole(rows: Rows, cuts: list[int], scale: float) -> None:
    batch, lengths = batch_of([row * scale for row in rows], 11, "poison")
    pooled = POOLING.finish(read_in_pieces(POOLING, batch, lengths, cuts))
    np.testing.assert_allclose(pooled, POOLING(batch, lengths), rtol=1e-6, atol=1e-6 * scale)


@given(rows_of_numbers(most=4), rows_of_numbers(most=4), rows_of_numbers(most=4))
def test_merging_is_associative_and_the_start_changes_nothing(a: Rows, b: Rows, c: Rows) -> None:
    size = min(len(a), len(b), len(c))
    first, second, third = (POOLING.add(POOLING.start(size), *batch_of(rows[:size], 5)) for rows in (a, b, c))
    merge = accumulation.merge
    left, right = merge(merge(first, second), third), merge(first, merge(second, third))
    np.testing.assert_allclose(POOLING.finish(left), POOLING.finish(right), rtol=1e-6, atol=1e-6)
    assert np.asarray(left["steps"]).tolist() == np.asarray(right["steps"]).tolist()
    for merged in (merge(POOLING.start(size), first), merge(first, POOLING.start(size))):
        assert np.asarray(POOLING.finish(merged)).tolist() == np.asarray(POOLING.finish(first)).tolist()


def test_gradients_through_pieces_are_those_of_the_whole() -> None:
    batch, lengths = batch_of([np.random.default_rng(1).normal(size=(n, DIMS)).astype("float32") for n in (7, 3, 0)], 8)

    def gradients(pieces: list[int]) -> list[Any]:
        with tf.GradientTape() as tape:
            pooled = POOLING.finish(read_in_pieces(POOLING, batch, lengths, pieces))
            total = tf.reduce_sum(pooled**2)
        return [gradient.numpy() for gradient in tape.gradient(total, POOLING.trainable_variables)]

    for one, other in zip(gradients([]), gradients([2, 3, 7]), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
        assert np.abs(one).max() > 1e-4


def test_long_sums_do_not_overflow_in_half_precision() -> None:
    x = np.full((1, 3000, 1), 100.0, np.float16)
    pooled = SequencePooling(["mean"], False, dtype="mixed_float16")(x, np.array([3000], np.int32))
    assert np.asarray(pooled).tolist() == [[100.0]]


@pytest.mark.parametrize(
    ("kinds", "text"),
    [
        ([], "pooling: no kind; name one or more of mean, max, last, attention"),
        (["mean", "atention"], "pooling: 'atention' is no kind of pooling; did you mean 'attention'?"),
    ],
)
def test_kinds_that_there_are_not(kinds: list[str], text: str) -> None:
    with pytest.raises(UsageError) as error:
        SequencePooling(kinds, False)
    assert str(error.value) == text
