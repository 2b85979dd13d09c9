"""Periods that are missing between spans."""

import datetime
import itertools
from collections.abc import Iterable
from typing import NamedTuple

from schemas.spans.names import Period, in_order, period_of

_DAY, _HOUR = datetime.timedelta(days=1), datetime.timedelta(hours=1)


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
    nobody expects one of each.
    """
    found = [when for when in map(period_of, in_order(names)) if when]
    missing = []
    for length in (_DAY, _HOUR):
        alike = [when for when in found if when.length == length]
        missing += [_between(one, other) for one, other in itertools.pairwise(alike) if one.end < other.start]
    return missing


def _between(one: Period, other: Period) -> Gap:
    last = Period(other.start - other.length, other.length)
    return Gap(Period(one.end, one.length).name, last.name, (other.start - one.end) // one.length)
