"""The sizes of batches: bounds, budget, steps."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.batch_seconds import DEFAULT_EXAMPLES, DEFAULT_PADDED_STEPS, batch_examples
from schemas.dataset_pb2 import BatchSeconds
from schemas.errors import UsageError
from trainer.batches.sizes import BatchLimits, BatchPlan, BucketLoad, plan_batches, warnings_of
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
        multiple=draw(st.sampled_from([1, 1, 2, 3, 8, 64])),
    )


def full_size(load: BucketLoad, limits: BatchLimits) -> int:
    """The most examples that budget and cap allow, in whole multiples if one fits."""
    most = max(1, min(limits.max_examples, limits.padded_steps // max(load.max_length, 1)))
    return most - most % limits.multiple if most >= limits.multiple else most


def floor_size(load: BucketLoad, limits: BatchLimits) -> int:
    full = full_size(load, limits)
    multiple = limits.multiple if full >= limits.multiple else 1
    return min(full, math.ceil(limits.min_examples / multiple) * multiple)


def test_example_of_the_docstring() -> None:
    plan = plan_batches([BucketLoad(800, 10), BucketLoad(200, 40)], BatchLimits(400, 1_000))
    assert plan == BatchPlan(sizes=(40, 10), steps=40, examples=1_000)


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
    few, limits = [BucketLoad(9, 10), BucketLoad(3, 50_000)], BatchLimits(16_384, 512, 8, 1)
    assert plan_batches(few, limits).sizes == (512, 1)
    assert warnings_of(few, limits) == [
        "warning: batch_padded_steps: 16384 is less than the longest example (50000 steps), which makes a batch by "
        "itself; raise it to 50000 or more, or cut long records in the spec (max_length)"
    ]


@given(loads, limits())
def test_a_warning_comes_just_where_an_example_is_longer_than_the_budget(
    loads: list[BucketLoad], limits: BatchLimits
) -> None:
    too_long = any(load.max_length > limits.padded_steps for load in loads)
    assert len(warnings_of(loads, limits)) == too_long
    assert warnings_of(loads, replace(limits, sizes=(3,))) == []


@given(loads, limits(), st.data())
def test_given_sizes_win_over_everything(loads: list[BucketLoad], limits: BatchLimits, data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 1_000), min_size=len(loads), max_size=len(loads)))
    assert plan_batches(loads, replace(limits, sizes=tuple(sizes))).sizes == tuple(sizes)
    assert plan_batches(loads, replace(limits, sizes=(sizes[0],))).sizes == (sizes[0],) * len(loads)


def test_a_multiple_that_fits_is_kept_where_more_steps_are_wanted() -> None:
    few = [BucketLoad(800, 10), BucketLoad(200, 40), BucketLoad(200, 200)]
    limits = BatchLimits(1_000, 512, min_examples=2, min_steps=10_000, multiple=8)
    # Of the last bucket 5 examples fit, so no multiple of 8; there the floor is what it would be without.
    assert plan_batches(few, limits).sizes == (8, 8, 2)
    assert plan_batches(few, replace(limits, min_steps=1)).sizes == (96, 24, 5)


@pytest.mark.parametrize(("buckets", "sizes"), [(3, (8, 4)), (3, (8, 4, 2, 1)), (2, (9, 9, 9))])
def test_another_number_of_sizes_than_of_buckets_is_refused(buckets: int, sizes: tuple[int, ...]) -> None:
    with pytest.raises(UsageError) as error:
        plan_batches([BucketLoad(5, 10)] * buckets, BatchLimits(100, 10, sizes=sizes))
    assert str(error.value) == (
        f"batch_sizes: {len(sizes)} sizes for a data set of {buckets} buckets; give one size for all buckets, or one "
        "for each in rising order of length"
    )


def test_two_sizes_for_one_bucket_are_refused() -> None:
    with pytest.raises(UsageError, match=r"^batch_sizes: 2 sizes for a data set of 1 bucket; "):
        plan_batches([BucketLoad(5, 10)], BatchLimits(100, 10, sizes=(2, 1)))


def test_sizes_below_one_are_refused() -> None:
    with pytest.raises(UsageError, match=r"^sizes: 0 is out of range; each must be 1 or more$"):
        BatchLimits(100, 10, sizes=(4, 0))


def test_no_examples_no_steps() -> None:
    plan = plan_batches([BucketLoad(0, 0)], BatchLimits(100, 10))
    assert (plan.steps, plan.examples) == (0, 0)


@given(loads, limits())
def test_sizes_lie_between_the_floor_and_the_full_budget(loads: list[BucketLoad], limits: BatchLimits) -> None:
    plan = plan_batches(loads, limits)
    for load, size in zip(loads, plan.sizes, strict=True):
        assert floor_size(load, limits) <= size <= full_size(load, limits)


@given(loads, limits())
def test_sizes_are_multiples_wherever_one_fits(loads: list[BucketLoad], limits: BatchLimits) -> None:
    for load, size in zip(loads, plan_batches(loads, limits).sizes, strict=True):
        assert size % limits.multiple == 0 or full_size(load, limits) < limits.multiple


@given(loads, limits())
def test_steps_are_those_of_the_sizes(loads: list[BucketLoad], limits: BatchLimits) -> None:
    plan = plan_batches(loads, limits)
    assert plan.steps == sum(-(-load.records // size) for load, size in zip(loads, plan.sizes, strict=True))
    assert plan.examples == sum(load.records for load in loads)


@given(loads, limits())
def test_too_few_steps_only_where_every_batch_is_at_its_floor(loads: list[BucketLoad], limits: BatchLimits) -> None:
    plan = plan_batches(loads, limits)
    if plan.steps < limits.min_steps:
        floors = [floor_size(load, limits) for load in loads]
        assert list(plan.sizes) == floors


@given(loads, limits())
def test_longer_buckets_have_no_larger_batches(loads: list[BucketLoad], limits: BatchLimits) -> None:
    loads = sorted(loads, key=lambda load: load.max_length)
    sizes = plan_batches(loads, limits).sizes
    assert list(sizes) == sorted(sizes, reverse=True)


@pytest.mark.parametrize("name", ["padded_steps", "max_examples", "min_examples", "min_steps", "multiple"])
def test_limits_of_zero_are_refused(name: str) -> None:
    values = {"padded_steps": 10, "max_examples": 10, name: 0}
    with pytest.raises(UsageError, match=f"^{name}: 0 is out of range; it must be 1 or more$"):
        BatchLimits(**values)


def test_contradicting_limits_are_refused() -> None:
    with pytest.raises(UsageError) as error:
        BatchLimits(padded_steps=10, max_examples=4, min_examples=5)
    assert str(error.value) == "min_examples: 5 is more than max_examples 4; lower the one or raise the other"
