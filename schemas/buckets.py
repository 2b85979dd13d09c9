"""Length buckets: where they lie, which one a length belongs to, and what they cost.

A bucket holds the lengths from its `min_length` to its `max_length`, both included. The last one
is open: a record longer than any of the training split still has a place. With lengths 3, 5, 9
seen once each and two buckets, the plan is [0..5] and [6..]: padded to the longest record of their
bucket they make 5 + 5 + 9 = 19 steps for 17 real ones, a padding efficiency of 0.895.

tf.data's `bucket_by_sequence_length` takes *exclusive* upper bounds; `exclusive_boundaries` is the
one place where the two conventions meet.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from schemas.batch_seconds import PER_SECOND, record_costs
from schemas.cuts import Cuts, cheapest_cuts, knee
from schemas.dataset_pb2 import BatchSeconds
from schemas.manifest_pb2 import Bucket

Int64s = npt.NDArray[np.int64]


def plan_buckets(lengths: Int64s, counts: Int64s, count: int, seconds: BatchSeconds | None = None) -> list[Bucket]:
    """Plans the buckets that cost the least, each record padded to the longest of its bucket.

    Args:
      lengths: Distinct lengths in rising order, int64, (n,), n >= 1.
      counts: Records of each length, int64, (n,), all positive.
      count: Buckets wanted; fewer are returned where there are fewer distinct lengths.
      seconds: What a batch is predicted to take; the cost is then the predicted seconds of an epoch, and
        without it padded steps.

    Returns:
      The buckets in rising order; the first begins at length 0, the last is open.
    """
    cuts = _cheapest_cuts(lengths, counts, count, seconds)
    return _buckets(lengths, cuts.ends(len(cuts.totals)))


def plan_buckets_at_knee(
    lengths: Int64s, counts: Int64s, most: int, seconds: BatchSeconds | None = None
) -> list[Bucket]:
    """Plans as many buckets, up to `most`, as there are at the knee of what they cost (see `schemas.cuts.knee`).

    Args:
      lengths: Distinct lengths in rising order, int64, (n,), n >= 1.
      counts: Records of each length, int64, (n,), all positive.
      most: Buckets to choose from, 1 or more.
      seconds: As for `plan_buckets`, which returns the same buckets for the number that is chosen.
    """
    cuts = _cheapest_cuts(lengths, counts, most, seconds)
    return _buckets(lengths, cuts.ends(knee(_up_to(most, cuts.totals))))


def padded_steps_by_count(lengths: Int64s, counts: Int64s, most: int) -> list[int]:
    """Returns the fewest padded steps of 1, 2, … `most` buckets, each planned as `plan_buckets` does.

    One pass of its programme. Where there are fewer distinct lengths than buckets, the last number stands for the rest.

    Args:
      lengths: Distinct lengths in rising order, int64, (n,), n >= 1.
      counts: Records of each length, int64, (n,), all positive.
      most: Number of buckets to end with, 1 or more.
    """
    return _up_to(most, _cheapest_cuts(lengths, counts, most, None).totals)


def _cheapest_cuts(lengths: Int64s, counts: Int64s, most: int, seconds: BatchSeconds | None) -> Cuts:
    rising: list[int] = lengths.tolist()
    return cheapest_cuts(record_costs(rising, seconds) if seconds else rising, counts.tolist(), most)


def _up_to(most: int, totals: list[int]) -> list[int]:
    return totals + totals[-1:] * (most - len(totals))


def _buckets(lengths: Int64s, ends: list[int]) -> list[Bucket]:
    buckets = []
    start = 0
    for end in ends[:-1]:
        longest = int(lengths[end - 1])
        buckets.append(Bucket(min_length=start, max_length=longest))
        start = longest + 1
    return [*buckets, Bucket(min_length=start)]


def upper_bounds(buckets: Sequence[Bucket]) -> Int64s:
    """Returns the inclusive `max_length` of every bucket but the last, int64, (buckets - 1,)."""
    return np.array([bucket.max_length for bucket in buckets[:-1]], dtype=np.int64)


def exclusive_boundaries(buckets: Sequence[Bucket]) -> list[int]:
    """Returns the boundaries as `tf.data.Dataset.bucket_by_sequence_length` takes them."""
    return [int(bound) + 1 for bound in upper_bounds(buckets)]


def bucket_index(lengths: npt.NDArray[np.integer], buckets: Sequence[Bucket]) -> Int64s:
    """Returns the index of the bucket of each length, int64, in the shape of `lengths`."""
    return np.searchsorted(upper_bounds(buckets), lengths, side="left").astype(np.int64)


def padded_steps(lengths: Int64s, counts: Int64s, buckets: Sequence[Bucket]) -> int:
    """Returns the steps computed when each record is padded to the longest of its bucket.

    Args:
      lengths: Distinct lengths in rising order, int64, (n,).
      counts: Records of each length, int64, (n,).
      buckets: In rising order of length.
    """
    return sum(longest * records for longest, records in _contents(lengths, counts, buckets))


def epoch_seconds(lengths: Int64s, counts: Int64s, buckets: Sequence[Bucket], seconds: BatchSeconds) -> float:
    """Returns the seconds that an epoch is predicted to take, batches that are not full counted by their share.

    Args:
      lengths: Distinct lengths in rising order, int64, (n,).
      counts: Records of each length, int64, (n,).
      buckets: In rising order of length.
      seconds: What a batch is predicted to take.
    """
    contents = _contents(lengths, counts, buckets)
    costs = record_costs([longest for longest, _ in contents], seconds)
    # Divided last, as whole numbers: a sum of floats would depend on their order.
    return sum(cost * records for cost, (_, records) in zip(costs, contents, strict=True)) / PER_SECOND


def _contents(lengths: Int64s, counts: Int64s, buckets: Sequence[Bucket]) -> list[tuple[int, int]]:
    """Returns the longest length and the number of records of every bucket that holds any."""
    index = bucket_index(lengths, buckets)
    held = (index == bucket for bucket in range(len(buckets)))
    return [(int(lengths[inside].max()), int(counts[inside].sum())) for inside in held if inside.any()]


def bucketed_efficiency(lengths: Int64s, counts: Int64s, buckets: Sequence[Bucket]) -> float:
    """Returns real steps / padded steps when each record is padded to the longest of its bucket."""
    return padding_efficiency(float(np.dot(lengths, counts)), float(padded_steps(lengths, counts, buckets)))


def longest_efficiency(lengths: Int64s, counts: Int64s) -> float:
    """Returns real steps / padded steps when each record is padded to the longest of all."""
    return padding_efficiency(float(np.dot(lengths, counts)), float(lengths.max(initial=0)) * float(counts.sum()))


def random_batch_efficiency(lengths: Int64s, counts: Int64s, batch_size: int) -> float:
    """Returns the expected real / padded steps of random batches padded to their own longest.

    With F the distribution function of the lengths, the longest of B records drawn with
    replacement exceeds t with probability 1 - F(t)^B, so that its expectation is the sum of
    L_i * (F(L_i)^B - F(L_(i-1))^B).

    Args:
      lengths: Distinct lengths in rising order, int64, (n,).
      counts: Records of each length, int64, (n,).
      batch_size: B.
    """
    total = counts.sum()
    if total == 0:
        return 1.0
    share = np.concatenate([[0.0], np.cumsum(counts) / total])
    longest = float(np.dot(lengths, np.diff(share**batch_size)))
    return padding_efficiency(float(np.dot(lengths, counts)) / float(total), longest)


def padding_efficiency(real: float, padded: float) -> float:
    """Returns real steps / padded steps; no padded step means that none was wasted."""
    return real / padded if padded else 1.0


def bounds_of(bucket: Bucket) -> dict[str, int | None]:
    """Returns the least and the greatest length of a bucket by name; of the open one, the greatest is None."""
    most = bucket.max_length if bucket.HasField("max_length") else None
    return {"min_length": bucket.min_length, "max_length": most}
