"""Why one line is no record of the spec, in words. Only ever asked about lines that are bad."""

import json
import math
from typing import Any

import pyarrow as pa

from schemas.formats.fields import Field
from schemas.messages import closest

INVALID_UTF8 = "invalid_utf8"
INVALID_JSON = "invalid_json"
NOT_AN_OBJECT = "not_an_object"
MISSING_FIELD = "missing_field"
WRONG_TYPE = "wrong_type"
NOT_FINITE = "not_finite"
TOO_LARGE = "too_large"
_SHOWN_CHARACTERS = 80
_ONE_A_LINE = "write each record on a line of its own, as `jq -c` does"


def explain_size(record: bytes, max_record_bytes: int) -> tuple[str, str] | None:
    """Returns the reason code and the rule where a record is too large; it may end early."""
    return explain_too_large(max_record_bytes) if len(record) > max_record_bytes else None


def explain_too_large(max_record_bytes: int) -> tuple[str, str]:
    """Returns the reason code and the rule of a record that is too large."""
    return TOO_LARGE, (
        f"a record must have at most {max_record_bytes} bytes (max_record_bytes); this one has more; "
        "raise the limit, or divide the record"
    )


def explain_utf8(record: bytes) -> tuple[str, str] | None:
    """Returns the reason code and the rule where a record is no UTF-8."""
    try:
        record.decode()
    except UnicodeDecodeError as error:
        return INVALID_UTF8, (
            f"a record must be UTF-8; byte {error.start} of the record is not; where the file is in another encoding, "
            "as latin-1, say `input: {encoding: …}` in the spec"
        )
    return None


def parse_object(line: bytes) -> dict[str, Any] | None:
    """Returns the object that a line holds, or None where it holds none."""
    try:
        value = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def explain_line(line: bytes, fields: list[Field]) -> tuple[str, str]:
    """Returns the reason code and the rule that a bad line breaks.

    Args:
      line: One line, without its newline.
      fields: What the record must hold.
    """
    problem = explain_utf8(line)
    if problem:
        return problem
    try:
        record = json.loads(line.decode("utf-8-sig"))
    except ValueError as error:
        if line.strip() in {b"[", b"{"}:  # a whole document, indented
            return INVALID_JSON, f"a line must hold one JSON object; this one only begins one; {_ONE_A_LINE}"
        return INVALID_JSON, f"a line must hold one JSON object; {_fault(error)}"
    except RecursionError:
        return INVALID_JSON, "a line must hold one JSON object; this one is nested too deeply"
    if not isinstance(record, dict):
        rule = "a line must hold one JSON object with named fields"
        return NOT_AN_OBJECT, f"{rule}; it is a list; {_ONE_A_LINE}" if isinstance(record, list) else rule
    for field in fields:
        problem = explain_field(record, field)
        if problem:
            return problem
    return INVALID_JSON, "a line must hold one JSON object of valid strings and numbers, each name once"


def _fault(error: ValueError) -> str:
    """Returns what is wrong with a line of JSON; its line is said elsewhere, and is not 1."""
    if not isinstance(error, json.JSONDecodeError):
        return str(error)
    return f"{error.msg} at character {error.pos + 1}"


def explain_field(record: dict[str, Any], field: Field) -> tuple[str, str] | None:
    """Returns the reason code and the rule where a field is missing or of a wrong type."""
    value: Any = record
    for i, name in enumerate(field.path):
        if not isinstance(value, dict):
            path = ".".join(field.path[:i])
            return WRONG_TYPE, f"field '{path}' must be an object that holds '{name}'; it is {_shown(value)}"
        if value.get(name) is None:
            if not field.required:
                return None
            path = ".".join(field.path[: i + 1])
            hint = "it is null" if name in value else _similar(name, value)
            return MISSING_FIELD, f"field '{path}' must have a value; {hint}"
        value = value[name]
    if any(_fits(value, kind) for kind in field.types):
        if _is_infinite(value):
            return NOT_FINITE, f"field '{'.'.join(field.path)}' must be finite; it is {_shown(value)}"
        return None
    hint = field.text_hint if isinstance(value, str) else ""
    return WRONG_TYPE, f"field '{'.'.join(field.path)}' must be {field.expected}; it is {_shown(value)}{hint}"


def _is_infinite(value: Any) -> bool:
    """Whether a number, or one within a list, is too large for a double, as 1e999."""
    if isinstance(value, list):
        return any(_is_infinite(item) for item in value)
    return isinstance(value, float) and math.isinf(value)


def _fits(value: Any, kind: pa.DataType) -> bool:
    if pa.types.is_list(kind):
        return isinstance(value, list) and all(item is None or _fits(item, kind.value_type) for item in value)
    if pa.types.is_string(kind):
        return isinstance(value, str)
    if pa.types.is_boolean(kind):
        return isinstance(value, bool)
    if pa.types.is_integer(kind):
        return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
    return isinstance(value, int | float) and not isinstance(value, bool)


def _similar(name: str, record: dict[str, Any]) -> str:
    shown = [key for key in record if key.isprintable() and len(key) <= _SHOWN_CHARACTERS]
    return closest(name, shown) or "the record has no such field"


def _shown(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=True)
    except RecursionError:
        return "nested too deeply to be shown"
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."
