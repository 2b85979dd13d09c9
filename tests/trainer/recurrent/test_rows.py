"""Packing: every real step once, in the order of reading, and little else."""

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.recurrent.rows import STEPS, PackedRows

LENGTHS = st.lists(st.integers(0, 13), min_size=1, max_size=6)


@given(LENGTHS, st.booleans(), st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_each_iteration_reads_the_next_steps_of_the_rows_that_have_any(
    lengths: list[int], reverse: bool, padding: int
) -> None:
    steps = max(1, max(lengths) + padding)
    values = np.arange(1.0, len(lengths) * steps + 1, dtype=np.float32).reshape(len(lengths), steps, 1)
    rows = PackedRows(tf.constant(lengths), tf.constant(steps), reverse)
    prepared = rows.prepare(tf.constant(values))
    assert int(rows.iterations) == -(-max(lengths) // STEPS)
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    total = 0
    for k in range(int(rows.iterations)):
        live = [row for row in order if lengths[row] > k * STEPS]
        found = np.asarray([part[:, 0] for part in rows.split(rows.read_real(prepared, k), k)])
        expected = np.zeros((STEPS, len(live)), np.float32)
        for column, row in enumerate(live):
            real = values[row, : lengths[row], 0]
            part = (real[::-1] if reverse else real)[k * STEPS : (k + 1) * STEPS]
            expected[: len(part), column] = part
        np.testing.assert_array_equal(found, expected)
        total += found.size
    assert total <= sum(lengths) + (STEPS - 1) * len(lengths)


@given(LENGTHS, st.booleans())
@settings(max_examples=50, deadline=None)
def test_what_was_packed_comes_back_with_zeros_at_padding(lengths: list[int], reverse: bool) -> None:
    steps = max(lengths) + 1
    values = tf.random.stateless_normal([len(lengths), steps, 2], [1, 2])
    rows = PackedRows(tf.constant(lengths), tf.constant(steps), reverse)
    prepared = rows.prepare(values)
    array = rows.array(rows.iterations, 2, tf.float32)
    for k in range(int(rows.iterations)):
        array = array.write(k, rows.read(prepared, k))
    back = rows.gather(rows.join(array, rows.iterations, 2))
    real = tf.sequence_mask(lengths, steps)[:, :, None]
    np.testing.assert_array_equal(back, tf.where(real, values, 0.0))
