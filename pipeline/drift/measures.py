"""Distances between what two data sets hold: pure functions of counts and exact sums.

Nothing here is infinite or no number. Values are told rounded to 6 decimals, see `rounded`, so that the last bits of a
logarithm, which differ between machines, never show.
"""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from fractions import Fraction

from pipeline.moments import ExactMoments
from pipeline.statistics.details import quantile

LENGTH_BINS = 20  # of equal mass: an average span then has 5 of 100 records in each
MOST_SHIFT = 1000.0  # standard deviations; of constants that differ, too
_DECIMALS = 6


def rounded(value: float) -> float:
    """Returns a value as it is stored: with 6 decimals."""
    return round(value, _DECIMALS) + 0.0


def length_bins(base: Mapping[int, int]) -> list[int]:
    """Returns the bins in which lengths are compared: the greatest length of each but the last, rising.

    Each of about 20 bins between the least and the greatest length of the base holds as many of its records as another
    one, as far as single lengths allow; two more are for what is shorter or longer than any of them. So a bin is
    neither empty by chance nor wide where the records are.

    Args:
      base: Records of the base by length; one or more.
    """
    values = sorted(length for length, count in base.items() if count)
    counts = [base[value] for value in values]
    inner = {quantile(values, counts, Fraction(i, LENGTH_BINS)) for i in range(1, LENGTH_BINS + 1)}
    return [values[0] - 1, *sorted(inner)]


def binned(lengths: Mapping[int, int], bins: Sequence[int]) -> list[int]:
    """Returns records by bin, (len(bins) + 1,); the last bin holds all that are longer than the others take."""
    counts = [0] * (len(bins) + 1)
    for length, count in lengths.items():
        counts[bisect_left(bins, length)] += count
    return counts


def jensen_shannon_distance(left: Sequence[int], right: Sequence[int]) -> float:
    """Returns the square root of the Jensen-Shannon divergence in bits, in [0, 1].

    With P and Q the shares and M their mean, JSD = (KL(P‖M) + KL(Q‖M)) / 2 with logarithms of base 2 (Lin, Divergence
    measures based on the Shannon entropy, 1991). Its root is a metric (Endres and Schindelin, A new metric for
    probability distributions, 2003): 0 of equal shares, 1 of shares that have no bin in common.

    Args:
      left: Counts by bin; not all 0.
      right: Counts of the same bins; not all 0.
    """
    n, m = sum(left), sum(right)
    terms = []
    for a, b in zip(left, right, strict=True):
        p, q = a / n, b / m
        terms += [share * math.log2(2 * share / (p + q)) for share in (p, q) if share]
    return math.sqrt(min(1.0, max(0.0, math.fsum(terms) / 2)))


def greatest_difference(left: Sequence[int], right: Sequence[int]) -> float:
    """Returns the L-infinity distance of shares: the greatest difference of the two shares of any class, in [0, 1].

    It is what TensorFlow Data Validation calls drift of a categorical feature.

    Args:
      left: Counts by class; not all 0.
      right: Counts of the same classes; not all 0.
    """
    n, m = sum(left), sum(right)
    return float(max(abs(Fraction(a, n) - Fraction(b, m)) for a, b in zip(left, right, strict=True)))


def share_change(some: int, of: int, base_some: int, base_of: int) -> float:
    """Returns the difference of two shares, some / of and base_some / base_of, without its sign; `of` 1 or more."""
    return float(abs(Fraction(some, of) - Fraction(base_some, base_of)))


def mean_shift(left: ExactMoments, right: ExactMoments) -> float:
    """Returns the standardised mean difference, 0 or more.

    |mean - mean'| / sqrt((variance + variance') / 2) with population variances (Cohen, Statistical power analysis for
    the behavioral sciences, 1988; Austin, Balance diagnostics, 2009). Where neither varies, it is 0 of equal constants
    and MOST_SHIFT of others; nothing is told as more than MOST_SHIFT.

    Args:
      left: Of one number or more.
      right: Of one number or more.
    """
    difference = left.mean() - right.mean()
    variance = (left.variance() + right.variance()) / 2
    if not difference:
        return 0.0
    if not variance or difference**2 > variance * Fraction(MOST_SHIFT) ** 2:
        return MOST_SHIFT
    return math.sqrt(difference**2 / variance)
