"""What padding costs: three ways of batching, and any number of buckets."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.report.facts import Facts, histogram, training
from schemas.buckets import (
    Int64s,
    bucketed_efficiency,
    epoch_seconds,
    longest_efficiency,
    padded_steps_by_count,
    random_batch_efficiency,
)
from schemas.cuts import knee
from schemas.manifest_pb2 import Bucket, Manifest

MOST_BUCKETS = 32  # of the curve
RANDOM_BATCH = 64  # records of the random batches that bucketing is compared with
# The programme takes some 1 µs for each distinct length and bucket: 0.2 s for this many.
_MOST_LENGTHS = 5_000


@dataclass(frozen=True)
class Efficiency:
    """Padding efficiencies of the training split: real steps / padded steps, from 0 to 1.

    Attributes:
      longest: Each record padded to the longest of all.
      random: Random batches of `RANDOM_BATCH`, each padded to its own longest.
      bucketed: Each record padded to the longest of its bucket.
      by_count: With 1, 2, … `MOST_BUCKETS` buckets that pad the least.
      knee: The number of buckets beyond which more of them bring little; see `schemas.cuts.knee`.
      worthwhile: The most buckets of which each brings at least `WORTH` of the steps; see `worthwhile_count`.
    """

    longest: float
    random: float
    bucketed: float
    by_count: tuple[float, ...]
    knee: int
    worthwhile: int


def measure(facts: Facts) -> Efficiency | None:
    """Returns what padding costs in the training split; None where there are no steps."""
    lengths, counts = histogram(training(facts.manifest).bucket_length)
    if not len(lengths) or not lengths[-1]:
        return None
    padded, three_ways = steps_by_count(lengths, counts, MOST_BUCKETS), padding(facts.manifest)
    by_count = efficiencies(lengths, counts, padded)
    return Efficiency(
        longest=three_ways["longest"],
        random=three_ways["random_batches"],
        bucketed=three_ways["bucketed"],
        by_count=by_count,
        knee=knee(padded),
        worthwhile=worthwhile_count(by_count),
    )


def padding(manifest: Manifest) -> dict[str, float]:
    """Returns the padding efficiency of the training split three ways."""
    lengths, counts = histogram(training(manifest).bucket_length)
    return {
        "bucketed": bucketed_efficiency(lengths, counts, manifest.buckets),
        "random_batches": random_batch_efficiency(lengths, counts, RANDOM_BATCH),
        "longest": longest_efficiency(lengths, counts),
    }


def predicted_seconds(manifest: Manifest) -> dict[str, float]:
    """Returns the seconds that an epoch of the training split is predicted to take, in our buckets and in one.

    Nothing where the spec does not say what a batch takes.
    """
    if not manifest.spec.buckets.HasField("seconds"):
        return {}
    lengths, counts = histogram(training(manifest).bucket_length)
    plans = {"bucketed": manifest.buckets, "longest": [Bucket()]}
    return {name: epoch_seconds(lengths, counts, plan, manifest.spec.buckets.seconds) for name, plan in plans.items()}


def steps_by_count(lengths: Int64s, counts: Int64s, most: int) -> list[int]:
    """Returns the fewest padded steps of 1, 2, … `most` buckets.

    Of more than 5,000 distinct lengths some are rounded up to the next, so that the result may be a little too high.

    Args:
      lengths: Distinct lengths in rising order, int64, (n,), n >= 1.
      counts: Records of each length, int64, (n,).
      most: Buckets to end with.
    """
    return padded_steps_by_count(*_coarser(lengths, counts), most)


def efficiencies(lengths: Int64s, counts: Int64s, padded: Sequence[int]) -> tuple[float, ...]:
    """Returns real steps / padded steps for each number of padded steps, which must be positive."""
    real = float(np.dot(lengths, counts))
    return tuple(real / steps for steps in padded)


def _coarser(lengths: Int64s, counts: Int64s) -> tuple[Int64s, Int64s]:
    if len(lengths) <= _MOST_LENGTHS:
        return lengths, counts
    ends = np.unique(np.linspace(1, len(lengths), _MOST_LENGTHS).astype(np.int64))
    running = np.concatenate([[0], np.cumsum(counts)])
    return lengths[ends - 1], np.diff(running[ends], prepend=0)


WORTH = 0.01  # of the steps computed, that one more bucket must save


def worthwhile_count(by_count: tuple[float, ...]) -> int:
    """Returns the most buckets of which the last one still makes at least 1 more step of 100 a real one."""
    gains = np.diff(by_count)
    worth = np.flatnonzero(gains >= WORTH)
    return int(worth[-1]) + 2 if len(worth) else 1
