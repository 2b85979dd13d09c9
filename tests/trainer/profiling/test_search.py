"""The search for a size: right within 5 %, in few trials, no size twice."""

import math
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from trainer.profiling.search import fastest, largest

sizes = st.integers(1, 1_000_000)


class Counted:
    """Asks a function, once for each size."""

    def __init__(self, ask: Callable[[int], float | None]) -> None:
        self.ask = ask
        self.asked: list[int] = []

    def __call__(self, size: int) -> float | None:
        assert size not in self.asked
        self.asked.append(size)
        return self.ask(size)

    def survives(self, size: int) -> bool:
        return bool(self(size))


@given(sizes, sizes, sizes)
def test_the_largest_is_found_within_five_percent(threshold: int, start: int, most: int) -> None:
    start, reached = min(start, most), min(threshold, most)
    trial = Counted(lambda size: size <= threshold)
    found = largest(trial.survives, start, most)
    assert found <= reached <= max(found, math.floor(found * 1.05))
    assert found in trial.asked
    assert all(1 <= size <= most for size in trial.asked)
    # Doublings from the start or halvings, then a gap of at most a factor of 2, halved until 5 % are left.
    assert len(trial.asked) <= abs(math.log2(reached / start)) + 2 + 6


@given(sizes, sizes)
def test_where_nothing_survives_the_least_was_tried(start: int, most: int) -> None:
    for search in (largest, fastest):
        trial = Counted(lambda size: None)
        assert search(trial if search is fastest else trial.survives, min(start, most), most) == 0
        assert trial.asked[-1] == 1
        assert len(trial.asked) <= math.log2(most) + 2


@given(st.floats(0, 1_000), st.floats(1e-3, 1), sizes, sizes, sizes)
def test_a_speed_that_levels_off_comes_near_to_its_best(
    once: float, each: float, threshold: int, start: int, most: int
) -> None:
    def speed(size: int) -> float | None:
        return size / (once + each * size) if size <= threshold else None

    trial = Counted(speed)
    found = fastest(trial, min(start, most), most)
    best = speed(min(threshold, most))
    assert best is not None
    assert (speed(found) or 0) >= 0.9 * best
    assert found in trial.asked
    assert all(1 <= size <= most for size in trial.asked)
    assert len(trial.asked) <= abs(math.log2(start)) + math.log2(most) + 4 + 12


@given(st.floats(1, 100_000), st.floats(0.2, 3), sizes, sizes)
def test_a_speed_with_a_peak_comes_near_to_it(peak: float, width: float, start: int, most: int) -> None:
    def speed(size: int) -> float:
        return math.exp(-abs(math.log(size / peak)) * width)

    found = fastest(Counted(speed), min(start, most), most)
    best = max(speed(size) for size in {math.floor(min(peak, most)), min(math.ceil(peak), most)})
    assert speed(found) >= 0.85 * best


def test_from_where_the_search_begins_it_goes_up_or_down() -> None:
    up = Counted(lambda size: size <= 100)
    assert largest(up.survives, 16, 512) == 98
    assert up.asked == [16, 32, 64, 128, 90, 107, 98, 102]
    down = Counted(lambda size: size <= 100)
    assert largest(down.survives, 512, 512) == 98


def test_all_that_is_allowed_takes_one_trial() -> None:
    trial = Counted(lambda size: True)
    assert largest(trial.survives, 512, 512) == 512
    assert trial.asked == [512]
