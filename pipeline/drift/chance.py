"""What chance alone makes of each measure: two samples of equal records never hold quite the same.

`n` and `m` are numbers of independent draws. Steps of one record are alike, so that a thousand steps of ten records
tell no more than ten draws in the worst case: `pipeline.drift.clusters` says how many they are worth.

Each function returns `Chance`: what two such samples show on average, and the margin that they do not exceed but in
1 of 100 spans at most. Margins are bounds, which most measures keep far more often than that.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

FALSE_ALARMS = 0.01  # most, by one measure of all features together
_POINTS = 200  # at which an integral is evaluated
_WIDEST = 8.0  # standard deviations beyond which nothing lies


class Chance(NamedTuple):
    """What two samples of equal records show.

    Attributes:
      average: Of the measure.
      margin: Exceeded in FALSE_ALARMS of all spans at most.
    """

    average: float
    margin: float


def chance_of_distance(pooled: Sequence[int], n: float, m: float, comparisons: int) -> Chance:
    """Returns what chance makes of `jensen_shannon_distance`.

    Of large samples, JSD · 8 ln 2 / (1/n + 1/m) has a chi-squared distribution of k - 1 degrees of freedom, k the bins
    that hold anything (Grosse et al., Analysis of symbolic sequences using the Jensen-Shannon divergence, 2002): its
    mean is (k - 1) (1/n + 1/m) / (8 ln 2). The mean of the root is that of a chi distribution, and a chi variable
    exceeds its mean by t with a probability of at most exp(-t²/2) (Boucheron, Lugosi and Massart, Concentration
    inequalities, 2013, theorem 5.6). With fewer than some 5 draws a bin the mean is up to a fifth greater than told;
    the margin has room for that.

    Args:
      pooled: Counts of both samples by bin.
      n: Draws of the one sample.
      m: Draws of the other.
      comparisons: How many features are measured.
    """
    freedom = sum(1 for count in pooled if count) - 1
    if freedom < 1:
        return Chance(0.0, 0.0)
    unit = math.sqrt((1 / n + 1 / m) / (8 * math.log(2)))
    average = unit * math.sqrt(2) * math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2))
    return Chance(min(1.0, average), average + unit * math.sqrt(2 * _nats(comparisons)))


def chance_of_shares(counts: Sequence[int], n: float, m: float, comparisons: int) -> Chance:
    """Returns what chance makes of `greatest_difference`, and of `share_change` with two classes.

    The difference of a share p has the variance p (1 - p) (1/n + 1/m) and, about normal, the mean size of
    sqrt(2/π) standard deviations. Of more than two classes, the mean of the greatest is told as if they were
    independent, which it never exceeds (Šidák, Rectangular confidence regions, 1967). The margin is that of
    Bernstein's inequality (Boucheron, Lugosi and Massart, section 2.8), which also holds of rare classes.

    Args:
      counts: Of both samples together by class; not all 0.
      n: Draws of the one sample.
      m: Draws of the other.
      comparisons: How many features are measured.
    """
    total = sum(counts)
    shares = Counter(Fraction(count, total) for count in counts if count)
    if sum(shares.values()) < 2:
        return Chance(0.0, 0.0)
    deviations: Counter[float] = Counter()
    for share, number in shares.items():
        deviations[_deviation(share, n, m)] += number  # that of 1 - share is the same
    nats = _nats(comparisons * sum(shares.values()))
    margin = math.sqrt(2 * nats) * max(deviations) + nats / (3 * min(n, m))
    return Chance(min(1.0, _mean_of_greatest(deviations)), margin)


def chance_of_shift(n: float, m: float, comparisons: int) -> Chance:
    """Returns what chance makes of `mean_shift`.

    The difference of two means in standard deviations has the variance 1/n + 1/m and, about normal, the mean size of
    sqrt(2/π) of its own standard deviations (Hedges and Olkin, Statistical methods for meta-analysis, 1985). The
    margin is as of `chance_of_shares`, whose second term makes room for variances that few draws tell badly.

    Args:
      n: Draws of the one sample.
      m: Draws of the other.
      comparisons: How many features are measured.
    """
    deviation = math.sqrt(1 / n + 1 / m)
    nats = _nats(comparisons)
    return Chance(math.sqrt(2 / math.pi) * deviation, math.sqrt(2 * nats) * deviation + nats / (3 * min(n, m)))


def _nats(comparisons: int) -> float:
    """Returns ln(2 / p), p a comparison's share of FALSE_ALARMS (Dunn, Multiple comparisons among means, 1961)."""
    return math.log(2 * comparisons / FALSE_ALARMS)


def _deviation(share: Fraction, n: float, m: float) -> float:
    return math.sqrt(float(share * (1 - share)) * (1 / n + 1 / m))


def _mean_of_greatest(deviations: Mapping[float, int]) -> float:
    """Returns the mean of the greatest size of independent normal variables of mean 0, given by standard deviation.

    The integral of 1 - Π P(|Z| ≤ x) over x ≥ 0. Two shares that add up to 1 differ by the same and are one variable.
    """
    if sum(deviations.values()) == 2:
        return math.sqrt(2 / math.pi) * max(deviations)
    step = _WIDEST * max(deviations) / _POINTS
    whole = 0.5  # the first point, at which nothing is below
    for i in range(1, _POINTS):
        inside = math.prod(math.erf(i * step / (root * math.sqrt(2))) ** number for root, number in deviations.items())
        whole += 1 - inside
    return whole * step
