from collections import Counter
from dataclasses import dataclass
from random import Random
from unittest import mock

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.vocabulary.token_counts import COUNTS, TokenCounts

tokens = st.text(st.sampled_from("abß\n\0 東"), max_size=2)


def counter_of(bag: TokenCounts) -> Counter[str]:
    merged = bag.compact().merged
    assert merged.schema == COUNTS
    names, counts = merged["token"].to_pylist(), merged["count"].to_pylist()
    assert len(set(names)) == len(names)
    return Counter(dict(zip(names, counts, strict=True)))


def table_of(pairs: list[tuple[str, int]]) -> pa.Table:
    names, counts = [token for token, _ in pairs], [count for _, count in pairs]
    return pa.table({"token": names, "count": counts}, schema=COUNTS)


@given(st.lists(st.lists(st.tuples(tokens, st.integers(1, 2**40)), max_size=9), max_size=8), st.randoms())
def test_any_tables_in_any_order_count_the_same(parts: list[list[tuple[str, int]]], draw: Random) -> None:
    draw.shuffle(parts)
    bag, expected = TokenCounts(), Counter[str]()
    with mock.patch("pipeline.vocabulary.token_counts._MANY_ROWS", draw.choice([0, 5, 10**6])):
        for part in parts:
            bag.add(table_of(part))
            for token, count in part:
                expected[token] += count
            if draw.random() < 0.3:
                bag.compact()
    assert counter_of(bag) == expected


def test_few_tables_wait_until_they_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.vocabulary.token_counts._MANY_ROWS", 3)
    bag = TokenCounts()
    for waiting in (2, 3, 0):
        bag.add(table_of([("a", 1)] * (2 if waiting == 2 else 1)))
        assert sum(table.num_rows for table in bag.waiting) == waiting
    assert counter_of(bag) == Counter(a=4)


def test_nothing() -> None:
    assert counter_of(TokenCounts()) == Counter()
    assert counter_of(TokenCounts().add(table_of([]))) == Counter()


@dataclass
class Watched(TokenCounts):
    """Counts the rows that merging touches."""

    touched: int = 0

    def compact(self) -> "TokenCounts":
        if self.waiting:
            self.touched += self.merged.num_rows + sum(table.num_rows for table in self.waiting)
        return super().compact()


@pytest.mark.parametrize("same", [True, False])
def test_merging_touches_each_row_a_few_times_only(monkeypatch: pytest.MonkeyPatch, same: bool) -> None:
    """Merging at every addition would touch 200 * 201 / 2 * 50 rows of different tokens."""
    monkeypatch.setattr("pipeline.vocabulary.token_counts._MANY_ROWS", 0)
    bag, rows = Watched(), 50
    for i in range(200):
        names = [f"{0 if same else i}-{j}" for j in range(rows)]
        bag.add(table_of([(name, 1) for name in names]))
    # What waits is more than what is merged whenever both are merged: below twice what was added.
    assert bag.touched < 2 * 200 * rows
    assert sum(table.num_rows for table in bag.waiting) <= bag.merged.num_rows
    assert counter_of(bag).total() == 200 * rows
