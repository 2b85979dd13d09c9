"""Sections of the report over time: what the spans hold, how far each is from its base, and where some are missing."""

from collections import Counter
from collections.abc import Sequence

from pipeline.report.about_drift import WHAT, measure_words, verdict
from pipeline.report.blocks import Block, Cell, Link, Paragraph, Points, Section, Tiles, table
from pipeline.report.spans_facts import SpansFacts, rejected, share
from pipeline.report.spans_plots import (
    MEDIAN,
    classes_over_time,
    drift_over_time,
    length_quantiles,
    lengths_over_time,
    records_over_time,
    vocabularies_over_time,
)
from pipeline.report.words import Name, Sentence, listed, number, percent, plural, say
from schemas.manifest_pb2 import Manifest
from schemas.spans.names import span_path

_MOST_NAMED = 10  # missing dates, or spans that stand out


def opening(facts: SpansFacts) -> list[Block]:
    """Returns what stands at the top: which spans there are, and whether any of them stands out."""
    names, out = list(facts.spans), facts.beyond("warn")
    first, last = Name(names[0]), Name(names[-1])
    which = (
        say("One span, {}.", first)
        if len(names) == 1
        else say(f"{len(names):,} spans, from {{}} to {{}}.", first, last)
    )
    older = [Paragraph(say(f"{plural(facts.older, 'older span')} not shown."))] if facts.older else []
    tiles = [
        (number(len(names)), "spans"),
        (number(sum(span.counts.read for span in facts.spans.values())), "records read"),
        (number(sum(span.counts.kept for span in facts.spans.values())), "kept"),
        (number(sum(rejected(span) for span in facts.spans.values())), "rejected"),
        (number(len(out)), "beyond a limit"),
        (number(len(facts.missing)), "missing between them"),
    ]
    return [Paragraph(which), *older, Tiles(tiles)]


def spans_sections(facts: SpansFacts) -> list[Section]:
    """Returns all sections; those of which no span has anything are not among them."""
    return [
        _what_stands_out(facts),
        *drift_over_time(facts),
        records_over_time(facts),
        lengths_over_time(facts),
        *vocabularies_over_time(facts),
        *classes_over_time(facts),
        _table(facts),
    ]


def _what_stands_out(facts: SpansFacts) -> Section:
    points: list[Sentence] = []
    for name, measures in list(facts.beyond("warn").items())[::-1]:
        worst = max(measures, key=lambda one: float(one.value / one.warn))
        more = f", and {len(measures) - 1:,} more" if len(measures) > 1 else ""
        words = measure_words(worst)
        points.append(say(f"{{}}: {words.pattern}, beyond {number(worst.warn)}{more}.", Name(name), *words.values))
    left = len(points) - _MOST_NAMED
    points = [*points[:_MOST_NAMED], *([say(f"{plural(left, 'more span')} beyond a limit.")] if left > 0 else [])]
    if facts.missing:
        points.append(_missing(facts.missing))
    points += _contracts(facts)
    block: Block = Points(points) if points else Paragraph("Nothing stands out.")
    return Section("out", "What stands out", [block])


def _missing(names: Sequence[str]) -> Sentence:
    shown = [Name(name) for name in names[:_MOST_NAMED]]
    more = f" and {len(names) - len(shown):,} more" if len(names) > len(shown) else ""
    return say(f"No span between the first and the last: {', '.join(['{}'] * len(shown))}{more}.", *shown)


def _contracts(facts: SpansFacts) -> list[Sentence]:
    """Returns which spans made the vocabularies, and which of the shown ones others take them from."""
    bases = Counter(span.span.base for span in facts.spans.values() if span.span.base)
    found = [
        say(f"{{}} is the base of {plural(count, 'span')} shown here.", Name(name))
        for name, count in sorted(bases.items())
    ]
    extended = [Name(name) for name, span in facts.spans.items() if span.span.extends]
    if extended:
        found.append(say(f"Vocabularies were extended in {', '.join(['{}'] * len(extended))}.", *extended))
    return found


def _table(facts: SpansFacts) -> Section:
    rows: list[list[Cell]] = [_row(name, span) for name, span in reversed(facts.spans.items())]
    columns = ["span", "base", "read", "kept", "rejected", "median steps", "notes"]
    return Section("spans", "Spans", [table("The newest first", columns, rows, texts=(0, 1, 6), most=len(rows))])


def _row(name: str, span: Manifest) -> list[Cell]:
    quantiles = length_quantiles(span)
    base: Cell = say("{}", Name(span.span.base)) if span.span.base else "–"
    return [
        Link(f"{span_path(name)}/report.html", say("{}", Name(name))),
        base,
        f"{span.counts.read:,}",
        f"{span.counts.kept:,}",
        percent(share(rejected(span), span.counts.read)),
        f"{quantiles[MEDIAN]:,}" if quantiles else "–",
        listed(_notes(span)),
    ]


def _notes(span: Manifest) -> list[str]:
    notes = [] if span.span.base else ["made the vocabularies"]
    if span.span.extends:
        notes.append("extended the vocabularies")
    for kind in ("beyond fail; accepted", "beyond warn"):
        some = sorted({WHAT[one.measure] for one in span.span.drift if verdict(one) == kind})
        notes += [f"{kind}: {listed(some)}"] if some else []
    return notes
