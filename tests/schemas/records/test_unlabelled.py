"""Records to predict for: whatever the spec drops is rejected, and no label or split is looked at."""

import json
from typing import Any

import pytest

from schemas.dataset_pb2 import Empty, SplitBy, TooLong
from schemas.formats.fields import fields_of
from schemas.formats.jsonl import parse_jsonl
from schemas.records.examples import ExampleBlock
from schemas.records.unlabelled import unlabelled_spec, validate_unlabelled
from schemas.spec import parse_spec

SPEC = """
id: id
sequences: {w: {type: tokens, empty: drop%s}}
label: {from: y, type: class}
split: {by: field, from: fold}
"""


def examples_of(spec_text: str, records: list[Any]) -> ExampleBlock:
    spec = unlabelled_spec(parse_spec(spec_text))
    data = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    return validate_unlabelled(parse_jsonl(data, fields_of(spec, for_training=False)), spec)


def test_the_spec_itself_is_left_as_it_is() -> None:
    spec = parse_spec(SPEC % ", max_length: 2, too_long: drop")
    changed = unlabelled_spec(spec)
    feature = changed.sequences["w"]
    assert (feature.empty, feature.too_long) == (Empty.reject, TooLong.reject)
    assert not changed.HasField("label")
    assert changed.split.by == SplitBy.hash
    assert (spec.sequences["w"].empty, spec.sequences["w"].too_long) == (Empty.drop, TooLong.drop)
    assert spec.HasField("label")


@pytest.mark.parametrize(
    ("rules", "reasons"),
    [
        (", max_length: 3, too_long: drop", {1: "empty_sequence", 3: "too_long", 4: "wrong_type"}),
        ("}}\nwindow: {of: w, length: 3, rest: drop", {0: "too_short", 1: "empty_sequence", 4: "wrong_type"}),
    ],
)
def test_every_record_has_an_example_or_a_reason(rules: str, reasons: dict[int, str]) -> None:
    text = SPEC % rules
    text = text.replace("rest: drop}}", "rest: drop}")
    records = [{"w": ["a"]}, {"w": []}, {"w": ["a", "b", "c"]}, {"w": [*"abcd"]}, {"w": 7}]
    examples = examples_of(text, records)
    assert {item.line: item.reason for item in examples.rejected} == reasons
    assert set(examples.lines.tolist()) == set(range(5)) - reasons.keys()
    assert not examples.dropped
    assert examples.read == 5


def test_a_record_that_is_too_short_says_what_was_received() -> None:
    [item] = examples_of("sequences: {w: {type: tokens}}\nwindow: {length: 3, rest: drop}", [{"w": ["a"]}]).rejected
    assert (item.reason, item.excerpt) == ("too_short", '{"w": ["a"]}')
    assert item.rule == "'w' must have 3 steps or more, a whole window; the spec drops the rest"
