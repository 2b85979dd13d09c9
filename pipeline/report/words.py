"""Sentences that hold names from data, and numbers as people read them.

Whatever comes from data is a `Name`: it is made printable and cut, escaped in HTML, and isolated
there (`<bdi>`) so that right-to-left text does not turn the words around it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.messages import printable

if TYPE_CHECKING:
    from markupsafe import Markup

_SPACE = "␣"
_MOST_WRITTEN_OUT = 1e15


class Name(str):
    """A text from data: a name, a token, a class.

    Attributes:
      most: Characters that are shown of it.
    """

    most = 48


class Excerpt(Name):
    """A longer text from data: a path, a rule, the beginning of a record."""

    most = 200


def shown(name: str, most: int = Name.most) -> str:
    """Returns a name as it can stand in a line: printable, not empty, its outer spaces visible, cut."""
    if not name:
        return "(empty)"
    inner = name.strip(" ")
    if inner != name:
        first = len(name) - len(name.lstrip(" "))
        name = _SPACE * first + inner + _SPACE * (len(name) - first - len(inner))
    whole = printable(name[: most + 1], 12 * most)  # a character becomes ten at most
    return whole if len(whole) <= most else f"{whole[: most - 1]}…"


@dataclass(frozen=True)
class Sentence:
    """A sentence of the project's own words, with values put in.

    Attributes:
      pattern: As `str.format` takes it.
      values: Of its fields; those from data are `Name`s.
    """

    pattern: str
    values: tuple[object, ...] = ()

    def __str__(self) -> str:
        """Returns it for a terminal."""
        return self.pattern.format(*(_quoted(v) if isinstance(v, Name) else v for v in self.values))

    def __html__(self) -> "Markup":
        """Returns it as HTML, where names are escaped and isolated; the hook of Jinja2 and MarkupSafe."""
        from markupsafe import Markup

        return Markup.escape(self.pattern).format(*(html_name(v) if isinstance(v, Name) else v for v in self.values))


def say(pattern: str, *values: object) -> Sentence:
    """Returns a sentence; see `Sentence`."""
    return Sentence(pattern, values)


def html_name(name: Name) -> "Markup":
    """Returns a name as HTML: escaped, cut, isolated."""
    from markupsafe import Markup

    tag = "<bdi class=long>{}</bdi>" if isinstance(name, Excerpt) else "<bdi>{}</bdi>"
    return Markup(tag).format(shown(name, name.most))  # noqa: S704 (one of two constants)


def _quoted(name: Name) -> str:
    text = shown(name, name.most)
    return text if isinstance(name, Excerpt) else f"'{text}'"


def of_100(share: float) -> str:
    """Returns a share as a number of 100, never rounded to none or all of them: "97", "less than 1"."""
    if 0 < share < 0.005:
        return "less than 1"
    if 0.995 <= share < 1:
        return "more than 99"
    return f"{100 * share:.0f}"


def percent(share: float) -> str:
    """Returns a share with about two digits that count: "3 %", "0.12 %", "less than 0.01 %", "99.97 %"."""
    near = min(share, 1 - share)
    if near <= 0:
        return f"{100 * share:.0f} %"
    if near < 0.0001:
        return "less than 0.01 %" if share < 0.5 else "more than 99.99 %"
    digits = max(0, min(2, 1 - math.floor(math.log10(100 * near))))
    text = f"{100 * share:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def number(value: float) -> str:
    """Returns a number with four digits that count, or all those of a whole number."""
    if not abs(value) < _MOST_WRITTEN_OUT:  # or no number
        return f"{value:.4g}"
    if value == round(value):
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"


def size(count: int) -> str:
    """Returns a number of bytes in units of 1000: "12.3 kB"."""
    value, units = float(count), ["bytes", "kB", "MB", "GB", "TB"]
    while value >= 999.95 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:,.0f} bytes" if units[0] == "bytes" else f"{value:,.1f} {units[0]}"


def plural(count: int, one: str, many: str = "") -> str:
    """Returns a count with its noun: "1 record", "2 records"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(parts: Sequence[str]) -> str:
    """Returns texts as a list in words: "a, b and c"."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))
