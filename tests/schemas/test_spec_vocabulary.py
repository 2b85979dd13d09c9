"""The options of vocabularies, and which features share one."""

from typing import Any

import pytest
import yaml

from schemas.errors import DataError
from schemas.messages import to_plain
from schemas.spec import parse_spec, resolve, vocabulary_features, vocabulary_options, vocabulary_owner

CLASSES = {"label": {"type": "class"}}


def spec_of(text: dict[str, Any], **more: Any) -> str:
    """A spec with one token sequence, or with others beside it."""
    values: dict[str, Any] = {"sequences": {"text": {"type": "tokens", "vocabulary": text}}}
    for name, options in more.items():
        part = "context" if name.startswith("c_") else "sequences"
        kind = "category" if part == "context" else "tokens"
        values.setdefault(part, {})[name] = {"type": kind, "vocabulary": options}
    return yaml.safe_dump(values)


def resolved(text: dict[str, Any], **more: Any) -> dict[str, Any]:
    spec = parse_spec(spec_of(text, **more))
    assert resolve(spec) == spec
    found: dict[str, Any] = to_plain(vocabulary_options(spec, "text"))
    return found


def error_of(text: str) -> str:
    with pytest.raises(DataError) as raised:
        parse_spec(text)
    return str(raised.value)


def test_what_was_not_said_is_filled_in() -> None:
    defaults = {"top_k": 50_000, "min_frequency": 1, "oov_buckets": 1, "count_by": "occurrences"}
    assert resolved({}) == defaults
    assert resolved({"special_tokens": ["<s>", "</s>"]}) == defaults | {"special_tokens": ["<s>", "</s>"]}
    assert resolved({"approximate": 60_000}) == defaults | {"approximate": 60_000}
    assert resolved({"approximate": 100}) == defaults | {"approximate": 100, "top_k": 100}
    assert resolved({"file": "v.txt", "oov_buckets": 4}) == {"file": "v.txt", "oov_buckets": 4}
    assert resolved({"shared_with": "b"}, b={}) == {"shared_with": "b"}


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"oov_buckets": 0}, ".oov_buckets: 0 is out of range; it must be 1 or more"),
        ({"approximate": 0}, ".approximate: 0 is out of range; it must be 1 or more"),
        (
            {"approximate": 10, "top_k": 11},
            ".approximate: 10 tokens are counted at a time, of which no 11 can be kept; say a smaller top_k, or count "
            "more",
        ),
        (
            {"special_tokens": ["a", ""]},
            ".special_tokens[1]: is empty; a special token needs a character or more",
        ),
        ({"special_tokens": ["a", "b", "a"]}, ".special_tokens[2]: 'a' stands there twice; remove one"),
        ({"file": ""}, ".file: is empty; name a file with one token a line"),
        (
            {"file": "v", "special_tokens": ["a"]},
            ".special_tokens: means nothing beside `file`, which states all tokens and their order; put them into the "
            "file",
        ),
        (
            {"file": "v", "top_k": 3},
            ".top_k: means nothing beside `file`, which states all tokens and their order; remove it",
        ),
        (
            {"file": "v", "min_frequency": 3},
            ".min_frequency: means nothing beside `file`, which states all tokens and their order; remove it",
        ),
        (
            {"file": "v", "count_by": "documents"},
            ".count_by: means nothing beside `file`, which states all tokens and their order; remove it",
        ),
        (
            {"file": "v", "approximate": 3},
            ".approximate: means nothing beside `file`, which states all tokens and their order; remove it",
        ),
    ],
)
def test_options_that_mean_nothing(options: dict[str, Any], error: str) -> None:
    assert error_of(spec_of(options)) == f"sequences.text.vocabulary{error}"


def test_who_shares_a_vocabulary() -> None:
    spec = parse_spec(spec_of({}, answer={"shared_with": "text"}, c_land={"shared_with": "text"}, c_city={}))
    assert vocabulary_features(spec) == ["answer", "text", "c_city", "c_land"]
    assert [vocabulary_owner(spec, name) for name in vocabulary_features(spec)] == ["text", "text", "c_city", "text"]


@pytest.mark.parametrize(
    ("text", "more", "error"),
    [
        (
            {"shared_with": "txt"},
            {"b": {}},
            "sequences.text.vocabulary.shared_with: 'txt' is no other token sequence or category of this spec; "
            "valid: b",
        ),
        (
            {"shared_with": "text"},
            {"b": {}},
            "sequences.text.vocabulary.shared_with: 'text' is no other token sequence or category of this spec; "
            "valid: b",
        ),
        (
            {"shared_with": "b"},
            {"b": {"shared_with": "text"}},
            "sequences.b.vocabulary.shared_with: 'text' shares the vocabulary of 'b' itself; one of them must have its "
            "own: remove one",
        ),
        (
            {"shared_with": "b"},
            {"b": {"shared_with": "c"}, "c": {}},
            "sequences.text.vocabulary.shared_with: 'b' shares the vocabulary of 'c' itself; name 'c'",
        ),
        (
            {"shared_with": "b", "top_k": 3},
            {"b": {}},
            "sequences.text.vocabulary.top_k: means nothing beside shared_with; 'b' says it for both; remove it",
        ),
        (
            {"shared_with": "b", "special_tokens": ["x"]},
            {"b": {}},
            "sequences.text.vocabulary.special_tokens: means nothing beside shared_with; 'b' says it for both; "
            "remove it",
        ),
        (
            {},
            {"c_land": {"shared_with": "txet"}},
            "context.c_land.vocabulary.shared_with: 'txet' is no other token sequence or category of this spec; did "
            "you mean 'text'?",
        ),
    ],
)
def test_sharing_that_cannot_be(text: dict[str, Any], more: dict[str, Any], error: str) -> None:
    assert error_of(spec_of(text, **more)) == error


def test_derived_sequences_and_numbers_share_nothing() -> None:
    derived = {"derive": {"of": "text", "take": "lower"}}
    values: dict[str, Any] = {"sequences": {"text": {"type": "tokens"}, "low": derived}}
    values["sequences"]["low"] = derived | {"vocabulary": {"shared_with": "text"}}
    assert error_of(yaml.safe_dump(values)) == (
        "sequences.low.vocabulary.shared_with: 'low' is derived from other tokens and needs a vocabulary of its own; "
        "remove it"
    )
    values["sequences"] |= {"low": derived, "b": {"type": "tokens", "vocabulary": {"shared_with": "low"}}}
    assert error_of(yaml.safe_dump(values)) == (
        "sequences.b.vocabulary.shared_with: 'low' is derived from other tokens and needs a vocabulary of its own; "
        "remove it"
    )
    values = {
        "sequences": {"text": {"type": "tokens", "vocabulary": {"shared_with": "age"}}},
        "context": {"age": {"type": "number"}},
    }
    assert error_of(yaml.safe_dump(values)) == (
        "sequences.text.vocabulary.shared_with: 'age' is no other token sequence or category of this spec; none is "
        "valid here"
    )


def test_a_file_of_classes() -> None:
    sequences = "sequences: {text: {type: tokens}}\n"
    spec = parse_spec(sequences + "label: {type: class, classes_file: c.txt}")
    assert to_plain(spec.label) == {"from": "label", "type": "class", "unknown": "reject", "classes_file": "c.txt"}
    assert error_of(sequences + "label: {type: class, classes_file: ''}") == (
        "label.classes_file: is empty; name a file with one class a line"
    )
    assert error_of(sequences + "label: {type: number, classes_file: c.txt}") == (
        "label.classes_file: means nothing for type number; remove it"
    )
