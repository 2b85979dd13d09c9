"""Ids of staged parts in shares, and which of them occur again."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.id_files import read_ids, repeated, write_ids

HALVES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=30)


@given(HALVES)
def test_every_digest_that_an_earlier_record_has_is_found(pairs: list[tuple[int, int]]) -> None:
    high, low = (np.array([pair[i] for pair in pairs], np.uint64) for i in (0, 1))
    again, first = repeated(high, low)
    found = dict(zip(again.tolist(), first.tolist(), strict=True))
    assert len(found) == len(again)
    assert found == {i: pairs.index(pair) for i, pair in enumerate(pairs) if pairs.index(pair) < i}


def test_digests_with_one_equal_half_are_different() -> None:
    again, first = repeated(np.array([5, 5, 5], np.uint64), np.array([1, 2, 1], np.uint64))
    assert (again.tolist(), first.tolist()) == ([2], [0])


def test_shares_hold_every_id_once_by_its_digest(tmp_path: Path) -> None:
    path = str(tmp_path / "ids.arrow")
    digests = np.random.default_rng(3).integers(0, 2**64, (500, 2), np.uint64, endpoint=False)
    files = pa.array([f"f{i % 3}" for i in range(500)]).dictionary_encode()
    files = pa.DictionaryArray.from_arrays(files.indices.cast(pa.int16()), files.dictionary)
    offsets = np.arange(500) * 10
    for shares in (1, 2, 7, 64):
        write_ids(path, digests, files, offsets, shares)
        read = [read_ids(path, share) for share in range(shares)]
        tops = [batch["high"].to_numpy() for batch in read]
        assert all(low.max() < high.min() for low, high in pairwise(tops))
        whole = pa.Table.from_batches(read).sort_by("record").to_pydict()
        assert whole["record"] == list(range(500))
        assert list(map(list, zip(whole["high"], whole["low"], strict=True))) == digests.tolist()
        assert (whole["offset"], whole["file"]) == (offsets.tolist(), files.to_pylist())


def test_a_part_without_records_has_empty_shares(tmp_path: Path) -> None:
    path = str(tmp_path / "ids.arrow")
    nothing = pa.DictionaryArray.from_arrays(pa.array([], pa.int16()), pa.array(["a"]))
    write_ids(path, np.zeros((0, 2), np.uint64), nothing, np.zeros(0, np.int64), 3)
    assert [read_ids(path, share).num_rows for share in range(3)] == [0, 0, 0]


def test_ids_may_be_of_more_files_than_16_bits_tell_apart(tmp_path: Path) -> None:
    path, count = str(tmp_path / "ids.arrow"), (1 << 16) + 1
    files = pa.array([f"f{i}" for i in range(count)]).dictionary_encode()
    digests = np.arange(2 * count, dtype=np.uint64).reshape(-1, 2)
    write_ids(path, digests, files, np.zeros(count, np.int64), 1)
    assert read_ids(path, 0)["file"][count - 1].as_py() == f"f{count - 1}"
