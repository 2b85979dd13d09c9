"""The words for a bad line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.formats.explain import explain_field, explain_line, parse_object
from schemas.formats.fields import fields_of
from schemas.spec import parse_spec

FIELDS = fields_of(
    parse_spec(
        "id: meta.user.id\nlabel: {type: number}\nsequences: {text: {type: tokens, tokenizer: words}, "
        "x: {type: series, dims: 2}}"
    )
)
GOOD = {"meta": {"user": {"id": 1}}, "label": 2, "text": "a", "x": [[1, None]]}
NO_FIELD = "the record has no such field"


def explained(line: bytes) -> tuple[str, str]:
    reason, rule = explain_line(line, FIELDS)
    return reason, rule


def explained_record(**changes: object) -> tuple[str, str]:
    record = {name: value for name, value in (GOOD | changes).items() if value is not ...}
    return explained(json.dumps(record).encode())


@pytest.mark.parametrize(
    ("changes", "reason", "rule"),
    [
        ({"meta": ...}, "missing_field", f"field 'meta' must have a value; {NO_FIELD}"),
        ({"meta": ..., "meat": 1}, "missing_field", "field 'meta' must have a value; did you mean 'meat'?"),
        ({"meta": None}, "missing_field", "field 'meta' must have a value; it is null"),
        ({"meta": 3}, "wrong_type", "field 'meta' must be an object that holds 'user'; it is 3"),
        ({"meta": {"user": [1]}}, "wrong_type", "field 'meta.user' must be an object that holds 'id'; it is [1]"),
        ({"meta": {"usr": {}}}, "missing_field", "field 'meta.user' must have a value; did you mean 'usr'?"),
        ({"meta": {"user": {}}}, "missing_field", f"field 'meta.user.id' must have a value; {NO_FIELD}"),
        ({"meta": {"user": {"id": None}}}, "missing_field", "field 'meta.user.id' must have a value; it is null"),
        (
            {"meta": {"user": {"id": {}}}},
            "wrong_type",
            "field 'meta.user.id' must be a string, an integer of 64 bits or a boolean; it is {}",
        ),
        ({"label": "2"}, "wrong_type", "field 'label' must be a number; it is \"2\""),
        ({"label": True}, "wrong_type", "field 'label' must be a number; it is true"),
        ({"text": 5}, "wrong_type", "field 'text' must be a string; it is 5"),
        ({"text": "é" * 3, "label": []}, "wrong_type", "field 'label' must be a number; it is []"),
        ({"x": [1, 2]}, "wrong_type", "field 'x' must be a list of frames, each a list of numbers; it is [1, 2]"),
        (
            {"x": [["1"]]},
            "wrong_type",
            "field 'x' must be a list of frames, each a list of numbers; it is [[\"1\"]]",
        ),
        (
            {"text": ["a" * 200]},
            "wrong_type",
            f"field 'text' must be a string; it is [\"{'a' * 75}...",
        ),
    ],
)
def test_fields(changes: dict[str, object], reason: str, rule: str) -> None:
    assert explained_record(**changes) == (reason, rule)


@pytest.mark.parametrize(
    ("line", "reason", "rule"),
    [
        (
            b"\xff",
            "invalid_utf8",
            "a record must be UTF-8; byte 0 of the record is not"
            "; where the file is in another encoding, as latin-1, say `input: {encoding: …}` in the spec",
        ),
        (b"", "invalid_json", "a line must hold one JSON object; Expecting value at character 1"),
        (b"[" * 9999, "invalid_json", "a line must hold one JSON object; this one is nested too deeply"),
        (
            b" [\r",
            "invalid_json",
            "a line must hold one JSON object; this one only begins one; write each record on a line of its own, as "
            "`jq -c` does",
        ),
        (
            b'[{"text": "a"}]',
            "not_an_object",
            "a line must hold one JSON object with named fields; it is a list; write each record on a line of its own, "
            "as `jq -c` does",
        ),
        (b"7", "not_an_object", "a line must hold one JSON object with named fields"),
        (b"null", "not_an_object", "a line must hold one JSON object with named fields"),
        (
            json.dumps(GOOD).encode(),
            "invalid_json",
            "a line must hold one JSON object of valid strings and numbers, each name once",
        ),
    ],
)
def test_lines(line: bytes, reason: str, rule: str) -> None:
    assert explained(line) == (reason, rule)


def test_a_good_field_needs_no_words() -> None:
    assert [explain_field(GOOD, field) for field in FIELDS] == [None] * 4


def test_names_that_cannot_be_shown_are_not_shown() -> None:
    for name in ("\ud800meta", "meta\n", "m" + "meta" * 30):
        assert explained_record(meta=..., **{name: 1}) == (
            "missing_field",
            f"field 'meta' must have a value; {NO_FIELD}",
        )


def test_no_depth_is_too_deep_for_an_answer() -> None:
    for depth in range(900, 1010):
        line = b'{"meta": {"user": {"id": 1}}, "label": ' + b"[" * depth + b"]" * depth + b"}"
        assert explained(line)[0] in ("wrong_type", "invalid_json")


def test_objects() -> None:
    assert parse_object(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}
    assert [parse_object(line) for line in (b"[]", b"{", b"\xff", b"[" * 9999)] == [None] * 4


@given(st.binary(max_size=40) | st.text('{}[]":, meta1', max_size=30).map(str.encode))
def test_any_line_has_an_explanation(line: bytes) -> None:
    reason, rule = explained(line)
    assert reason in ("invalid_utf8", "invalid_json", "not_an_object", "missing_field", "wrong_type")
    assert rule.isprintable()
