from collections import Counter
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.analysis import Analysis, BlockSummary, EventCounts
from pipeline.commands.common import parse_limit
from pipeline.moments import moments_of
from pipeline.plan import check_rejected, plan_dataset, plan_shards, shard_starts
from schemas.errors import DataError
from schemas.spec import parse_spec
from tests.pipeline.helpers import candidates_of

SPEC = """
sequences: {text: {type: tokens, vocabulary: {top_k: 3, min_frequency: 2}}}
label: {type: class}
buckets: {count: 2}
"""


def analysed(read: int, rejected: dict[str, int] | None = None, dropped: int = 0, train: int = 0) -> Analysis:
    return Analysis(
        blocks={0: BlockSummary((read,), (read,), (b"",))},
        rejected=Counter(rejected or {}),
        dropped=Counter({"empty text": dropped} if dropped else {}),
        train_records=train,
    )


@pytest.mark.parametrize(("rejected", "allowed"), [(0, 0), (3, 3), (0, 0.0), (30, 0.3), (100, 1.0), (29, 0.29)])
def test_as_many_rejected_records_as_allowed_are_no_problem(rejected: int, allowed: int | float) -> None:
    assert check_rejected(analysed(100, {"wrong_type": rejected}), allowed) is None


@given(st.integers(1, 5000), st.integers(0, 1000))
def test_a_share_is_met_exactly_at_its_edge(read: int, tenths: int) -> None:
    text = f"{tenths // 10}.{tenths % 10}%"
    edge = Fraction(tenths, 1000) * read
    most = int(edge)
    assert check_rejected(analysed(read, {"r": most}), parse_limit(text)) is None
    if most < read:
        assert check_rejected(analysed(read, {"r": most + 1}), parse_limit(text)) is not None


def test_one_rejected_record_more_than_the_count() -> None:
    problem = check_rejected(analysed(12_000, {"wrong_type": 1_001, "invalid_json": 2}), 1_002)
    assert problem == (
        "1,003 of 12,000 records rejected (wrong_type 1,001, invalid_json 2), --max_rejected allows 1,002; "
        "mend the records or the spec, or allow more"
    )


def test_one_rejected_record_more_than_the_share() -> None:
    problem = check_rejected(analysed(200, {"empty_sequence": 2}), 0.005)
    assert problem == (
        "2 of 200 records rejected (empty_sequence 2), --max_rejected allows 0.5% of the records; "
        "mend the records or the spec, or allow more"
    )


def grouped(read: int, records: int, events: dict[str, int], rejected: dict[str, int] | None = None) -> Analysis:
    counts = EventCounts(records, read - sum(events.values()), rejected=Counter(events))
    return replace(analysed(read, rejected), events=counts)


def test_rejected_events_and_records_share_a_count() -> None:
    analysis = grouped(1_000, 50, {"wrong_type": 3}, {"different_values": 2})
    assert check_rejected(analysis, 5) is None
    assert check_rejected(analysis, 4) == (
        "3 of 1,000 events rejected (wrong_type 3), 2 of 50 records rejected (different_values 2), --max_rejected "
        "allows 4; mend the events and records or the spec, or allow more"
    )


def test_a_share_is_that_of_the_events_and_of_the_records() -> None:
    assert check_rejected(grouped(1_000, 50, {"wrong_type": 10}, {"r": 1}), 0.02) is None
    assert check_rejected(grouped(1_000, 50, {"wrong_type": 20}), 0.02) is None
    assert check_rejected(grouped(1_000, 50, {"wrong_type": 21}), 0.02) == (
        "21 of 1,000 events rejected (wrong_type 21), --max_rejected allows 2% of the events and records; "
        "mend the events and records or the spec, or allow more"
    )
    assert check_rejected(grouped(1_000, 50, {}, {"r": 2}), 0.02) == (
        "2 of 50 records rejected (r 2), --max_rejected allows 2% of the events and records; "
        "mend the events and records or the spec, or allow more"
    )


def test_no_event_that_is_not_rejected() -> None:
    with pytest.raises(DataError) as caught:
        plan_dataset(grouped(7, 0, {"r": 7}), {}, parse_spec(SPEC))
    assert str(caught.value) == "all of the 7 events read are rejected, so that no record is left; correct the spec"


def test_a_count_of_one_is_no_share() -> None:
    assert check_rejected(analysed(10, {"r": 2}), 1) is not None
    assert check_rejected(analysed(10, {"r": 2}), 1.0) is None


def test_no_record_at_all() -> None:
    with pytest.raises(DataError) as caught:
        plan_dataset(analysed(0), {}, parse_spec(SPEC))
    assert (
        str(caught.value) == "the input holds no record (blank lines and headers are none); check the --input patterns"
    )


def test_no_record_of_the_training_split() -> None:
    with pytest.raises(DataError) as caught:
        plan_dataset(analysed(1234, {"r": 1000}, dropped=4), {}, parse_spec(SPEC))
    assert str(caught.value) == (
        "none of the 1,234 records read is left for the training split (1,000 rejected, 4 dropped, "
        "the others in other splits); check the spec's policies and fractions"
    )


def test_a_plan_of_tokens_classes_and_buckets() -> None:
    analysis = analysed(6, train=6)
    analysis.bucket_lengths = Counter({9: 1, 2: 3, 3: 2})
    candidates = {
        "text": candidates_of(["b", "b", "a", "a", "c", "c", "c", "d", "d", "e"]),
        "label": candidates_of(["y", "x", "y"]),
    }
    plan = plan_dataset(analysis, candidates, parse_spec(SPEC))
    assert [(bucket.min_length, bucket.max_length) for bucket in plan.buckets] == [(0, 3), (4, 0)]
    assert not plan.buckets[-1].HasField("max_length")
    text, label = plan.tokens["text"], plan.tokens["label"]
    assert text.vocabulary.tokens.to_pylist() == ["c", "a", "b"]
    assert (text.vocabulary.first_id, text.tokens, text.distinct, text.covered) == (2, 10, 5, 7)
    assert label.vocabulary.tokens.to_pylist() == ["y", "x"]
    assert (label.vocabulary.first_id, label.tokens, label.distinct, label.covered) == (0, 3, 2, 3)
    assert plan.moments == {}


def test_a_plan_of_numbers() -> None:
    spec = parse_spec("sequences: {frames: {type: series, dims: 2}}\nlabel: {type: number}")
    analysis = analysed(2, train=2)
    analysis.bucket_lengths = Counter({2: 2})
    analysis.moments = {
        "label": moments_of(np.array([[1], [2]], np.float32)),
        "frames": moments_of(np.array([[0, 4], [2, 4]], np.float32)),
    }
    plan = plan_dataset(analysis, {}, spec)
    assert plan.tokens == {}
    assert list(plan.moments) == ["frames", "label"]
    assert list(plan.moments["frames"].mean) == [1, 4]
    assert list(plan.moments["label"].variance) == [0.25]


@given(st.integers(1, 5000))
def test_shards_cover_every_order_once(count: int) -> None:
    starts = shard_starts(count)
    assert len(starts) == count
    assert starts[0] == 0
    sizes = np.diff(np.array([*starts, 1 << 64], object))
    assert min(sizes) > 0
    assert max(sizes) - min(sizes) <= 1
    assert sum(sizes) == 1 << 64


@pytest.mark.parametrize(
    ("record_bytes", "shard_bytes", "count"),
    [(0, 10, 1), (1, 10, 1), (10, 10, 1), (11, 10, 2), (100, 10, 10), (2**62 + 1, 2**60, 5)],
)
def test_as_many_shards_as_the_bytes_need(record_bytes: int, shard_bytes: int, count: int) -> None:
    assert plan_shards(record_bytes, shard_bytes) == count
