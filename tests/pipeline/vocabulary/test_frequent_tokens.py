"""Approximate counts: never too large, and too small by no more than they say."""

from collections import Counter

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.vocabulary.frequent_tokens import FrequentTokens
from pipeline.vocabulary.token_counts import COUNTS

blocks = st.lists(st.dictionaries(st.sampled_from("abcdefghij"), st.integers(1, 50), max_size=8), max_size=8)


def table_of(counts: dict[str, int]) -> pa.Table:
    return pa.table({"token": list(counts), "count": list(counts.values())}, schema=COUNTS)


def summary_of(parts: list[dict[str, int]], counters: int) -> FrequentTokens:
    summary = FrequentTokens(counters)
    for part in parts:
        summary.add(table_of(part))
    return summary


def check_bound(summary: FrequentTokens, parts: list[dict[str, int]]) -> None:
    exact = sum((Counter(part) for part in parts), Counter[str]())
    found = dict(zip(*summary.counts.to_pydict().values(), strict=True))
    assert summary.total == exact.total()
    assert len(found) <= summary.counters
    assert summary.error <= summary.total // (summary.counters + 1)
    for token, count in exact.items():
        assert count - summary.error <= found.get(token, 0) <= count


@given(blocks, st.integers(1, 12))
def test_counts_are_within_the_bound(parts: list[dict[str, int]], counters: int) -> None:
    check_bound(summary_of(parts, counters), parts)


@given(blocks, blocks, st.integers(1, 12))
def test_merged_summaries_are_within_the_bound_of_both(
    one: list[dict[str, int]], two: list[dict[str, int]], counters: int
) -> None:
    check_bound(summary_of(one, counters).merge(summary_of(two, counters)), one + two)


@given(blocks)
def test_with_a_counter_for_each_token_counts_are_exact(parts: list[dict[str, int]]) -> None:
    summary = summary_of(parts, 10)
    exact = sum((Counter(part) for part in parts), Counter[str]())
    assert summary.error == 0
    assert dict(zip(*summary.counts.to_pydict().values(), strict=True)) == exact


@given(blocks, st.integers(1, 12))
def test_the_order_within_a_block_does_not_matter(parts: list[dict[str, int]], counters: int) -> None:
    turned = summary_of([dict(reversed(part.items())) for part in parts], counters)
    one, other = (sorted(summary.counts.to_pylist(), key=str) for summary in (summary_of(parts, counters), turned))
    assert one == other


def test_an_example() -> None:
    summary = summary_of([{"a": 5, "b": 2}, {"c": 3, "d": 1}], 2)
    # Of 5, 2, 3 and 1 the third largest, 2, goes from all.
    assert sorted(summary.counts.to_pylist(), key=lambda row: row["token"]) == [
        {"token": "a", "count": 3},
        {"token": "c", "count": 1},
    ]
    assert (summary.error, summary.total) == (2, 11)
    assert (FrequentTokens(3).counts.num_rows, FrequentTokens(3).error) == (0, 0)
