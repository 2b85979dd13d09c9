"""Checks that every part of a spec shares: names, field paths, ranges, fields that mean nothing."""

import re
from collections.abc import Collection, Iterable
from typing import Any

from schemas.errors import DataError
from schemas.messages import nearest
from schemas.times import ISO8601, UNIX_UNITS, check_pattern, check_zone

TIME_FORMATS = (ISO8601, *UNIX_UNITS)

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_OTHER_FOLDERS = ("failed", "rejected", "statistics", "vocabulary")


def source_path(message: Any) -> str:
    """Returns the field path that a feature, label or split is read from ("from" is a keyword)."""
    return str(getattr(message, "from"))


def set_source(message: Any, path: str) -> None:
    """Sets the field path that a feature or label is read from."""
    setattr(message, "from", path)


def check_name(name: str, path: str) -> None:
    """Checks a name.

    Raises:
      DataError: It is none; `path` says where it stands.
    """
    if not _NAME.fullmatch(name):
        raise DataError(f"{path}: '{name}' is no name; use letters, digits, '_' and '-', beginning with a letter")


def check_split_name(name: str, path: str) -> None:
    """Checks the name of a split, which is also that of a folder of the data set.

    Raises:
      DataError: It is no name, or that of another folder; `path` says where it stands.
    """
    check_name(name, path)
    if name.lower() in _OTHER_FOLDERS or name != name.lower():
        raise DataError(f"{path}: '{name}' is no name for a split; use lower case, and not {', '.join(_OTHER_FOLDERS)}")


def check_path(text: str, path: str) -> None:
    """Checks the path of a field of a record.

    Raises:
      DataError: It is none; `path` says where it stands.
    """
    if not all(text.split(".")):
        raise DataError(f"{path}: '{text}' is no field path; write names joined by '.', as in review.text")


def check_at_least(value: int, least: int, path: str) -> None:
    """Checks a number against its lower bound.

    Raises:
      DataError: It is smaller; `path` says where it stands.
    """
    if value < least:
        raise DataError(f"{path}: {value} is out of range; it must be {least} or more")


def check_one_of(name: str, names: Collection[str], path: str, what: str) -> None:
    """Checks a reference to another part of the spec.

    Raises:
      DataError: There is no such part; `path` says where the reference stands, `what` it should be.
    """
    if name not in names:
        raise DataError(f"{path}: '{name}' is no {what} of this spec; {nearest(name, names)}")


def refuse_fields(message: Any, fields: Iterable[str], path: str, why: str) -> None:
    """Checks that fields that mean nothing here are not set.

    Raises:
      DataError: One is; `path` says where the message stands, `why` when it would mean something.
    """
    present = {field.name for field, _ in message.ListFields()}
    for field in fields:
        if field in present:
            raise DataError(f"{path}.{field}: means nothing {why}; remove it")


def check_clock(message: Any, field: str, path: str) -> None:
    """Checks how times are said to be written, and the zone of those that state none.

    Args:
      message: With `zone`, and the form in the field that `field` names.
      field: "format" or "time_format".
      path: Of the message.

    Raises:
      DataError: The form is missing, unknown or no pattern of strptime, or there is no such zone.
    """
    text = getattr(message, field)
    if not text:
        raise DataError(f"{path}.{field}: is missing; say how the times are written, such as iso8601")
    _check_time_format(text, f"{path}.{field}")
    if text in UNIX_UNITS:
        refuse_fields(message, ("zone",), path, f"for {text}, which counts from 1970-01-01 UTC")
    if message.HasField("zone"):
        check_zone(message.zone, f"{path}.zone")


def _check_time_format(text: str, path: str) -> None:
    if text not in TIME_FORMATS and "%" not in text:
        raise DataError(
            f"{path}: '{text}' is no way to write a time; use {', '.join(TIME_FORMATS)}, or a pattern of strptime "
            "such as '%d.%m.%Y %H:%M'"
        )
    if text not in TIME_FORMATS:
        check_pattern(text, path)
