"""One stream as a command: begin, read until it is told to stop, end."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from functools import partial
from types import FrameType
from typing import Any, NamedTuple

from apache_beam.options.pipeline_options import PipelineOptions
from rich.console import Console

from pipeline import files
from pipeline.guards.locks import holding, name_run
from pipeline.logs import note
from pipeline.run import execute
from pipeline.runners.checks import check_runner, kind_of
from pipeline.runners.options import describe_runner
from pipeline.streaming import unclosed
from pipeline.streaming.closing import closings
from pipeline.streaming.closing.ledger import covered_by
from pipeline.streaming.figures import write_figures
from pipeline.streaming.graph import StreamGraph
from pipeline.streaming.job import StreamJob
from pipeline.streaming.progress import ShowStream, State, time_of
from pipeline.streaming.reading.read import ReadSettings
from pipeline.streaming.sources.source import Source
from pipeline.streaming.start import Begun, begin, end
from pipeline.streaming.status import FOLDER
from pipeline.streaming.wanted import Wanted
from pipeline.watching.observe import first_lines

_OUTCOME = "all windows that are closed stay, and the same command goes on from there"


# Beam keeps the sources of a stream on Flink alive when all of them have ended, and with them the job.
_ENDLESS = ("flink", "portable")


class Told(NamedTuple):
    """What a person says of how a stream is read.

    Attributes:
      once: Whether to end when all that is there has been read.
      delay: By which records may come out of order, in microseconds.
      idle: Seconds without a record after which event time goes on with the clock.
      flush: Seconds for which records are gathered before they are handed on.
      metrics: Path of a file for figures; empty: none.
    """

    once: bool
    delay: int
    idle: float
    flush: float
    metrics: str


class Asked:
    """Whether somebody asked the stream to stop: once to end in order, a second time to break it off.

    Attributes:
      count: How often.
      broken_off: Set the second time.
      is_done: Whether nothing is left to do, and the job has to be ended that does not end by itself.
    """

    def __init__(self) -> None:
        self.count = 0
        self.is_done = False
        self.broken_off = threading.Event()

    def ask(self, _number: int, _frame: FrameType | None) -> None:
        """Handles a signal.

        Raises:
          KeyboardInterrupt: To end whatever the main thread waits for.
        """
        if self.is_done:
            raise KeyboardInterrupt
        self.count += 1
        if self.count > 1:
            self.broken_off.set()
            raise KeyboardInterrupt

    def finish(self) -> None:
        """Ends what the main thread waits for: a stream that has nothing left to do."""
        self.is_done = True
        main = threading.main_thread().ident
        if main is not None:
            signal.pthread_kill(main, signal.SIGINT)


def stream(wanted: Wanted, source: Source, told: Told, options: PipelineOptions, console: Console) -> dict[str, Any]:
    """Streams until it is told to stop.

    Args:
      wanted: What is to be made.
      source: Of records.
      told: How it is read.
      options: Beam's, see `pipeline.runners.streaming`.
      console: Where progress goes.

    Returns:
      What is said of it on standard output.

    Raises:
      LengthwiseError: It cannot begin, or has failed.
      KeyboardInterrupt: It was told to stop twice.
    """
    root = wanted.root.rstrip("/") or wanted.root
    folder = files.join(root, FOLDER)
    with holding(folder, "stream", console), _asking() as asked:
        begun = begin(wanted, source.identity())
        job = begun.job
        name_run(folder, job.run)
        note(console, run=job.run)
        try:
            _pass_gap(begun, source, console)
            state = _stream(begun, source, told, options, console, asked)
        finally:
            end(begun)
        return _ended(begun, state, asked, told.once)


def _pass_gap(begun: Begun, source: Source, console: Console) -> None:
    """Tells what was read, is in no closed window and cannot be read again, where that is allowed; only once."""
    gone = source.gone(begun.unclosed)
    if gone:
        console.print(
            f"warning: {first_lines(gone)}: gone, or cut short, before all that was read of it was in a closed window; "
            "--allow_gap goes on without these records",
            highlight=False,
        )
        unclosed.forget(begun.job.folder, begun.identity, gone)


def _stream(
    begun: Begun, source: Source, told: Told, options: PipelineOptions, console: Console, asked: Asked
) -> State:
    job = begun.job
    parts = source.parts(begun.ledger.covered)
    for line in check_runner(options, [job.root]):
        console.print(f"warning: {line}", highlight=False)
    console.print(_describe(begun, len(parts), options), highlight=False)
    shown: list[ShowStream] = []
    kind = kind_of(options)  # Beam deletes the runner from the options once the job is given away

    def show(terminal: Console, hint: str) -> ShowStream:
        figures = partial(write_figures, told.metrics, job.root)
        why = partial(_why_stop, asked, told.once, job.close_all, len(parts))
        finish = asked.finish if kind in _ENDLESS else _ends_by_itself
        shown.append(ShowStream(job, begun.ledger, terminal, hint, figures, why, finish))
        return shown[-1]

    graph = StreamGraph(job, _reading(job, source, told), parts, begun.pending)
    try:
        execute(job, graph, options, show, console, asked.broken_off, _OUTCOME, has_own_stop=True)
    except KeyboardInterrupt:
        if asked.broken_off.is_set():
            raise
    return shown[-1].state


def _reading(job: StreamJob, source: Source, told: Told) -> ReadSettings:
    return ReadSettings(
        source=source,
        spec=job.spec,
        root=job.root,
        spool=job.spool,
        failed=job.failed,
        lease=job.lease_path,
        length=job.window,
        covered=partial(covered_by, job.closings),
        delay=told.delay,
        idle=told.idle,
        flush=told.flush,
    )


def _describe(begun: Begun, parts: int, options: PipelineOptions) -> str:
    """Returns the lines with which a stream begins."""
    closed = sum(count for kind, count in begun.ledger.spans.items() if kind != closings.TOO_LATE)
    spans = closed - len(begun.pending)
    pending = f", {len(begun.pending)} to be written first" if begun.pending else ""
    return (
        f"{parts} part(s) of the source → {begun.job.root}: {spans:,} span(s) of it there{pending}; runner: "
        f"{describe_runner(options)}\nto end in order: SIGTERM or Ctrl-C; a second one breaks it off"
    )


def _why_stop(asked: Asked, once: bool, close_all: bool, parts: int, state: State) -> str:
    """Returns why sources are to end; empty: they are not."""
    if asked.count:
        rest = "published as they are" if close_all else "read again at the next start"
        return f"asked to stop: what is read is handed on; windows that are not over are {rest}"
    if once and state.parts == parts and state.lag == 0 and state.caught_up:
        return "all that is there has been read"
    return ""


def _ended(begun: Begun, state: State, asked: Asked, once: bool) -> dict[str, Any]:
    """Returns what is said of a stream that has ended in order."""
    begun.ledger.refresh()
    reached = begun.ledger.reached
    return {
        "output": begun.job.root,
        "run": begun.job.run,
        "stopped": "all was read" if once and not asked.count else "asked to",
        "records": state.records,
        "spans": state.spans,
        "kept": state.kept,
        "rejected": state.rejected,
        "late": state.late,
        "too_late": state.too_late,
        "closed_until": None if reached is None else time_of(reached),
    }


def _ends_by_itself() -> None:
    """What an engine is told that ends a job whose sources have ended."""


@contextlib.contextmanager
def _asking() -> Iterator[Asked]:
    """Context in which SIGTERM and SIGINT ask to stop; of the main thread."""
    asked = Asked()
    signals = (signal.SIGINT, signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread():  # only there can signals be caught
        yield asked
        return
    before = {number: signal.signal(number, asked.ask) for number in signals}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
