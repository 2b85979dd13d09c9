"""The plan of an epoch: each record once, one batch that is not full, known before anything is read."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.batches.order import Order
from trainer.batches.plan import (
    EpochPlan,
    Segment,
    ShardSize,
    arranged,
    count_steps,
    plan_epoch,
    pool_seed,
)
from trainer.batches.sizes import BatchLimits, BucketLoad, plan_batches

Row = tuple[int, int, int]  # bucket, shard of the bucket, place in the shard


@st.composite
def layouts(draw: st.DrawFn) -> tuple[list[ShardSize], list[int]]:
    """Shards of some buckets, and the records of a full batch of each bucket."""
    buckets = draw(st.integers(1, 5))
    sizes = draw(st.lists(st.integers(1, 12), min_size=buckets, max_size=buckets))
    shards = [
        ShardSize(bucket, records, records * draw(st.integers(20, 200)))
        for bucket in range(buckets)
        for records in draw(st.lists(st.integers(0, 30), max_size=4))
    ]
    return shards, sizes


@st.composite
def some_orders(draw: st.DrawFn) -> Order:
    return Order(
        seed=draw(st.integers(0, 2**31)),
        epoch=draw(st.integers(0, 1_000)),
        window=draw(st.integers(1, 200)),
        window_bytes=draw(st.integers(1, 20_000)),
        block_bytes=draw(st.integers(1, 3_000)),
    )


@st.composite
def plans(draw: st.DrawFn) -> EpochPlan:
    shards, sizes = draw(layouts())
    return plan_epoch(shards, sizes, draw(st.none() | some_orders()), draw(st.integers(1, 5)))


def length_of(row: Row) -> int:
    """Any length that grows with the bucket, with many ties."""
    bucket, shard, place = row
    return 10 * bucket + (7 * shard + 3 * place) % 10


def batches_of(plan: EpochPlan, bucket: int) -> list[list[Row]]:
    """What the batches of a bucket hold."""
    stream, batches = plan.streams[bucket], []
    for pool in range(-(-stream.batches // plan.pool)):
        rows = list(zip(*(column.tolist() for column in plan.pool_rows(bucket, pool)), strict=True))
        order = arranged(np.array([length_of(row) for row in rows]), stream.size, pool_seed(stream, pool))
        filled = [rows[i] for i in order]
        batches += [filled[i : i + stream.size] for i in range(0, len(filled), stream.size)]
    return batches


def epoch_of(plan: EpochPlan) -> list[list[Row]]:
    """What the batches of an epoch hold, in their order."""
    streams = [iter(batches_of(plan, bucket)) for bucket in range(len(plan.streams))]
    batches = [next(streams[bucket]) for bucket in plan.choices]
    assert [len(list(stream)) for stream in streams] == [0] * len(streams)
    return batches


def records_by_bucket(shards: Sequence[ShardSize], buckets: int) -> list[int]:
    return [sum(shard.records for shard in shards if shard.bucket == bucket) for bucket in range(buckets)]


@given(layouts(), st.none() | some_orders(), st.integers(1, 5))
def test_every_record_once_an_epoch(layout: tuple[list[ShardSize], list[int]], order: Order | None, pool: int) -> None:
    shards, sizes = layout
    plan = plan_epoch(shards, sizes, order, pool)
    expected = []
    for bucket in range(len(sizes)):
        inside = [shard.records for shard in shards if shard.bucket == bucket]
        expected += [(bucket, shard, row) for shard, records in enumerate(inside) for row in range(records)]
    assert sorted(row for batch in epoch_of(plan) for row in batch) == sorted(expected)
    assert plan.examples == len(expected)


@given(plans())
def test_one_batch_at_most_is_not_full_and_it_is_of_the_longest_bucket(plan: EpochPlan) -> None:
    batches = epoch_of(plan)
    short = [
        int(bucket)
        for bucket, batch in zip(plan.choices, batches, strict=True)
        if len(batch) < plan.streams[bucket].size
    ]
    present = [bucket for bucket, order in enumerate(plan.orders) if order.total]
    assert short in ([], present[-1:])
    assert all(batches)


@given(layouts(), st.none() | some_orders(), st.integers(1, 5))
def test_steps_are_known_beforehand(layout: tuple[list[ShardSize], list[int]], order: Order | None, pool: int) -> None:
    shards, sizes = layout
    plan = plan_epoch(shards, sizes, order, pool)
    counts = records_by_bucket(shards, len(sizes))
    assert plan.steps == len(epoch_of(plan)) == count_steps(counts, sizes)


@given(layouts(), some_orders(), st.integers(1, 5))
def test_a_plan_is_a_pure_function(layout: tuple[list[ShardSize], list[int]], order: Order, pool: int) -> None:
    assert epoch_of(plan_epoch(*layout, order, pool)) == epoch_of(plan_epoch(*layout, order, pool))


@pytest.mark.parametrize("window", [1, 50, 1_000])
def test_a_plan_differs_by_seed_and_by_epoch(window: int) -> None:
    shards = [ShardSize(bucket, 40, 4_000) for bucket in (0, 0, 1, 1)]
    orders = [Order(seed, epoch, window, block_bytes=500) for seed in range(5) for epoch in range(5)]
    plans = [plan_epoch(shards, [3, 2], order, 2) for order in orders]
    assert len({str(epoch_of(plan)) for plan in plans}) == len(orders)
    assert len({plan.steps for plan in plans}) == 1
    # Even which bucket comes when.
    assert len({tuple(plan.choices) for plan in plans}) == len(orders)


@given(plans(), st.data())
def test_batches_before_a_step(plan: EpochPlan, data: st.DataObject) -> None:
    step = data.draw(st.integers(0, plan.steps))
    expected = [plan.choices[:step].tolist().count(bucket) for bucket in range(len(plan.streams))]
    assert plan.batches_before(step) == expected


@given(plans(), st.data())
def test_a_part_of_a_stream_is_the_rest_of_it(plan: EpochPlan, data: st.DataObject) -> None:
    def rows(segments: Sequence[Segment]) -> list[tuple[int, int]]:
        return [(part.bucket, row) for part in segments for row in range(part.start, part.stop)]

    for stream in plan.streams:
        whole = rows(stream.segments)
        start = data.draw(st.integers(0, len(whole)))
        assert rows(stream.part(start)) == whole[start:]


@given(plans())
def test_leftovers_come_first_and_from_shorter_buckets(plan: EpochPlan) -> None:
    for bucket, stream in enumerate(plan.streams):
        buckets = [part.bucket for part in stream.segments]
        assert buckets == sorted(set(buckets))
        assert all(before <= bucket for before in buckets)
        # What is left over fills no batch of the bucket that it comes from.
        for part in stream.segments[:-1]:
            assert part.stop - part.start < plan.streams[part.bucket].size


@given(plans())
def test_a_bucket_of_no_records_has_no_batches(plan: EpochPlan) -> None:
    for order, stream in zip(plan.orders, plan.streams, strict=True):
        assert order.total or (stream.batches, stream.segments) == (0, ())


@given(plans())
def test_batches_of_a_pool_overlap_in_ties_alone(plan: EpochPlan) -> None:
    for bucket in range(len(plan.streams)):
        batches = batches_of(plan, bucket)
        for start in range(0, len(batches), plan.pool):
            lengths = [sorted(map(length_of, batch)) for batch in batches[start : start + plan.pool]]
            for shorter, longer in pairwise(sorted(lengths, key=lambda of: (of[0], of[-1]))):
                # The last batch may not be full; it holds the longest of them.
                assert shorter[-1] <= longer[0]


@given(layouts(), st.none() | some_orders(), st.integers(1, 5), st.integers(1, 400), st.integers(1, 12))
def test_no_batch_goes_over_the_budget_of_padded_steps(
    layout: tuple[list[ShardSize], list[int]], order: Order | None, pool: int, budget: int, most: int
) -> None:
    """Not those that took up what shorter buckets left over either."""
    shards, sizes = layout
    records = records_by_bucket(shards, len(sizes))
    loads = [BucketLoad(count, 10 * bucket + 9 if count else 0) for bucket, count in enumerate(records)]
    planned = plan_batches(loads, BatchLimits(budget, most, min_examples=min(2, most), min_steps=7))
    plan = plan_epoch(shards, planned.sizes, order, pool)
    for bucket, batch in zip(plan.choices, epoch_of(plan), strict=True):
        assert max(map(length_of, batch)) <= loads[bucket].max_length
        assert len(batch) * loads[bucket].max_length <= budget or len(batch) == 1
        assert len(batch) <= most


@given(layouts(), some_orders())
def test_windows_are_shared_out_by_what_buckets_hold(layout: tuple[list[ShardSize], list[int]], order: Order) -> None:
    """All windows together hold no more than asked for, but for a block of each bucket."""
    shards, sizes = layout
    plan = plan_epoch(shards, sizes, order, 1)
    held = sum(int(np.diff(of.starts).max(initial=0)) for of in plan.orders)
    blocks = sum(int(of.records.max(initial=0)) for of in plan.orders)
    assert held <= min(order.window, plan.examples) + len(sizes) + blocks


def test_a_window_as_large_as_the_split_shuffles_each_bucket_whole() -> None:
    shards = [ShardSize(bucket, 1_000, 50_000) for bucket in (0, 0, 1)]
    plan = plan_epoch(shards, [4, 4], Order(window=3_000, block_bytes=1_000), 8)
    # A block that does not fill the window may make it two.
    assert [len(order.starts) - 1 for order in plan.orders] == [1, 1]


def test_the_plan_of_the_docstring() -> None:
    plan = plan_epoch([ShardSize(0, 3, 30), ShardSize(1, 5, 50)], [2, 2], None, 4)
    assert plan.choices.tolist() == [0, 1, 1, 1]
    assert plan.streams[0].segments == (Segment(0, 0, 2),)
    assert plan.streams[1].segments == (Segment(0, 2, 3), Segment(1, 0, 5))


@pytest.mark.parametrize(
    ("records", "sizes", "steps"),
    [
        ([], [], 0),
        ([0, 0], [3, 3], 0),
        ([3], [4], 1),
        ([3, 5], [2, 2], 4),
        ([3, 0, 5], [2, 2, 2], 4),  # over an empty bucket
        ([1, 1, 1], [8, 4, 2], 2),  # gathered until a batch is full
        ([5, 0], [2, 9], 3),  # the longest one that is there
    ],
)
def test_steps_of_examples(records: list[int], sizes: list[int], steps: int) -> None:
    assert count_steps(records, sizes) == steps


def test_a_known_epoch() -> None:
    """For ever: a change would change what a kept position means."""
    shards = [ShardSize(0, 4, 400), ShardSize(0, 3, 300), ShardSize(1, 6, 900)]
    plan = plan_epoch(shards, [3, 2], Order(seed=1, epoch=2, window=6, block_bytes=200), 2)
    assert plan.choices.tolist() == [1, 0, 1, 1, 1, 0]
    assert epoch_of(plan) == [
        [(1, 0, 1), (1, 0, 2)],
        [(0, 1, 1), (0, 0, 0), (0, 0, 1)],
        [(0, 1, 2), (1, 0, 4)],
        [(1, 0, 0), (1, 0, 5)],
        [(1, 0, 3)],
        [(0, 0, 2), (0, 1, 0), (0, 0, 3)],
    ]


@given(st.lists(st.integers(0, 9), max_size=40), st.integers(1, 9), st.none() | st.integers(0, 2**62))
def test_arranging_sorts_and_turns_whole_batches(lengths: list[int], size: int, seed: int | None) -> None:
    order = arranged(np.array(lengths, np.int64), size, seed)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(len(lengths)))
    batches = [order[i : i + size].tolist() for i in range(0, len(order), size)]
    by_length = sorted(range(len(lengths)), key=lambda i: (lengths[i], i))
    expected = [by_length[i : i + size] for i in range(0, len(order), size)]
    assert sorted(batches) == sorted(expected)
    assert seed is not None or batches == expected
    assert batches[-1:] == expected[-1:] or len(batches[-1]) == size
