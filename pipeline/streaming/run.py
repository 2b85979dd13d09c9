"""One stream as a command: begin, read until it is told to stop, end."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from functools import partial
from types import FrameType
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from rich.console import Console

from pipeline.guards.locks import holding, name_run
from pipeline.logs import note
from pipeline.run import execute
from pipeline.runners.checks import check_runner
from pipeline.runners.options import describe_runner
from pipeline.streaming import closings
from pipeline.streaming.figures import write_figures
from pipeline.streaming.graph import MakeSpans
from pipeline.streaming.job import StreamJob
from pipeline.streaming.progress import ShowStream, State
from pipeline.streaming.read import ReadSource, Reading
from pipeline.streaming.sources.source import Source
from pipeline.streaming.start import Begun, Wanted, begin, end
from schemas.errors import LengthwiseError
from schemas.streams.windows import SECOND

_OUTCOME = "all windows that are closed stay, and the same command goes on from there"


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
    """

    def __init__(self) -> None:
        self.count = 0
        self.broken_off = threading.Event()

    def ask(self, _number: int, _frame: FrameType | None) -> None:
        """Handles a signal."""
        self.count += 1
        if self.count > 1:
            self.broken_off.set()
            raise KeyboardInterrupt


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
    with holding(f"{root}/.stream", "stream", console), _asking() as asked:
        begun = begin(wanted)
        job = begun.job
        name_run(f"{root}/.stream", job.run)
        note(console, run=job.run)
        try:
            state = _stream(begun, source, told, options, console, asked)
        finally:
            end(job)
        return _ended(begun, state, asked)


def _stream(
    begun: Begun, source: Source, told: Told, options: PipelineOptions, console: Console, asked: Asked
) -> State:
    job = begun.job
    parts = source.parts(begun.ledger.covered)
    for line in check_runner(options, [job.root]):
        console.print(f"warning: {line}", highlight=False)
    reading = Reading(told.delay, told.idle, told.flush)
    console.print(_describe(begun, len(parts), options), highlight=False)
    graph = StreamGraph(job, ReadSource(job, source, parts, begun.ledger.covered, reading), begun.pending)
    shown: list[ShowStream] = []

    def show(console: Console, hint: str) -> ShowStream:
        figures = partial(write_figures, told.metrics, job.root, console)
        shown.append(ShowStream(job, begun.ledger, console, hint, figures, lambda state: _why_stop(state, asked, told, len(parts))))
        return shown[-1]

    execute(job, graph, options, show, console, asked.broken_off, _OUTCOME)
    return shown[-1].state
