"""Kinds of settings: what values they take, how a value is read, what is said of a wrong one.

A setting is a field of a dataclass made by `whole`, `number`, `flag`, `choice`, `choices`,
`wholes`, `paths` or `weights`; its kind travels in the field's metadata.
"""

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.errors import UsageError
from schemas.messages import nearest


class Kind(ABC):
    """What values a setting takes."""

    said: str  # completes "expected ..."

    @abstractmethod
    def accepts(self, value: object) -> bool:
        """Returns whether a value read from YAML is of this type."""

    def convert(self, value: Any) -> Any:
        """Returns an accepted value as the setting holds it."""
        return value

    def check(self, key: str, value: Any) -> None:  # noqa: B027  # flags and paths refuse nothing more
        """Refuses a value of the right type that the setting must not have.

        Raises:
          UsageError: It is out of bounds, or none of the choices.
        """

    def from_text(self, value: object) -> object:
        """Returns what the text of `--set key=value`, read as YAML, means."""
        return value


@dataclass(frozen=True)
class _Flag(Kind):
    said = "true or false"

    def accepts(self, value: object) -> bool:
        return isinstance(value, bool)


@dataclass(frozen=True)
class _Whole(Kind):
    low: int
    high: int
    said = "a whole number"

    def accepts(self, value: object) -> bool:
        return _is_int(value)

    def check(self, key: str, value: Any) -> None:
        _check_bounds(key, value, self.low, self.high)


@dataclass(frozen=True)
class _Number(Kind):
    low: float
    high: float
    said = "a number"

    def accepts(self, value: object) -> bool:
        return _is_number(value)

    def convert(self, value: Any) -> float:
        return _as_float(value)

    def check(self, key: str, value: Any) -> None:
        _check_bounds(key, value, self.low, self.high)


@dataclass(frozen=True)
class _Choice(Kind):
    names: tuple[str, ...]
    said = "a name"

    def accepts(self, value: object) -> bool:
        return isinstance(value, str)

    def check(self, key: str, value: Any) -> None:
        _check_name(key, value, self.names)


@dataclass(frozen=True)
class _Choices(Kind):
    names: tuple[str, ...]

    @property
    def said(self) -> str:  # type: ignore[override]  # a constant of the other kinds
        return f"a list of names, as in [{', '.join(self.names[:2])}]"

    def accepts(self, value: object) -> bool:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)

    def convert(self, value: Any) -> tuple[str, ...]:
        return tuple(value)

    def check(self, key: str, value: Any) -> None:
        if not value or len(set(value)) < len(value):
            raise UsageError(f"{key}: {list(value)}; name one or more of {', '.join(self.names)}, each once")
        for name in value:
            _check_name(key, name, self.names)

    def from_text(self, value: object) -> object:
        return _parts(value)


@dataclass(frozen=True)
class _Wholes(Kind):
    low: int
    high: int
    said = "a list of whole numbers, as in [128, 64]"

    def accepts(self, value: object) -> bool:
        return isinstance(value, list) and all(_is_int(item) for item in value)

    def convert(self, value: Any) -> tuple[int, ...]:
        return tuple(value)

    def check(self, key: str, value: Any) -> None:
        for item in value:
            _check_bounds(key, item, self.low, self.high)

    def from_text(self, value: object) -> object:
        parts = _parts(value)
        return [_as_whole(part) for part in parts] if isinstance(parts, list) else [parts]


@dataclass(frozen=True)
class _Weights(Kind):
    names: tuple[str, ...]

    @property
    def said(self) -> str:  # type: ignore[override]  # as above
        return f"one of {', '.join(self.names)}, or weights by name, as in {{spam: 5.0, 'yes': 2.0}}"

    def accepts(self, value: object) -> bool:
        if isinstance(value, Mapping):
            return all((isinstance(name, str) or _is_int(name)) and _is_number(value[name]) for name in value)
        return isinstance(value, str)

    def convert(self, value: Any) -> Any:
        # A class that is called 1 is a number to YAML.
        return value if isinstance(value, str) else {str(name): _as_float(weight) for name, weight in value.items()}

    def check(self, key: str, value: Any) -> None:
        if isinstance(value, str):
            _check_name(key, value, self.names)


@dataclass(frozen=True)
class _Paths(Kind):
    said = "a path, or paths by name, as in {text: vectors.txt}"

    def accepts(self, value: object) -> bool:
        if isinstance(value, Mapping):
            return all(isinstance(part, str) for item in value.items() for part in item)
        return isinstance(value, str)


def flag(default: bool) -> Any:
    """Returns a field that is true or false."""
    return _setting(default, _Flag())


def whole(default: int, low: int, high: int) -> Any:
    """Returns a field of a whole number within bounds, both included."""
    return _setting(default, _Whole(low, high))


def number(default: float, low: float, high: float) -> Any:
    """Returns a field of a number within bounds, both included."""
    return _setting(default, _Number(low, high))


def share(default: float) -> Any:
    """Returns a field of a share that leaves something."""
    return number(default, 0, 0.95)


def paths() -> Any:
    """Returns a field that has a path, or paths by names that are not known here; by default an empty one."""
    return _setting("", _Paths())


def choice(default: str, names: Sequence[str]) -> Any:
    """Returns a field that has one of some names."""
    return _setting(default, _Choice(tuple(names)))


def choices(default: Sequence[str], names: Sequence[str]) -> Any:
    """Returns a field that has one or more of some names, each once."""
    return _setting(tuple(default), _Choices(tuple(names)))


def wholes(low: int, high: int) -> Any:
    """Returns a field of any number of whole numbers within bounds, both included; none by default."""
    return _setting((), _Wholes(low, high))


def weights(default: str, names: Sequence[str]) -> Any:
    """Returns a field that has one of some names, or numbers by names that are not known here."""
    return _setting(default, _Weights(tuple(names)))


def kind_of(field: "dataclasses.Field[Any]") -> Kind:
    """Returns what values a field takes that a function above made."""
    kind: Kind = field.metadata["kind"]
    return kind


def _setting(default: Any, kind: Kind) -> Any:
    return dataclasses.field(default=default, metadata={"kind": kind})


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_float(value: Any) -> float:
    """Returns a number as a float; one that no float can hold as an infinite one, for `check` to refuse."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _check_bounds(key: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise UsageError(f"{key}: {value} is out of range; it must lie in [{_plain(low)}, {_plain(high)}]")


def _check_name(key: str, name: str, names: Sequence[str]) -> None:
    if name not in names:
        raise UsageError(f"{key}: '{name}' is no valid value; {nearest(name, names)}")


def _plain(bound: float) -> str:
    return str(bound) if isinstance(bound, int) else f"{bound:g}"


def _parts(value: object) -> object:
    """Returns the parts of `a,b`, and anything else as it came."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def _as_whole(part: object) -> object:
    """Returns the number that a part of `128,64` is, and anything else as it came, for the error to show."""
    return int(part) if isinstance(part, str) and part.isdecimal() else part
