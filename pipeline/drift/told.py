"""What a span and its base hold of a feature, in a few words: beside a measure, the facts that it was computed from."""

import math
from fractions import Fraction

from pipeline.drift.population import Population
from pipeline.statistics.details import quantile
from schemas.manifest_pb2 import DriftMeasure
from schemas.statistics_pb2 import NumberStatistics

_SHARES = (Fraction(1, 20), Fraction(1, 2), Fraction(19, 20))


def held(measure: DriftMeasure, one: Population, is_base: bool = False) -> str:
    """Returns what a population holds of the feature of a measure, in words.

    Args:
      measure: Of the span, compared with its base.
      one: The span or the base.
      is_base: Which of both it is: out of vocabulary are counted in other splits of a base.
    """
    feature = measure.feature
    if measure.measure == "length_distance":
        return _lengths(feature, one)
    if measure.measure == "oov_rate_change":
        return _oov(feature, one, is_base)
    if measure.measure == "class_share_change":
        return _classes(one)
    if measure.measure == "mean_shift":
        return _mean(_numbers(feature, one))
    counts = one.manifest.counts.events if feature else one.manifest.counts
    return f"{sum(counts.rejected.values()):,} of {counts.read:,} rejected"


def _lengths(feature: str, one: Population) -> str:
    lengths = one.lengths(feature)
    values = sorted(lengths)
    counts = [lengths[value] for value in values]
    low, median, high = (quantile(values, counts, share) for share in _SHARES)
    return f"a median of {median:,} steps (5 to 95 %: {low:,} to {high:,})"


def _oov(feature: str, one: Population, is_base: bool) -> str:
    details = one.held_out if is_base else one.all
    if feature in details.categories:
        some, of = details.categories[feature].oov, details.categories[feature].count
    else:
        some, of = details.sequences[feature].oov_steps, details.sequences[feature].lengths.steps
    return f"{_percent(some, of)} of {of:,}"


def _classes(one: Population) -> str:
    *known, unknown = one.classes()
    total = sum(known) + unknown
    frequent = sorted(range(len(known)), key=lambda i: (-known[i], i))[:3]
    parts = [f"class {i}: {_percent(known[i], total)}" for i in frequent]
    return ", ".join([*parts, *([f"unknown: {_percent(unknown, total)}"] if unknown else [])])


def _numbers(feature: str, one: Population) -> NumberStatistics:
    name, _, dimension = feature.partition("[")
    if dimension:
        return one.all.sequences[name].values[int(dimension.removesuffix("]"))]
    return one.all.numbers[name]


def _mean(numbers: NumberStatistics) -> str:
    return f"a mean of {numbers.mean:.4g} (deviation {numbers.deviation:.4g})"


def _percent(some: int, of: int) -> str:
    share = 100 * some / of
    # As many digits as tell it from 0.
    digits = min(6, max(1, 1 - math.floor(math.log10(share)))) if share else 0
    return f"{share:.{digits}f} %"
