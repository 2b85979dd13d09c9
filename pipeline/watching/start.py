"""From what a person typed to a watch with everything around it."""

import argparse
import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from pipeline.guards.locks import holding
from pipeline.spans.request import check_holds_spans
from pipeline.streaming.status import FOLDER as STREAM_FOLDER
from pipeline.watching.child import Child
from pipeline.watching.discard import discard
from pipeline.watching.known import Published
from pipeline.watching.scan import check_folders, looking, scan, states
from pipeline.watching.stop import Stop
from pipeline.watching.store import Store
from pipeline.watching.watcher import Settings, Watch, World
from schemas.dataset_pb2 import Input
from schemas.errors import UsageError
from schemas.formats.reading import reading_of
from schemas.spec import load_spec

_LIKE_A_DATE = re.compile(r"\{\s*date\b", re.IGNORECASE)


@contextlib.contextmanager
def open_watch(
    options: argparse.Namespace, settings: Settings, rest: Sequence[str], stop: Stop, console: Console
) -> Iterator[Watch]:
    """Context with a watch, the only one that writes to its folder of spans.

    Args:
      options: Of the command.
      settings: That they mean.
      rest: Options of the runs.
      stop: Whether to stop.
      console: Where progress goes.

    Raises:
      UsageError: A folder or the spec cannot be used.
      HeldError: Another watch writes to the folder of spans.
    """
    given = load_spec(options.spec).input
    folder = check_folders(options.folder, options.output)
    check_holds_spans(options.output)
    if Path(options.output, STREAM_FOLDER).is_dir():
        raise UsageError(
            f"--output {options.output}: is filled by `stream`, whose spans are windows of time; name another folder"
        )
    store = Store(options.output)

    def tell(line: str) -> None:
        console.print(line, highlight=False)

    with holding(str(store.folder), "watch", console):
        store.sweep()
        spans = Published(options.output)
        spans.refresh()
        run_options = ["--spec", options.spec, "--output", options.output, *rest]
        child = Child(store.folder, run_options, stop, tell)
        world = World(
            scan=looking(folder, options.name, tell),
            states=states,
            spans=spans,
            memory=store,
            check_idle=child.check_idle,
            run=child.run,
            discard=lambda span: discard(options.output, span, console),
            objection=lambda path: objection(path, given),
            pause=stop.wait,
            stopped=lambda: stop.asked,
            tell=tell,
        )
        tell(_describe(options, folder, settings, spans))
        yield Watch(world, settings)


def objection(path: str, given: Input) -> str:
    """Returns why a file cannot be input, whatever it holds; empty: it can.

    Args:
      path: Of the file.
      given: What the spec says of the input.
    """
    if not path.isprintable():
        return "the name holds unprintable characters; rename the file"
    if _LIKE_A_DATE.search(path):
        return "the name holds {date, which stands for a date where input is named; rename the file"
    try:
        reading_of(path, given)
    except UsageError as error:
        return str(error)
    return ""


def _describe(options: argparse.Namespace, folder: str, settings: Settings, spans: Published) -> str:
    """Returns the line with which a watch begins."""
    read = len(scan(folder, options.name).keys() & spans.files.keys())
    what = f" ({options.name})" if options.name else ""
    looks = "one look" if settings.once else f"a look every {settings.poll:g} s"
    return (
        f"watching {options.folder}{what} → {options.output}: {read:,} file(s) there are read already, "
        f"{len(spans.names):,} span(s); {looks}, finished after {settings.settle:g} s without a change"
    )
