"""Max pooling over windows of real steps, against NumPy."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer.sequence_layers.padded import Rows, batch_of, rows_of_numbers
from tests.trainer.sequence_layers.test_windows import widths_and_strides
from trainer.sequence_layers.max_pooling import MaskedMaxPooling


@given(widths_and_strides, rows_of_numbers(most=12), st.integers(0, 5))
@settings(max_examples=40)
def test_against_numpy(shape: tuple[int, int], rows: Rows, extra: int) -> None:
    width, stride = shape
    rows = [row - 5 for row in rows]  # so that no window may take a 0 from padding
    batch, lengths = batch_of(rows, max(1, *map(len, rows)) + extra, "poison")
    outputs, new_lengths = MaskedMaxPooling(width, stride)(batch, lengths)
    assert outputs.shape[1] == -(-batch.shape[1] // stride)
    for row, got, length in zip(rows, np.asarray(outputs), np.asarray(new_lengths), strict=True):
        begins = [i * stride - (width - stride) // 2 for i in range(-(-len(row) // stride))]
        expected = [row[max(0, begin) : begin + width].max(axis=0).tolist() for begin in begins]
        assert length == len(expected)
        assert got[:length].tolist() == expected
        assert not got[length:].any()


def test_rows_without_steps_give_zeros_and_no_infinity() -> None:
    outputs, lengths = MaskedMaxPooling(3, 1)(np.full((2, 4, 1), -7.0, np.float32), np.array([0, 2], np.int32))
    assert np.asarray(outputs)[..., 0].tolist() == [[0, 0, 0, 0], [-7, -7, 0, 0]]
    assert np.asarray(lengths).tolist() == [0, 2]
