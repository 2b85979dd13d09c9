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

from schemas.manifest_pb2 import Bucket

Int64s = npt.NDArray[np.int64]


def plan_buckets(lengths: Int64s, counts: Int64s, count: int) -> list[Bucket]:
    """Plans the buckets that pad the least, each record padded to the longest of its bucket.

    Exact dynamic programme over the distinct lengths. With L the rising lengths and C the running
    count, the cost of the first j lengths in k buckets is
    D_k(j) = min over i < j of D_(k-1)(i) + L_j * (C_j - C_i), which is the lower envelope of lines
    of slope -C_i at L_j: all minima of one k in O(distinct lengths).

    Args:
      lengths: Distinct lengths in rising order, int64, (n,), n >= 1.
      counts: Records of each length, int64, (n,), all positive.
      count: Buckets wanted; fewer are returned where there are fewer distinct lengths.

    Returns:
      The buckets in rising order; the first begins at length 0, the last is open.
    """
    rising = [int(length) for length in lengths]
    running = [0, *(int(total) for total in np.cumsum(counts))]
    ends = _best_ends(rising, running, min(count, len(rising)))
    buckets = []
    start = 0
    for end in ends[:-1]:
        buckets.append(Bucket(min_length=start, max_length=rising[end - 1]))
        start = rising[end - 1] + 1
    return [*buckets, Bucket(min_length=start)]


def padded_steps_by_count(lengths: Int64s, counts: Int64s, most: int) -> list[int]:
    """Returns the fewest padded steps of 1, 2, … `most` buckets, each planned as `plan_buckets` does.

    One pass of its programme. Where there are fewer distinct lengths than buckets, the last number stands for the rest.

    Args:
      lengths: Distinct lengths in rising order, int64, (n,), n >= 1.
      counts: Records of each length, int64, (n,), all positive.
      most: Number of buckets to end with, 1 or more.
    """
    rising = [int(length) for length in lengths]
    running = [0, *(int(total) for total in np.cumsum(counts))]
    cost = _in_one_bucket(rising, running)
    totals = [cost[-1]]
    for k in range(2, min(most, len(rising)) + 1):
        cost, _ = _one_bucket_more(rising, running, cost, k)
        totals.append(cost[-1])
    return totals + totals[-1:] * (most - len(totals))


def _in_one_bucket(rising: list[int], running: list[int]) -> list[int]:
    """Returns D_1: the padded steps of the first j lengths in one bucket."""
    return [0] + [rising[j - 1] * running[j] for j in range(1, len(rising) + 1)]


def _best_ends(rising: list[int], running: list[int], count: int) -> list[int]:
    """Returns, for each bucket, how many distinct lengths it and those before it hold."""
    n = len(rising)
    cost = _in_one_bucket(rising, running)
    choices: list[list[int]] = []
    for k in range(2, count + 1):
        cost, choice = _one_bucket_more(rising, running, cost, k)
        choices.append(choice)
    ends = [n]
    for choice in reversed(choices):
        ends.append(choice[ends[-1]])
    return ends[::-1]


def _one_bucket_more(rising: list[int], running: list[int], cost: list[int], k: int) -> tuple[list[int], list[int]]:
    """Returns D_k and the last cut of each, from D_(k-1), by a monotone lower envelope."""
    n = len(rising)
    more, choice = [0] * (n + 1), [0] * (n + 1)
    hull: list[int] = []  # indexes i of lines D_(k-1)(i) - C_i * x, the steepest last
    first = 0
    for j in range(k, n + 1):
        i = j - 1
        while len(hull) - first >= 2 and _is_above(hull[-2], hull[-1], i, running, cost):
            hull.pop()
        hull.append(i)
        x = rising[j - 1]
        while len(hull) - first >= 2 and _at(hull[first + 1], x, running, cost) < _at(hull[first], x, running, cost):
            first += 1
        choice[j] = hull[first]
        more[j] = _at(hull[first], x, running, cost) + x * running[j]
    return more, choice


def _at(i: int, x: int, running: list[int], cost: list[int]) -> int:
    return cost[i] - running[i] * x


def _is_above(a: int, b: int, c: int, running: list[int], cost: list[int]) -> bool:
    """Whether line b is nowhere below both a and c, whose slopes lie on either side of its own."""
    return (cost[c] - cost[a]) * (running[b] - running[a]) <= (cost[b] - cost[a]) * (running[c] - running[a])


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
    index = bucket_index(lengths, buckets)
    total = 0
    for bucket in range(len(buckets)):
        inside = index == bucket
        if inside.any():
            total += int(lengths[inside].max()) * int(counts[inside].sum())
    return total


def bucketed_efficiency(lengths: Int64s, counts: Int64s, buckets: Sequence[Bucket]) -> float:
    """Returns real steps / padded steps when each record is padded to the longest of its bucket."""
    return _ratio(float(np.dot(lengths, counts)), float(padded_steps(lengths, counts, buckets)))


def longest_efficiency(lengths: Int64s, counts: Int64s) -> float:
    """Returns real steps / padded steps when each record is padded to the longest of all."""
    return _ratio(float(np.dot(lengths, counts)), float(lengths.max(initial=0)) * float(counts.sum()))


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
    return _ratio(float(np.dot(lengths, counts)) / float(total), longest)


def _ratio(real: float, padded: float) -> float:
    """No padded step means that none was wasted."""
    return real / padded if padded else 1.0
