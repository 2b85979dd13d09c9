import math
import struct
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.moments import ExactMoments, moments_of, to_message

floats32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
TINY = float(np.float32(1e-45))  # the least subnormal, 2^-149
HUGE = float(np.finfo(np.float32).max)


def moments(numbers: list[float]) -> ExactMoments:
    result = ExactMoments()
    result.add(np.array(numbers, np.float32))
    return result


def facts(of: ExactMoments) -> tuple[object, ...]:
    return of.count, of.mean(), of.variance(), of.least, of.greatest


def expected(numbers: list[float]) -> tuple[object, ...]:
    exact = [Fraction(number) for number in numbers]
    mean = sum(exact, Fraction(0)) / len(exact)
    variance = sum(((x - mean) ** 2 for x in exact), Fraction(0)) / len(exact)
    return len(exact), mean, variance, min(numbers), max(numbers)


@given(st.lists(floats32, min_size=1, max_size=40))
def test_moments_are_exact(numbers: list[float]) -> None:
    assert facts(moments(numbers)) == expected(numbers)


def test_moments_of_extreme_numbers_are_exact() -> None:
    numbers = [HUGE, -HUGE, TINY, -TINY, 0.0, -0.0, 1.0, HUGE, 3 * TINY]
    assert facts(moments(numbers)) == expected(numbers)


def test_nothing_cancels() -> None:
    """The textbook formula in float64 gives 0 here."""
    big = float(2**23)
    numbers = [big, big + 1] * 500
    assert moments(numbers).variance() == Fraction(1, 4)
    assert moments([HUGE, 1.0, -HUGE]).mean() == Fraction(1, 3)


@given(
    st.lists(st.lists(floats32, max_size=8), min_size=1, max_size=6),
    st.randoms(use_true_random=False),
)
def test_any_split_and_any_order_give_the_same(parts: list[list[float]], draw: object) -> None:
    whole = moments([number for part in parts for number in part])
    accumulators = [moments(part) for part in parts]
    while len(accumulators) > 1:
        draw.shuffle(accumulators)  # type: ignore[attr-defined]
        left, right = accumulators.pop(), accumulators.pop()
        left.merge(right)
        accumulators.append(left)
    assert facts(accumulators[0]) == facts(whole)
    assert message_values(accumulators[0]) == message_values(whole)


def message_values(of: ExactMoments) -> tuple[float, ...]:
    message = to_message([of])
    # Compared as numbers, -0.0 and 0.0 are one: canonical JSON writes both as 0.
    return message.count, message.mean[0], message.variance[0], message.min[0], message.max[0]


@given(st.lists(floats32, min_size=1, max_size=20))
def test_the_message_is_rounded_once(numbers: list[float]) -> None:
    _, mean, variance, least, greatest = expected(numbers)
    message = to_message([moments(numbers)])
    assert message.count == len(numbers)
    assert list(message.mean) == [float(mean)]  # type: ignore[arg-type]
    assert list(message.variance) == [float(variance)]  # type: ignore[arg-type]
    assert list(message.min) == [least]
    assert list(message.max) == [greatest]


def test_many_numbers_of_one_exponent_are_exact() -> None:
    """Weights are added as floats; 2^20 times the largest mantissa still fits."""
    odd = struct.unpack("<f", struct.pack("<I", 0x3FFFFFFF))[0]
    result = ExactMoments()
    result.add(np.full(1 << 20, odd, np.float32))
    assert result.mean() == Fraction(odd)
    assert result.variance() == 0
    assert Fraction(result.squares, 2**298) == Fraction(odd) ** 2 * (1 << 20)


def test_merging_leaves_the_other_one_as_it_was() -> None:
    left, right = moments([1.0, 2.0]), moments([4.0])
    left.merge(right)
    left.merge(right)
    assert facts(right) == expected([4.0])
    assert facts(left) == expected([1.0, 2.0, 4.0, 4.0])


def test_no_numbers() -> None:
    nothing = moments([])
    assert facts(nothing) == (0, 0, 0, math.inf, -math.inf)
    message = to_message([nothing])
    assert (message.count, *message.mean, *message.variance, *message.min, *message.max) == (0, 0, 0, 0, 0)
    some = moments([2.5])
    some.merge(nothing)
    assert facts(some) == expected([2.5])


def test_each_dimension_is_on_its_own() -> None:
    frames = np.array([[1, 10], [2, 20], [6, 60]], np.float32)
    message = to_message(moments_of(frames))
    assert message.count == 3
    assert list(message.mean) == [3, 30]
    assert list(message.variance) == [14 / 3, 1400 / 3]
    assert (list(message.min), list(message.max)) == ([1, 10], [6, 60])


def test_missing_numbers_count_for_nothing() -> None:
    frames = np.array([[1, 10, 7], [np.nan, 20, 8], [5, 1e30, 9]], np.float32)
    missing = np.array([[0, 0, 1], [1, 0, 1], [0, 1, 1]], bool)
    message = to_message(moments_of(frames, missing))
    assert (message.count, list(message.counts)) == (2, [2, 2, 0])
    assert list(message.mean) == [3, 15, 0]
    assert list(message.variance) == [4, 25, 0]
    assert (list(message.min), list(message.max)) == ([1, 10, 0], [5, 20, 0])


def test_counts_are_said_only_where_they_differ() -> None:
    frames = np.array([[1, 10], [2, 20]], np.float32)
    message = to_message(moments_of(frames, np.array([[1, 0], [0, 1]], bool)))
    assert (message.count, list(message.counts), list(message.mean)) == (1, [], [2, 10])


def test_dimensions_of_no_steps() -> None:
    message = to_message(moments_of(np.zeros((0, 2), np.float32)))
    assert (message.count, list(message.mean), list(message.min)) == (0, [0, 0], [0, 0])


@pytest.mark.parametrize("numbers", [[], [0.0, -0.0, 0.0], [0.0, TINY, 1.0], [0.0, -2.5]])
def test_zeros_are_counted(numbers: list[float]) -> None:
    assert moments(numbers).zeros == sum(number == 0 for number in numbers)


@pytest.mark.parametrize("greatest", [1.0, 3.4e38, 2.0**-100, 2.0**-125, TINY])
def test_numbers_of_all_sizes_beside_each_other(greatest: float) -> None:
    """Some are too small beside the greatest one to be added in its place; those around the border, too."""
    sizes = np.ldexp(np.float32(greatest), -np.arange(60)).astype(np.float32)
    odd = sizes * np.float32(1 + 2**-23)
    numbers = np.concatenate([sizes, -odd, odd[::3]]).tolist()
    assert facts(moments(numbers)) == expected(numbers)


def test_many_numbers_in_several_pieces_are_exact() -> None:
    draw = np.random.default_rng(2)
    numbers = (draw.normal(size=70_000) * 10.0 ** draw.integers(-4, 4, 70_000)).astype(np.float32)
    found = moments(numbers.tolist())
    exact = [Fraction(number) for number in numbers.tolist()]
    assert Fraction(found.total, 2**149) == sum(exact)
    assert Fraction(found.squares, 2**298) == sum(number**2 for number in exact)
    assert (found.count, found.least, found.greatest) == (70_000, numbers.min(), numbers.max())
