"""How the best size is found by trials: doubling, then halving the gap, with as few trials as that takes.

A trial is expensive (a process of its own, seconds long), so each size is tried once.
"""

from collections.abc import Callable
from math import isqrt

# Two sizes this close count as one: what a training run can spare, and less than measurements differ by.
PRECISION = 0.05


def largest(survives: Callable[[int], bool], start: int, most: int) -> int:
    """Returns a size that survives, within 5 % of the largest one; 0 where not even 1 survives.

    Args:
      survives: Whether a size of 1 or more does; where one does, every smaller one must.
      start: The size to begin with, from 1 to `most`.
      most: The largest size that is of use.
    """
    low, high, size = 0, most + 1, start
    while not _close(low, high):
        if survives(size):
            low = size
        else:
            high = size
        size = min(2 * low, most) if high > most else _between(low, high)
    return low


def fastest(speed: Callable[[int], float | None], start: int, most: int) -> int:
    """Returns the fastest size that was tried; 0 where not even 1 survives.

    From the start it goes in doublings, up or else down, as long as the speed rises by 5 %. Then it looks between the
    fastest size and its neighbours, in the wider gap first, until they are within 5 % of it. Where the speed rises to
    one peak and falls, or ends in sizes that do not survive, that is the peak, within what 5 % allow.

    Args:
      speed: Of a size of 1 or more, more than 0; None where it does not survive.
      start: The size to begin with, from 1 to `most`.
      most: The largest size that is of use.
    """
    known: dict[int, float] = {}

    def tried(size: int) -> float:
        if size not in known:
            known[size] = speed(size) or 0.0
        return known[size]

    best = _first(tried, start)
    if not best:
        return 0
    best = _climb(tried, best, lambda size: min(2 * size, most))
    _climb(tried, best, lambda size: max(size // 2, 1))
    best = max(known, key=lambda size: known[size])
    low = max((size for size in known if size < best), default=0)
    high = min((size for size in known if size > best), default=most + 1)
    while middle := _in_wider_gap(low, best, high, most):
        if tried(middle) > tried(best):
            low, best, high = (low, middle, best) if middle < best else (best, middle, high)
        elif middle < best:
            low = middle
        else:
            high = middle
    return best


def _first(tried: Callable[[int], float], start: int) -> int:
    """Returns the first of start, a half of it, a quarter and so on that survives, or 0."""
    size = start
    while size and not tried(size):
        size //= 2
    return size


def _climb(tried: Callable[[int], float], best: int, further: Callable[[int], int]) -> int:
    while (size := further(best)) != best and tried(size) >= (1 + PRECISION) * tried(best):
        best = size
    return best


def _in_wider_gap(low: int, best: int, high: int, most: int) -> int:
    """Returns a size between the best and the neighbour that is further from it, or 0 where both are close."""
    below = 0 if low == 0 or _close(low, best) else _between(low, best)
    above = 0 if high > most or _close(best, high) else _between(best, high)
    if below and above:
        return below if best * best > low * high else above
    return below or above


def _close(low: int, high: int) -> bool:
    return high - low <= 1 or (low > 0 and high <= low * (1 + PRECISION))


def _between(low: int, high: int) -> int:
    """Returns the size as many times `low` as `high` is times it, between the two; half of `high` where `low` is 0."""
    return min(max(isqrt(low * high), low + 1), high - 1) if low else max(high // 2, 1)
