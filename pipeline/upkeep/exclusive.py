"""What a command does before it plans a run that writes to a folder: check it, lock it, finish what was left undone.

All of it comes before the input is looked at, so that nobody waits for a terabyte to be told of another run.
"""

import contextlib
from collections.abc import Iterator

from rich.console import Console

from pipeline import files
from pipeline.guards.folders import check_folder
from pipeline.guards.locks import holding, is_held
from pipeline.publish import unfinished
from pipeline.report.after_run import draw_report
from pipeline.spans.published import published_names, span_folder
from pipeline.spans.request import SpanRequest
from pipeline.upkeep.finishing import finish, has_report, is_finished
from schemas.errors import DataError
from schemas.manifest import MANIFEST_NAME, parse_manifest


@contextlib.contextmanager
def exclusive(
    output: str,
    span: SpanRequest | None,
    command: str,
    console: Console,
    *,
    spec_text: str = "",
    report: bool = True,
) -> Iterator[None]:
    """Context in which no other run writes to a data set, and what is published there is complete.

    Args:
      output: Folder of the data set; with `span` that of all spans.
      span: Of several in the output.
      command: What the run does, for whoever has to wait.
      console: Where it is said what was taken over and finished.
      spec_text: The spec as the person wrote it.
      report: Whether a data set has a report.

    Raises:
      HeldError: Another run writes there.
      UsageError: The folder cannot be written to, or a link leads out of it.
    """
    root = output.rstrip("/") or output
    folder = span_folder(root, span.name) if span and root else root
    check_folder(folder, root if span else "")
    with contextlib.ExitStack() as stack:
        if span and decides_for_others(root, span):
            stack.enter_context(holding(root, command, console))
        stack.enter_context(holding(folder, command, console))
        settle(folder, console, spec_text, report)
        yield


def decides_for_others(root: str, span: SpanRequest) -> bool:
    """Returns whether a span may be one that later ones take vocabularies from: two such must not run at a time."""
    return bool(span.extend) or not (span.dataset or set(published_names(root)) - {span.name})


def settle(output: str, console: Console, spec_text: str = "", report: bool = True) -> None:
    """Finishes a data set whose run was killed after it was published and before everything beside it was there."""
    path = files.join(output, MANIFEST_NAME)
    if not is_held(output) or not files.exists(path):
        return
    try:
        manifest = parse_manifest(files.read(path), path)
    except DataError:  # of another release, or no manifest: whoever plans the run says what to do
        return
    if not is_finished(output, manifest):
        finish(output, manifest, spec_text)
        console.print(
            f"{output}: finished what a run had left undone that was killed when it published", highlight=False
        )
    files.delete(unfinished(output))  # such as a report
    if report and not has_report(output, manifest):
        draw_report(output, console)
