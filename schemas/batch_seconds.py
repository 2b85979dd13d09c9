"""What a batch is predicted to take, and what a record costs by that.

A batch of B examples that are padded to T steps is predicted to take a + b·T + c·B·T seconds: a whatever
it holds, b for each step, since an LSTM computes one after another, however many examples it computes at
once, and c for each padded step. A batch holds as many examples as a budget of padded steps allows, so a
record in a bucket whose longest has L steps costs

    g(L) = (a + b·L) / B(L) + c·L,   B(L) = max(1, min(examples, padded_steps // max(L, 1)))

B never rises with L, floors included, and neither does the numerator fall; so g never falls, which the
programme of `schemas.cuts` needs, and nor does g rounded down.
"""

import math
from fractions import Fraction

from schemas.dataset_pb2 import BatchSeconds

# Where nobody says otherwise, of the trainer as well.
DEFAULT_PADDED_STEPS = 16_384
DEFAULT_EXAMPLES = 512

PER_SECOND = 10**18  # costs are whole attoseconds: rounded only there, and by no machine in another way


def examples_within(longest: int, padded_steps: int, examples: int) -> int:
    """Returns how many examples one full batch holds, 1 or more.

    Args:
      longest: Steps of the longest example.
      padded_steps: Most of a batch; a longer single example makes a batch by itself.
      examples: Most of a batch.
    """
    return max(1, min(examples, padded_steps // max(longest, 1)))


def batch_examples(longest: int, seconds: BatchSeconds) -> int:
    """Returns how many examples one full batch holds of a bucket whose longest has `longest` steps; 1 or more."""
    return examples_within(longest, seconds.padded_steps, seconds.examples)


def record_costs(lengths: list[int], seconds: BatchSeconds) -> list[int]:
    """Returns what one record costs in a bucket whose longest is each of `lengths`, in attoseconds, rounded down.

    A batch that is not full is counted by its share of a full one.

    Args:
      lengths: In steps, rising, (n,).
      seconds: With all fields, as in a resolved spec.

    Returns:
      (n,), never falling.
    """
    # A double is a whole number of some power of 2, so that integers hold the formula without rounding.
    exact = [Fraction(value) * PER_SECOND for value in (seconds.batch, seconds.step, seconds.padded_step)]
    unit = math.lcm(*(value.denominator for value in exact))
    batch, step, padded_step = (int(value * unit) for value in exact)
    costs = []
    for length in lengths:
        examples = batch_examples(length, seconds)
        costs.append((batch + step * length + padded_step * length * examples) // (examples * unit))
    return costs
