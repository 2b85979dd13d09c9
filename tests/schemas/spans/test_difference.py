"""The first field in which two specs differ."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.spans.difference import FREE_OF_BASE, FREE_OF_ITSELF, Difference, spec_difference
from schemas.spec import parse_spec

TEXT = """
name: reviews
id: id
sequences: {text: {type: tokens, tokenizer: whitespace, vocabulary: {min_frequency: 2}}}
label: {from: stars, type: class}
buckets: {count: 3}
"""


def difference(change: tuple[str, str], free: frozenset[str] = FREE_OF_BASE) -> Difference | None:
    return spec_difference(parse_spec(TEXT.replace(*change)), parse_spec(TEXT), free)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (("count: 3", "count: 4"), Difference("buckets.count", "4", "3")),
        (
            ("min_frequency: 2", "min_frequency: 2, top_k: 9"),
            Difference("sequences.text.vocabulary.top_k", "9", "50000"),
        ),
        (("type: class}", "type: class}\nsplit: {salt: 4}"), Difference("split.salt", "4", "0")),
        (("whitespace,", "whitespace, lowercase: true,"), Difference("sequences.text.lowercase", "true", "false")),
        (("from: stars", "from: score"), Difference("label.from", '"score"', '"stars"')),
        (("id: id\n", ""), Difference("duplicate_ids", '"keep"', '"reject"')),
        (("label: {from: stars, type: class}\n", ""), Difference("label.from", "nothing", '"stars"')),
    ],
)
def test_the_first_field_is_named_with_both_values(change: tuple[str, str], found: Difference) -> None:
    assert difference(change) == found


FREE = [
    ("name: reviews", "name: others"),
    ("id: id", "id: id\ninput: {format: jsonl}"),
    ("id: id", "id: id\ndrift: {warn: {mean_shift: 0.5}}"),
    ("id: id", "id: id\nevent_time: {from: at}"),
    ("count: 3", "count: 3, seconds: {batch: 0.1, step: 0.1, padded_step: 0}"),
]


@pytest.mark.parametrize("change", FREE)
def test_what_a_span_may_say_otherwise_than_its_base(change: tuple[str, str]) -> None:
    assert TEXT.replace(*change) != TEXT
    assert difference(change) is None


@pytest.mark.parametrize(("change", "same"), list(zip(FREE, [True, False, True, False, False], strict=True)))
def test_what_a_span_may_say_otherwise_than_before(change: tuple[str, str], same: bool) -> None:
    assert (difference(change, FREE_OF_ITSELF) is None) == same


def test_what_is_a_default_is_no_difference() -> None:
    assert difference(("id: id", "id: id\nsplit: {salt: 0}")) is None


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from(["buckets: {{count: {}}}", "split: {{salt: {}}}"]))
def test_specs_differ_where_their_values_do(ours: int, theirs: int, field: str) -> None:
    start = TEXT.replace("buckets: {count: 3}\n", "")
    found = spec_difference(parse_spec(start + field.format(ours)), parse_spec(start + field.format(theirs)))
    assert (found is None) == (ours == theirs)
    assert found is None or (found.ours, found.theirs) == (str(ours), str(theirs))
