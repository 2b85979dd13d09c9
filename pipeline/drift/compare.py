"""All measures between a span and its bases, in a fixed order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from pipeline.drift.chance import Chance, chance_of_distance, chance_of_shares, chance_of_shift
from pipeline.drift.clusters import OovRecords, effective_steps, likeness
from pipeline.drift.limits import EVENTS
from pipeline.drift.measures import (
    binned,
    greatest_difference,
    jensen_shannon_distance,
    length_bins,
    mean_shift,
    rounded,
    share_change,
)
from pipeline.drift.population import Population
from pipeline.statistics.merging import exact_moments, merged_oov
from schemas.formats.fields import LABEL
from schemas.manifest_pb2 import Counts, DriftMeasure, EventCounts
from schemas.spec import category_features, leaders, series_sequences, token_sequences
from schemas.spec_drift import drift_limits
from schemas.statistics_pb2 import NumberStatistics


@dataclass(frozen=True)
class _Found:
    """A measure of a feature; `chance` takes the number of features that the same measure is taken of."""

    measure: str
    feature: str
    value: float
    chance: Callable[[int], Chance]


def compare(span: Population, base: Population, origin: Population | None = None) -> list[DriftMeasure]:
    """Returns how far a span is from its bases, sorted by measure and feature.

    A feature of which one of both has nothing (no record, no step, no number that is not missing) has no measure.

    Args:
      span: What is to be published; the limits of its spec hold.
      base: Of the same spec; with the vocabularies that the span has or extends.
      origin: Of the same spec; what the records themselves are compared with. None: the base.
    """
    origin = origin or base
    limits = drift_limits(span.manifest.spec)
    found = [*_lengths(span, origin), *_tokens(span, base), *_classes(span, origin), *_means(span, origin)]
    found += _rejected(span, origin)
    number = {name: sum(one.measure == name for one in found) for name in limits}
    measures = []
    for one in sorted(found, key=lambda one: (one.measure, one.feature)):
        chance, limit = one.chance(number[one.measure]), limits[one.measure]
        measures.append(
            DriftMeasure(
                measure=one.measure,
                feature=one.feature,
                value=rounded(one.value),
                by_chance=rounded(chance.average),
                margin=rounded(chance.margin),
                warn=limit.warn,
                fail=limit.fail,
            )
        )
    return measures


def _lengths(span: Population, base: Population) -> Iterator[_Found]:
    for name in leaders(base.manifest.spec):
        mine, theirs = span.lengths(name), base.lengths(name)
        n, m = sum(mine.values()), sum(theirs.values())
        if n and m:
            bins = length_bins(theirs)
            left, right = binned(mine, bins), binned(theirs, bins)
            pooled = [a + b for a, b in zip(left, right, strict=True)]
            value = jensen_shannon_distance(left, right)
            yield _Found("length_distance", name, value, partial(chance_of_distance, pooled, n, m))


def _tokens(span: Population, base: Population) -> Iterator[_Found]:
    """Of the base, records that its vocabularies were not made from tell what is out of them."""
    spec = base.manifest.spec
    for name in token_sequences(spec):
        mine, theirs = span.all.sequences[name], base.held_out.sequences[name]
        found = [OovRecords(one.oov_steps, one.lengths.steps, merged_oov([one])) for one in (mine, theirs)]
        alike = likeness(found)
        n, m = (
            one.draws_of_steps(name, details) if alike is None else effective_steps(records, alike)
            for one, details, records in zip((span, base), (span.all, base.held_out), found, strict=True)
        )
        yield from _oov(name, (mine.oov_steps, mine.lengths.steps, n), (theirs.oov_steps, theirs.lengths.steps, m))
    for name in category_features(spec):
        own, known = span.all.categories[name], base.held_out.categories[name]
        yield from _oov(
            name,
            (own.oov, own.count, span.draws_of_records(span.all)),
            (known.oov, known.count, base.draws_of_records(base.held_out)),
        )


def _oov(name: str, span: tuple[int, int, float], base: tuple[int, int, float]) -> Iterator[_Found]:
    """Yields the difference of two rates, each given by how many are out of vocabulary, of how many, worth of draws."""
    if span[1] and base[1]:
        pooled = [span[0] + base[0], span[1] + base[1] - span[0] - base[0]]
        value = share_change(*span[:2], *base[:2])
        yield _Found("oov_rate_change", name, value, partial(chance_of_shares, pooled, span[2], base[2]))


def _classes(span: Population, base: Population) -> Iterator[_Found]:
    mine, theirs = span.classes(), base.classes()
    # Behind the classes of the base stand those that the span adds, and in both the unknown ones.
    theirs[-1:-1] = [0] * (len(mine) - len(theirs))
    n, m = span.draws_of_labels(), base.draws_of_labels()
    if span.manifest.HasField("classes") and any(mine) and any(theirs) and n and m:
        pooled = [a + b for a, b in zip(mine, theirs, strict=True)]
        value = greatest_difference(mine, theirs)
        yield _Found("class_share_change", LABEL, value, partial(chance_of_shares, pooled, n, m))


def _means(span: Population, base: Population) -> Iterator[_Found]:
    for name in series_sequences(base.manifest.spec):
        mine, theirs = span.all.sequences[name].values, base.all.sequences[name].values
        n, m = span.draws_of_steps(name, span.all), base.draws_of_steps(name, base.all)
        for i, (own, known) in enumerate(zip(mine, theirs, strict=False)):
            yield from _mean(f"{name}[{i}]", own, known, (n, m))
    for name in sorted(base.all.numbers):
        draws = (span.draws_of_records(span.all), base.draws_of_records(base.all))
        yield from _mean(name, span.all.numbers[name], base.all.numbers[name], draws)


def _mean(name: str, span: NumberStatistics, base: NumberStatistics, draws: tuple[float, float]) -> Iterator[_Found]:
    if span.count and base.count:
        # Records of which all numbers are missing tell nothing; they are taken to be as many as numbers are missing.
        n, m = (of * one.count / (one.count + one.missing) for of, one in zip(draws, (span, base), strict=True))
        value = mean_shift(exact_moments(span), exact_moments(base))
        yield _Found("mean_shift", name, value, partial(chance_of_shift, n, m))


def _rejected(span: Population, base: Population) -> Iterator[_Found]:
    mine, theirs = span.manifest.counts, base.manifest.counts
    yield from _reject("", mine, theirs)
    yield from _reject(EVENTS, mine.events, theirs.events)


def _reject(name: str, span: Counts | EventCounts, base: Counts | EventCounts) -> Iterator[_Found]:
    if span.read and base.read:
        n, m = span.read, base.read
        a, b = (sum(counts.rejected.values()) for counts in (span, base))
        chance = partial(chance_of_shares, [a + b, n + m - a - b], n, m)
        yield _Found("rejected_share_change", name, share_change(a, n, b, m), chance)
