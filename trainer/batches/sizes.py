"""Batch sizes: how many examples of each bucket make one batch.

A batch costs memory and time by its padded steps (examples x the longest of them), so each bucket
gets as many examples as a budget of padded steps allows: short sequences in large batches, long
ones in small batches. A budget that suits large data would leave a small data set a handful of
steps an epoch, so it is lowered until an epoch has enough of them, down to a floor of examples
a batch.

With 800 examples of at most 10 steps, 200 of at most 40, a budget of 400 padded steps and nothing
else in the way: batches of 40 and of 10, so 20 + 20 steps.

Who knows better gives the sizes: one for all buckets, or one for each. Then nothing else decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.batch_seconds import examples_within
from schemas.errors import UsageError


@dataclass(frozen=True)
class BucketLoad:
    """What one bucket of one split holds.

    Attributes:
      records: Examples.
      max_length: Steps of the longest one; 0 where there is none, or where all are empty.
    """

    records: int
    max_length: int


@dataclass(frozen=True)
class BatchLimits:
    """What batches may be like.

    Attributes:
      padded_steps: Most padded steps of a batch; a longer single example makes a batch by itself.
      max_examples: Most examples of a batch.
      min_examples: Examples of a batch that `min_steps` does not go below.
      min_steps: Least batches of an epoch, where the data set is large enough for it.
      sizes: Examples of a full batch of each bucket, or one number for all of them; nothing above
        changes them. None means that the above decides.
      multiple: A batch whose size the above decides has a multiple of this many examples, wherever
        `padded_steps` and `max_examples` leave room for one: 8 suits tensor cores.
    """

    padded_steps: int
    max_examples: int
    min_examples: int = 1
    min_steps: int = 1
    sizes: tuple[int, ...] = ()
    multiple: int = 1

    def __post_init__(self) -> None:
        """Refuses limits that no batch can meet."""
        for name in ("padded_steps", "max_examples", "min_examples", "min_steps", "multiple"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name}: {getattr(self, name)} is out of range; it must be 1 or more")
        for size in self.sizes:
            if size < 1:
                raise UsageError(f"sizes: {size} is out of range; each must be 1 or more")
        if self.min_examples > self.max_examples:
            raise UsageError(
                f"min_examples: {self.min_examples} is more than max_examples {self.max_examples}; lower the one "
                "or raise the other"
            )


@dataclass(frozen=True)
class BatchPlan:
    """The batches of one epoch over one split.

    Attributes:
      sizes: Examples of a full batch of each bucket, all 1 or more.
      steps: Batches of an epoch where each bucket ends with at most one that is not full.
      examples: Examples of an epoch: all of the split.
    """

    sizes: tuple[int, ...]
    steps: int
    examples: int


def plan_batches(loads: Sequence[BucketLoad], limits: BatchLimits) -> BatchPlan:
    """Plans the batches of an epoch.

    Args:
      loads: Of every bucket, in rising order of length.
      limits: What batches may be like.

    Raises:
      UsageError: `limits.sizes` are not as many as there are buckets.
    """
    sizes = _given_sizes(len(loads), limits.sizes) if limits.sizes else _sizes_by_budget(loads, limits)
    return BatchPlan(tuple(sizes), _steps(loads, sizes), sum(load.records for load in loads))


def warnings_of(loads: Sequence[BucketLoad], limits: BatchLimits) -> list[str]:
    """Returns what a person should know of the sizes before hours of training, one line each.

    Args:
      loads: Of every bucket.
      limits: What batches may be like.
    """
    longest = max((load.max_length for load in loads), default=0)
    if limits.sizes or longest <= limits.padded_steps:
        return []
    return [
        f"warning: batch_padded_steps: {limits.padded_steps} is less than the longest example ({longest} steps), which "
        f"makes a batch by itself; raise it to {longest} or more, or cut long records in the spec (max_length)"
    ]


def _given_sizes(buckets: int, sizes: Sequence[int]) -> list[int]:
    if len(sizes) not in {1, buckets}:
        raise UsageError(
            f"batch_sizes: {len(sizes)} sizes for a data set of {buckets} bucket{'s' if buckets != 1 else ''}; "
            "give one size for all buckets, or one for each in rising order of length"
        )
    return list(sizes) if len(sizes) == buckets else list(sizes) * buckets


def _sizes_by_budget(loads: Sequence[BucketLoad], limits: BatchLimits) -> list[int]:
    """Returns the sizes of the largest budget that leaves `limits.min_steps` batches, up to `limits.padded_steps`.

    Where none does, every batch has `limits.min_examples` or what the full budget allows if that is fewer.
    """
    low, high = 0, limits.padded_steps
    if _least_steps(loads, _sizes(loads, limits, high)) >= limits.min_steps:
        low = high
    # It falls as the budget rises: a bucket with records left over has lost a full batch. So halving finds the largest.
    while high - low > 1:
        middle = (low + high) // 2
        if _least_steps(loads, _sizes(loads, limits, middle)) >= limits.min_steps:
            low = middle
        else:
            high = middle
    return _sizes(loads, limits, low)


def full_sizes(longest: Sequence[int], limits: BatchLimits) -> tuple[int, ...]:
    """Returns the examples of a full batch of each bucket, where nobody knows how many batches there will be.

    Args:
      longest: Steps of the longest example that a bucket may hold, in rising order.
      limits: What batches may be like; `min_steps` means nothing here.

    Raises:
      UsageError: `limits.sizes` are not as many as there are buckets.
    """
    if limits.sizes:
        return tuple(_given_sizes(len(longest), limits.sizes))
    return tuple(_size(length, limits, limits.padded_steps) for length in longest)


def _sizes(loads: Sequence[BucketLoad], limits: BatchLimits, budget: int) -> list[int]:
    return [_size(load.max_length, limits, budget) for load in loads]


def _size(max_length: int, limits: BatchLimits, budget: int) -> int:
    def within(steps: int) -> int:
        return examples_within(max_length, steps, limits.max_examples)

    # The floor never exceeds what the full budget allows: memory comes first.
    most = within(limits.padded_steps)
    # A multiple is worth more than `min_steps`: where one fits at all, no batch is smaller.
    multiple = limits.multiple if limits.multiple <= most else 1
    floor = min(_round_up(limits.min_examples, multiple), _round_down(most, multiple))
    return max(_round_down(within(budget), multiple), floor)


def _round_down(number: int, multiple: int) -> int:
    return number - number % multiple


def _round_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


def _least_steps(loads: Sequence[BucketLoad], sizes: Sequence[int]) -> int:
    """Returns the batches of an epoch if what fills none could all be put into one."""
    full = sum(load.records // size for load, size in zip(loads, sizes, strict=True))
    return full + any(load.records % size for load, size in zip(loads, sizes, strict=True))


def _steps(loads: Sequence[BucketLoad], sizes: Sequence[int]) -> int:
    return sum(-(-load.records // size) for load, size in zip(loads, sizes, strict=True))
