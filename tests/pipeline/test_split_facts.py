import pickle
from collections import Counter
from random import Random
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.split_facts import MergeWrittenFacts, SequenceFacts, SplitFacts, WrittenFacts, length_counts
from schemas.formats.rejected import Rejected

# One record of a block: split, length, steps cut off, steps out of vocabulary, class.
records = st.tuples(
    st.sampled_from(["train", "test"]), st.integers(0, 5), st.integers(0, 3), st.integers(0, 2), st.integers(0, 2)
)
block_lists = st.lists(st.tuples(st.lists(records, max_size=6), st.integers(0, 4)), max_size=6)
Block = tuple[list[tuple[str, int, int, int, int]], int]


def offender(block: int, line: int) -> tuple[int, Rejected]:
    return block, Rejected("a.jsonl", 100 * block + line, line, "unknown_label", "a rule", '"z"')


def facts_of(index: int, block: Block) -> WrittenFacts:
    written = WrittenFacts()
    for split, length, cut, unknown, label in block[0]:
        facts = written.splits.setdefault(split, SplitFacts())
        sequence = SequenceFacts(Counter([length]), int(cut > 0), cut, unknown)
        facts.merge(SplitFacts(1, {"text": sequence}, SequenceFacts(Counter([length])), Counter([label])))
        written.bytes[split, length // 3] += 10 + length
    if block[1]:
        written.rejected["unknown_label"] = block[1]
        written.offenders["unknown_label"] = [offender(index, line) for line in range(block[1])][:3]
    return written


def expected(blocks: list[Block]) -> WrittenFacts:
    """Counted record by record, without merging."""
    whole = WrittenFacts()
    for split, length, cut, unknown, label in (record for block in blocks for record in block[0]):
        facts = whole.splits.setdefault(split, SplitFacts(sequences={"text": SequenceFacts()}))
        facts.records += 1
        facts.classes[label] += 1
        facts.bucket_length.lengths[length] += 1
        sequence = facts.sequences["text"]
        sequence.lengths[length] += 1
        sequence.cut_records += cut > 0
        sequence.cut_steps += cut
        sequence.oov_steps += unknown
        whole.bytes[split, length // 3] += 10 + length
    offenders = [offender(i, line) for i, block in enumerate(blocks) for line in range(block[1])]
    if offenders:
        whole.rejected["unknown_label"] = len(offenders)
        whole.offenders["unknown_label"] = offenders[:3]
    return whole


def combine(parts: list[list[WrittenFacts]], compact: bool) -> WrittenFacts:
    fn = MergeWrittenFacts()
    accumulators = []
    for part in parts:
        accumulator = fn.create_accumulator()
        for element in part:
            accumulator = fn.add_input(accumulator, element)
        accumulators.append(pickle.loads(pickle.dumps(fn.compact(accumulator))) if compact else accumulator)
    result: WrittenFacts = fn.extract_output(fn.merge_accumulators(accumulators))
    return result


@given(block_lists, st.randoms(use_true_random=False))
def test_merged_compacted_and_single_accumulators_agree(blocks: list[Block], draw: Random) -> None:
    order = list(range(len(blocks)))
    draw.shuffle(order)
    parts: list[list[int]] = [[] for _ in range(3)]
    for i in order:
        draw.choice(parts).append(i)
    wanted = expected(blocks)
    assert combine([[facts_of(i, blocks[i]) for i in part] for part in parts], compact=False) == wanted
    assert combine([[facts_of(i, blocks[i]) for i in part] for part in parts], compact=True) == wanted
    assert combine([[facts_of(i, blocks[i]) for i in order]], compact=False) == wanted


def test_merging_changes_no_input() -> None:
    block: Block = ([("train", 2, 1, 1, 0), ("test", 4, 0, 0, 1)], 2)
    elements = [facts_of(0, block), facts_of(1, block)]
    combine([elements, elements], compact=False)
    assert elements == [facts_of(0, block), facts_of(1, block)]


def test_nothing_was_written() -> None:
    assert combine([], compact=False) == WrittenFacts()
    assert combine([[], []], compact=True) == WrittenFacts()


def test_length_counts() -> None:
    assert length_counts(np.array([3, 0, 3, 9], np.int64)) == Counter({3: 2, 0: 1, 9: 1})
    assert length_counts(np.array([], np.int64)) == Counter()
    assert {type(key) for key in length_counts(np.array([1], np.int64))} == {int}


def test_the_message_states_a_histogram_and_a_count_of_each_class() -> None:
    facts = SplitFacts(
        records=4,
        sequences={"text": SequenceFacts(Counter({5: 1, 0: 1, 2: 2}), cut_records=1, cut_steps=7, oov_steps=3)},
        bucket_length=SequenceFacts(Counter({5: 4})),
        classes=Counter({2: 3, 0: 1}),
    )
    message: Any = facts.to_message(4)
    text = message.lengths["text"]
    assert (list(text.lengths), list(text.counts), text.steps) == ([0, 2, 5], [1, 2, 1], 9)
    assert (text.truncated_records, text.truncated_steps, text.oov_steps) == (1, 7, 3)
    assert (message.records, list(message.classes), message.bucket_length.steps) == (4, [1, 0, 3, 0], 20)
    assert list(facts.to_message(0).classes) == []
