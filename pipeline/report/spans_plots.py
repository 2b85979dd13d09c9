"""Sections of the report over time that are drawings: what the spans hold, and how far each is from its base."""

from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction

from pipeline.report.about_drift import WHAT, kinds
from pipeline.report.blocks import Paragraph, Plots, Section
from pipeline.report.plots import SERIES, Plot
from pipeline.report.spans_facts import SpansFacts, rejected, share
from pipeline.report.time_charts import Limit, Line, over_time
from pipeline.report.words import number, percent, plural, shown
from pipeline.statistics.details import quantile
from schemas.manifest_pb2 import DriftMeasure, Manifest
from schemas.spec import PER_STEP_CLASS, token_sequences

MEDIAN = 2  # its place among the quantiles
_SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
_LEGEND = (
    "The area is what chance explains at most, the grey line what it makes on average; at the dashed line a run warns, "
    "at the dotted one it fails. Spans without a base have no distance. Of the dimensions of a series, the greatest is "
    "drawn."
)
_LIMITS = (("warn", "warn", "--"), ("fail", "fail", ":"), ("by chance", "by_chance", "-"))
_UNITS = {"mean_shift": "deviations"}  # the others have none


def drift_over_time(facts: SpansFacts) -> list[Section]:
    """Returns a drawing of each measure; nothing where no span has any."""
    every = [measure for span in facts.spans.values() for measure in span.span.drift]
    if not every:
        return []
    plots = [_drift_plot(facts, kind) for kind in kinds(every)]
    return [Section("drift", "Distance from the base", [Paragraph(_LEGEND), Plots(plots)])]


def _drift_plot(facts: SpansFacts, kind: str) -> Plot:
    by_span = {name: [one for one in span.span.drift if one.measure == kind] for name, span in facts.spans.items()}
    greatest = {name: _greatest(measures) for name, measures in by_span.items()}
    peaks: dict[str, float] = {}
    for found in greatest.values():
        peaks |= {feature: max(value, peaks.get(feature, 0.0)) for feature, value in found.items()}
    # A page has room and colours for few.
    features = sorted(peaks, key=lambda feature: (-peaks[feature], feature))
    lines = [
        Line(feature or "records", _at(facts, {name: found.get(feature) for name, found in greatest.items()}))
        for feature in features[: len(SERIES)]
    ]
    limits = [
        Limit(word, _at(facts, {name: _most(measures, field) for name, measures in by_span.items()}), style)
        for word, field, style in _LIMITS
        if any(_most(measures, field) for measures in by_span.values())
    ]
    chance = _at(facts, {name: _most(measures, "margin") for name, measures in by_span.items() if measures})
    most, name = max((value, name) for name, found in greatest.items() for value in found.values())
    left = len(features) - len(lines)
    words = f"At most {number(most)}, in span {shown(name)}" + (f"; {left:,} more not drawn." if left else ".")
    title = WHAT[kind][0].upper() + WHAT[kind][1:]
    unit = _UNITS.get(kind, "")
    return over_time(f"drift-{kind.replace('_', '')}", title, words, facts.places, lines, unit, limits, chance)


def _greatest(measures: Sequence[DriftMeasure]) -> dict[str, float]:
    """Returns the greatest value of each feature, of the dimensions of a series together."""
    found: dict[str, float] = {}
    for measure in measures:
        feature = measure.feature.partition("[")[0]
        found[feature] = max(found.get(feature, 0.0), measure.value)
    return found


def _most(measures: Sequence[DriftMeasure], field: str) -> float | None:
    """Returns the greatest number of a field; None where all are 0, which is none."""
    return max((float(getattr(measure, field)) for measure in measures), default=0.0) or None


def _at(facts: SpansFacts, values: Mapping[str, float | None]) -> list[float | None]:
    """Returns the values of all places, given those of spans; of missing ones none."""
    return [values.get(name) for name in facts.places]


def records_over_time(facts: SpansFacts) -> Section:
    """Returns how many records were read, kept and rejected."""
    counts = {name: span.counts for name, span in facts.spans.items()}
    lines = [
        Line("read", _at(facts, {name: count.read for name, count in counts.items()})),
        Line("kept", _at(facts, {name: count.kept for name, count in counts.items()})),
    ]
    shares = {name: share(rejected(span), span.counts.read) for name, span in facts.spans.items()}
    read = [count.read for count in counts.values()]
    words = f"{min(read):,} to {max(read):,} records were read of a span."
    most, name = max((value, name) for name, value in shares.items())
    worst = f"At most {percent(most)}, in span {shown(name)}." if most else "None was rejected."
    lost = [Line("rejected", _at(facts, {name: 100 * value for name, value in shares.items()}))]
    plots = [
        over_time("records-read", "Records", words, facts.places, lines, "records"),
        over_time("records-rejected", "Records rejected", worst, facts.places, lost, "% of those read"),
    ]
    return Section("records", "Records", [Plots(plots)])


def lengths_over_time(facts: SpansFacts) -> Section:
    """Returns quantiles of the length that buckets go by."""
    found = {name: length_quantiles(span) for name, span in facts.spans.items()}
    found = {name: quantiles for name, quantiles in found.items() if quantiles}
    lines = [
        Line(f"{100 * wanted:.0f} %", _at(facts, {name: quantiles[i] for name, quantiles in found.items()}))
        for i, wanted in reversed(list(enumerate(_SHARES)))
    ]
    medians = [quantiles[MEDIAN] for quantiles in found.values()]
    words = f"Medians lie between {min(medians):,} and {max(medians):,} steps." if medians else "No span has a record."
    title = "Steps that this share of the records do not exceed"
    plot = over_time("lengths-time", title, words, facts.places, lines, "steps")
    return Section("lengths", "Lengths", [Paragraph(words), Plots([plot])])


def length_quantiles(span: Manifest) -> list[int]:
    """Returns quantiles of the length that buckets go by, of all splits together; nothing of no record."""
    lengths: Counter[int] = Counter()
    for split in span.statistics.values():
        lengths.update(dict(zip(split.bucket_length.lengths, split.bucket_length.counts, strict=True)))
    values = sorted(lengths)
    counts = [lengths[value] for value in values]
    return [quantile(values, counts, Fraction(str(wanted))) for wanted in _SHARES] if values else []


def vocabularies_over_time(facts: SpansFacts) -> list[Section]:
    """Returns what share of steps is out of vocabulary, and how the vocabularies grow."""
    newest = list(facts.spans.values())[-1]
    names = token_sequences(newest.spec)[: len(SERIES)]
    if not names:
        return []
    unknown = [Line(each, _at(facts, {name: _oov(span, each) for name, span in facts.spans.items()})) for each in names]
    sizes = [
        Line(each, _at(facts, {name: span.vocabularies[each].size for name, span in facts.spans.items()}))
        for each in names
    ]
    text = (
        "Of a span that made or extended the vocabularies, steps of training are counted, too, from which these were "
        "made: of it fewer are unknown."
    )
    latest = [line.values[-1] or 0.0 for line in sizes]
    grown = f"The newest span has {', '.join(f'{size:,.0f}' for size in latest)}."
    plots = [
        over_time("vocabulary-oov", "Steps out of vocabulary", text, facts.places, unknown, "% of the steps"),
        over_time("vocabulary-size", "Entries of the vocabulary", grown, facts.places, sizes, "entries"),
    ]
    return [Section("vocabulary", "Vocabulary", [Paragraph(text), Plots(plots)])]


def _oov(span: Manifest, name: str) -> float | None:
    lengths = [split.lengths[name] for split in span.statistics.values() if name in split.lengths]
    steps = sum(one.steps for one in lengths)
    return 100 * sum(one.oov_steps for one in lengths) / steps if steps else None


def classes_over_time(facts: SpansFacts) -> list[Section]:
    """Returns the shares of the most frequent classes; nothing where the label has none."""
    if not facts.classes:
        return []
    shares = {name: _class_shares(span) for name, span in facts.spans.items()}
    shares = {name: found for name, found in shares.items() if found}
    sums = [sum(found.get(i, 0.0) for found in shares.values()) for i in range(len(facts.classes))]
    frequent = sorted(range(len(sums)), key=lambda i: (-sums[i], i))[: len(SERIES)]
    lines = [
        Line(facts.classes[i], _at(facts, {name: 100 * found.get(i, 0.0) for name, found in shares.items()}))
        for i in frequent
    ]
    left = len(sums) - len(frequent)
    words = f"The most frequent of {plural(len(sums), 'class', 'classes')}"
    words = f"{words}; {left:,} more are not drawn." if left else f"{words}."
    unit = "steps" if list(facts.spans.values())[-1].spec.label.type == PER_STEP_CLASS else "records"
    plot = over_time("classes-time", "Share of each class", words, facts.places, lines, f"% of the {unit}")
    return [Section("classes", "Classes", [*([Paragraph(words)] if left else []), Plots([plot])])]


def _class_shares(span: Manifest) -> dict[int, float]:
    counts: Counter[int] = Counter()
    for split in span.statistics.values():
        counts.update(dict(enumerate(split.classes)))
    return {i: count / counts.total() for i, count in counts.items()} if counts.total() else {}
