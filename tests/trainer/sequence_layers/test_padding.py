"""Padding set to 0."""

import numpy as np

from trainer.sequence_layers.padding import zero_padding


def test_zeroed_padding_keeps_the_type() -> None:
    ids = zero_padding(np.array([[5, 6], [7, 8]], np.int32), np.array([1, 2], np.int32))
    assert np.asarray(ids).tolist() == [[5, 0], [7, 8]]
    assert np.asarray(ids).dtype == np.int32
