"""Sequences of a spec that come from others, or in other forms."""

from typing import Any

import pytest
import yaml

from schemas.errors import DataError
from schemas.messages import to_plain
from schemas.spec import parse_spec, resolve

WORDS: dict[str, Any] = {"type": "tokens"}
SERIES: dict[str, Any] = {"type": "series", "dims": 2}


def parsed(sequences: dict[str, Any]) -> dict[str, Any]:
    spec = parse_spec(yaml.safe_dump({"sequences": sequences}))
    assert resolve(spec) == spec, "a resolved spec resolves to itself"
    return dict(to_plain(spec)["sequences"])


def error(sequences: dict[str, Any]) -> str:
    with pytest.raises(DataError) as raised:
        parse_spec(yaml.safe_dump({"sequences": sequences}))
    return str(raised.value)


def test_a_derived_sequence_is_aligned_with_its_source() -> None:
    found = parsed({"w": WORDS, "p": {"derive": {"of": "w", "take": "prefix", "length": 2}}})
    assert found["p"] == {
        "type": "tokens",
        "vocabulary": {"top_k": 50_000, "min_frequency": 1, "oov_buckets": 1, "count_by": "occurrences"},
        "derive": {"of": "w", "take": "prefix", "length": 2},
        "aligned_with": "w",
    }


def test_a_sequence_that_is_derived_from_an_aligned_one_follows_its_leader() -> None:
    found = parsed(
        {"w": WORDS, "tags": WORDS | {"aligned_with": "w"}, "s": {"derive": {"of": "tags", "take": "shape"}}}
    )
    assert found["s"]["aligned_with"] == "w"
    assert "empty" not in found["tags"]


def test_columns_say_how_many_dimensions_there_are() -> None:
    found = parsed({"x": {"type": "series", "layout": "columns", "columns": ["a", "b.c"]}})["x"]
    assert (found["dims"], found["columns"], "from" in found) == (2, ["a", "b.c"], False)


@pytest.mark.parametrize(
    ("sequences", "text"),
    [
        ({"p": {"derive": {"take": "lower"}}}, "sequences.p.derive.of: is missing; name a sequence of tokens"),
        (
            {"w": WORDS, "p": {"derive": {"of": "w"}}},
            "sequences.p.derive.take: is missing; say prefix, suffix, shape, lower, characters",
        ),
        (
            {"w": WORDS, "p": {"derive": {"of": "w", "take": "suffix"}}},
            "sequences.p.derive.length: is missing; say how many characters",
        ),
        (
            {"w": WORDS, "p": {"derive": {"of": "w", "take": "shape", "length": 2}}},
            "sequences.p.derive.length: means nothing but for prefix and suffix; remove it",
        ),
        (
            {"w": WORDS, "p": {"from": "z", "derive": {"of": "w", "take": "shape"}}},
            "sequences.p.from: means nothing for a sequence that is derived from another; remove it",
        ),
        (
            {"w": WORDS, "p": {"derive": {"of": "q", "take": "shape"}}},
            "sequences.p.derive.of: 'q' is no other sequence of this spec; valid: w",
        ),
        (
            {"x": SERIES, "p": {"derive": {"of": "x", "take": "shape"}}},
            "sequences.p.derive.of: 'x' must be a sequence of tokens that is not derived itself",
        ),
        (
            {"w": WORDS, "x": SERIES | {"aligned_with": "w", "empty": "keep"}},
            "sequences.x.empty: means nothing for a sequence that is cut as 'w' is; remove it",
        ),
        (
            {"w": WORDS, "x": SERIES | {"aligned_with": "x"}},
            "sequences.x.aligned_with: 'x' is no other sequence of this spec; valid: w",
        ),
        (
            {"a": WORDS, "b": WORDS | {"aligned_with": "a"}, "c": WORDS | {"aligned_with": "b"}},
            "sequences.c.aligned_with: 'b' is aligned with 'a' itself; name 'a'",
        ),
        (
            {"x": SERIES | {"columns": ["a"]}},
            "sequences.x.columns: means nothing but for layout columns; remove it",
        ),
        (
            {"x": {"type": "series", "layout": "columns"}},
            "sequences.x.columns: is missing; name the field of each dimension",
        ),
        (
            {"x": SERIES | {"layout": "columns", "columns": ["a"]}},
            "sequences.x.dims: is 2, and there are 1 columns; remove dims",
        ),
        (
            {"x": SERIES | {"layout": "columns", "columns": ["a", "b"], "from": "q"}},
            "sequences.x.from: means nothing for layout columns, whose fields stand under `columns`; remove it",
        ),
        (
            {"x": SERIES | {"time": {"format": "iso8601"}}},
            "sequences.x.time.from: is missing; name the field that holds a time for each frame",
        ),
        (
            {"x": SERIES | {"time": {"from": "at"}}},
            "sequences.x.time.format: is missing; say how the times are written, such as iso8601",
        ),
        (
            {"w": WORDS | {"tokenizer": "subwords"}},
            "sequences.w.tokenizer_file: is missing; name a file of the library `tokenizers`",
        ),
        (
            {"w": WORDS | {"tokenizer": "words", "tokenizer_file": "a.json"}},
            "sequences.w.tokenizer_file: means nothing but for tokenizer subwords; remove it",
        ),
        (
            {"w": WORDS | {"tokenizer": "subwords", "tokenizer_file": "a.json", "lowercase": True}},
            "sequences.w.tokenizer: subwords normalise as their file says; remove the other text rules",
        ),
        ({"x": SERIES | {"derive": {}}}, "sequences.x.derive: means nothing for type series; remove it"),
    ],
)
def test_what_is_refused(sequences: dict[str, Any], text: str) -> None:
    assert error(sequences) == text
