"""How training steps are timed: lengths, cells of the table, and every kernel once."""

import numpy as np
import steps
from hypothesis import given
from hypothesis import strategies as st


@given(st.integers(1, 50), st.integers(1, 50), st.floats(0.05, 1.0))
def test_lengths_lie_between_the_share_and_the_longest(rows: int, longest: int, shortest: float) -> None:
    lengths = steps.Case("gru", rows, longest, 4, shortest=shortest).lengths()
    assert len(lengths) == rows
    assert lengths.max() == longest
    assert lengths.min() >= max(1, int(longest * shortest))


def test_a_row_has_milliseconds_and_ratios() -> None:
    case = steps.Case("lstm", 1, 7, 4, bidirectional=True)
    seconds = {steps.KERAS: 0.02, steps.FAST: 0.01}
    name = "lstm 1 x 7 x 4, both directions, lengths from 0.95"
    assert steps.row(case, seconds) == [name, "1.00", "20.0", "10.0", "0.50", "", ""]
    assert steps.row(case, {**seconds, steps.XLA: 0.004})[-2:] == ["4.0", "0.20"]


def test_every_kernel_computes_the_same_and_is_timed() -> None:
    made = steps.make_steps(steps.Case("gru", 3, 5, 2, bidirectional=True), xla=False)
    values = [step() for step in made.values()]
    np.testing.assert_allclose(values, values[0], rtol=1e-4)
    assert set(steps.time_steps(made, 1)) == {steps.KERAS, steps.FAST}
