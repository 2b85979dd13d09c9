"""What a spec says beside its sequences: defaults, and what is refused."""

from typing import Any

import pytest
import yaml

from schemas.errors import DataError
from schemas.messages import to_plain
from schemas.spec import cuts_records, leaders, parse_spec, resolve, vocabulary_options

SEQUENCES: dict[str, Any] = {"t": {"type": "tokens"}}
TWO: dict[str, Any] = {"t": {"type": "tokens"}, "x": {"type": "series", "dims": 2}}


def parsed(values: dict[str, Any]) -> dict[str, Any]:
    spec = parse_spec(yaml.safe_dump({"sequences": SEQUENCES} | values))
    assert resolve(spec) == spec, "a resolved spec resolves to itself"
    return to_plain(spec)


def error(values: dict[str, Any]) -> str:
    with pytest.raises(DataError) as raised:
        parse_spec(yaml.safe_dump({"sequences": SEQUENCES} | values))
    return str(raised.value)


def test_the_context() -> None:
    values = {"context": {"age": {"type": "number"}, "land": {"type": "category", "from": "who.land"}}}
    assert parsed(values)["context"] == {
        "age": {"type": "number", "from": "age", "normalize": "none"},
        "land": {
            "type": "category",
            "from": "who.land",
            "vocabulary": {"top_k": 50_000, "min_frequency": 1, "oov_buckets": 1, "count_by": "occurrences"},
        },
    }
    spec = parse_spec(yaml.safe_dump({"sequences": SEQUENCES} | values))
    assert vocabulary_options(spec, "land") == vocabulary_options(spec, "t")


def test_a_split_by_something_else_than_the_id() -> None:
    assert parsed({"split": {"by": "group", "from": "user", "salt": 3, "fractions": {"train": 1.0}}})["split"] == {
        "by": "group",
        "salt": 3,
        "fractions": {"train": 1.0},
        "from": "user",
    }
    assert parsed({"split": {"by": "field", "from": "part"}})["split"]["names"] == {
        "train": "train",
        "validation": "validation",
        "test": "test",
    }
    times = {"by": "time", "from": "at", "before": {"train": "2020-01-01"}, "time_format": "iso8601", "zone": "UTC"}
    assert parsed({"split": times})["split"]["otherwise"] == "test"


def test_duplicates_of_an_id_that_is_named_are_rejected() -> None:
    assert parsed({"id": "key"})["duplicate_ids"] == "reject"
    assert parsed({})["duplicate_ids"] == "keep"
    assert parsed({"duplicate_ids": "fail"})["duplicate_ids"] == "fail"


def test_a_window_and_a_group() -> None:
    spec = parsed({"window": {"length": 8, "stride": 2}, "group": {"by": "user", "order_by": "at"}})
    assert spec["window"] == {"length": 8, "stride": 2, "rest": "keep", "of": "t"}
    assert spec["group"] == {"by": "user", "order_by": "at", "order_as": "number", "duplicates": "keep"}
    assert parsed({"window": {"length": 8}})["window"]["stride"] == 8


def test_the_input() -> None:
    assert parsed({"input": {"format": "csv"}})["input"]["header"] is True
    assert parsed({"input": {"format": "csv", "columns": ["a", "b"]}})["input"]["header"] is False
    assert "header" not in parsed({"input": {"format": "jsonl"}})["input"]


def test_which_sequences_have_a_length_of_their_own() -> None:
    derived = {"of": "t", "take": "prefix", "length": 2}
    spec = parse_spec(yaml.safe_dump({"sequences": TWO | {"p": {"derive": derived}}}))
    assert leaders(spec) == ["t", "x"]
    assert not cuts_records(spec)
    assert cuts_records(parse_spec("sequences: {t: {type: tokens, max_length: 3, too_long: split}}"))
    assert cuts_records(parse_spec("sequences: {t: {type: tokens}}\nwindow: {length: 3}"))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"context": {"a": {}}}, "context.a.type: is missing; say number or category"),
        (
            {"context": {"t": {"type": "number"}}},
            "context.t: is the name of a sequence, too; use another and say `from`",
        ),
        (
            {"context": {"a": {"type": "number", "vocabulary": {}}}},
            "context.a.vocabulary: means nothing for type number; remove it",
        ),
        (
            {"context": {"a": {"type": "category", "normalize": "zscore"}}},
            "context.a.normalize: means nothing for type category; remove it",
        ),
        (
            {"label": {"type": "number", "unknown": "keep"}},
            "label.unknown: means nothing for type number; remove it",
        ),
        (
            {"input": {"format": "jsonl", "header": True}},
            "input.header: means nothing but for formats csv and tsv; remove it",
        ),
        (
            {"input": {"format": "tsv", "delimiter": ";"}},
            "input.delimiter: means nothing but for format csv; remove it",
        ),
        (
            {"input": {"format": "csv", "delimiter": "ab"}},
            "input.delimiter: 'ab' is none; it must be one character of ASCII, and no quote",
        ),
        (
            {"input": {"format": "csv", "header": False}},
            "input.columns: is missing; without a header, name the columns in their order",
        ),
        (
            {"input": {"columns": ["a", "a"]}},
            "input.columns: names a column twice; each needs a name of its own",
        ),
        ({"input": {"max_record_bytes": 0}}, "input.max_record_bytes: 0 is out of range; it must be 1 or more"),
        (
            {"split": {"by": "hash", "from": "user"}},
            "split.from: means nothing for `by: hash`; remove it",
        ),
        ({"split": {"by": "group"}}, "split.from: is missing; name the field that decides, by group"),
        (
            {"split": {"by": "field", "from": "a", "fractions": {"train": 1.0}}},
            "split.fractions: means nothing for `by: field`; remove it",
        ),
        (
            {"split": {"by": "field", "from": "a", "names": {"x": "test"}}},
            "split.names: no value means train, from which vocabulary and buckets come; where names are said, none "
            "means itself: say `train: train`, too",
        ),
        (
            {"split": {"by": "time", "from": "a", "time_format": "iso8601"}},
            "split.before: is missing; say for each split the time before which its records lie",
        ),
        (
            {"split": {"by": "time", "from": "a", "before": {"train": "2020-01-01"}, "zone": "UTC"}},
            "split.time_format: is missing; say how the times are written, such as iso8601",
        ),
        (
            {"split": {"by": "time", "from": "a", "before": {"test": "2020-01-01"}, "otherwise": "test"}},
            "split.otherwise: 'test' stands under `before`, too; name another split",
        ),
        (
            {"split": {"by": "time", "from": "a", "before": {"test": "2020-01-01"}, "otherwise": "validation"}},
            "split.before.train: is missing; vocabulary and buckets come from the training split",
        ),
        (
            {
                "split": {
                    "by": "time",
                    "from": "a",
                    "before": {"train": "2020-01-01"},
                    "time_format": "yyyy",
                }
            },
            "split.time_format: 'yyyy' is no way to write a time; use iso8601, unix_seconds, unix_milliseconds, "
            "unix_microseconds, unix_nanoseconds, or a pattern of strptime such as '%d.%m.%Y %H:%M'",
        ),
        ({"group": {"by": "a"}}, "group.order_by: is missing; name a field of the events"),
        (
            {"group": {"by": "a", "order_by": "b"}, "id": "c"},
            "id: means nothing with `group`, whose key is the id; remove it",
        ),
        (
            {"group": {"by": "a", "order_by": "b", "order_as": "time"}},
            "group.time_format: is missing; say how the times are written, such as iso8601",
        ),
        (
            {"group": {"by": "a", "order_by": "b", "zone": "UTC"}},
            "group.zone: means nothing but for `order_as: time`; remove it",
        ),
        (
            {
                "group": {"by": "a", "order_by": "b"},
                "sequences": {"t": {"type": "tokens", "tokenizer": "words"}},
            },
            "sequences.t.tokenizer: an event is one token of a group's sequence; remove it",
        ),
        ({"window": {"stride": 2}}, "window.length: is missing; say how many steps a window has"),
        (
            {"window": {"length": 2, "stride": 3}},
            "window.stride: 3 would leave out steps; it must be 2 or less",
        ),
        (
            {"window": {"length": 2}, "sequences": {"t": {"type": "tokens", "max_length": 3}}},
            "sequences.t.max_length: means nothing with `window`; remove it",
        ),
        (
            {"window": {"length": 2, "of": "t"}, "sequences": TWO},
            "window: cuts every sequence at the same steps, and t, x have lengths of their own; "
            "say `aligned_with` where they have as many steps, or leave them out",
        ),
        (
            {"sequences": TWO | {"t": {"type": "tokens", "max_length": 2, "too_long": "split"}}},
            "sequences.t.too_long: split: cuts every sequence at the same steps, and t, x have lengths of their own; "
            "say `aligned_with` where they have as many steps, or leave them out",
        ),
    ],
)
def test_what_is_refused(values: dict[str, Any], text: str) -> None:
    assert error(values) == text
