"""Ids, splits and places: the same everywhere and for ever.

The literal values must not change: with them every split of every data set would.
"""

import hashlib
import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.ragged import Ragged, from_lists
from schemas.records.identity import assign_splits, content_ids, places, split_order

TEXTS = st.lists(st.text(max_size=4), min_size=1, max_size=6)
LISTS = st.lists(st.lists(st.text("abé", max_size=2), max_size=3), min_size=1, max_size=6)


def strings(values: list[str]) -> pa.StringArray:
    return pa.array(values, pa.string())


def lists(rows: list[list[str]]) -> pa.ListArray:
    return pa.array(rows, pa.list_(pa.string()))


def series(rows: list[list[float]], dims: int = 1) -> Ragged:
    return from_lists(pa.array(rows, pa.list_(pa.float32())), dims)


def ids_of(*columns: pa.Array | Ragged) -> list[str]:
    ids: list[str] = content_ids(columns).to_pylist()
    return ids


def by_hand(*parts: bytes) -> str:
    content = b"".join(struct.pack("<Q", len(part)) + part for part in parts)
    return hashlib.blake2b(content, digest_size=16, person=b"lengthwise").hexdigest()


def test_ids_that_must_never_change() -> None:
    assert ids_of(strings(["the cat", ""])) == [
        "a6dbd29905c3fa00a130f9f39ac3402e",
        "562a21544dd7d2f042c527f69a6a09ff",
    ]
    assert ids_of(lists([["ab", "c"], []])) == [
        "131f563cafc5b538bcb6e3b90af5b33f",
        "fb90a1ffed70efc862233b4333f97954",
    ]
    assert ids_of(series([[1.5, -2.0], []], dims=2)) == [
        "bb5f9bece9f5eccd6a09e259ffb9bfc0",
        "562a21544dd7d2f042c527f69a6a09ff",
    ]


def test_an_id_is_a_hash_of_lengths_and_contents() -> None:
    sizes = struct.pack("<2I", 2, 1)
    assert ids_of(lists([["é", "c"]])) == [by_hand(sizes, "éc".encode())]
    assert ids_of(strings(["ab"])) == [by_hand(b"ab")]
    assert ids_of(series([[1.5, 2.0]]), strings(["s"])) == [by_hand(struct.pack("<2f", 1.5, 2.0), b"s")]
    assert ids_of(lists([[]])) == [by_hand(b"", b"")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lists([["ab", "c"]]), lists([["a", "bc"]])),
        (lists([["a"]]), lists([["a", ""]])),
        (lists([["", "a"]]), lists([["a", ""]])),
        (lists([[]]), lists([[""]])),
        (strings(["a"]), strings(["A"])),
        (strings(["é"]), strings(["e\u0301"])),
    ],
)
def test_contents_that_look_alike_have_other_ids(one: pa.Array, other: pa.Array) -> None:
    assert ids_of(one) != ids_of(other)


def test_content_that_moves_to_the_next_column_has_another_id() -> None:
    assert ids_of(strings(["ab"]), strings(["c"])) != ids_of(strings(["a"]), strings(["bc"]))
    assert ids_of(series([[1]]), series([[]])) != ids_of(series([[]]), series([[1]]))
    assert ids_of(strings(["a"])) != ids_of(strings(["a"]), strings([""]))


@given(TEXTS, LISTS, st.integers(0, 5), st.randoms(use_true_random=False))
def test_an_id_knows_nothing_of_blocks_and_rows(
    texts: list[str], rows: list[list[str]], cut: int, random: object
) -> None:
    count = min(len(texts), len(rows))
    order = list(range(count))
    random.shuffle(order)  # type: ignore[attr-defined]
    numbers = [[float(len(text))] * (i % 3) for i, text in enumerate(texts)]

    def ids(index: list[int], before: int = 0) -> list[str]:
        """Ids of some records, as a part of longer columns."""
        index = [0] * before + index
        columns = (
            strings([texts[i] for i in index]).slice(before),
            lists([rows[i] for i in index]).slice(before),
            from_lists(pa.array([numbers[i] for i in index], pa.list_(pa.float32())).slice(before)),
        )
        return ids_of(*columns)

    whole = ids(list(range(count)))
    assert ids(order) == [whole[i] for i in order]
    assert ids(list(range(count))[:cut]) + ids(list(range(count))[cut:], before=2) == whole
    assert len(set(whole)) == len({(texts[i], str(rows[i]), str(numbers[i])) for i in range(count)})


def test_no_records_have_no_ids() -> None:
    assert ids_of(strings([])) == ids_of(series([])) == []


def test_places_that_must_never_change() -> None:
    found = places(strings(["a", "", "größe"]), salt=0)
    assert found.order.tolist() == [9736438159780657749, 17143894971684428002, 847989002803639117]
    assert found.share.tolist() == [0.7461505021646119, 0.866133429611343, 0.007801098827560082]
    assert places(strings(["a"]), salt=-2147483648).order.tolist() == [13653311862537640870]


def test_a_place_is_a_salted_hash_of_the_id() -> None:
    digest = hashlib.blake2b(b"r1", digest_size=16, person=b"lengthwise", salt=b"7").digest()
    order, share = struct.unpack("<2Q", digest)
    found = places(strings(["r1"]), salt=7)
    assert found.order.tolist() == [order]
    assert found.share.tolist() == [(share >> 11) / 2**53]
    assert (found.order.dtype, found.share.dtype) == (np.uint64, np.float64)


@given(TEXTS, st.integers(-(2**31), 2**31 - 1))
def test_a_place_comes_from_the_id_and_the_salt_alone(ids: list[str], salt: int) -> None:
    whole = places(strings(["x", *ids]).slice(1), salt)
    each = [places(strings([one]), salt) for one in ids]
    assert whole.order.tolist() == [int(one.order[0]) for one in each]
    assert whole.share.tolist() == [float(one.share[0]) for one in each]
    other = places(strings(ids), salt - 1)
    assert not (other.order == whole.order).any()
    assert not (other.share == whole.share).any()


def test_no_records_have_no_places() -> None:
    found = places(strings([]), 0)
    assert (found.order.shape, found.share.shape) == ((0,), (0,))


def test_shares_are_uniform_and_independent_of_the_order() -> None:
    count, cells = 20_000, 20
    found = places(strings([f"record {i}" for i in range(count)]), salt=3)
    assert found.share.min() >= 0
    assert found.share.max() < 1
    table = np.zeros((cells, cells))
    np.add.at(table, ((found.share * cells).astype(int), (found.order / 2.0**64 * cells).astype(int)), 1)
    wanted = count / cells**2
    # Chi square with 399 degrees of freedom: mean 399, standard deviation 28.
    assert 399 - 5 * 28 < ((table - wanted) ** 2 / wanted).sum() < 399 + 5 * 28


def test_the_order_of_splits() -> None:
    fractions = dict.fromkeys(["zeta", "test", "alpha", "validation", "train"], 0.2)
    assert split_order(fractions) == ["train", "validation", "test", "alpha", "zeta"]
    assert split_order({"test": 0.5, "holdout": 0.5}) == ["test", "holdout"]


def test_shares_become_splits() -> None:
    share = np.array([0.0, 0.4999, 0.5, 0.7499, 0.75, 0.9999999999999999])
    assert assign_splits(share, {"test": 0.25, "train": 0.5, "validation": 0.25}).tolist() == [0, 0, 1, 1, 2, 2]
    assert assign_splits(share, {"train": 1.0}).tolist() == [0] * 6
    assert assign_splits(np.array([]), {"train": 1.0}).tolist() == []


def test_a_split_of_nothing_gets_nothing() -> None:
    share = np.array([0.0, 0.3, 0.5, 0.99])
    assert assign_splits(share, {"train": 0.0, "validation": 0.5, "test": 0.5}).tolist() == [1, 1, 2, 2]
    assert assign_splits(share, {"train": 0.5, "validation": 0.0, "test": 0.5}).tolist() == [0, 0, 2, 2]
    assert assign_splits(share, {"train": 0.5, "validation": 0.5, "test": 0.0}).tolist() == [0, 0, 1, 1]


@given(st.lists(st.floats(0, 1, exclude_max=True), max_size=30), st.integers(1, 9), st.integers(1, 9))
def test_other_fractions_leave_the_training_split_alone(shares: list[float], one: int, other: int) -> None:
    share = np.array(shares)
    first = assign_splits(share, {"train": 0.5, "validation": one / 20, "test": 0.5 - one / 20})
    second = assign_splits(share, {"train": 0.5, "validation": other / 20, "test": 0.5 - other / 20})
    assert ((first == 0) == (second == 0)).all()
    assert ((first == 0) == (share < 0.5)).all()


def test_a_larger_training_split_keeps_its_records() -> None:
    share = places(strings([str(i) for i in range(5000)]), 0).share
    sizes = {}
    for percent in (50, 80, 90):
        train = assign_splits(share, {"train": percent / 100, "test": 1 - percent / 100}) == 0
        assert abs(train.mean() - percent / 100) < 0.02
        sizes[percent] = train
    assert (sizes[50] <= sizes[80]).all()
    assert (sizes[80] <= sizes[90]).all()
