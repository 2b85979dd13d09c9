"""The inputs and outcomes of TF Transform's vocabulary tests (beam/vocabulary_integration_test.py), in our conventions.

What differs, everywhere: 0 is padding, ids of tokens out of vocabulary come before those of tokens, ties go by
rising bytes (there: falling), and empty tokens and those with newlines are tokens as any others (there: left
out of text files). Weights, mutual information with a label and coverage by key are options that we do not have.
"""

from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from pipeline.analysis import Analysis
from pipeline.encode import encode_block
from pipeline.stage import _StageBlock
from tests.pipeline.helpers import example_values, make_job, plan_of, with_all_ids, write_jsonl
from tests.pipeline.test_encode import load

WORDS = ["hello", "world", "hello", "hello", "goodbye", "world", "aaaaa", " ", "", "\n", "hi \n ho \n", "\r"]
ROWS = [["hello", "hello", "world"], ["hello", "goodbye", "world"], ["hello", "goodbye", "foo"]]


class Found(NamedTuple):
    """What a data set of one sequence, x, or of several, has."""

    tokens: list[str]
    ids: list[list[int]]


def run(folder: Path, rows: list[Any], options: dict[str, Any], **sequence: Any) -> Found:
    """Stages, counts, plans and encodes records without a runner."""
    feature = {"type": "tokens", "empty": "keep", "vocabulary": options} | sequence
    spec = {"sequences": {"x": feature}, "split": {"fractions": {"train": 1.0}}}
    return run_spec(folder, spec, [{"x": row} for row in rows])["x"]


def run_spec(folder: Path, spec: dict[str, Any], records: list[dict[str, Any]]) -> dict[str, Found]:
    source = write_jsonl(folder / "in.jsonl", records)
    job = make_job(yaml.safe_dump(spec), source, folder / "out", block_bytes=1 << 20)
    staged, tagged = _StageBlock(with_all_ids(job)).work(job.blocks()[0])
    analysis: Analysis = tagged.value
    plan = plan_of(job, analysis)
    vocabularies = {name: token_plan.vocabulary for name, token_plan in plan.tokens.items()}
    vocabularies |= {feature: vocabularies[name] for feature, name in plan.shared.items()}
    block = encode_block(load(staged), job.spec, vocabularies, plan.buckets, job.splits, plan.moments, {})
    stored = [example_values(frame[12:-4]) for frame in block.frames.to_pylist()]
    return {
        name: Found(vocabulary.tokens.to_pylist(), [values[name] for values in stored])
        for name, vocabulary in vocabularies.items()
    }


def test_whitespace_newlines_and_empty_strings(tmp_path: Path) -> None:
    found = run(tmp_path, [[word] for word in WORDS], {})
    assert found.tokens == ["hello", "world", "", "\n", "\r", " ", "aaaaa", "goodbye", "hi \n ho \n"]
    assert [ids for [ids] in found.ids] == [2, 3, 2, 2, 9, 3, 8, 7, 4, 5, 10, 6]


def test_whitespace_newlines_and_empty_strings_with_oov_buckets(tmp_path: Path) -> None:
    found = run(tmp_path, [[word] for word in WORDS], {"oov_buckets": 4, "min_frequency": 2})
    assert found.tokens == ["hello", "world"]
    ids = [ids for [ids] in found.ids]
    assert [ids[i] for i in (0, 1, 2, 3, 5)] == [5, 6, 5, 5, 6]
    # By the hash of each, as `tf.strings.to_hash_bucket_fast(tokens, 4)` gives it, and 1.
    assert [ids[i] for i in (4, 6, 7, 8, 9, 10, 11)] == [4, 4, 4, 4, 2, 2, 3]


def test_positive_and_negative_integers(tmp_path: Path) -> None:
    numbers = [13, 14, 13, 13, 12, 14, 11, 10, 10, -10, -10, -20]
    found = run(tmp_path, [[number] for number in numbers], {})
    assert found.tokens == ["13", "-10", "10", "14", "-20", "11", "12"]
    assert [ids for [ids] in found.ids] == [2, 5, 2, 2, 8, 5, 7, 4, 4, 3, 3, 6]


@pytest.mark.parametrize(
    ("numbers", "options", "tokens"),
    [
        ([1, 2, 2, 3], {}, ["2", "1", "3"]),
        ([2, 1, 1, 1], {}, ["1", "2"]),
        ([111, 2, 2, 3], {"top_k": 2}, ["2", "111"]),
    ],
)
def test_integers(numbers: list[int], options: dict[str, Any], tokens: list[str], tmp_path: Path) -> None:
    assert run(tmp_path, [numbers], options).tokens == tokens


@pytest.mark.parametrize(
    ("words", "tokens"),
    [
        (["world", "hello", "hello"], ["hello", "world"]),
        (["hi", "ho ho", "ho ho"], ["ho ho", "hi"]),
    ],
)
def test_strings(words: list[str], tokens: list[str], tmp_path: Path) -> None:
    assert run(tmp_path, [words], {}).tokens == tokens


def test_top_k(tmp_path: Path) -> None:
    found = run(tmp_path, ROWS, {"top_k": 2})
    # goodbye and world come twice each; the tie goes to the smaller bytes.
    assert found == (["hello", "goodbye"], [[2, 2, 1], [2, 3, 1], [2, 3, 1]])


def test_frequency_threshold(tmp_path: Path) -> None:
    found = run(tmp_path, ROWS, {"min_frequency": 2})
    assert found == (["hello", "goodbye", "world"], [[2, 2, 4], [2, 3, 4], [2, 3, 1]])


def test_an_empty_vocabulary_from_a_high_threshold(tmp_path: Path) -> None:
    # No entry is made up for it: there is an empty file, and everything is out of vocabulary.
    assert run(tmp_path, ROWS, {"min_frequency": 77}) == ([], [[1, 1, 1]] * 3)
    assert run(tmp_path, [["a"], ["b"]], {"min_frequency": 5, "oov_buckets": 2}).tokens == []


def test_top_k_and_oov(tmp_path: Path) -> None:
    rows = [["hello", "hello", "world", "world"], ["hello", "tarkus", "toccata"], ["hello", "goodbye", "foo"]]
    found = run(tmp_path, rows, {"top_k": 1, "oov_buckets": 3})
    # There: hello 0, then the buckets [2, 2], [3, 1], [2, 1] behind it. The buckets are the same, from 1.
    assert found == (["hello"], [[4, 4, 2, 2], [4, 3, 1], [4, 2, 1]])


@pytest.mark.parametrize(
    ("rows", "ids"),
    [
        ([["world", "hello", "hello"], ["hello", "world", "foo"], [], ["hello"]], [[3, 2, 2], [2, 3, 1], [], [2]]),
        (
            [
                ["world", "hello", "hello"],
                ["hello", "world", "moo"],
                ["hello", "hello", "foo"],
                ["world", "foo", "moo"],
            ],
            [[3, 2, 2], [2, 3, 1], [2, 2, 1], [3, 1, 1]],
        ),
        ([["world", "hello", "hi", "moo"], [], ["world", "hello", "foo"], []], [[3, 2, 1, 1], [], [3, 2, 1], []]),
    ],
    ids=["varlen", "vector", "some empty"],
)
def test_lists_of_tokens(rows: list[list[str]], ids: list[list[int]], tmp_path: Path) -> None:
    assert run(tmp_path, rows, {"top_k": 2}) == (["hello", "world"], ids)


def test_tokens_of_a_text(tmp_path: Path) -> None:
    found = run(tmp_path, ["hello hello world", "hello goodbye world"], {}, tokenizer="whitespace")
    assert found == (["hello", "world", "goodbye"], [[2, 2, 3], [2, 4, 3]])


def test_order_of_many_tied_tokens(tmp_path: Path) -> None:
    words = ["foo", "hello", "aaaaa", "goodbye", "bar", "hello", "goodbye", "hello", "hello", "goodbye", "aaaaa"]
    assert run(tmp_path, [words], {}).tokens == ["hello", "goodbye", "aaaaa", "bar", "foo"]


def test_one_vocabulary_of_several_features(tmp_path: Path) -> None:
    rows = [("hello", "world", "aaaaa"), ("good", "", "hello"), ("goodbye", "hello", "\n"), (" ", "aaaaa", "bbbbb")]
    shared = {"type": "category", "vocabulary": {"shared_with": "a"}}
    spec = {
        "sequences": {"a": {"type": "tokens"}},
        "context": {"b": shared, "c": shared},
        "split": {"fractions": {"train": 1.0}},
    }
    found = run_spec(tmp_path, spec, [{"a": [a], "b": b, "c": c} for a, b, c in rows])
    tokens = ["hello", "aaaaa", "", "\n", " ", "bbbbb", "good", "goodbye", "world"]
    assert found["a"] == (tokens, [[2], [8], [9], [6]])
    assert found["b"] == (tokens, [[10], [4], [2], [3]])
    assert found["c"] == (tokens, [[3], [2], [5], [7]])


def test_reserved_tokens_that_are_in_the_data(tmp_path: Path) -> None:
    # There the size counts such a token twice.
    rows = [["hello", "[UNK]", "world"], ["hello", "hello", "[UNK]"]]
    found = run(tmp_path, rows, {"special_tokens": ["[PAD]", "[UNK]"], "top_k": 1})
    assert found == (["[PAD]", "[UNK]", "hello"], [[4, 3, 1], [4, 4, 3]])


def test_no_tokens_at_all(tmp_path: Path) -> None:
    assert run(tmp_path, [[], []], {}) == ([], [[], []])
    assert run(tmp_path, [[], []], {"special_tokens": ["<s>"]}) == (["<s>"], [[], []])


def test_strange_tokens_are_tokens(tmp_path: Path) -> None:
    words = ["<script>alert(1)</script>", "&amp;", "\x01\x1b[31m", "שלום", "\u202eabc", "\\n", "a\\", "\0"]
    found = run(tmp_path, [words], {})
    assert found.tokens == sorted(words, key=str.encode)
    assert found.ids == [[2 + found.tokens.index(word) for word in words]]
