"""Batch sizes: how many examples of each bucket make one batch.

A batch costs memory and time by its padded steps (examples x the longest of them), so each bucket
gets as many examples as a budget of padded steps allows: short sequences in large batches, long
ones in small batches. A budget that suits large data would leave a small data set a handful of
steps an epoch, so it is lowered until an epoch has enough of them, down to a floor of examples
a batch.

With 800 examples of at most 10 steps, 200 of at most 40, a budget of 400 padded steps and nothing
else in the way: batches of 40 and of 10, so 20 + 20 steps.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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
    """

    padded_steps: int
    max_examples: int
    min_examples: int = 1
    min_steps: int = 1

    def __post_init__(self) -> None:
        """Refuses limits that no batch can meet."""
        for name in ("padded_steps", "max_examples", "min_examples", "min_steps"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name}: {getattr(self, name)} is out of range; it must be 1 or more")
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
      steps: Batches of an epoch; each bucket ends with at most one that is not full.
      examples: Examples of an epoch: all of the split.
    """

    sizes: tuple[int, ...]
    steps: int
    examples: int

    @property
    def mean_examples(self) -> float:
        """Examples of a batch on average over an epoch; 1 for a split without examples."""
        return self.examples / self.steps if self.steps else 1.0


def plan_batches(loads: Sequence[BucketLoad], limits: BatchLimits) -> BatchPlan:
    """Plans the batches of an epoch.

    The budget is the largest one, up to `limits.padded_steps`, that leaves `limits.min_steps`
    batches; where none does, every batch has `limits.min_examples` or what the full budget allows
    if that is fewer.

    Args:
      loads: Of every bucket, in rising order of length.
      limits: What batches may be like.
    """
    low, high = 0, limits.padded_steps
    if _steps(loads, _sizes(loads, limits, high)) >= limits.min_steps:
        low = high
    # The number of steps falls as the budget rises, so that halving finds the largest budget.
    while high - low > 1:
        middle = (low + high) // 2
        if _steps(loads, _sizes(loads, limits, middle)) >= limits.min_steps:
            low = middle
        else:
            high = middle
    sizes = _sizes(loads, limits, low)
    return BatchPlan(tuple(sizes), _steps(loads, sizes), sum(load.records for load in loads))


def full_sizes(longest: Sequence[int], limits: BatchLimits) -> tuple[int, ...]:
    """Returns the examples of a full batch of each bucket, where nobody knows how many batches there will be.

    Args:
      longest: Steps of the longest example that a bucket may hold, in rising order.
      limits: What batches may be like; `min_examples` and `min_steps` mean nothing here.
    """
    return tuple(max(1, min(limits.max_examples, limits.padded_steps // max(length, 1))) for length in longest)


def sorted_batches(lengths: npt.NDArray[np.int64], limits: BatchLimits) -> Iterator[npt.NDArray[np.int64]]:
    """Yields the rows of each batch, the longest first, for work whose order does not matter.

    Args:
      lengths: Of every row, int64, (rows,).
      limits: What batches may be like; `min_examples` and `min_steps` mean nothing here.
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        longest = max(int(lengths[order[start]]), 1)
        size = max(1, min(limits.max_examples, limits.padded_steps // longest))
        yield order[start : start + size]
        start += size


def _sizes(loads: Sequence[BucketLoad], limits: BatchLimits, budget: int) -> list[int]:
    return [_size(load.max_length, limits, budget) for load in loads]


def _size(max_length: int, limits: BatchLimits, budget: int) -> int:
    def within(steps: int) -> int:
        return max(1, min(limits.max_examples, steps // max(max_length, 1)))

    # The floor never exceeds what the full budget allows: memory comes first.
    return max(within(budget), min(limits.min_examples, within(limits.padded_steps)))


def _steps(loads: Sequence[BucketLoad], sizes: Sequence[int]) -> int:
    return sum(-(-load.records // size) for load, size in zip(loads, sizes, strict=True))
