"""The spec: defaults, refusals with path and remedy, and YAML read strictly."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.dataset_pb2 import DatasetSpec, SequenceFeature
from schemas.errors import DataError, UsageError
from schemas.messages import fill, to_plain
from schemas.spec import (
    dump_spec,
    load_spec,
    parse_spec,
    resolve,
    series_sequences,
    source_path,
    steps_of,
    token_sequences,
)

TOKENS: dict[str, Any] = {"type": "tokens"}
SERIES: dict[str, Any] = {"type": "series", "dims": 2}


def error_of(text: str) -> str:
    with pytest.raises(DataError) as raised:
        parse_spec(text)
    return str(raised.value)


def error_of_values(values: dict[str, Any]) -> str:
    return error_of(yaml.safe_dump(values))


def test_every_default_is_filled_in() -> None:
    assert to_plain(parse_spec("sequences: {text: {type: tokens}, frames: {type: series, dims: 12}}")) == {
        "name": "dataset",
        "sequences": {
            "text": {
                "type": "tokens",
                "from": "text",
                "tokenizer": "none",
                "lowercase": False,
                "vocabulary": {"top_k": 50_000, "min_frequency": 1, "oov_buckets": 1, "count_by": "occurrences"},
                "empty": "reject",
                "normalization": "none",
            },
            "frames": {
                "type": "series",
                "from": "frames",
                "dims": 12,
                "layout": "frames",
                "normalize": "none",
                "empty": "reject",
                "missing": "reject",
            },
        },
        "split": {"by": "hash", "salt": 0},
        "buckets": {"count": 8},
        "input": {"header": True, "max_record_bytes": 64 << 20, "quotes": True},
        "duplicate_ids": "keep",
        "stored_as": "example",
    }


def test_defaults_that_depend_on_other_fields() -> None:
    spec = parse_spec("sequences: {t: {type: tokens, max_length: 4}}\nlabel: {type: per_step_class}")
    plain = to_plain(spec)
    assert plain["sequences"]["t"]["too_long"] == "truncate_tail"
    assert plain["label"] == {"from": "label", "type": "per_step_class", "of": "t", "unknown": "reject"}


def test_what_was_said_is_kept() -> None:
    text = """
name: reviews
id: meta.id
sequences:
  text: {type: tokens, from: review.text, tokenizer: words, lowercase: true,
         vocabulary: {top_k: 0, min_frequency: 2, oov_buckets: 3, count_by: documents, special_tokens: ["<s>"]},
         max_length: 400, too_long: drop, empty: keep, normalization: nfc}
  frames: {type: series, from: x, dims: 3, layout: flat, normalize: zscore, empty: drop, missing: mean}
label: {from: stars, type: number}
split: {by: hash, salt: 7, fractions: {train: 0.8, validation: 0.1, test: 0.1}}
buckets: {by: text, count: 3}
input: {format: csv, header: true, max_record_bytes: 1000, quotes: false}
duplicate_ids: keep_first
stored_as: sequence_example
"""
    said = yaml.safe_load(text)
    assert to_plain(parse_spec(text)) == said


def test_questions_about_a_spec() -> None:
    spec = parse_spec(yaml.safe_dump({"sequences": {"b": TOKENS, "x": SERIES, "a": TOKENS | {"from": "p.q"}}}))
    assert token_sequences(spec) == ["a", "b"]
    assert series_sequences(spec) == ["x"]
    assert [steps_of(spec.sequences[name]) for name in "abx"] == [1, 1, 2]
    assert [source_path(spec.sequences[name]) for name in "abx"] == ["p.q", "b", "x"]


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"name": "x"}, "sequences: names no sequence; a data set needs one or more"),
        (
            {"name": "a b", "sequences": {"t": TOKENS}},
            "name: 'a b' is no name; use letters, digits, '_' and '-', beginning with a letter",
        ),
        (
            {"sequences": {"../t": TOKENS}},
            "sequences.../t: '../t' is no name; use letters, digits, '_' and '-', beginning with a letter",
        ),
        (
            {"sequences": {"tä": TOKENS}},
            "sequences.tä: 'tä' is no name; use letters, digits, '_' and '-', beginning with a letter",
        ),
        (
            {"sequences": {"t\n": TOKENS}},
            "sequences.t\n: 't\n' is no name; use letters, digits, '_' and '-', beginning with a letter",
        ),
        (
            {"sequences": {"label": TOKENS}},
            "sequences.label: the name 'label' is taken by every stored record; use another and say `from: label`",
        ),
        (
            {"sequences": {"id": SERIES}},
            "sequences.id: the name 'id' is taken by every stored record; use another and say `from: id`",
        ),
        ({"sequences": {"t": {}}}, "sequences.t.type: is missing; say tokens or series"),
        ({"sequences": {"t": TOKENS | {"dims": 2}}}, "sequences.t.dims: means nothing for type tokens; remove it"),
        (
            {"sequences": {"t": TOKENS | {"layout": "flat"}}},
            "sequences.t.layout: means nothing for type tokens; remove it",
        ),
        (
            {"sequences": {"t": TOKENS | {"normalize": "none"}}},
            "sequences.t.normalize: means nothing for type tokens; remove it",
        ),
        (
            {"sequences": {"x": SERIES | {"tokenizer": "none"}}},
            "sequences.x.tokenizer: means nothing for type series; remove it",
        ),
        (
            {"sequences": {"x": SERIES | {"lowercase": False}}},
            "sequences.x.lowercase: means nothing for type series; remove it",
        ),
        (
            {"sequences": {"x": SERIES | {"vocabulary": {}}}},
            "sequences.x.vocabulary: means nothing for type series; remove it",
        ),
        (
            {"sequences": {"t": TOKENS | {"vocabulary": {"top_k": -1}}}},
            "sequences.t.vocabulary.top_k: -1 is out of range; it must be 0 or more",
        ),
        (
            {"sequences": {"t": TOKENS | {"vocabulary": {"min_frequency": 0}}}},
            "sequences.t.vocabulary.min_frequency: 0 is out of range; it must be 1 or more",
        ),
        (
            {"sequences": {"t": TOKENS | {"vocabulary": {"oov_buckets": 0}}}},
            "sequences.t.vocabulary.oov_buckets: 0 is out of range; it must be 1 or more",
        ),
        (
            {"sequences": {"x": {"type": "series"}}},
            "sequences.x.dims: is missing; say how many numbers one frame holds",
        ),
        ({"sequences": {"x": SERIES | {"dims": 0}}}, "sequences.x.dims: 0 is out of range; it must be 1 or more"),
        (
            {"sequences": {"t": TOKENS | {"max_length": 0}}},
            "sequences.t.max_length: 0 is out of range; it must be 1 or more",
        ),
        (
            {"sequences": {"t": TOKENS | {"too_long": "drop"}}},
            "sequences.t.too_long: means nothing without max_length; say max_length or remove it",
        ),
        (
            {"id": "", "sequences": {"t": TOKENS}},
            "id: '' is no field path; write names joined by '.', as in review.text",
        ),
        (
            {"sequences": {"t": TOKENS | {"from": "a..b"}}},
            "sequences.t.from: 'a..b' is no field path; write names joined by '.', as in review.text",
        ),
        (
            {"sequences": {"t": TOKENS}, "label": {}},
            "label.type: is missing; say class, number, per_step_class or next_step",
        ),
        (
            {"sequences": {"t": TOKENS}, "label": {"type": "class", "of": "t"}},
            "label.of: means nothing but for types per_step_class and next_step; remove it",
        ),
        (
            {"sequences": {"t": TOKENS, "s": TOKENS}, "label": {"type": "per_step_class"}},
            "label.of: is missing; say which steps are labelled: s, t",
        ),
        (
            {"sequences": {"text": TOKENS}, "label": {"type": "per_step_class", "of": "txt"}},
            "label.of: 'txt' is no sequence of this spec; did you mean 'text'?",
        ),
        (
            {"sequences": {"t": TOKENS}, "split": {"fractions": {"a/b": 1}}},
            "split.fractions.a/b: 'a/b' is no name; use letters, digits, '_' and '-', beginning with a letter",
        ),
        (
            {"sequences": {"t": TOKENS}, "split": {"fractions": {"train": 1.5}}},
            "split.fractions.train: 1.5 is no share; it must lie in [0, 1]",
        ),
        (
            {"sequences": {"t": TOKENS}, "split": {"fractions": {"train": 0.8, "test": 0.1}}},
            "split.fractions: add up to 0.9; they must add up to 1",
        ),
        (
            {"sequences": {"t": TOKENS}, "split": {"fractions": {"validation": 0.5, "test": 0.5}}},
            "split.fractions.train: is missing or 0; vocabulary and buckets come from the training split",
        ),
        (
            {"sequences": {"t": TOKENS}, "split": {"fractions": {"train": 0.5, "Test": 0.5}}},
            "split.fractions.Test: 'Test' is no name for a split; use lower case, and not failed, rejected, "
            "statistics, vocabulary",
        ),
        (
            {"sequences": {"t": TOKENS}, "split": {"fractions": {"train": 0.5, "rejected": 0.5}}},
            "split.fractions.rejected: 'rejected' is no name for a split; "
            "use lower case, and not failed, rejected, statistics, vocabulary",
        ),
        (
            {"sequences": {"t": TOKENS}, "buckets": {"count": 0}},
            "buckets.count: 0 is out of range; it must lie in [1, 1000]",
        ),
        (
            {"sequences": {"t": TOKENS}, "buckets": {"count": 1001}},
            "buckets.count: 1001 is out of range; it must lie in [1, 1000]",
        ),
        (
            {"sequences": {"t": TOKENS}, "buckets": {"by": "x"}},
            "buckets.by: 'x' is no sequence of this spec; valid: t",
        ),
        ({"sequences": {"t": TOKENS}, "bucket": {}}, "bucket: no such field; did you mean 'buckets'?"),
    ],
)
def test_what_is_refused(values: dict[str, Any], error: str) -> None:
    assert error_of_values(values) == error


def test_fractions_need_to_add_up_only_as_far_as_floats_do() -> None:
    fractions = {f"part{i}": 0.1 for i in range(9)} | {"train": 0.1}
    spec = parse_spec(yaml.safe_dump({"sequences": {"t": TOKENS}, "split": {"fractions": fractions}}))
    assert dict(spec.split.fractions) == fractions


def test_the_first_fault_by_name_is_the_one_that_is_told() -> None:
    # Maps of protobuf iterate in another order in every process.
    names = [f"n{i}" for i in range(20)]
    values: dict[str, Any] = {"sequences": {name: {"type": "series"} for name in reversed(names)}}
    assert error_of_values(values) == "sequences.n0.dims: is missing; say how many numbers one frame holds"
    fractions = dict.fromkeys(reversed(names), -1)
    values = {"sequences": {"t": TOKENS}, "split": {"fractions": fractions}}
    assert error_of_values(values) == "split.fractions.n0: -1.0 is no share; it must lie in [0, 1]"


def test_the_yaml_of_a_spec_has_one_form() -> None:
    spec = DatasetSpec(name="größe", sequences={name: SequenceFeature() for name in "ibdgcfahe"})
    spec.label.type = 1
    entries = "".join(f"  {name}: {{}}\n" for name in "abcdefghi")
    assert dump_spec(spec) == f"name: größe\nsequences:\n{entries}label:\n  type: class\n"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "is empty; `python -m pipeline infer INPUT` proposes a spec"),
        ("# only a comment\n", "is empty; `python -m pipeline infer INPUT` proposes a spec"),
        ("- a", "the document: expected named fields; received ['a'] (list)"),
        ("name: a\nid: x\nname: b", "line 3: 'name' is given twice; remove one of them"),
        ("sequences:\n  t: {type: tokens}\n  t: {}", "line 3: 't' is given twice; remove one of them"),
        ("? [a, b]\n: c", "line 1: a name must be a string; it is a list or a mapping"),
        ("? {a: b}\n: c", "line 1: a name must be a string; it is a list or a mapping"),
        ("name: 2020-13-45", "is no valid YAML: month must be in 1..12"),
        ("name: !!int foo", "is no valid YAML: invalid literal for int() with base 10: 'foo'"),
        ("name: 2020-01-02", "name: expected a string (put it in quotes); received datetime.date(2020, 1, 2) (date)"),
        ("name: yes", "name: expected a string (put it in quotes); received True (bool)"),
        ('name: "\\ud800"', "name: '\\ud800' (str) holds half a surrogate pair, which is no text; remove it"),
        (
            "name: [a",
            'is no valid YAML: while parsing a flow sequence in "<unicode string>", line 1, column 7: name: [a ^ '
            "expected ',' or ']', but got '<stream end>' in \"<unicode string>\", line 1, column 9: name: [a ^",
        ),
        (
            "name: !!python/object/apply:os.system []",
            "is no valid YAML: could not determine a constructor for the tag "
            "'tag:yaml.org,2002:python/object/apply:os.system' in \"<unicode string>\", line 1, column 7: "
            "name: !!python/object/apply:os.system [] ^",
        ),
    ],
)
def test_texts_that_are_refused(text: str, error: str) -> None:
    assert error_of(text) == error


def test_deep_nesting_is_refused() -> None:
    assert error_of("[" * 1000) == "is no valid YAML: maximum recursion depth exceeded"


def test_anchors_and_merges_are_plain_yaml() -> None:
    spec = parse_spec("sequences:\n  a: &a {type: tokens, max_length: 3}\n  b: {<<: *a, max_length: 5}")
    assert [(spec.sequences[n].max_length, source_path(spec.sequences[n])) for n in "ab"] == [(3, "a"), (5, "b")]


@given(st.text(max_size=30) | st.text("{}[]:,&*!?|>-'\"#%@` \n\tab01.", max_size=30))
@example("name: !!bool x")
@example("name: !!timestamp x")
@example("!!set {a}")
@example("<<: 3")
@example("&a {x: *a}")
@example("a: 0b_")
@example("\0")
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(DataError):
        parse_spec(text)


def specs() -> st.SearchStrategy[dict[str, Any]]:
    """Specs that make sense, as people write them."""
    policies = {
        "max_length": st.integers(1, 9),
        "empty": st.sampled_from(["reject", "drop", "keep"]),
        "from": st.sampled_from(["a.b", "c"]),
    }
    vocabulary = {"top_k": st.integers(0, 9), "min_frequency": st.integers(1, 9), "oov_buckets": st.integers(1, 9)}
    tokenizers = st.sampled_from(["none", "words", "characters", "whitespace"])
    tokens = st.fixed_dictionaries(
        {"type": st.just("tokens")},
        optional=policies
        | {
            "tokenizer": tokenizers,
            "lowercase": st.booleans(),
            "vocabulary": st.fixed_dictionaries({}, optional=vocabulary),
        },
    )
    series = st.fixed_dictionaries(
        {"type": st.just("series"), "dims": st.integers(1, 99)},
        optional=policies
        | {"layout": st.sampled_from(["frames", "flat"]), "normalize": st.sampled_from(["none", "zscore"])},
    )
    fractions = st.sampled_from([{"train": 1}, {"train": 0.75, "test": 0.25}])
    return st.fixed_dictionaries(
        {"sequences": st.dictionaries(st.sampled_from(["s", "T-1", "u_"]), tokens | series, min_size=1)},
        optional={
            "name": st.sampled_from(["a", "b-2"]),
            "id": st.sampled_from(["id", "a.b"]),
            "label": st.fixed_dictionaries({"type": st.sampled_from(["class", "number"])}),
            "split": st.fixed_dictionaries({}, optional={"salt": st.integers(-5, 5), "fractions": fractions}),
            "buckets": st.fixed_dictionaries({}, optional={"count": st.integers(1, 1000)}),
        },
    )


@given(specs())
def test_a_resolved_spec_resolves_to_itself(values: dict[str, Any]) -> None:
    written = fill(DatasetSpec(), values)
    before = to_plain(written)
    resolved = resolve(written)
    assert to_plain(written) == before
    assert resolve(resolved) == resolved
    assert parse_spec(dump_spec(resolved)) == resolved
    assert parse_spec(dump_spec(written)) == resolved


def test_a_spec_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text("name: größe\n", encoding="utf-8")
    with pytest.raises(UsageError) as raised:
        load_spec(path)
    assert str(raised.value) == (
        f"spec {path}: name: 'größe' is no name; use letters, digits, '_' and '-', beginning with a letter"
    )
    path.write_text('{"sequences": {"t": {"type": "tokens"}}}')
    assert load_spec(str(path)) == parse_spec("sequences: {t: {type: tokens}}")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    missing = tmp_path / "none.yaml"
    binary = tmp_path / "spec.yaml"
    binary.write_bytes(b"name: \xff")
    errors = []
    for path in (missing, tmp_path, binary):
        with pytest.raises(UsageError) as raised:
            load_spec(path)
        assert raised.value.exit_code == 2
        errors.append(str(raised.value))
    assert errors == [
        f"spec {missing}: no such file; `python -m pipeline infer INPUT` proposes one",
        f"spec {tmp_path}: cannot be read: [Errno 21] Is a directory: '{tmp_path}'",
        f"spec {binary}: cannot be read: 'utf-8' codec can't decode byte 0xff in position 6: invalid start byte",
    ]
