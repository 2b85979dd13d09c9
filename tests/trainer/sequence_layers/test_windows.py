"""Windows read every real step, each at least one, and are those of "same" padding where that is well defined."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UsageError
from trainer.sequence_layers.windows import check_windows, steps_before, window_count

widths_and_strides = st.integers(1, 9).flatmap(lambda width: st.tuples(st.just(width), st.integers(1, width)))


@given(widths_and_strides, st.integers(0, 40))
def test_windows_read_every_step_and_each_reads_one(shape: tuple[int, int], length: int) -> None:
    width, stride = shape
    begin = [i * stride - steps_before(width, stride) for i in range(window_count(length, stride))]
    windows = [set(range(one, one + width)) & set(range(length)) for one in begin]
    assert all(windows)
    assert set().union(*windows) == set(range(length))
    assert all(i * stride in window for i, window in enumerate(windows))


def test_where_windows_begin() -> None:
    assert [steps_before(3, 1), steps_before(4, 1), steps_before(2, 2), steps_before(5, 2)] == [1, 1, 0, 1]
    assert steps_before(3, 1, causal=True) == 2
    assert [window_count(length, 3) for length in (0, 1, 3, 4)] == [0, 1, 1, 2]


@pytest.mark.parametrize(
    ("width", "stride", "text"),
    [
        (0, 1, "pool: width is 0; it is a whole number of steps, 1 or more"),
        (2, True, "pool: stride is True; it is a whole number of steps, 1 or more"),
        (2.0, 1, "pool: width is 2.0; it is a whole number of steps, 1 or more"),
        (
            2,
            3,
            "pool: stride 3 with width 2 leaves steps between windows unread; the stride is at most the width: "
            "make the width 3 or more, or the stride 2 or less",
        ),
    ],
)
def test_windows_that_cannot_be(width: int, stride: int, text: str) -> None:
    with pytest.raises(UsageError) as error:
        check_windows("pool", width, stride)
    assert str(error.value) == text
