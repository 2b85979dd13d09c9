from typing import Any

import pytest
import yaml

from schemas.errors import DataError
from schemas.formats.fields import event_fields_of, fields_of
from schemas.manifest import stored_features
from schemas.messages import to_plain
from schemas.spec import dump_spec, parse_spec

TOKENS = {"type": "tokens"}
SERIES = {"type": "series", "dims": 2}


def resolved(sequences: dict[str, Any], label: dict[str, Any], **more: Any) -> dict[str, Any]:
    spec = parse_spec(yaml.safe_dump({"sequences": sequences, "label": label, **more}))
    assert parse_spec(dump_spec(spec)) == spec
    plain: dict[str, Any] = to_plain(spec.label)
    return plain


def test_defaults_of_the_next_token() -> None:
    expected = {"type": "next_step", "of": "t", "end": False, "after": 1}
    assert resolved({"t": TOKENS}, {"type": "next_step"}) == expected


def test_defaults_of_the_next_frames() -> None:
    expected = {"type": "next_step", "of": "s", "after": 1, "horizon": 1}
    assert resolved({"s": SERIES}, {"type": "next_step"}) == expected


def test_what_was_said_is_kept() -> None:
    tokens = {"type": "next_step", "of": "t", "end": True, "after": 2}
    assert resolved({"t": TOKENS, "s": SERIES}, tokens) == tokens
    frames = {"type": "next_step", "of": "s", "after": 3, "horizon": 5}
    assert resolved({"t": TOKENS, "s": SERIES}, frames) == frames


@pytest.mark.parametrize("too_long", ["truncate_head", "drop", "reject"])
def test_an_end_that_is_never_cut_off_is_one(too_long: str) -> None:
    sequences = {"t": {**TOKENS, "max_length": 4, "too_long": too_long}}
    assert resolved(sequences, {"type": "next_step", "end": True})["end"]


def test_an_aligned_or_derived_sequence_may_be_predicted() -> None:
    lower = {"derive": {"of": "t", "take": "lower"}}
    aligned = {**SERIES, "aligned_with": "t"}
    assert resolved({"t": TOKENS, "lower": lower}, {"type": "next_step", "of": "lower"})["of"] == "lower"
    assert resolved({"t": TOKENS, "s": aligned}, {"type": "next_step", "of": "s"})["of"] == "s"


NEXT = {"type": "next_step"}
WRONG: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (
        {"t": TOKENS},
        {**NEXT, "from": "x"},
        "label.from: means nothing for type next_step, which follows from its sequence; remove it",
    ),
    (
        {"t": TOKENS},
        {**NEXT, "unknown": "keep"},
        "label.unknown: means nothing for type next_step, whose classes are ids of tokens; remove it",
    ),
    (
        {"t": TOKENS},
        {**NEXT, "classes_file": "c.txt"},
        "label.classes_file: means nothing for type next_step, whose classes are ids of tokens; remove it",
    ),
    ({"t": TOKENS}, {**NEXT, "after": 0}, "label.after: 0 is out of range; it must be 1 or more"),
    (
        {"t": TOKENS},
        {**NEXT, "horizon": 2},
        "label.horizon: means nothing for tokens, which are predicted one step ahead; remove it",
    ),
    ({"s": SERIES}, {**NEXT, "horizon": 0}, "label.horizon: 0 is out of range; it must be 1 or more"),
    ({"s": SERIES}, {**NEXT, "end": True}, "label.end: means nothing for a series, whose end is no frame; remove it"),
    ({"s": SERIES}, {**NEXT, "end": False}, "label.end: means nothing for a series, whose end is no frame; remove it"),
    ({"t": TOKENS, "s": SERIES}, NEXT, "label.of: is missing; say which steps are labelled: s, t"),
    ({"text": TOKENS}, {**NEXT, "of": "txt"}, "label.of: 'txt' is no sequence of this spec; did you mean 'text'?"),
    (
        {"t": TOKENS, "c": {"derive": {"of": "t", "take": "characters"}}},
        {**NEXT, "of": "c"},
        "label.of: 'c' has any number of characters a step, none of which is the next step; name tokens of one id a "
        "step, or a series",
    ),
    (
        {"t": {**TOKENS, "max_length": 4}, "u": {**TOKENS, "aligned_with": "t"}},
        {**NEXT, "of": "u", "end": True},
        "label.end: sequences.t.too_long: truncate_tail cuts ends off; leave out `end`, or say truncate_head, drop or "
        "reject",
    ),
    (
        {"t": {**TOKENS, "max_length": 4, "too_long": "split"}},
        {**NEXT, "end": True},
        "label.end: sequences.t.too_long: split cuts ends off; leave out `end`, or say truncate_head, drop or reject",
    ),
    ({"t": TOKENS}, {"type": "class", "end": True}, "label.end: means nothing but for type next_step; remove it"),
    ({"t": TOKENS}, {"type": "number", "after": 1}, "label.after: means nothing but for type next_step; remove it"),
    (
        {"t": TOKENS},
        {"type": "per_step_class", "horizon": 1},
        "label.horizon: means nothing but for type next_step; remove it",
    ),
]


@pytest.mark.parametrize(("sequences", "label", "expected"), WRONG)
def test_labels_that_cannot_mean_anything(sequences: dict[str, Any], label: dict[str, Any], expected: str) -> None:
    with pytest.raises(DataError) as error:
        resolved(sequences, label)
    assert str(error.value) == expected


def test_windows_have_no_end_of_their_record() -> None:
    with pytest.raises(DataError) as error:
        resolved({"t": TOKENS}, {**NEXT, "end": True}, window={"length": 3})
    assert str(error.value) == "label.end: a window does not end where its record does; leave out `end` or `window`"
    assert not resolved({"t": TOKENS}, NEXT, window={"length": 3})["end"]


def test_nothing_is_read_or_stored_for_it() -> None:
    spec = parse_spec("sequences: {t: {type: tokens}}\nlabel: {type: next_step}\ngroup: {by: k, order_by: o}")
    assert [field.name for field in fields_of(spec)] == ["t"]
    assert [field.name for field in event_fields_of(spec)] == ["/order", "id", "t"]
    assert [feature.name for feature in stored_features(spec)] == ["id", "t", "t/length"]
