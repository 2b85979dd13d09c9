"""Layer normalisation of each step, against NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings

from schemas.errors import UsageError
from tests.trainer.sequence_layers.padded import DIMS, Rows, batch_of, rows_of_numbers
from trainer.sequence_layers.step_normalization import StepNormalization


@given(rows_of_numbers())
@settings(max_examples=25)
def test_against_numpy(rows: Rows) -> None:
    batch, lengths = batch_of(rows, 10, "poison")
    layer = StepNormalization()
    layer.build(batch.shape)
    scale, offset = np.arange(1.0, DIMS + 1), np.arange(2.0, DIMS + 2)
    layer.set_weights([scale, offset])
    for row, got in zip(rows, np.asarray(layer(batch, lengths)), strict=True):
        deviation = np.sqrt(row.var(axis=1, keepdims=True) + 1e-3)
        expected = (row - row.mean(axis=1, keepdims=True)) / deviation * scale + offset
        np.testing.assert_allclose(got[: len(row)], expected, atol=1e-4)
        assert not got[len(row) :].any()


def test_half_precision_does_not_overflow_in_squares() -> None:
    x = np.array([[[3e4, -3e4, 3e4, -3e4]]], np.float16)
    normal = StepNormalization(dtype="mixed_float16")(x, np.array([1], np.int32))
    assert np.asarray(normal).ravel().tolist() == [1, -1, 1, -1]


def test_a_step_of_one_number_is_refused() -> None:
    with pytest.raises(UsageError) as error:
        StepNormalization().build((None, None, 1))
    assert str(error.value) == (
        "step normalization: steps are 1 number; normalised over itself it would always be 0: "
        "leave it out (layer_norm: false), or put a layer with more numbers before it (units)"
    )
