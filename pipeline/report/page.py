"""The page: sections in the order in which a person wants them, written as one HTML file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import files
from pipeline.report.about_drift import about_drift
from pipeline.report.about_label import about_label
from pipeline.report.about_lengths import about_lengths, about_padding
from pipeline.report.about_numbers import about_context, about_series
from pipeline.report.about_records import about_inputs, about_records, about_shards, opening
from pipeline.report.about_tokens import about_classes, about_vocabularies
from pipeline.report.advice import advise
from pipeline.report.blocks import Block, Paragraph, Points, Section
from pipeline.report.efficiency import Efficiency, measure
from pipeline.report.facts import Facts, load_facts
from pipeline.report.words import Name, Sentence, html_name
from pipeline.seals import seal_page

REPORT_NAME = "report.html"
_TEMPLATE = "page.html.jinja"
_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Written:
    """A report that was written.

    Attributes:
      path: Of the page.
      advice: What to change next, a sentence each.
      missing: What could not be read and is left out.
    """

    path: str
    advice: list[str]
    missing: tuple[str, ...]


def sections(facts: Facts, efficiency: Efficiency | None, advice: Sequence[Sentence]) -> list[Section]:
    """Returns all sections but the opening; those of which the data set has nothing are not among them."""
    next_steps = Points(advice) if advice else Paragraph("Nothing stands out.")
    return [
        about_records(facts),
        *about_drift(facts),
        about_lengths(facts),
        about_padding(facts, efficiency),
        *about_vocabularies(facts),
        *about_classes(facts),
        *about_label(facts),
        *about_series(facts),
        *about_context(facts),
        about_shards(facts),
        about_inputs(facts),
        Section("next", "What to change next", [next_steps]),
    ]


def render(facts: Facts) -> str:
    """Returns the page: the same text for the same facts, without any reference to another file."""
    efficiency = measure(facts)
    advice = advise(facts, efficiency)
    return fill_page(
        Name(facts.manifest.spec.name or "Data set"),
        opening(facts, efficiency),
        sections(facts, efficiency, advice),
        advice_count=len(advice),
        fingerprint=facts.manifest.fingerprint,
        data_fingerprint=facts.manifest.data_fingerprint,
    )


def fill_page(title: Name, opening: Sequence[Block], sections: Sequence[Section], **more: object) -> str:
    """Returns a page.

    Args:
      title: Its heading.
      opening: What stands at the top.
      sections: Its parts.
      more: What only some pages have: `advice_count`, `fingerprint` and `data_fingerprint`.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    values = {"advice_count": 0, "fingerprint": "", "data_fingerprint": "", **more}
    return environment.get_template(_TEMPLATE).render(
        title=html_name(title),
        opening=opening,
        sections=sections,
        style=(_FOLDER / "page.css").read_text(encoding="utf-8"),
        **values,
    )


def write_report(folder: str) -> Written:
    """Writes the report of a data set into its folder, over one that is there.

    Raises:
      DataError: There is no data set, its manifest is damaged, or the report cannot be written.
    """
    facts = load_facts(folder)
    path = files.join(folder, REPORT_NAME)
    files.write(path, seal_page(render(facts)))
    return Written(path, [str(sentence) for sentence in advise(facts)], facts.missing)
