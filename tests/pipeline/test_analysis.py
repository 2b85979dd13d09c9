import pickle
from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.analysis import Analysis, BlockSummary, EventCounts, MergeAnalyses, first_offenders
from pipeline.blocks import Block, Piece
from pipeline.moments import moments_of
from schemas.formats.rejected import Rejected

REASONS = ("invalid_json", "wrong_type")


def rejected(block: int, line: int, reason: str) -> Rejected:
    return Rejected("a.jsonl", 1000 * block + 10 * line, line, reason, "a rule", "{}")


@st.composite
def blocks(draw: Any) -> list[dict[str, Any]]:
    """What a few blocks hold, as plain values."""
    texts = st.lists(st.text("abc", max_size=2), max_size=5)
    numbers = st.lists(st.floats(-10, 10, width=32), max_size=4)
    reasons = st.lists(st.sampled_from(REASONS), max_size=4)
    return [
        {"tokens": draw(texts), "numbers": draw(numbers), "reasons": draw(reasons), "dropped": draw(st.integers(0, 2))}
        for _ in range(draw(st.integers(0, 7)))
    ]


def analysis_of(index: int, block: dict[str, Any]) -> Analysis:
    records = len(block["tokens"]) + len(block["reasons"]) + block["dropped"]
    analysis = Analysis(
        blocks={index: BlockSummary((records + 1,), (records,), (bytes([index]) * 32,))},
        dropped=Counter({"empty text": block["dropped"]}),
        bucket_lengths=Counter(len(text) for text in block["tokens"]),
        distinct=Counter({"text": len(set(block["tokens"]))}),
        moments={"frames": moments_of(np.array(block["numbers"], np.float32).reshape(-1, 1))},
        train_records=len(block["tokens"]),
    )
    analysis.reject(index, [rejected(index, line, reason) for line, reason in enumerate(block["reasons"])])
    return analysis


def facts(analysis: Analysis) -> dict[str, Any]:
    return {
        "blocks": analysis.blocks,
        "rejected": dict(analysis.rejected),
        "dropped": dict(analysis.dropped),
        "offenders": analysis.offenders,
        "bucket_lengths": dict(analysis.bucket_lengths),
        "distinct": dict(analysis.distinct),
        "moments": {
            name: [(m.count, m.mean(), m.variance(), m.least, m.greatest) for m in moments]
            for name, moments in analysis.moments.items()
        },
        "train_records": analysis.train_records,
        "read": analysis.read,
        "examples": analysis.examples,
    }


def expected(of: list[dict[str, Any]]) -> dict[str, Any]:
    everything = [(i, line, reason) for i, block in enumerate(of) for line, reason in enumerate(block["reasons"])]
    by_reason = {reason: [(i, line) for i, line, other in everything if other == reason] for reason in REASONS}
    words = [word for block in of for word in block["tokens"]]
    numbers = [number for block in of for number in block["numbers"]]
    whole = moments_of(np.array(numbers, np.float32).reshape(-1, 1))[0]
    dropped = sum(block["dropped"] for block in of)
    read = len(words) + len(everything) + dropped
    shape = (whole.count, whole.mean(), whole.variance(), whole.least, whole.greatest)
    return {
        "blocks": {i: analysis_of(i, block).blocks[i] for i, block in enumerate(of)},
        "rejected": {reason: len(places) for reason, places in by_reason.items() if places},
        "dropped": {"empty text": dropped} if dropped else {},
        "offenders": {
            reason: [(i, rejected(i, line, reason)) for i, line in places[:3]]
            for reason, places in by_reason.items()
            if places
        },
        "bucket_lengths": dict(Counter(len(word) for word in words)),
        "distinct": {"text": sum(len(set(block["tokens"])) for block in of)} if of else {},
        "moments": {"frames": [shape]} if of else {},
        "train_records": len(words),
        "read": read,
        "examples": len(words),
    }


def combine(parts: list[list[Analysis]], compact: bool) -> Analysis:
    """As a runner does it: accumulators of some inputs each, compacted and sent, then merged."""
    fn = MergeAnalyses()
    accumulators = []
    for part in parts:
        accumulator = fn.create_accumulator()
        for element in part:
            accumulator = fn.add_input(accumulator, element)
        if compact:
            accumulator = pickle.loads(pickle.dumps(fn.compact(accumulator)))
        accumulators.append(accumulator)
    return fn.extract_output(fn.merge_accumulators(accumulators))


@given(blocks(), st.randoms(use_true_random=False))
def test_merged_compacted_and_single_accumulators_agree(of: list[dict[str, Any]], draw: Random) -> None:
    order = list(range(len(of)))
    draw.shuffle(order)
    parts: list[list[int]] = [[] for _ in range(4)]
    for i in order:
        draw.choice(parts).append(i)
    fresh = [[analysis_of(i, of[i]) for i in part] for part in parts]
    again = [[analysis_of(i, of[i]) for i in part] for part in parts]
    single = [[analysis_of(i, of[i]) for i in order]]
    wanted = expected(of)
    assert facts(combine(fresh, compact=False)) == wanted
    assert facts(combine(again, compact=True)) == wanted
    assert facts(combine(single, compact=False)) == wanted


def test_events_are_counted_apart_from_records() -> None:
    read, grouped = (Analysis(blocks={0: BlockSummary((9,), (8,), (b"",))}), Analysis(events=EventCounts(3, 5, 1)))
    read.reject_events(0, [rejected(0, 1, "wrong_type")])
    grouped.reject(0, [rejected(0, 2, "different_values")])
    grouped.reject_events(0, [rejected(0, 3, "wrong_type")])
    merged = combine([[read], [grouped]], compact=True)
    assert (merged.found, merged.read, merged.examples) == (8, 3, 2)
    assert merged.events == EventCounts(3, 5, 1, Counter(wrong_type=2))
    assert merged.rejected == Counter(different_values=1)
    assert merged.all_rejected == Counter(wrong_type=2, different_values=1)
    assert [item.line for _, item in merged.offenders["wrong_type"]] == [1, 3]
    assert combine([[Analysis()], []], compact=True).events is None


def test_merging_changes_no_input() -> None:
    elements = [analysis_of(i, {"tokens": ["a"], "numbers": [1.0], "reasons": REASONS, "dropped": 1}) for i in (0, 1)]
    before = [facts(element) for element in elements]
    combine([elements, elements], compact=True)
    assert [facts(element) for element in elements] == before


def test_nothing_was_found_out_about_no_block() -> None:
    empty = expected([])
    assert facts(combine([], compact=False)) == empty
    assert facts(combine([[], []], compact=True)) == empty


def test_first_offenders_are_the_first_by_block_and_position() -> None:
    items = [(block, rejected(block, line, "r")) for block in (2, 0, 1) for line in (3, 1)]
    assert [(block, item.line) for block, item in first_offenders(items)] == [(0, 1), (0, 3), (1, 1)]
    files = [(0, replace(rejected(0, line, "r"), path=path)) for path in ("b", "a") for line in (3, 1)]
    assert [(item.path, item.line) for _, item in first_offenders(files)] == [("a", 1), ("a", 3), ("b", 1)]


def test_first_lines_count_each_file_from_zero() -> None:
    names = ("a", "a", "abc", "c")
    blocks = [Block(i, tuple(Piece(name, 0, 1, "") for name in inside)) for i, inside in enumerate(names)]
    counts: list[tuple[int, ...]] = [(4,), (0,), (3, 5, 2), (7,)]
    analysis = Analysis(blocks={i: BlockSummary(of, of, (b"",) * len(of)) for i, of in enumerate(counts)})
    assert analysis.first_lines(blocks) == {
        (0, "a"): 0,
        (1, "a"): 4,
        (2, "a"): 4,
        (2, "b"): 0,
        (2, "c"): 0,
        (3, "c"): 2,
    }
    assert Analysis().first_lines(blocks[:2]) == {(0, "a"): 0, (1, "a"): 0}
    assert analysis.read == 21
