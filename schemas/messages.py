"""Protobuf messages as plain JSON values, strictly in both directions.

Differs from the protobuf JSON mapping in three ways that people and other readers need: a 64-bit
integer is a number and no string, a value of the wrong type is refused where that mapping converts
it, and an error names the path of the field and the nearest valid name.
"""

import difflib
import functools
import hashlib
import math
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeVar, cast

import rfc8785
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from schemas.errors import DataError

M = TypeVar("M", bound=Message)

_INTEGER_RANGES = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    # From 2**53 on a JSON number is no longer exact (RFC 8785, section 3.2.2.3).
    FieldDescriptor.CPPTYPE_INT64: (-(2**53) + 1, 2**53 - 1),
}
_SHOWN_CHARACTERS = 80
_SURROGATE = re.compile("[\ud800-\udfff]")


def printable(text: str, most: int = _SHOWN_CHARACTERS) -> str:
    """Returns a text as it can stand in a line for people: without control characters, and cut where it is long."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text[: most + 1])
    return shown if len(shown) <= most else shown[: most - 3] + "..."


def closest(name: str, valid: Iterable[str]) -> str:
    """Returns a question for the valid name nearest to `name`; empty where none is near."""
    valid = sorted(valid)
    close = [one for one in valid if one.casefold() == name.casefold()]
    close = close or difflib.get_close_matches(name, valid, n=1, cutoff=0.6)
    return f"did you mean '{printable(close[0])}'?" if close else ""


def nearest(name: str, valid: Iterable[str]) -> str:
    """Returns the end of an error text: the valid name nearest to `name`, or all of them."""
    valid = sorted(valid)
    question = closest(name, valid)
    if question:
        return question
    return f"valid: {', '.join(map(printable, valid))}" if valid else "none is valid here"


def fill(message: M, values: object, path: str = "") -> M:
    """Sets the fields of `message` from plain values, as read from JSON or YAML.

    Args:
      message: An empty message.
      values: A mapping by field name.
      path: Where `values` stands, for error texts.

    Returns:
      The message.

    Raises:
      DataError: An unknown name or a value of another type; names the path and the remedy.
    """
    descriptor: Any = message.DESCRIPTOR
    fields = _fields(descriptor)
    for key, value in _mapping(values, path).items():
        field = fields.get(key)
        where = f"{path}.{key}" if path else key
        if field is None:
            raise DataError(f"{where}: no such field; {nearest(key, fields)}")
        if value is None:
            raise DataError(f"{where}: has no value; give it one or remove the line")
        _set_field(message, field, value, where)
    return message


def to_plain(message: Message, only: Collection[str] | None = None) -> dict[str, Any]:
    """Returns the fields of `message` that are set, as plain JSON values; maps sorted by key.

    Args:
      message: Any.
      only: Names of the fields to return; None: all.
    """
    return {
        field.name: _plain_field(field, value)
        for field, value in message.ListFields()
        if only is None or field.name in only
    }


def canonical_json(values: object) -> bytes:
    """Returns the one JSON form of plain values (RFC 8785)."""
    return rfc8785.dumps(values)  # type: ignore[arg-type]  # its alias for JSON values is recursive


def digest(values: object) -> str:
    """Returns the SHA-256, in hexadecimal, of the canonical JSON of plain values."""
    return hashlib.sha256(canonical_json(values)).hexdigest()


def enum_name(descriptor: Any, value: int) -> str:
    """Returns the name of an enum's value, as people write it."""
    return str(descriptor.values_by_number[value].name)


def _mapping(values: object, path: str) -> Mapping[str, object]:
    here = path or "the document"
    if not isinstance(values, Mapping):
        raise DataError(f"{here}: expected named fields; received {_shown(values)}")
    for key in values:
        if not isinstance(key, str):
            raise DataError(f"{here}: a name must be a string; received {_shown(key)}; put it in quotes")
        _check_text(key, here)
    return values


def _set_field(message: Message, field: FieldDescriptor, value: object, path: str) -> None:
    if _is_map(field):
        _set_map(message, field, value, path)
    elif field.is_repeated:
        if not isinstance(value, list):
            raise DataError(f"{path}: expected a list; received {_shown(value)}")
        target = getattr(message, field.name)
        if _is_whole_numbers(field, value):
            target.extend(value)
            return
        for i, item in enumerate(value):
            if field.message_type:
                fill(target.add(), item, f"{path}[{i}]")
            else:
                target.append(_scalar(field, item, f"{path}[{i}]"))
    elif field.message_type:
        part = getattr(message, field.name)
        part.SetInParent()
        fill(part, value, path)
    else:
        setattr(message, field.name, _scalar(field, value, path))


def _set_map(message: Message, field: FieldDescriptor, value: object, path: str) -> None:
    entries = getattr(message, field.name)
    value_field = _value_field(field)
    for key, item in _mapping(value, path).items():
        where = f"{path}.{key}"
        if value_field.message_type:
            # An entry may be all defaults ("text: {}"), and has to exist all the same.
            fill(entries[key], item, where)
        else:
            entries[key] = _scalar(value_field, item, where)


def _scalar(field: FieldDescriptor, value: object, path: str) -> object:
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        return _enum(field.enum_type, value, path)
    if kind == FieldDescriptor.CPPTYPE_STRING and isinstance(value, str):
        _check_text(value, path)
        return value
    if kind == FieldDescriptor.CPPTYPE_BOOL and isinstance(value, bool):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and kind in _INTEGER_RANGES:
        low, high = _INTEGER_RANGES[kind]
        if not low <= value <= high:
            raise DataError(f"{path}: {value} is out of range; it must lie in [{low}, {high}]")
        return value
    if kind == FieldDescriptor.CPPTYPE_DOUBLE and isinstance(value, int | float) and not isinstance(value, bool):
        return _finite(value, path)
    raise DataError(f"{path}: expected {_KIND_NAMES[kind]}; received {_shown(value)}")


def _is_whole_numbers(field: FieldDescriptor, values: list[object]) -> bool:
    """Returns whether values are all valid of an integer field: histograms, of which there are thousands."""
    if field.cpp_type not in _INTEGER_RANGES or set(map(type, values)) != {int}:
        return False
    low, high = _INTEGER_RANGES[field.cpp_type]
    numbers = cast("list[int]", values)
    return low <= min(numbers) and max(numbers) <= high


_KIND_NAMES = {
    FieldDescriptor.CPPTYPE_STRING: "a string (put it in quotes)",
    FieldDescriptor.CPPTYPE_BOOL: "true or false",
    FieldDescriptor.CPPTYPE_INT32: "a whole number",
    FieldDescriptor.CPPTYPE_INT64: "a whole number",
    FieldDescriptor.CPPTYPE_DOUBLE: "a number",
}


def _check_text(value: str, path: str) -> None:
    # JSON and YAML can escape half a surrogate pair, which no UTF-8 can hold.
    if _SURROGATE.search(value):
        raise DataError(f"{path}: {_shown(value)} holds half a surrogate pair, which is no text; remove it")


def _finite(value: int | float, path: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise DataError(f"{path}: {_shown(value)} is out of range; it must be finite as a 64-bit float")
    return number


def _enum(descriptor: Any, value: object, path: str) -> int:
    valid = [name for name in descriptor.values_by_name if name != "unspecified"]
    if not isinstance(value, str) or value not in valid:
        raise DataError(f"{path}: {_shown(value)} is no valid value; {nearest(str(value), valid)}")
    return int(descriptor.values_by_name[value].number)


def _shown(value: object) -> str:
    text = repr(value)
    return f"{text if len(text) <= 80 else text[:77] + '...'} ({type(value).__name__})"


@functools.cache
def _fields(descriptor: Any) -> Mapping[str, FieldDescriptor]:
    """Returns the fields of a message by name; the descriptor's own table is made anew by each access."""
    return dict(descriptor.fields_by_name)


@functools.cache
def _is_map(field: FieldDescriptor) -> bool:
    return bool(field.message_type and field.message_type.GetOptions().map_entry)


@functools.cache
def _value_field(field: FieldDescriptor) -> FieldDescriptor:
    entry: Any = field.message_type
    value: FieldDescriptor = entry.fields_by_name["value"]
    return value


def _plain_field(field: FieldDescriptor, value: Any) -> object:
    if _is_map(field):
        # A map iterates in another order in every process.
        return {key: _plain_scalar(_value_field(field), value[key]) for key in sorted(value)}
    if field.is_repeated:
        return [_plain_scalar(field, item) for item in value] if field.message_type or field.enum_type else list(value)
    return _plain_scalar(field, value)


def _plain_scalar(field: FieldDescriptor, value: Any) -> object:
    if field.message_type:
        return to_plain(value)
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        return enum_name(field.enum_type, value)
    return value
