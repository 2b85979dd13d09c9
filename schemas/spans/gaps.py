"""Periods that are missing between spans."""

import itertools
from collections.abc import Iterable
from typing import NamedTuple

from schemas.spans.names import Period, in_order, period_of


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
    """Returns what is missing between the first and the last day, hour, minute and second of spans, in order.

    Names that are no dates are passed over.
    """
    found = [when for when in map(period_of, in_order(names)) if when]
    missing = []
    for length in sorted({when.length for when in found}, reverse=True):
        alike = [when for when in found if when.length == length]
        missing += [_between(one, other) for one, other in itertools.pairwise(alike) if one.end < other.start]
    return missing


def _between(one: Period, other: Period) -> Gap:
    last = Period(other.start - other.length, other.length)
    return Gap(Period(one.end, one.length).name, last.name, (other.start - one.end) // one.length)
