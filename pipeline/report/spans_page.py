"""The report over time: one page about all spans of a folder, beside them."""

from pipeline import files
from pipeline.report.about_spans import opening, spans_sections
from pipeline.report.page import REPORT_NAME, fill_page
from pipeline.report.spans_facts import SpansFacts, load_spans
from pipeline.report.words import Name
from pipeline.seals import seal_page


def render_spans(facts: SpansFacts) -> str:
    """Returns the page: the same text for the same spans. It leads to the reports of the spans."""
    newest = list(facts.spans.values())[-1]
    return fill_page(Name(f"{newest.spec.name or 'Data set'} over time"), opening(facts), spans_sections(facts))


def write_spans_report(root: str) -> str:
    """Writes the report over time into the folder of all spans, over one that is there; returns its path.

    Raises:
      DataError: There is no span, the manifest of one cannot be read, or the report cannot be written.
    """
    path = files.join(root, REPORT_NAME)
    files.write(path, seal_page(render_spans(load_spans(root))))
    return path
