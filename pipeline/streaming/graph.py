"""The graph of a stream: what is unbounded stays small, and what is bounded is the work of `run`."""

from typing import Any

import apache_beam as beam

from pipeline.streaming.closing.collect import CollectWindows
from pipeline.streaming.closing.publish import PublishWindow
from pipeline.streaming.job import StreamJob
from pipeline.streaming.reading.read import ReadParts, ReadSettings
from pipeline.streaming.sources.source import Part
from pipeline.streaming.spooled import Drained, Spooled

_KEY = "windows"


class MakeSpans(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """PCollection of `Spooled` and `Drained` → PCollection of the names of published spans."""

    def __init__(self, job: StreamJob) -> None:
        super().__init__()
        self._job = job

    def expand(self, read: beam.PCollection) -> beam.PCollection:
        """Collects all references under one key, and publishes closed windows on any worker."""
        keyed = read | "To one key" >> beam.Map(_to_one_key)
        closed = keyed | "Collect windows" >> beam.ParDo(CollectWindows(self._job)).with_output_types(str)
        return closed | "Spread spans" >> beam.Reshuffle() | "Publish spans" >> beam.ParDo(PublishWindow(self._job))


class StreamGraph(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """The beginning of a pipeline → PCollection of the names of published spans."""

    def __init__(self, job: StreamJob, reading: ReadSettings, parts: list[Part], pending: list[str]) -> None:
        """Takes what is known before it begins.

        Args:
          job: The stream.
          reading: How the parts are read.
          parts: Of the source.
          pending: Closings whose spans an earlier start has not published.
        """
        super().__init__()
        self._job, self._reading, self._parts, self._pending = job, reading, parts, pending

    def expand(self, begin: Any) -> beam.PCollection:
        """Reads each part for itself."""
        pending, job = self._pending, self._job
        left = begin | "Windows left" >> beam.Create(pending, reshuffle=False).with_output_types(str)
        _ = left | "Spread windows left" >> beam.Reshuffle() | "Publish windows left" >> beam.ParDo(PublishWindow(job))
        parts = begin | "Parts" >> beam.Create(self._parts, reshuffle=False)
        read = parts | "Spread parts" >> beam.Reshuffle() | "Read" >> beam.ParDo(ReadParts(self._reading))
        return read | "Make spans" >> MakeSpans(job)


def _to_one_key(what: Spooled | Drained) -> tuple[str, Spooled | Drained]:
    return _KEY, what
