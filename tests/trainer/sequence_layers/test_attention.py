"""Attention against NumPy, and its weights."""

import keras
import numpy as np
from hypothesis import given

from tests.trainer.sequence_layers.padded import DIMS, Rows, batch_of, rows_of_numbers
from trainer.sequence_layers.attention import AttentionPooling


def made() -> AttentionPooling:
    keras.utils.set_random_seed(1)
    layer = AttentionPooling(5)
    layer.build((None, None, DIMS))
    return layer


LAYER = made()


@given(rows_of_numbers())
def test_against_numpy(rows: Rows) -> None:
    batch, lengths = batch_of(rows, 10, "nan")
    pooled, weights = np.asarray(LAYER(batch, lengths)), np.asarray(LAYER.step_weights(batch, lengths))
    kernel, bias, query = LAYER.get_weights()
    for i, row in enumerate(rows):
        scores = (np.tanh(row @ kernel + bias) @ query)[:, 0]
        expected = np.exp(scores) / np.exp(scores).sum()
        np.testing.assert_allclose(weights[i, : len(row)], expected, rtol=1e-5)
        np.testing.assert_allclose(pooled[i], expected @ row if len(row) else np.zeros(DIMS), atol=1e-5)
        assert not weights[i, len(row) :].any()


def test_great_scores_do_not_overflow() -> None:
    layer = AttentionPooling(1)
    layer.build((None, None, 1))
    layer.set_weights([np.array([[1.0]]), np.array([0.0]), np.array([[1e6]])])
    x = np.array([[[1.0], [2.0], [-3.0]]], np.float32)
    lengths = np.array([3], np.int32)
    assert np.asarray(layer(x, lengths)).tolist() == [[2.0]]
    assert np.asarray(layer.step_weights(x, lengths)).tolist() == [[0.0, 1.0, 0.0]]
    assert np.asarray(layer(-np.abs(x), lengths)).tolist() == [[-1.0]]
