"""Messages as plain values: strict in both directions, with errors that name the place."""

import hashlib
import json
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from schemas.dataset_pb2 import DatasetSpec, LabelType
from schemas.errors import DataError
from schemas.manifest_pb2 import Bucket, Counts, Manifest
from schemas.messages import canonical_json, closest, digest, enum_name, fill, nearest, to_plain

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.sampled_from(["tokens", "keep"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=3),
    max_leaves=6,
)
FIELD_NAMES = st.sampled_from(
    [field.name for message in (DatasetSpec, Manifest) for field in message.DESCRIPTOR.fields]
)


def error_of(message: Message, values: object) -> str:
    with pytest.raises(DataError) as raised:
        fill(message, values)
    return str(raised.value)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"nmae": "x"}, "nmae: no such field; did you mean 'name'?"),
        (
            {"zzzz": "x"},
            "zzzz: no such field; valid: buckets, context, drift, duplicate_ids, event_time, group, id, input, label, "
            "name, sequences, split, stored_as, window",
        ),
        ({"name": None}, "name: has no value; give it one or remove the line"),
        ({"name": 5}, "name: expected a string (put it in quotes); received 5 (int)"),
        ({"name": True}, "name: expected a string (put it in quotes); received True (bool)"),
        ({"name": ["a"]}, "name: expected a string (put it in quotes); received ['a'] (list)"),
        (
            {"name": "\ud800"},
            "name: '\\ud800' (str) holds half a surrogate pair, which is no text; remove it",
        ),
        (
            {"sequences": {"\ud800": {}}},
            "sequences: '\\ud800' (str) holds half a surrogate pair, which is no text; remove it",
        ),
        (["a"], "the document: expected named fields; received ['a'] (list)"),
        ("a" * 100, f"the document: expected named fields; received '{'a' * 76}... (str)"),
        ({1: "x"}, "the document: a name must be a string; received 1 (int); put it in quotes"),
        ({"sequences": "text"}, "sequences: expected named fields; received 'text' (str)"),
        ({"sequences": {True: {}}}, "sequences: a name must be a string; received True (bool); put it in quotes"),
        ({"sequences": {"text": None}}, "sequences.text: expected named fields; received None (NoneType)"),
        ({"sequences": {"text": {"typ": "tokens"}}}, "sequences.text.typ: no such field; did you mean 'type'?"),
        (
            {"sequences": {"text": {"type": "token"}}},
            "sequences.text.type: 'token' (str) is no valid value; did you mean 'tokens'?",
        ),
        (
            {"sequences": {"text": {"type": 1}}},
            "sequences.text.type: 1 (int) is no valid value; valid: series, tokens",
        ),
        (
            {"sequences": {"text": {"type": "unspecified"}}},
            "sequences.text.type: 'unspecified' (str) is no valid value; valid: series, tokens",
        ),
        (
            {"sequences": {"text": {"lowercase": "yes"}}},
            "sequences.text.lowercase: expected true or false; received 'yes' (str)",
        ),
        (
            {"sequences": {"text": {"lowercase": 1}}},
            "sequences.text.lowercase: expected true or false; received 1 (int)",
        ),
        (
            {"sequences": {"text": {"max_length": "9"}}},
            "sequences.text.max_length: expected a whole number; received '9' (str)",
        ),
        (
            {"sequences": {"text": {"max_length": 9.0}}},
            "sequences.text.max_length: expected a whole number; received 9.0 (float)",
        ),
        (
            {"sequences": {"text": {"max_length": True}}},
            "sequences.text.max_length: expected a whole number; received True (bool)",
        ),
        (
            {"sequences": {"text": {"max_length": 2**31}}},
            "sequences.text.max_length: 2147483648 is out of range; it must lie in [-2147483648, 2147483647]",
        ),
        (
            {"split": {"fractions": {"train": "0.5"}}},
            "split.fractions.train: expected a number; received '0.5' (str)",
        ),
        (
            {"split": {"fractions": {"train": True}}},
            "split.fractions.train: expected a number; received True (bool)",
        ),
        (
            {"split": {"fractions": {"train": float("nan")}}},
            "split.fractions.train: nan (float) is out of range; it must be finite as a 64-bit float",
        ),
        (
            {"split": {"fractions": {"train": 10**400}}},
            f"split.fractions.train: 1{'0' * 76}... (int) is out of range; it must be finite as a 64-bit float",
        ),
    ],
)
def test_what_is_refused_in_a_spec(values: object, error: str) -> None:
    assert error_of(DatasetSpec(), values) == error


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"inputs": {}}, "inputs: expected a list; received {} (dict)"),
        ({"inputs": [{}, {"pth": "a"}]}, "inputs[1].pth: no such field; did you mean 'path'?"),
        ({"inputs": [{}, 3]}, "inputs[1]: expected named fields; received 3 (int)"),
        (
            {"statistics": {"train": {"classes": [1, 2.5]}}},
            "statistics.train.classes[1]: expected a whole number; received 2.5 (float)",
        ),
        (
            {"counts": {"rejected": {"invalid_json": 2**53}}},
            "counts.rejected.invalid_json: 9007199254740992 is out of range; "
            "it must lie in [-9007199254740991, 9007199254740991]",
        ),
        (
            {"moments": {"x": {"mean": [1, "2"]}}},
            "moments.x.mean[1]: expected a number; received '2' (str)",
        ),
    ],
)
def test_what_is_refused_in_a_manifest(values: object, error: str) -> None:
    assert error_of(Manifest(), values) == error


def test_values_keep_their_types() -> None:
    values = {
        "name": "n",
        "sequences": {"t": {"type": "tokens", "from": "a.b", "lowercase": False, "vocabulary": {"top_k": 0}}, "u": {}},
        "label": {"type": "class"},
        "split": {"fractions": {"train": 1, "test": 0.25}},
        "buckets": {},
    }
    message = fill(DatasetSpec(), values)
    assert message.label.type == LabelType.Value.Value("class")
    assert to_plain(message) == values
    assert isinstance(to_plain(message)["split"]["fractions"]["train"], float)


def test_maps_are_sorted() -> None:
    names = [f"n{i:02d}" for i in range(30)]
    plain = to_plain(Manifest(counts=Counts(rejected=dict.fromkeys(reversed(names), 1))))
    assert list(plain["counts"]["rejected"]) == names


def test_not_said_differs_from_said_to_be_nothing() -> None:
    assert to_plain(Bucket(min_length=3)) == {"min_length": 3}
    assert to_plain(Bucket(max_length=0)) == {"max_length": 0}
    assert to_plain(fill(DatasetSpec(), {"split": {}})) == {"split": {}}
    assert to_plain(fill(DatasetSpec(), {})) == {}


def test_integers_reach_as_far_as_json_is_exact() -> None:
    for number in (2**53 - 1, -(2**53) + 1):
        plain = to_plain(fill(Bucket(), {"max_length": number}))
        assert json.loads(canonical_json(plain)) == {"max_length": number}


def plain_specs() -> st.SearchStrategy[dict[str, Any]]:
    """Plain values of specs that need not make sense."""
    names = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
    small = st.integers(-(2**31), 2**31 - 1)
    vocabulary = st.fixed_dictionaries({}, optional={"top_k": small, "min_frequency": small, "oov_buckets": small})
    feature = st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["tokens", "series"]),
            "from": names,
            "tokenizer": st.sampled_from(["none", "words", "whitespace", "characters"]),
            "lowercase": st.booleans(),
            "vocabulary": vocabulary,
            "dims": small,
            "layout": st.sampled_from(["frames", "flat"]),
            "max_length": small,
            "too_long": st.sampled_from(["truncate_tail", "truncate_head", "drop", "reject"]),
            "empty": st.sampled_from(["reject", "drop", "keep"]),
        },
    )
    fractions = st.dictionaries(names, st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=3)
    label = {"from": names, "type": st.sampled_from(["class", "number", "per_step_class"]), "of": names}
    return st.fixed_dictionaries(
        {},
        optional={
            "name": names,
            "id": names,
            "sequences": st.dictionaries(names, feature, min_size=1, max_size=3),
            "label": st.fixed_dictionaries({}, optional=label),
            "split": st.fixed_dictionaries({}, optional={"salt": small, "fractions": fractions}),
            "buckets": st.fixed_dictionaries({}, optional={"by": names, "count": small}),
        },
    )


@given(plain_specs())
def test_plain_values_come_back_as_they_went(values: dict[str, Any]) -> None:
    message = fill(DatasetSpec(), values)
    assert to_plain(message) == values
    written = canonical_json(to_plain(message))
    # Not the messages: RFC 8785 has no negative zero.
    assert canonical_json(to_plain(fill(DatasetSpec(), json.loads(written)))) == written


@given(st.dictionaries(FIELD_NAMES, JSON_VALUES, max_size=3), st.sampled_from([DatasetSpec, Manifest]))
def test_any_values_are_taken_or_refused(values: dict[str, Any], kind: type[Message]) -> None:
    try:
        message = fill(kind(), values)
    except DataError:
        return
    assert fill(kind(), to_plain(message)) == message
    assert digest(to_plain(message)) == digest(json.loads(canonical_json(to_plain(message))))


def test_canonical_json_has_one_form() -> None:
    values = {"b": [1, 1.0, 0.5, 1e30, -0.0, True], "a": 'é\n"\u2028', "\U00010000": 1, "｡": 2}
    # Keys are sorted by UTF-16 units (RFC 8785, section 3.2.3).
    text = '{"a":"é\\n\\"\u2028","b":[1,1,0.5,1e+30,0,true],"\U00010000":1,"｡":2}'
    assert canonical_json(values) == text.encode()
    assert digest(values) == hashlib.sha256(text.encode()).hexdigest()


def test_the_nearest_name() -> None:
    names = {"train", "test", "validation"}
    assert nearest("tran", names) == "did you mean 'train'?"
    assert nearest("holdout", names) == "valid: test, train, validation"
    assert nearest("train", set()) == "none is valid here"
    assert closest("tran", names) == "did you mean 'train'?"
    assert closest("holdout", names) == ""


def test_the_name_of_an_enum_value() -> None:
    assert [enum_name(LabelType.Value.DESCRIPTOR, n) for n in range(4)] == [
        "unspecified",
        "class",
        "number",
        "per_step_class",
    ]
