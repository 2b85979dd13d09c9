"""Fingerprints against those of FarmHash itself; the tests of the trainer compare them with TensorFlow's."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.farmhash import fingerprint64, hash_buckets


def test_fingerprints_do_not_change_between_releases() -> None:
    texts = ["", "a", "abc", "abcd", "12345678", "x" * 17, "東京" * 6, "y" * 64, "z" * 65, "0123456789" * 30]
    assert [f"{value:016x}" for value in fingerprint64(pa.array(texts)).tolist()] == [
        "9ae16a3b2f90404f",
        "b3454265b6df75e3",
        "24a5b3a074e7f369",
        "1a5502de4a1f8101",
        "2f99d2664a0fb6ea",
        "9ce745a1f3812fa5",
        "0a51a3bafbcb5e38",
        "3e0f00391283e8b8",
        "732f393fa3e7df35",
        "bf0a844c21ff38c3",
    ]


@given(st.lists(st.text(max_size=90), max_size=40), st.integers(0, 5))
def test_a_string_has_the_same_hash_wherever_it_stands(texts: list[str], start: int) -> None:
    whole = fingerprint64(pa.array(texts, pa.string()))
    assert fingerprint64(pa.array(texts, pa.string()).slice(start)).tolist() == whole.tolist()[start:]
    assert [fingerprint64(pa.array([text], pa.string()))[0] for text in texts] == whole.tolist()


@pytest.mark.parametrize("length", [3, 20, 200])
def test_more_strings_than_are_hashed_at_once(length: int) -> None:
    texts = [str(i).zfill(length) for i in range(100)] * 170  # 17,000
    hashes = fingerprint64(pa.array(texts))
    assert hashes.reshape(170, 100).tolist() == [hashes[:100].tolist()] * 170


def test_buckets_share_tokens_out() -> None:
    buckets = hash_buckets(pa.array([f"token-{i}" for i in range(10_000)]), 10)
    counts = [(buckets == i).sum() for i in range(10)]
    assert min(counts) > 900
    assert max(counts) < 1_100
    assert set(hash_buckets(pa.array(["a", "b", "c"]), 1).tolist()) == {0}
