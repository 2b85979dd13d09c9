"""The hash of strings: fixed for ever, well spread, and the same however the strings lie in memory."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import hashing
from schemas.hashing import hash_strings

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)


def strings(values: list[str]) -> pa.StringArray:
    return pa.array(values, pa.string())


def by_the_formula(text: str) -> int:
    """As the module describes it, one byte at a time."""
    size = 1 << 64
    value = sum((byte + 1) * pow(0x9E3779B97F4A7C15, i, size) for i, byte in enumerate(text.encode())) % size
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        value = (value ^ value >> shift) * factor % size
    return value ^ value >> 31


@given(st.lists(texts, max_size=20))
def test_the_hash_is_that_of_the_formula(values: list[str]) -> None:
    assert hash_strings(strings(values)).tolist() == [by_the_formula(text) for text in values]


def test_the_hash_of_a_text_never_changes() -> None:
    """All workers of a run must agree, whatever machine they are."""
    known = {"": 0, "a": 0xF2F8EDE6FA70BF5F, "the": 0xF0E0F33BA7A705CD, "東京\0\n": 0x77FDC841385B260E}
    assert hash_strings(strings(list(known))).tolist() == list(known.values())


@pytest.mark.parametrize("chunk", [1, 2, 7])
def test_chunks_change_nothing(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    values = ["", "a", "abcdefgh", "", "東京", "x" * 50, "b", ""]
    whole = hash_strings(strings(values))
    monkeypatch.setattr(hashing, "_CHUNK_BYTES", chunk)
    hashing._powers.cache_clear()
    assert hash_strings(strings(values)).tolist() == whole.tolist()
    hashing._powers.cache_clear()


@pytest.mark.parametrize("size", [7, 8, 9, 30])
def test_a_string_longer_than_a_chunk(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(hashing, "_CHUNK_BYTES", 8)
    hashing._powers.cache_clear()
    values = ["a", "xyz"[size % 3] * size, "b", ""]
    hashes = hash_strings(strings(values)).tolist()
    hashing._powers.cache_clear()
    assert hashes == [by_the_formula(text) for text in values]


def test_a_part_of_an_array_hashes_alike() -> None:
    array = strings(["a", "bc", "", "def", "g"])
    assert hash_strings(array[1:4]).tolist() == hash_strings(array)[1:4].tolist()
    assert hash_strings(array[5:]).tolist() == []


def test_like_strings_spread_over_all_values() -> None:
    hashes = hash_strings(strings([f"w{i}" for i in range(64_000)]))
    assert len(np.unique(hashes)) == 64_000
    for bits in (hashes >> np.uint64(58), hashes & np.uint64(63)):
        counts = np.bincount(bits.astype(np.int64), minlength=64)
        assert counts.min() > 800
        assert counts.max() < 1_200
