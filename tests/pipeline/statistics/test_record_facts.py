from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.moments import moments_of
from pipeline.statistics import record_facts
from pipeline.statistics.encoded_facts import oov_sums, whole_moments
from pipeline.statistics.record_facts import ClassLengths, OovSums, RecordFacts, WholeMoments

# One example: class, length, length before it was cut, a number, a whole number, whether the category is unknown.
examples = st.tuples(
    st.integers(0, 3),
    st.integers(0, 5),
    st.integers(5, 9),
    st.floats(width=32, allow_nan=False, allow_infinity=False),
    st.integers(-(2**40), 2**40),
    st.booleans(),
)
Examples = list[tuple[int, int, int, float, int, bool]]


def facts_of(block: Examples) -> RecordFacts:
    return RecordFacts(
        uncut={"text": Counter(uncut for _, _, uncut, *_ in block)},
        by_class={"text": ClassLengths(Counter((label, length) for label, length, *_ in block))},
        numbers={"x": moments_of(np.array([[row[3]] for row in block], np.float32).reshape(-1, 1))},
        whole={"id/start": whole_moments(np.array([row[4] for row in block], np.int64))},
        characters={"letters": Counter(length for _, length, *_ in block)},
        ids={"text": Counter(label + 1 for label, *_ in block)},
        unknown=Counter(shop=sum(row[5] for row in block)),
        text_bytes=Counter(id=len(block)),
        oov={"text": oov_of([row[1] for row in block], [row[2] for row in block])},
    )


def oov_of(unknown: list[int], lengths: list[int]) -> OovSums:
    return oov_sums(np.array(unknown, np.int64), np.array(lengths, np.int64), np.ones(len(lengths), np.bool_))


def merged(parts: list[RecordFacts]) -> RecordFacts:
    whole = RecordFacts()
    for part in parts:
        whole.merge(part)
    return whole


@given(st.lists(st.lists(examples, max_size=6), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_any_partition_and_any_order_give_the_same(blocks: list[Examples], draw: Random) -> None:
    whole = merged([facts_of([example for block in blocks for example in block])])
    parts = [facts_of(block) for block in blocks]
    while len(parts) > 1:
        draw.shuffle(parts)
        parts.append(merged([parts.pop(), parts.pop()]))
    assert merged(parts) == whole


@given(st.lists(examples, max_size=6))
def test_merging_leaves_the_other_one_as_it_was(block: Examples) -> None:
    part = facts_of(block)
    whole = merged([part, part])
    whole.merge(part)
    assert part == facts_of(block)
    assert whole.text_bytes["id"] == 3 * len(block)


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=8), min_size=1, max_size=6),
    st.randoms(use_true_random=False),
)
def test_too_many_pairs_in_any_order(blocks: list[list[tuple[int, int]]], draw: Random) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record_facts, "MOST_PAIRS", 6)
        parts = [ClassLengths() for _ in blocks]
        for part, block in zip(parts, blocks, strict=True):
            part.merge(ClassLengths(Counter(block)))
        while len(parts) > 1:
            draw.shuffle(parts)
            left, right = parts.pop(), parts.pop()
            left.merge(right)
            parts.append(left)
    pairs = Counter(pair for block in blocks for pair in block)
    assert parts[0] == (ClassLengths(too_many=True) if len(pairs) > 6 else ClassLengths(pairs))


@given(st.lists(st.integers(-(2**50), 2**50), min_size=1, max_size=50))
def test_moments_of_whole_numbers(numbers: list[int]) -> None:
    assert whole_moments(np.array(numbers, np.int64)) == WholeMoments(
        count=len(numbers),
        total=sum(numbers),
        squares=sum(number**2 for number in numbers),
        least=min(numbers),
        greatest=max(numbers),
        zeros=numbers.count(0),
    )


def test_no_whole_numbers() -> None:
    assert whole_moments(np.array([], np.int64)) == WholeMoments()


def test_sums_over_records_are_of_all_of_their_examples() -> None:
    unknown, lengths = np.array([1, 0, 2, 0, 3]), np.array([4, 4, 2, 0, 4])
    assert oov_sums(unknown, lengths, np.ones(5, np.bool_)) == OovSums(4, 14, 20, 52)
    first = np.array([True, False, False, True, True])  # records of 3 of 10 steps, of none, of 3 of 4
    assert oov_sums(unknown, lengths, first) == OovSums(2, 9 + 9, 30 + 12, 100 + 16)
    assert oov_of([], []) == OovSums()


def test_sums_beyond_what_json_numbers_hold() -> None:
    longest = 2**31 - 1
    assert oov_of([longest], [longest]) == OovSums(1, longest**2, longest**2, longest**2)
