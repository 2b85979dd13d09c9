"""What a run shows at its end. The data set is there by then: nothing here fails the run."""

from rich.console import Console

from pipeline import files
from pipeline.report.advice import advise
from pipeline.report.facts import gather
from pipeline.report.page import REPORT_NAME, write_report
from pipeline.report.spans_page import write_spans_report
from schemas.manifest_pb2 import Manifest

_MOST_ADVICE = 5  # sentences in the terminal


def advice_lines(folder: str, manifest: Manifest) -> list[str]:
    """Returns what to change next, as lines for the terminal, the most important ones first."""
    try:
        advice = [str(sentence) for sentence in advise(gather(folder, manifest))]
    except Exception as error:
        return [f"no advice could be computed: {_in_one_line(error)}"]
    more = len(advice) - _MOST_ADVICE
    lines = [f"next: {sentence}" for sentence in advice[:_MOST_ADVICE]]
    return [*lines, *([f"next: {more} more in {REPORT_NAME}"] if more > 0 else [])]


def draw_report(folder: str, console: Console) -> str | None:
    """Writes the report; says where it is, or why there is none.

    Returns:
      The path of the report; None where it could not be drawn.
    """
    try:
        path = write_report(folder).path
    except Exception as error:
        remove_report(folder)
        line = f"report: could not be drawn: {_in_one_line(error)}; the data set is complete all the same"
        console.print(line, highlight=False)
        return None
    console.print(f"report: {path}", highlight=False)
    return path


def draw_spans_report(root: str, console: Console, locked: str = "") -> str | None:
    """Writes the report over time of all spans of a folder; says where it is, or why there is none.

    Args:
      root: The folder.
      console: Where it is said.
      locked: As of `write_spans_report`.

    Returns:
      The path of the report; None where it could not be drawn.
    """
    try:
        path = write_spans_report(root, locked)
    except Exception as error:
        line = f"report over time: could not be drawn: {_in_one_line(error)}; the span is complete all the same"
        console.print(line, highlight=False)
        return None
    console.print(f"report over time: {path}", highlight=False)
    return path


def report_of(folder: str) -> str | None:
    """Returns the path of the report that is there; None where there is none."""
    path = files.join(folder, REPORT_NAME)
    return path if files.exists(path) else None


def remove_report(folder: str) -> None:
    """Deletes a report of what was in the folder before."""
    path = report_of(folder)
    if path:
        files.delete([path])


def _in_one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
