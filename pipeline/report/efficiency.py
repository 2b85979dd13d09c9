"""What padding costs: three ways of batching, and any number of buckets."""

from dataclasses import dataclass

import numpy as np

from pipeline.report.facts import Facts, histogram
from schemas.buckets import (
    Int64s,
    bucketed_efficiency,
    longest_efficiency,
    padded_steps_by_count,
    random_batch_efficiency,
)
from schemas.manifest_pb2 import Manifest
from schemas.spec import TRAIN

MOST_BUCKETS = 32  # of the curve
RANDOM_BATCH = 64  # records of the random batches that bucketing is compared with
# The programme takes some 2 µs for each distinct length and bucket: 0.3 s for this many.
_MOST_LENGTHS = 5_000


@dataclass(frozen=True)
class Efficiency:
    """Padding efficiencies of the training split: real steps / padded steps, from 0 to 1.

    Attributes:
      longest: Each record padded to the longest of all.
      random: Random batches of `RANDOM_BATCH`, each padded to its own longest.
      bucketed: Each record padded to the longest of its bucket.
      by_count: With 1, 2, … `MOST_BUCKETS` buckets planned as ours are.
      knee: The number of buckets beyond which more of them bring little; see `find_knee`.
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
    lengths, counts = histogram(facts.manifest.statistics[TRAIN].bucket_length)
    if not len(lengths) or not lengths[-1]:
        return None
    by_count, three_ways = efficiency_by_count(lengths, counts, MOST_BUCKETS), padding(facts.manifest)
    return Efficiency(
        longest=three_ways["longest"],
        random=three_ways["random_batches"],
        bucketed=three_ways["bucketed"],
        by_count=by_count,
        knee=find_knee(by_count),
        worthwhile=worthwhile_count(by_count),
    )


def padding(manifest: Manifest) -> dict[str, float]:
    """Returns the padding efficiency of the training split three ways."""
    lengths, counts = histogram(manifest.statistics[TRAIN].bucket_length)
    return {
        "bucketed": bucketed_efficiency(lengths, counts, manifest.buckets),
        "random_batches": random_batch_efficiency(lengths, counts, RANDOM_BATCH),
        "longest": longest_efficiency(lengths, counts),
    }


def efficiency_by_count(lengths: Int64s, counts: Int64s, most: int) -> tuple[float, ...]:
    """Returns the best padding efficiency of 1, 2, … `most` buckets.

    Of more than 5,000 distinct lengths some are rounded up to the next, so that the result may be a little too low.

    Args:
      lengths: Distinct lengths in rising order, int64, (n,), n >= 1, the last one positive.
      counts: Records of each length, int64, (n,).
      most: Buckets to end with.
    """
    real = float(np.dot(lengths, counts))
    lengths, counts = _coarser(lengths, counts)
    return tuple(real / padded for padded in padded_steps_by_count(lengths, counts, most))


def _coarser(lengths: Int64s, counts: Int64s) -> tuple[Int64s, Int64s]:
    if len(lengths) <= _MOST_LENGTHS:
        return lengths, counts
    ends = np.unique(np.linspace(1, len(lengths), _MOST_LENGTHS).astype(np.int64))
    running = np.concatenate([[0], np.cumsum(counts)])
    return lengths[ends - 1], np.diff(running[ends], prepend=0)


def find_knee(by_count: tuple[float, ...]) -> int:
    """Returns the number of buckets at the knee of the curve.

    The knee is where the curve, scaled so that it goes from (0, 0) to (1, 1), lies highest above the
    straight line between these points (Satopää, Albrecht, Irwin and Raghavan, "Finding a 'Kneedle' in a
    Haystack", ICDCS Workshops 2011). With efficiencies .2, .6, .8, .9, 1 it is 2 buckets: .5 - .25 = .25
    above the line, and so is 3 (.75 - .5), of which the first is taken.

    Args:
      by_count: Efficiency of 1, 2, … buckets, rising.
    """
    curve = np.array(by_count)
    rise = curve[-1] - curve[0]
    if len(curve) < 2 or rise <= 0:
        return 1
    above = (curve - curve[0]) / rise - np.linspace(0, 1, len(curve))
    return int(np.argmax(np.round(above, 9))) + 1


WORTH = 0.01  # of the steps computed, that one more bucket must save


def worthwhile_count(by_count: tuple[float, ...]) -> int:
    """Returns the most buckets of which the last one still makes at least 1 more step of 100 a real one."""
    gains = np.diff(by_count)
    worth = np.flatnonzero(gains >= WORTH)
    return int(worth[-1]) + 2 if len(worth) else 1
