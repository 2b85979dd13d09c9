"""The graph of a stream: what is unbounded stays small, and what is bounded is the work of `run`."""

import apache_beam as beam

from pipeline.streaming.collect import CollectWindows
from pipeline.streaming.job import StreamJob
from pipeline.streaming.publish import PublishWindow
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


def _to_one_key(what: Spooled | Drained) -> tuple[str, Spooled | Drained]:
    return _KEY, what
