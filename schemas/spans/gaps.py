"""Periods that are missing between spans."""

import datetime
import itertools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from schemas.spans.names import Period, in_order, period, period_of

_DAY, _HOUR = datetime.timedelta(days=1), datetime.timedelta(hours=1)
_A_HABIT = 3  # spans at even distances, and no fewer, say that there was never to be one between them


class Gap(NamedTuple):
    """Periods without a span, one after the other.

    Attributes:
      since: Name of the first one.
      until: Name of the last one.
      periods: How many they are.
    """

    since: str
    until: str
    periods: int


def gaps(names: Iterable[str]) -> list[Gap]:
    """Returns what is missing between the first and the last day and hour of spans, in order.

    Names that are no dates are passed over, and those of a minute or a second: they say when a span was made, and
    nobody expects one of each. Where all spans lie at multiples of a distance (of a week, or of windows of six hours),
    so do those that are missing.
    """
    found = dict.fromkeys(when for when in map(period_of, in_order(names)) if when)  # late ones are of the same period
    missing = []
    for length in (_DAY, _HOUR):
        alike = [when for when in found if when.length == length]
        step = _step(alike, length)
        missing += [
            _between(one, other, step) for one, other in itertools.pairwise(alike) if other.start - one.start > step
        ]
    return missing


def names_of(gap: Gap) -> list[str]:
    """Returns the names of all periods of a gap."""
    first, last = period(gap.since, "since"), period(gap.until, "until")
    step = (last.start - first.start) // max(1, gap.periods - 1)
    return [Period(first.start + i * step, first.length).name for i in range(gap.periods)]


def _step(alike: Sequence[Period], length: datetime.timedelta) -> datetime.timedelta:
    """Returns how far apart spans of one length are meant to begin."""
    if len(alike) < _A_HABIT:
        return length
    return math.gcd(*((other.start - one.start) // length for one, other in itertools.pairwise(alike))) * length


def _between(one: Period, other: Period, step: datetime.timedelta) -> Gap:
    first, last = (Period(start, one.length) for start in (one.start + step, other.start - step))
    return Gap(first.name, last.name, (other.start - one.start) // step - 1)
