"""Names of spans, and what dates they mean.

ROOT/spans/NAME/ is the data set of one span. A name may be a day (2026-11-20) or a time of it, in UTC
(2026-11-20T05, 2026-11-20T0530, 2026-11-20T053012); any other name is allowed where no date is asked for. What came
when the span of a period was published already is a late span of the same period: 2026-11-20T05-late, then
2026-11-20T05-late-2 and so on.
"""

import datetime
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from schemas.errors import UsageError
from schemas.messages import printable

SPANS = "spans"
_VALID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:T(\d{2})(?:(\d{2})(\d{2})?)?)?")
_LATE = re.compile(r"(.*)-late(?:-(\d+))?")
_UNITS = (
    datetime.timedelta(days=1),
    datetime.timedelta(hours=1),
    datetime.timedelta(minutes=1),
    datetime.timedelta(seconds=1),
)
_FORMATS = ("%Y-%m-%d", "%Y-%m-%dT%H", "%Y-%m-%dT%H%M", "%Y-%m-%dT%H%M%S")


class Period(NamedTuple):
    """The time that a name means, in UTC without a zone.

    Attributes:
      start: When it begins.
      length: A day, an hour, a minute or a second.
    """

    start: datetime.datetime
    length: datetime.timedelta

    @property
    def end(self) -> datetime.datetime:
        """When it is over."""
        try:
            return self.start + self.length
        except OverflowError:  # the last of all days
            return datetime.datetime.max

    @property
    def name(self) -> str:
        """The name that means it."""
        # Not strftime alone, which writes the year 800 with three digits.
        return f"{self.start.year:04d}{self.start.strftime(_FORMATS[_UNITS.index(self.length)][2:])}"


def span_path(name: str) -> str:
    """Returns the folder of a span relative to the root."""
    return f"{SPANS}/{name}"


def is_outside(base: str) -> bool:
    """Returns whether the base that a span names is the folder of a data set and no span beside it."""
    return "/" in base


def check_span_name(name: str, option: str = "--span") -> str:
    """Returns a name that a span may have.

    Raises:
      UsageError: It holds what no file name should, or looks like a date that there is none of.
    """
    if not _VALID.fullmatch(name):
        raise UsageError(
            f"{option} {printable(name)!r}: a name is 1 to 64 letters, digits, '.', '_' and '-' and begins with a "
            "letter or digit; name the span by its date, such as 2026-11-20"
        )
    late = _LATE.fullmatch(name)
    if _DATE.fullmatch(late[1] if late else name) and period_of(name) is None:
        if late and period_of(late[1]):
            raise UsageError(
                f"{option} {name}: the late spans of a period are {late[1]}-late, {late[1]}-late-2, {late[1]}-late-3 "
                "and so on; say one of these"
            )
        raise UsageError(f"{option} {name}: there is no such date; correct it")
    return name


def late_number(name: str) -> int:
    """Returns which late span of its period a name is of: 1 of `-late`, 2 of `-late-2`; 0 of any other name."""
    match = _LATE.fullmatch(name)
    if not match or not name.isascii():
        return 0
    number = int(match[2] or 1)
    return number if match[2] is None or (number > 1 and not match[2].startswith("0")) else 0


def period_of(name: str) -> Period | None:
    """Returns the time that a name means, of a late span that of its period; None of one that is no date."""
    late = _LATE.fullmatch(name)
    match = _DATE.fullmatch(late[1] if late else name)
    if not match or not name.isascii() or (late and not late_number(name)):
        return None
    parts = [int(part) for part in match.groups() if part is not None]
    try:
        return Period(datetime.datetime(*parts), _UNITS[len(parts) - 3])  # type: ignore[arg-type]
    except ValueError:
        return None


def period(name: str, option: str) -> Period:
    """Returns the time that a name means.

    Raises:
      UsageError: It is no date.
    """
    found = period_of(name)
    if found is None:
        raise UsageError(
            f"{option} {printable(name)!r}: is no date; write a day such as 2026-11-20, or an hour such as "
            "2026-11-20T05"
        )
    return found


def in_order(names: Iterable[str]) -> list[str]:
    """Returns names sorted: dates by when they begin, the longer period first, late spans behind that of their period.

    Behind all dates come all other names, by themselves.
    """

    def key(name: str) -> tuple[bool, datetime.datetime, datetime.timedelta, int, str]:
        found = period_of(name)
        if found is None:
            return True, datetime.datetime.min, _UNITS[0], 0, name
        return False, found.start, -found.length, late_number(name), name

    return sorted(names, key=key)


def newest(ordered: Sequence[str], count: int) -> list[str]:
    """Returns the names of the newest periods: of so many, each with its late spans; a name that is no date is one.

    Args:
      ordered: Names, as `in_order` returns them.
      count: Of periods, 1 or more.
    """
    periods = [period_of(name) or name for name in ordered]
    kept = set(list(dict.fromkeys(periods))[-count:])
    return [name for name, of in zip(ordered, periods, strict=True) if of in kept]


def periods_between(since: str, until: str) -> list[str]:
    """Returns the names of all days, or of all hours (minutes, seconds) where both are such, from one to the other.

    Raises:
      UsageError: One is no date, they are of different length, or the second is before the first.
    """
    first, last = period(since, "--since"), period(until, "--until")
    if first.length != last.length:
        raise UsageError(f"--since {since} --until {until}: one is longer than the other; name two days, or two hours")
    _check_order(since, until)
    count = (last.start - first.start) // first.length + 1
    return [Period(first.start + i * first.length, first.length).name for i in range(count)]


def select(names: Iterable[str], since: str = "", until: str = "", last: int = 0) -> list[str]:
    """Returns the names in a range, in order.

    Args:
      names: Of spans.
      since: The first one; empty: no limit. A span belongs to the range where it begins in it.
      until: The last one, included with all of its hours; empty: no limit.
      last: Only so many, the newest, a span and the late ones of its period being one; 0: all.

    Raises:
      UsageError: A limit is no date, or a name is none though a limit is; `last` is negative.
    """
    ordered = in_order(names)
    if last < 0:
        raise UsageError(f"--last {last}: must be 1 or more")
    if since or until:
        _check_order(since, until)
        ordered = _within(ordered, since, until)
    return newest(ordered, last) if last else ordered


def _within(names: Sequence[str], since: str, until: str) -> list[str]:
    first = period(since, "--since").start if since else datetime.datetime.min
    beyond = period(until, "--until").end if until else datetime.datetime.max
    option = " ".join(f"--{word} {text}" for word, text in (("since", since), ("until", until)) if text)
    kept = []
    for name in names:
        found = period_of(name)
        if found is None:
            raise UsageError(
                f"{option}: the span '{name}' is no date, so that it is unknown whether it is in this range; leave the "
                "range out, or name spans by dates"
            )
        if first <= found.start < beyond:
            kept.append(name)
    return kept


def _check_order(since: str, until: str) -> None:
    if since and until and period(until, "--until").start < period(since, "--since").start:
        raise UsageError(f"--since {since} --until {until}: the last is before the first; exchange them")
