"""Dates in patterns of input files: `{date}` stands for the name of a span, `{date:%Y/%m/%d}` for its time.

A late span (2026-11-20-late) has the date of its period.

Other braces are what they are. A file whose name holds `{date}` itself is written `{{date}}`.
"""

import datetime
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from schemas.errors import UsageError
from schemas.messages import printable
from schemas.spans.names import Period, period, periods_between

_PLACE = re.compile(r"\{\{date(?P<literal>:[^{}]*)?\}\}|\{date(?P<form>:[^{}]*)?\}")
_NEARLY = re.compile(r"\{\s*date\b[^}]*\}?", re.IGNORECASE)
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
# What a date means in every language and on every machine, with the longest period that settles it. Names of months
# and days of the week depend on the language of the machine.
_DAY, _HOUR, _MINUTE, _SECOND = (datetime.timedelta(seconds=count) for count in (86_400, 3_600, 60, 1))
_FINEST = {**dict.fromkeys("YymdjGVu", _DAY), "H": _HOUR, "M": _MINUTE, "S": _SECOND}
_LENGTHS = {_DAY: "a day", _HOUR: "an hour", _MINUTE: "a minute", _SECOND: "a second"}
_EXAMPLES = {_HOUR: "2026-11-20T05", _MINUTE: "2026-11-20T0530", _SECOND: "2026-11-20T053012"}


class DatedPattern(NamedTuple):
    """A pattern for one period.

    Attributes:
      text: `[SPLIT=]PATTERN` without any place for a date.
      period: The name of the period that it was filled in for; empty where it had no such place.
    """

    text: str
    period: str


def is_dated(text: str) -> bool:
    """Returns whether a pattern has a place for a date.

    Raises:
      UsageError: It has one that is misspelt.
    """
    bare = _PLACE.sub("", text)
    nearly = _NEARLY.search(bare)
    if nearly:
        raise UsageError(
            f"--input {printable(text)}: {printable(nearly[0])!r} is no place for a date; write {{date}} or "
            "{date:%Y/%m/%d}, and {{date}} for a name that holds {date} itself"
        )
    return any(not _is_literal(match) for match in _PLACE.finditer(text))


def fill_date(text: str, when: Period) -> str:
    """Returns a pattern with a period in all its places for dates.

    Args:
      text: `[SPLIT=]PATTERN`.
      when: A day, an hour, a minute or a second.

    Raises:
      UsageError: A directive is not known, or of a time that the period does not settle.
    """

    def fill(match: re.Match[str]) -> str:
        if _is_literal(match):
            return match[0][1:-1]
        return when.name if match["form"] is None else _formatted(match["form"][1:], when, text)

    return _PLACE.sub(fill, text)


def fill_dates(inputs: Sequence[str], periods: Sequence[str], option: str = "--span") -> list[DatedPattern]:
    """Returns patterns for each of some periods; one without a place for a date stands there once.

    Args:
      inputs: `[SPLIT=]PATTERN` each.
      periods: Names; none: no span and no window was named.
      option: That the names come from, for error texts.

    Raises:
      UsageError: A place for a date without any period, or with a name that is no date; see `fill_date`.
    """
    filled: dict[str, DatedPattern] = {}
    for text in inputs:
        for pattern in _filled(text, periods, option):
            filled.setdefault(pattern.text, pattern)
    return list(filled.values())


def _filled(text: str, periods: Sequence[str], option: str) -> Iterator[DatedPattern]:
    if not is_dated(text):
        yield DatedPattern(_PLACE.sub(lambda match: match[0][1:-1], text), "")
        return
    if not periods:
        raise UsageError(
            f"--input {printable(text)}: has a place for a date, and none is named; say --span 2026-11-20, or "
            "--since 2026-11-01 --until 2026-11-20"
        )
    for name in periods:
        yield DatedPattern(fill_date(text, period(name, option)), name)


def window(span: str = "", since: str = "", until: str = "", last: int | None = None) -> list[str]:
    """Returns the names of the periods that a run reads; none where it names neither a span nor a window.

    Args:
      span: Name of the span; alone it is the only period, whether it is a date or not.
      since: First period.
      until: Last period, included; empty: the span.
      last: So many periods, the span the last of them.

    Raises:
      UsageError: Settings that do not go together, or no dates.
    """
    if last is not None:
        return _last_periods(span, since or until, last)
    if not since and not until:
        return [span] if span else []
    if not since:
        raise UsageError(f"--until {until}: says where a window ends, and nothing where it begins; say --since, too")
    if not (until or span):
        raise UsageError(f"--since {since}: says where a window begins, and nothing where it ends; say --until, too")
    return periods_between(since, until or period(span, "--span").name)


def _last_periods(span: str, limit: str, last: int) -> list[str]:
    if limit:
        raise UsageError(f"--last {last}: and --since or --until both say which periods are read; say one of them")
    if not span:
        raise UsageError(f"--last {last}: is the number of periods that end with the span; say --span, too")
    if last < 1:
        raise UsageError(f"--last {last}: must be 1 or more")
    newest = period(span, "--span")
    try:
        first = newest.start - (last - 1) * newest.length
    except OverflowError:
        raise UsageError(f"--last {last}: begins before the year 1; say a smaller number") from None
    return periods_between(Period(first, newest.length).name, span)


def _is_literal(match: re.Match[str]) -> bool:
    return match[0].startswith("{{")


def _formatted(form: str, when: Period, text: str) -> str:
    def fill(match: re.Match[str]) -> str:
        letter = match[1]
        if letter == "%":
            return "%"
        finest = _FINEST.get(letter)
        if finest is None:
            raise UsageError(
                f"--input {printable(text)}: {printable('%' + letter)!r} is no directive of a date here; valid: "
                f"{', '.join('%' + known for known in _FINEST)}, %%"
            )
        if finest < when.length:
            raise UsageError(
                f"--input {printable(text)}: %{letter} is not settled by {when.name}, which is "
                f"{_LENGTHS[when.length]}; write * in its place, or name {_LENGTHS[finest]} such as {_EXAMPLES[finest]}"
            )
        # strftime itself writes the year 800 with three digits.
        years = {"Y": when.start.year, "G": when.start.isocalendar().year}
        return f"{years[letter]:04d}" if letter in years else when.start.strftime(f"%{letter}")

    if not form:
        raise UsageError(f"--input {printable(text)}: {{date:}} has no form; write {{date}} or {{date:%Y/%m/%d}}")
    return _DIRECTIVE.sub(fill, form)
