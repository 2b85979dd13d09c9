"""Batches to predict for: every example once, no more padded steps than there is room for."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from schemas.prediction_batches import MOST_NUMBERS, sorted_batches, steps_with_room


@given(st.lists(st.integers(0, 300), max_size=60), st.integers(1, 1_000), st.integers(1, 20))
def test_every_row_once_within_the_budget(lengths: list[int], padded_steps: int, max_examples: int) -> None:
    array = np.array(lengths, np.int64)
    batches = list(sorted_batches(array, padded_steps, max_examples))
    assert sorted(np.concatenate([[], *batches]).tolist()) == list(range(len(lengths)))
    for rows in batches:
        assert len(rows) <= max_examples
        assert len(rows) == 1 or len(rows) * array[rows].max() <= padded_steps


@given(st.integers(1, 100_000), st.integers(0, 10**9))
def test_the_answers_of_a_batch_fit(padded_steps: int, outputs: int) -> None:
    steps = steps_with_room(padded_steps, outputs)
    assert steps * outputs <= MOST_NUMBERS or steps == 1
    # No lower than need be.
    assert steps == padded_steps or (steps + 1) * outputs > MOST_NUMBERS
