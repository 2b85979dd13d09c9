"""Sections about numbers: what range series have, and what stands in the context."""

from collections.abc import Sequence

import numpy as np

from pipeline.report import charts
from pipeline.report.blocks import Block, Cell, Paragraph, Plots, Section, needs_statistics, table
from pipeline.report.facts import Facts
from pipeline.report.plots import Plot, label
from pipeline.report.words import Name, number, percent, plural, say
from schemas.manifest_pb2 import Moments
from schemas.spec import NUMBER, TRAIN, category_features, number_features, series_sequences
from schemas.statistics_pb2 import NumberStatistics

_COLUMNS = ["numbers", "missing", "zeros", "mean", "deviation", "least", "greatest"]


def about_series(facts: Facts) -> list[Section]:
    """Returns the range of each dimension of each series in training; nothing where there are none."""
    blocks: list[Block] = []
    names = series_sequences(facts.manifest.spec)
    for index, name in enumerate(sorted(names)):
        values = _values_of(facts, name)
        if not any(value.count for value in values):
            blocks.append(Paragraph(say("{} holds no number in training.", Name(name))))
            continue
        blocks.append(Paragraph(say("{}: {}, in training and before normalisation.", *_dimensions(name, values))))
        if len(values) > 1:
            blocks.append(Plots([_range_plot(index, name, values)]))
        rows: list[list[Cell]] = [[str(i), *_number_cells(value, facts)] for i, value in enumerate(values)]
        blocks.append(table(say("Values of {}, by dimension", Name(name)), ["dimension", *_COLUMNS], rows))
    if names and facts.statistics is None:
        blocks.append(needs_statistics("Missing numbers and zeros"))
    return [Section("series", "Series", blocks)] if names else []


def _dimensions(name: str, values: Sequence[NumberStatistics]) -> tuple[Name, str]:
    return Name(name), plural(len(values), "dimension")


def _values_of(facts: Facts, name: str) -> list[NumberStatistics]:
    """Returns what is known of each dimension of a series in training, from the manifest where there is no more."""
    if facts.statistics is not None and TRAIN in facts.statistics.splits:
        sequences = facts.statistics.splits[TRAIN].sequences
        if name in sequences and sequences[name].values:
            return list(sequences[name].values)
    own = not facts.manifest.span.base and name in facts.manifest.moments
    return _from_moments(facts.manifest.moments[name]) if own else []


def _from_moments(moments: Moments) -> list[NumberStatistics]:
    return [
        NumberStatistics(
            count=moments.counts[i] if moments.counts else moments.count,
            mean=moments.mean[i],
            deviation=float(np.sqrt(moments.variance[i])),
            min=moments.min[i],
            max=moments.max[i],
        )
        for i in range(len(moments.mean))
    ]


def _range_plot(index: int, name: str, values: Sequence[NumberStatistics]) -> Plot:
    mean, deviation, least, most = (
        np.array([getattr(value, what) for value in values], np.float64) for what in ("mean", "deviation", "min", "max")
    )
    description = (
        f"Ranges of {plural(len(values), 'dimension')}: values from {number(float(least.min()))} to "
        f"{number(float(most.max()))}, means from {number(float(mean.min()))} to {number(float(mean.max()))}."
    )
    title = f"Range of {label(name, 32)}, by dimension"
    return charts.ranges(f"series-{index}", title, description, mean, deviation, least, most)


def _number_cells(value: NumberStatistics, facts: Facts) -> list[Cell]:
    known = facts.statistics is not None
    described = (value.mean, value.deviation, value.min, value.max)
    return [
        f"{value.count:,}",
        _part(value.missing, value.count + value.missing) if known else "–",
        _part(value.zeros, value.count) if known else "–",
        *(number(each) if value.count else "–" for each in described),
    ]


def _part(count: int, total: int) -> str:
    return f"{count:,} ({percent(count / total)})" if count and total else f"{count:,}"


def about_context(facts: Facts) -> list[Section]:
    """Returns the numbers and categories that stand beside the sequences; nothing where there are none."""
    spec = facts.manifest.spec
    numbers = [*number_features(spec), *(["label"] if spec.label.type == NUMBER else [])]
    categories = category_features(spec)
    if not numbers and not categories:
        return []
    blocks: list[Block] = []
    if facts.statistics is None:
        blocks.append(needs_statistics("Numbers of each split"))
    rows: list[list[Cell]] = []
    for name in numbers:
        for split in facts.splits:
            value = _context_number(facts, split, name)
            if value is not None:
                rows.append([say("{}", Name(name)), say("{}", Name(split)), *_number_cells(value, facts)])
    if rows:
        blocks.append(table("Numbers", ["number", "split", *_COLUMNS], rows, texts=(0, 1)))
    if categories:
        vocabularies, own = facts.manifest.vocabularies, not facts.manifest.span.base
        words: list[list[Cell]] = [
            [say("{}", Name(name)), f"{vocabularies[name].size:,}", f"{vocabularies[name].distinct:,}" if own else "–"]
            for name in categories
            if name in vocabularies
        ]
        columns = ["category", "values with an id", "different values in training"]
        blocks.append(table("Categories; their values are among the vocabularies", columns, words))
    return [Section("context", "Numbers and categories of a record", blocks)]


def _context_number(facts: Facts, split: str, name: str) -> NumberStatistics | None:
    if facts.statistics is not None and split in facts.statistics.splits:
        numbers = facts.statistics.splits[split].numbers
        return numbers.get(name)
    if split == TRAIN and name in facts.manifest.moments and not facts.manifest.span.base:
        return _from_moments(facts.manifest.moments[name])[0]
    return None
