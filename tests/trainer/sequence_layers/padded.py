"""Rows of different lengths, as hypothesis draws them, and as padded batches with anything at padded steps."""

from typing import Any

import numpy as np
import tensorflow as tf
from hypothesis import strategies as st

DIMS = 4
POISON = 1e6
Rows = list[np.ndarray[Any, Any]]


@st.composite
def rows_of_numbers(draw: st.DrawFn, least: int = 0, most: int = 9, dims: int = DIMS) -> Rows:
    """Draws 1 to 4 rows of float32 (steps, dims)."""
    lengths = draw(st.lists(st.integers(least, most), min_size=1, max_size=4))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    return [rng.normal(size=(length, dims)).astype(np.float32) for length in lengths]


def batch_of(rows: Rows, steps: int, fill: str = "zeros") -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Returns the rows padded to `steps` with zeros, poison, random numbers or NaN; and their lengths."""
    shape = (len(rows), steps, *rows[0].shape[1:])
    rng = np.random.default_rng(steps)
    fills = {
        "zeros": np.zeros(shape),
        "poison": np.full(shape, POISON),
        "random": rng.normal(size=shape) * 1e3,
        "nan": np.full(shape, np.nan),
    }
    batch = fills[fill].astype(rows[0].dtype)
    for i, row in enumerate(rows):
        batch[i, : len(row)] = row
    return batch, np.array([len(row) for row in rows], np.int32)


def first(outputs: Any) -> np.ndarray[Any, Any]:
    """Returns the values that a layer gives, without their lengths."""
    return np.asarray(outputs[0] if isinstance(outputs, tuple | list) else outputs)


def gradients(layer: Any, batch: Any, lengths: Any) -> list[np.ndarray[Any, Any]]:
    """Returns the gradients of a weighted sum of squares of the outputs: of the inputs, then of the weights."""
    inputs = tf.constant(batch)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, lengths)
        outputs = outputs[0] if isinstance(outputs, tuple) else outputs
        factors = tf.range(1, outputs.shape[-1] + 1, dtype=outputs.dtype)
        total = tf.reduce_sum(tf.cast(factors * outputs**2, tf.float32))
    wanted = [inputs, *layer.trainable_variables]
    return [np.asarray(gradient) for gradient in tape.gradient(total, wanted)]
