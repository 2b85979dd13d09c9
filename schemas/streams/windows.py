"""Fixed windows of event time, and the spans that they become.

Windows are aligned to 1970-01-01 UTC, so that they are the same ones for everybody who names their length.
"""

import re
from datetime import datetime, timedelta

from schemas.errors import UsageError
from schemas.messages import printable
from schemas.spans.names import Period
from schemas.times import FIRST_MICROS, Int64s

SECOND = 1_000_000  # microseconds, as all times here
MINUTE, HOUR, DAY = 60 * SECOND, 3_600 * SECOND, 86_400 * SECOND
UNKNOWN = -(1 << 62)  # an event time that nobody knows yet
LATE = "-late"
_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_LENGTH = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
_EPOCH = datetime(1970, 1, 1)


def parse_length(text: str, where: str, may_be_0: bool = False) -> int:
    """Returns a length of time in microseconds, of a text such as 30s, 10m, 1h or 2d.

    Args:
      text: As a person wrote it.
      where: Option or field that it stands in.
      may_be_0: Whether no time at all will do.

    Raises:
      UsageError: It is none, or 0 where that will not do.
    """
    match = _LENGTH.fullmatch(text)
    if not match:
        raise UsageError(
            f"{where} {printable(text)!r}: is no length of time; write a whole number and a unit: 30s, 10m, 1h or 2d"
        )
    if not may_be_0 and not int(match[1]):
        raise UsageError(f"{where} {text}: is no time at all; write 1{match[2]} or more, such as 30s, 10m, 1h or 2d")
    return int(match[1]) * _UNITS[match[2]]


def parse_window(text: str, where: str) -> int:
    """Returns the length of windows in microseconds.

    Raises:
      UsageError: It is no length, or does not divide a day, so that windows would begin at odd times.
    """
    length = parse_length(text, where)
    if DAY % length and length % DAY:
        raise UsageError(
            f"{where} {text}: does not divide a day, so that windows would begin at another time each day; say a "
            "length such as 10m, 15m, 1h, 6h or 1d"
        )
    return length


def windows_of(times: Int64s, length: int) -> Int64s:
    """Returns the window of each time: when it begins, int64, (n,).

    Args:
      times: int64, (n,); microseconds since 1970-01-01 UTC.
      length: Of a window, in microseconds.
    """
    return times - times % length


def window_name(start: int, length: int) -> str:
    """Returns the name of the span of a window: a day, an hour, a minute or a second, as short as the length allows.

    Args:
      start: When the window begins, in microseconds since 1970-01-01 UTC.
      length: Of a window, in microseconds.
    """
    unit = next(unit for unit in (DAY, HOUR, MINUTE, SECOND) if length % unit == 0)
    first = max(start, FIRST_MICROS)  # of several days: the one that holds the first day begins before all dates
    return Period(_EPOCH + timedelta(microseconds=first), timedelta(microseconds=unit)).name


def late_name(name: str, number: int) -> str:
    """Returns the name of a span of records that came when the one of their window was closed.

    Args:
      name: Of the span of the window.
      number: Of late spans of this window, from 1.
    """
    return f"{name}{LATE}" if number == 1 else f"{name}{LATE}-{number}"
