"""The report over time: one page about all spans of a folder, beside them."""

import hashlib

from pipeline import files
from pipeline.report.about_spans import opening, spans_sections
from pipeline.report.page import REPORT_NAME, fill_page
from pipeline.report.spans_facts import MOST_SPANS, SpansFacts, load_spans
from pipeline.report.words import Name
from pipeline.seals import seal_page
from pipeline.spans.published import published_names, span_folder
from schemas.manifest import MANIFEST_NAME
from schemas.messages import digest


def render_spans(facts: SpansFacts) -> str:
    """Returns the page: the same text for the same spans. It leads to the reports of the spans."""
    newest = list(facts.spans.values())[-1]
    return fill_page(Name(f"{newest.spec.name or 'Data set'} over time"), opening(facts), spans_sections(facts))


def write_spans_report(root: str, locked: str = "") -> str:
    """Writes the report over time into the folder of all spans, over one that is there; returns its path.

    Args:
      root: The folder.
      locked: Folder in it that this process has locked, for the page while it is unfinished: what is left of it when
        the run is killed, the next one there may delete. Empty: the folder itself.

    Raises:
      DataError: There is no span, the manifest of one cannot be read, or the report cannot be written.
    """
    path = files.join(root, REPORT_NAME)
    drawn_from = f"<!-- {_state(root)} -->\n"  # looked up before the spans are read: never newer than what is drawn
    page = seal_page(render_spans(load_spans(root)) + drawn_from)
    return files.write_pieces(files.join(locked or root, REPORT_NAME), [page], lambda: path)


def has_spans_report(root: str) -> bool:
    """Returns whether the report over time is there, and of the spans that are published now."""
    path = files.join(root, REPORT_NAME)
    return files.exists(path) and _state(root).encode() in files.read(path)


def _state(root: str) -> str:
    """Returns what differs where other spans are published, or one was replaced."""
    names = published_names(root)
    paths = [files.join(span_folder(root, name), MANIFEST_NAME) for name in names[-MOST_SPANS:]]
    return f"Spans: {digest([names, [hashlib.sha256(files.read(path)).hexdigest() for path in paths]])}"
