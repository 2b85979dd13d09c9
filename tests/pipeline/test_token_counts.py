import pickle
from collections import Counter
from dataclasses import dataclass
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.token_counts import TokenCounts, count_indices
from tests.pipeline.helpers import bag_of

tokens = st.text(st.sampled_from("abß\n\0 東"), max_size=2)


def counter_of(bag: TokenCounts) -> Counter[str]:
    names, counts = bag.to_arrays()
    assert len(set(names.to_pylist())) == len(names)
    assert names.type == pa.string()
    assert counts.type == pa.int64()
    return Counter(dict(zip(names.to_pylist(), counts.to_pylist(), strict=True)))


@given(st.lists(st.lists(tokens, max_size=12), max_size=8), st.randoms(use_true_random=False))
def test_any_partition_and_any_order_count_the_same(parts: list[list[str]], draw: Random) -> None:
    bags = [bag_of(part) for part in parts] or [TokenCounts()]
    while len(bags) > 1:
        draw.shuffle(bags)
        left, right = bags.pop(), bags.pop()
        if draw.random() < 0.3:
            right.compact()
        left.merge(right)
        bags.append(left)
    assert counter_of(bags[0]) == Counter(word for part in parts for word in part)


@given(st.lists(st.tuples(tokens, st.integers(1, 2**40)), max_size=20))
def test_counts_may_be_large_and_tokens_may_come_again(pairs: list[tuple[str, int]]) -> None:
    bag = TokenCounts()
    for token, count in pairs:
        bag.add(pa.array([token], pa.string()), np.array([count], np.int64))
    expected: Counter[str] = Counter()
    for token, count in pairs:
        expected[token] += count
    assert counter_of(bag) == expected


def test_merging_leaves_the_other_one_as_it_was() -> None:
    left, right = bag_of(["a", "b"]), bag_of(["b"])
    left.merge(right)
    left.merge(right)
    assert counter_of(left) == Counter(a=1, b=3)
    assert counter_of(right) == Counter(b=1)


def test_entries_of_the_dictionary_that_do_not_occur_are_not_counted() -> None:
    assert counter_of(count_indices(pa.array(["a", "b", "c"]), np.array([2, 0, 2]))) == Counter(c=2, a=1)


def test_nothing() -> None:
    assert counter_of(TokenCounts()) == Counter()
    assert counter_of(bag_of([])) == Counter()
    assert counter_of(TokenCounts().compact()) == Counter()


@pytest.mark.parametrize("compact", [False, True])
def test_a_bag_survives_pickling(compact: bool) -> None:
    bag = bag_of(["a", "b", "a"])
    bag.merge(bag_of(["c"]))
    bag = bag.compact() if compact else bag
    assert counter_of(pickle.loads(pickle.dumps(bag))) == Counter(a=2, b=1, c=1)


@dataclass
class Watched(TokenCounts):
    """Counts the rows that merging touches."""

    touched: int = 0

    def compact(self) -> "TokenCounts":
        if self.waiting:
            self.touched += self.merged.num_rows + sum(table.num_rows for table in self.waiting)
        return super().compact()


@pytest.mark.parametrize("same", [True, False])
def test_merging_touches_each_row_a_few_times_only(same: bool) -> None:
    """Merging at every addition would touch 200 * 201 / 2 * 50 rows of different tokens."""
    bag, rows = Watched(), 50
    for i in range(200):
        names = [f"{0 if same else i}-{j}" for j in range(rows)]
        bag.add(pa.array(names), np.ones(rows, np.int64))
    # What waits is more than what is merged whenever both are merged: below twice what was added.
    assert bag.touched < 2 * 200 * rows
    assert sum(table.num_rows for table in bag.waiting) <= bag.merged.num_rows
    assert counter_of(bag).total() == 200 * rows
