"""Convolution against NumPy and, where that is well defined, against Keras."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import UsageError
from tests.trainer.sequence_layers.padded import DIMS, Rows, batch_of, rows_of_numbers
from tests.trainer.sequence_layers.test_windows import widths_and_strides
from trainer.sequence_layers.convolution import MaskedConvolution


def reference(row: np.ndarray, kernel: np.ndarray, bias: np.ndarray, stride: int, before: int) -> np.ndarray:
    """Convolves one row, (steps, dims), whose outside reads as 0, with a kernel (width, dims, filters)."""
    width = len(kernel)
    outputs = []
    for i in range(-(-len(row) // stride)):
        total = bias.astype(np.float64)
        for k in range(width):
            step = i * stride - before + k
            if 0 <= step < len(row):
                total = total + row[step] @ kernel[k]
        outputs.append(total)
    return np.array(outputs).reshape(-1, len(bias))


@given(widths_and_strides, rows_of_numbers(most=12), st.integers(0, 5), st.booleans())
@settings(max_examples=40)
def test_against_numpy(shape: tuple[int, int], rows: Rows, extra: int, causal: bool) -> None:
    width, stride = (shape[0], 1) if causal else shape
    layer = MaskedConvolution(3, width, stride, causal, activation="linear")
    batch, lengths = batch_of(rows, max(1, *map(len, rows)) + extra, "poison")
    layer.build(batch.shape)
    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(size=(width, DIMS, 3)).astype(np.float32), rng.normal(size=3).astype(np.float32)
    layer.set_weights([kernel, bias])
    outputs, new_lengths = layer(batch, lengths)
    assert outputs.shape == (len(rows), -(-batch.shape[1] // stride), 3)
    before = width - 1 if causal else (width - stride) // 2
    for row, got, length in zip(rows, np.asarray(outputs), np.asarray(new_lengths), strict=True):
        expected = reference(row, kernel, bias, stride, before)
        assert length == len(expected)
        np.testing.assert_allclose(got[:length], expected, atol=1e-4)
        assert not got[length:].any()


@pytest.mark.parametrize(("width", "stride", "steps"), [(3, 1, 7), (4, 1, 7), (3, 2, 8), (5, 3, 9), (2, 2, 6)])
def test_a_full_row_of_a_multiple_of_the_stride_is_convolved_as_keras_does(width: int, stride: int, steps: int) -> None:
    x = np.random.default_rng(1).normal(size=(2, steps, DIMS)).astype(np.float32)
    keras_layer = keras.layers.Conv1D(3, width, strides=stride, padding="same", activation="relu")
    layer = MaskedConvolution(3, width, stride)
    expected = keras_layer(x)
    layer.build(x.shape)
    layer.set_weights(keras_layer.get_weights())
    np.testing.assert_allclose(layer(x, np.full(2, steps, np.int32))[0], expected, atol=1e-5)


def test_a_causal_step_sees_no_later_one() -> None:
    layer = MaskedConvolution(4, 3, causal=True)
    x = np.random.default_rng(2).normal(size=(1, 8, DIMS)).astype(np.float32)
    lengths = np.array([8], np.int32)
    before = np.asarray(layer(x, lengths)[0])
    x[0, 5:] += 10
    after = np.asarray(layer(x, lengths)[0])
    assert after[0, :5].tolist() == before[0, :5].tolist()
    assert np.abs(after[0, 5:] - before[0, 5:]).max() > 0.1


def test_a_causal_convolution_has_no_stride() -> None:
    with pytest.raises(UsageError) as error:
        MaskedConvolution(4, 3, stride=2, causal=True)
    assert str(error.value) == (
        "convolution: stride 2 and causal; a causal convolution has an output at every step: set the stride to 1"
    )
