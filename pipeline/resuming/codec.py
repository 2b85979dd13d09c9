"""What steps of a run hand on, as JSON and back: exactly, whatever numbers and names it holds.

Counters and dictionaries become lists of pairs, for their keys may be numbers or tuples; bytes become hexadecimal
digits, messages those of their serialised form. Whole numbers of any size and infinities stay what they are, which
Python's JSON allows. Nothing is ever unpickled: a file that somebody has changed can name no code.
"""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, get_args, get_origin

import cattrs
from google.protobuf.message import Message


def dump(values: Any) -> bytes:
    """Returns plain values as one line of JSON, the same for the same values."""
    return json.dumps(values, sort_keys=True, separators=(",", ":")).encode("ascii")


def encode(value: Any) -> Any:
    """Returns the plain form of dataclasses, named tuples, messages, and what they hold."""
    return _CONVERTER.unstructure(value)


def decode(plain: Any, kind: Any) -> Any:
    """Returns what a plain form is that of.

    Args:
      plain: As `encode` returns it, or read back from JSON.
      kind: Its type.

    Raises:
      ValueError: It is none of this type.
    """
    try:
        return _CONVERTER.structure(plain, kind)
    except Exception as error:  # cattrs raises groups, and whatever the types themselves raise
        raise ValueError(f"is no {kind}: {type(error).__name__}") from error


def _pairs(values: Mapping[Any, Any]) -> list[Any]:
    if isinstance(values, Counter):  # of names, numbers and tuples of these: plain already, and there may be many
        return list(values.items())
    return [[_CONVERTER.unstructure(key), _CONVERTER.unstructure(value)] for key, value in values.items()]


def _mapping(pairs: Any, kind: Any) -> Any:
    of_key, of_value = (*get_args(kind), int)[:2]
    whole = {_CONVERTER.structure(key, of_key): _CONVERTER.structure(value, of_value) for key, value in pairs}
    return Counter(whole) if get_origin(kind) is Counter else whole


def _is_mapping(kind: Any) -> bool:
    return (get_origin(kind) or kind) in (dict, Counter)


def _is_named_tuple(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")


def _named_tuple(values: Any, kind: Any) -> Any:
    hints = list(kind.__annotations__.values())
    if len(values) != len(hints):
        raise ValueError(f"{kind.__name__} has {len(hints)} fields, not {len(values)}")
    return kind(*(_CONVERTER.structure(value, hint) for value, hint in zip(values, hints, strict=True)))


def _is_message(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Message)


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    converter.register_unstructure_hook_func(_is_mapping, _pairs)
    converter.register_structure_hook_func(_is_mapping, _mapping)
    converter.register_unstructure_hook_func(
        _is_named_tuple, lambda value: [converter.unstructure(part) for part in value]
    )
    converter.register_structure_hook_func(_is_named_tuple, _named_tuple)
    converter.register_unstructure_hook(bytes, bytes.hex)
    converter.register_structure_hook(bytes, lambda text, _: bytes.fromhex(text))
    converter.register_unstructure_hook_func(
        _is_message, lambda message: message.SerializeToString(deterministic=True).hex()
    )
    converter.register_structure_hook_func(_is_message, lambda text, kind: kind.FromString(bytes.fromhex(text)))
    return converter


_CONVERTER = _make_converter()
