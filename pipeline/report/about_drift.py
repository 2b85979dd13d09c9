"""Drift in words and tables: of one span against its base, and which spans stand out over time."""

from collections.abc import Sequence

from pipeline.drift.limits import EVENTS, is_beyond
from pipeline.report.blocks import Block, Cell, Paragraph, Section, table
from pipeline.report.facts import Facts
from pipeline.report.words import Name, Sentence, number, plural, say
from schemas.manifest_pb2 import DriftMeasure
from schemas.spec_drift import DEFAULT_WARN

WHAT = {
    "length_distance": "Jensen-Shannon distance of lengths",
    "oov_rate_change": "change of the share out of vocabulary",
    "class_share_change": "greatest change of the share of a class",
    "mean_shift": "shift of the mean, in standard deviations",
    "rejected_share_change": "change of the share rejected",
}
_BY_CHANCE = (
    "By chance is what two samples of these sizes of the same records would show on average; up to “chance at most” it "
    "explains a value. A value stands out where it is greater than a limit and than that."
)


def about_drift(facts: Facts) -> list[Section]:
    """Returns how far a span is from its bases; nothing of a data set that has none."""
    span = facts.manifest.span
    against = span.drift_base or span.base
    if not against:
        return []
    blocks: list[Block] = [Paragraph(_opening(span.drift, against))]
    if span.base not in ("", against):
        blocks.append(Paragraph(say("What is out of vocabulary is compared with {}, its base.", Name(span.base))))
    if span.drift:
        blocks += [drift_table(span.drift), Paragraph(_BY_CHANCE)]
    return [Section("drift", "Drift from the base", blocks)]


def drift_table(measures: Sequence[DriftMeasure]) -> Block:
    """Returns a row for each measure, those that stand out first, then by how near they are to the limit."""
    ordered = sorted(measures, key=lambda one: (not _stands_out(one), -one.value / (one.warn or 1)))
    rows: list[list[Cell]] = [
        [
            WHAT[one.measure],
            _feature(one),
            number(one.value),
            number(one.by_chance),
            number(one.margin),
            number(one.warn) if one.warn else "–",
            number(one.fail) if one.fail else "–",
            verdict(one),
        ]
        for one in ordered
    ]
    columns = ["measure", "of", "value", "by chance", "chance at most", "warn", "fail", ""]
    return table("Distance from the base", columns, rows, texts=(0, 1, 7))


def verdict(measure: DriftMeasure) -> str:
    """Returns which limit a measure is beyond, in a few words; empty: none."""
    if is_beyond(measure, measure.fail):
        return "beyond fail; accepted"
    return "beyond warn" if is_beyond(measure, measure.warn) else ""


def measure_words(measure: DriftMeasure) -> Sentence:
    """Returns a measure with what it is of and its value."""
    return say(f"{WHAT[measure.measure]} ({{}}) {number(measure.value)}", _named(measure))


def kinds(measures: Sequence[DriftMeasure]) -> list[str]:
    """Returns the measures that were taken, in the order in which they are told."""
    return [name for name in DEFAULT_WARN if any(measure.measure == name for measure in measures)]


def _opening(measures: Sequence[DriftMeasure], base: str) -> Sentence:
    if not measures:
        return say("Nothing could be compared with the base {}: one of both holds nothing.", Name(base))
    out = [one for one in measures if _stands_out(one)]
    compared = f"{plural(len(measures), 'measure')} against the base {{}}"
    if not out:
        return say(f"{compared}: none is beyond its limit.", Name(base))
    verb = "is" if len(out) == 1 else "are"
    return say(f"{compared}: {len(out):,} {verb} beyond the limit.", Name(base))


def _stands_out(measure: DriftMeasure) -> bool:
    return bool(verdict(measure))


def _feature(measure: DriftMeasure) -> Sentence:
    return say("{}", _named(measure))


def _named(measure: DriftMeasure) -> Name | str:
    if measure.measure == "rejected_share_change":
        return EVENTS if measure.feature else "records"
    return Name(measure.feature)
