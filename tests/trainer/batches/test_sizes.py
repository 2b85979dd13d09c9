"""The sizes of batches: bounds, budget, steps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.batch_seconds import DEFAULT_EXAMPLES, DEFAULT_PADDED_STEPS, batch_examples
from schemas.dataset_pb2 import BatchSeconds
from schemas.errors import UsageError
from trainer.batches.sizes import BatchLimits, BatchPlan, BucketLoad, plan_batches, sorted_batches
from trainer.config import TrainerConfig

loads = st.lists(st.builds(BucketLoad, st.integers(0, 5_000), st.integers(0, 3_000)), min_size=1, max_size=9)


@st.composite
def limits(draw: st.DrawFn) -> BatchLimits:
    most = draw(st.integers(1, 600))
    return BatchLimits(
        padded_steps=draw(st.integers(1, 20_000)),
        max_examples=most,
        min_examples=draw(st.integers(1, most)),
        min_steps=draw(st.integers(1, 400)),
    )


def full_size(load: BucketLoad, limits: BatchLimits) -> int:
    return max(1, min(limits.max_examples, limits.padded_steps // max(load.max_length, 1)))


def test_example_of_the_docstring() -> None:
    plan = plan_batches([BucketLoad(800, 10), BucketLoad(200, 40)], BatchLimits(400, 1_000))
    assert plan == BatchPlan(sizes=(40, 10), steps=40, examples=1_000)
    assert plan.mean_examples == 25


@given(st.integers(0, 3_000), st.integers(1, 20_000), st.integers(1, 600))
def test_buckets_are_planned_for_the_batches_that_are_made(longest: int, padded_steps: int, examples: int) -> None:
    plan = plan_batches([BucketLoad(1, longest)], BatchLimits(padded_steps, examples))
    seconds = BatchSeconds(padded_steps=padded_steps, examples=examples)
    assert plan.sizes == (batch_examples(longest, seconds),)


def test_buckets_are_planned_for_the_default_settings() -> None:
    config = TrainerConfig()
    assert (config.batch_padded_steps, config.max_batch_size) == (DEFAULT_PADDED_STEPS, DEFAULT_EXAMPLES)


def test_small_data_lowers_the_budget_to_the_largest_with_enough_steps() -> None:
    few = [BucketLoad(800, 10), BucketLoad(200, 40)]
    plan = plan_batches(few, BatchLimits(16_384, 512, min_examples=2, min_steps=200))
    assert plan.steps >= 200
    one_more = plan_batches(few, BatchLimits(16_384, 512, min_examples=2, min_steps=plan.steps + 1))
    assert max(one_more.sizes) < max(plan.sizes)


def test_tiny_data_stops_at_the_floor() -> None:
    plan = plan_batches([BucketLoad(100, 10), BucketLoad(43, 20)], BatchLimits(16_384, 512, 8, 200))
    assert plan == BatchPlan(sizes=(8, 8), steps=13 + 6, examples=143)


def test_one_example_longer_than_the_budget_is_a_batch() -> None:
    assert plan_batches([BucketLoad(3, 50_000)], BatchLimits(16_384, 512, 8, 1)).sizes == (1,)


def test_no_examples_no_steps() -> None:
    plan = plan_batches([BucketLoad(0, 0)], BatchLimits(100, 10))
    assert (plan.steps, plan.examples, plan.mean_examples) == (0, 0, 1.0)


@given(loads, limits())
def test_sizes_lie_between_the_floor_and_the_full_budget(loads: list[BucketLoad], limits: BatchLimits) -> None:
    plan = plan_batches(loads, limits)
    for load, size in zip(loads, plan.sizes, strict=True):
        full = full_size(load, limits)
        assert min(limits.min_examples, full) <= size <= full


@given(loads, limits())
def test_steps_are_those_of_the_sizes(loads: list[BucketLoad], limits: BatchLimits) -> None:
    plan = plan_batches(loads, limits)
    assert plan.steps == sum(-(-load.records // size) for load, size in zip(loads, plan.sizes, strict=True))
    assert plan.examples == sum(load.records for load in loads)


@given(loads, limits())
def test_too_few_steps_only_where_every_batch_is_at_its_floor(loads: list[BucketLoad], limits: BatchLimits) -> None:
    plan = plan_batches(loads, limits)
    if plan.steps < limits.min_steps:
        floors = [min(limits.min_examples, full_size(load, limits)) for load in loads]
        assert list(plan.sizes) == floors


@given(loads, limits())
def test_longer_buckets_have_no_larger_batches(loads: list[BucketLoad], limits: BatchLimits) -> None:
    loads = sorted(loads, key=lambda load: load.max_length)
    sizes = plan_batches(loads, limits).sizes
    assert list(sizes) == sorted(sizes, reverse=True)


@given(st.lists(st.integers(0, 300), max_size=60), limits())
def test_sorted_batches_hold_every_row_once_within_the_budget(lengths: list[int], limits: BatchLimits) -> None:
    array = np.array(lengths, np.int64)
    batches = list(sorted_batches(array, limits))
    assert sorted(np.concatenate([[], *batches]).tolist()) == list(range(len(lengths)))
    for rows in batches:
        assert len(rows) <= limits.max_examples
        assert len(rows) == 1 or len(rows) * array[rows].max() <= limits.padded_steps


@pytest.mark.parametrize("name", ["padded_steps", "max_examples", "min_examples", "min_steps"])
def test_limits_of_zero_are_refused(name: str) -> None:
    values = {"padded_steps": 10, "max_examples": 10, name: 0}
    with pytest.raises(UsageError, match=f"^{name}: 0 is out of range; it must be 1 or more$"):
        BatchLimits(**values)


def test_contradicting_limits_are_refused() -> None:
    with pytest.raises(UsageError) as error:
        BatchLimits(padded_steps=10, max_examples=4, min_examples=5)
    assert str(error.value) == "min_examples: 5 is more than max_examples 4; lower the one or raise the other"
