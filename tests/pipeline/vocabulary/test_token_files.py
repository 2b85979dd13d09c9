"""Token counts of a block, part by part."""

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.vocabulary.token_files import (
    PARTITIONS,
    joined,
    occurring,
    once_each,
    partition_of,
    read_token_counts,
    token_columns,
    write_token_counts,
)
from schemas.spec import parse_spec

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.text("ab\n\0", max_size=30)


@given(st.lists(texts, max_size=20), st.integers(0, 5))
def test_a_token_is_in_the_same_partition_wherever_it_stands(tokens: list[str], start: int) -> None:
    whole = partition_of(pa.array(tokens, pa.string()))
    assert partition_of(pa.array(tokens, pa.string()).slice(start)).tolist() == whole.tolist()[start:]
    assert [partition_of(pa.array([token], pa.string()))[0] for token in tokens] == whole.tolist()
    assert all(0 <= partition < PARTITIONS for partition in whole.tolist())


def test_partitions_do_not_change_between_releases() -> None:
    tokens = pa.array(["", "a", "b", "the", "12345678", "123456789", "東京", "x" * 1000])
    assert partition_of(tokens).tolist() == [0, 30, 15, 30, 28, 22, 19, 25]


def test_similar_tokens_are_shared_out() -> None:
    for form in ("{}", "user-{:09d}", "{}@example.com", "https://example.com/{}/index.html"):
        counts = np.bincount(partition_of(pa.array([form.format(i) for i in range(32_000)])), minlength=PARTITIONS)
        assert counts.min() > 500, form
        assert counts.max() < 2_000, form


@given(st.lists(st.lists(texts, max_size=30), min_size=1, max_size=3), st.integers(0, PARTITIONS), st.integers(0, 9))
def test_what_is_written_is_read_by_column_and_partition(columns: list[list[str]], first: int, span: int) -> None:
    tables = []
    for words in columns:
        encoded = pa.array(words, pa.string()).dictionary_encode()
        tables.append(occurring(encoded.dictionary, encoded.indices.to_numpy()))
    partitions = range(first, min(PARTITIONS, first + span))
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "tokens")
        write_token_counts(path, tables)
        for column, words in enumerate(columns):
            wanted = Counter(word for word in words if partition_of(pa.array([word]))[0] in partitions)
            found = read_token_counts(path, column, partitions).to_pydict()
            assert dict(zip(found["token"], found["count"], strict=True)) == wanted


def test_entries_of_the_dictionary_that_do_not_occur_are_not_counted() -> None:
    table = occurring(pa.array(["a", "b", "c"]), np.array([2, 0, 2])).to_pydict()
    assert dict(zip(table["token"], table["count"], strict=True)) == {"c": 2, "a": 1}


def test_vocabularies_are_counted_of_tokens_and_classes() -> None:
    sequences = "sequences: {b: {type: tokens}, a: {type: tokens}, x: {type: series, dims: 1}}\n"
    assert token_columns(parse_spec(sequences + "label: {type: class}")) == ["a", "b", "label"]
    assert token_columns(parse_spec(sequences + "label: {type: number}")) == ["a", "b"]
    assert token_columns(parse_spec(sequences)) == ["a", "b"]


@given(st.lists(st.lists(texts, max_size=9), min_size=1, max_size=4))
def test_features_are_counted_together_in_one_dictionary(columns: list[list[str]]) -> None:
    encoded = [pa.array(words, pa.string()).dictionary_encode() for words in columns]
    narrow = [(column.dictionary, column.indices.to_numpy().astype(np.uint16)) for column in encoded]
    dictionary, indices = joined(narrow)
    assert dictionary.take(pa.array(indices)).to_pylist() == [word for words in columns for word in words]
    assert len(set(dictionary.to_pylist())) == len(dictionary)


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abcd")), max_size=30))
def test_a_record_has_each_token_once(pairs: list[tuple[int, str]]) -> None:
    encoded = pa.array([word for _, word in pairs], pa.string()).dictionary_encode()
    records = np.array([record for record, _ in pairs], np.int64)
    dictionary, indices = once_each(encoded.dictionary, encoded.indices.to_numpy(), records)
    assert Counter(dictionary.take(pa.array(indices)).to_pylist()) == Counter(word for _, word in set(pairs))
