"""The step that reads a source for ever: a splittable DoFn, which notes what was read and hands on references.

One invocation reads what is there, for some seconds at most, and leaves the rest to another one, for only then do
runners pass on what it gave. Where all is read it is the runner that waits and not the invocation: Flink runs the
invocations of a slot one after another, and takes no checkpoint meanwhile. Each makes checkpoints some 6 KB larger
(apache/beam#27648), so that a part is not looked at more often than every few seconds. Flink forgets to wait once its
sources have ended, so that it must not be told to end idle ones (`--shutdown_sources_after_idle_ms`).
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker
from apache_beam.io.watermark_estimators import ManualWatermarkEstimator
from apache_beam.metrics import Metrics
from apache_beam.transforms.core import RestrictionProvider
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import MIN_TIMESTAMP, Duration, Timestamp

from pipeline import files
from pipeline.failure import leave_message
from pipeline.streaming import status
from pipeline.streaming.reading.clock import EventClock
from pipeline.streaming.reading.spool import Spool, spool
from pipeline.streaming.sources.source import Batch, Covered, Part, Reader, Source
from pipeline.streaming.spooled import Drained
from pipeline.streaming.status import Status
from schemas.dataset_pb2 import DatasetSpec
from schemas.errors import LengthwiseError, RefusedError
from schemas.streams.windows import SECOND, UNKNOWN

BATCH_BYTES = 8 << 20  # 8 MiB: as much as a block of a run
_END = 1 << 62  # of every restriction: never reached
_STOP_SECONDS = 1.0  # between looks for the file that asks to stop
_POLL_SECONDS = 0.25  # in which a source that is connected gives what it has
_FIRST_SECONDS = 2.0  # the same of one that has to connect
_PAUSE = Duration(micros=100_000)  # between invocations of a part that has more, in which a runner can do other things
_NAMESPACE = "stream"


@dataclass(frozen=True)
class ReadSettings:
    """What the reading of a stream is told.

    Attributes:
      source: What is read.
      spec: Says what the event time is.
      root: Folder of the spans.
      spool: Folder for what is read, of this run alone.
      failed: Folder in which a worker leaves an error for the command.
      lease: Path of the file that says that the stream goes on; deleted where to read again comes to the same error.
      length: Of a window, in microseconds.
      covered: Returns which positions closed windows have.
      delay: Microseconds by which the watermark stays behind the newest event time.
      idle: Seconds without a record after which the watermark goes on by itself.
      flush: Seconds between looks at a part of which all has been read.
      turn: Seconds after which an invocation ends although there is more to read.
      most_bytes: Of a batch, about.
    """

    source: Source
    spec: DatasetSpec
    root: str
    spool: str
    failed: str
    lease: str
    length: int
    covered: Callable[[], Covered]
    delay: int = 0
    idle: float = 60.0
    flush: float = 5.0
    turn: float = 5.0
    most_bytes: int = BATCH_BYTES


class PartTracker(OffsetRestrictionTracker):  # type: ignore[misc]
    """Which positions of a part are claimed; there is always more to come.

    A runner that has workers to spare, as Prism does, would have them read the far half of positions that nobody will
    ever see, which a source takes for its beginning.
    """

    def try_split(self, fraction_of_remainder: float) -> tuple[OffsetRange, OffsetRange] | None:
        """Leaves all that is not claimed to another invocation, or nothing."""
        split: tuple[OffsetRange, OffsetRange] | None = None
        if fraction_of_remainder == 0:
            split = super().try_split(fraction_of_remainder)
        return split

    def is_bounded(self) -> bool:
        """Returns that there is no end."""
        return False


class PartRestrictions(RestrictionProvider):  # type: ignore[misc]
    """A part is read from its first position on, by one worker at a time."""

    def initial_restriction(self, element: Part) -> OffsetRange:
        """Returns all positions that are to come."""
        return OffsetRange(element.start, _END)

    def create_tracker(self, restriction: OffsetRange) -> PartTracker:
        """Returns what positions are claimed by."""
        return PartTracker(restriction)

    def restriction_size(self, element: Part, restriction: OffsetRange) -> int:
        """Returns the same for all, for nobody knows what is to come."""
        return 1

    def split(self, element: Part, restriction: OffsetRange) -> Iterator[OffsetRange]:
        """Yields the restriction as it is."""
        yield restriction


class _Open:
    """A part that this process reads.

    Attributes:
      reader: Of the source.
      clock: Its event time.
      records: Read in all.
      bytes: Of these.
      patience: Seconds that the next look takes at most where nothing comes.
    """

    def __init__(self, settings: ReadSettings, part: Part, position: int, watermark: int) -> None:
        self.reader: Reader = settings.source.open(part, position, settings.covered())
        self.patience = _FIRST_SECONDS
        self.clock = EventClock(settings.delay, settings.idle, watermark)
        path = status.status_path(settings.root, part.name)
        before = status.load(path) if files.exists(path) else None
        self.records, self.bytes = (before.records, before.bytes) if before else (0, 0)


# Beam keeps several instances of a DoFn in a process and takes any of them for the next invocation. A reader that has
# come further than another one has to be opened again, so that all instances share those that nobody uses just now.
_idle: dict[tuple[str, str], _Open] = {}
_lock = threading.Lock()


class ReadParts(beam.DoFn):  # type: ignore[misc]
    """Part → `Spooled` for what is read of it, for ever; once it is asked to stop, a last `Drained`."""

    def __init__(self, settings: ReadSettings) -> None:
        self._settings = settings
        self._looked = float("-inf")
        self._records = Metrics.counter(_NAMESPACE, "records")
        self._bytes = Metrics.counter(_NAMESPACE, "bytes")
        self._lag = Metrics.gauge(_NAMESPACE, "lag")

    @beam.DoFn.unbounded_per_element()  # type: ignore[untyped-decorator]
    def process(
        self,
        part: Part,
        tracker: Any = beam.DoFn.RestrictionParam(PartRestrictions()),  # noqa: B008  # Beam looks for it there
        estimator: Any = beam.DoFn.WatermarkEstimatorParam(ManualWatermarkEstimator.default_provider()),  # noqa: B008
    ) -> Iterator[TimestampedValue]:
        """Reads a part for some seconds.

        Raises:
          LengthwiseError: What the source says; it is left in the folder of failures as well.
        """
        start = tracker.current_restriction().start
        opened = None
        try:
            opened = self._take(part, start, _micros(estimator.current_watermark()))
            yield from self._read(part, opened, tracker, estimator)
            self._keep(part, opened)
            opened = None
        except LengthwiseError as error:
            leave_message(self._settings.failed, error)
            if isinstance(error, RefusedError):
                files.delete([self._settings.lease])  # else Flink tries again, for ever where nobody says how often
            raise
        finally:
            if opened is not None:  # it may have read what was not claimed
                opened.reader.close()

    def teardown(self) -> None:
        """Closes what is open."""
        with _lock:
            ours = [key for key in _idle if key[0] == self._settings.spool]
            opened = [_idle.pop(key) for key in ours]
        for one in opened:
            one.reader.close()

    def _read(self, part: Part, opened: _Open, tracker: Any, estimator: Any) -> Iterator[TimestampedValue]:
        end = time.monotonic() + self._settings.turn
        while True:
            if self._asked_to_stop():
                tracker.try_claim(_END)  # nothing is left to be done
                yield TimestampedValue(Drained(part.name, opened.clock.watermark), _timestamp(opened.clock.watermark))
                return
            before = opened.reader.position
            batches = opened.reader.poll(opened.patience, self._settings.most_bytes)
            opened.patience = _POLL_SECONDS
            if opened.reader.position > before and not tracker.try_claim(opened.reader.position - 1):
                return
            made = [self._spool(batch) for batch in batches]
            for one in (file for spooled in made for file in spooled.files):
                yield TimestampedValue(one, _timestamp(one.newest))
            newest = max((spooled.newest for spooled in made if spooled.newest is not None), default=None)
            more = self._tell(part, opened, batches, newest) and opened.reader.position > before
            _advance(estimator, opened.clock.watermark)
            if not more or time.monotonic() >= end:
                tracker.defer_remainder(_PAUSE if more else Duration(micros=round(self._settings.flush * SECOND)))
                return

    def _spool(self, batch: Batch) -> Spool:
        given = self._settings
        return spool(batch, given.spec, given.length, given.spool)

    def _tell(self, part: Part, opened: _Open, batches: list[Batch], newest: int | None) -> bool:
        """Counts what was read, lets time go on, and writes the status; returns whether there is more to read."""
        records = sum(len(batch.values) for batch in batches)
        size = sum(len(value or b"") for batch in batches for value in batch.values)
        self._records.inc(records)
        self._bytes.inc(size)
        opened.records += records
        opened.bytes += size
        lag = opened.reader.lag()
        if lag is not None:
            self._lag.set(lag)
        now = time.time()
        opened.clock.read(newest, lag == 0 and not records, time.monotonic(), round(now * SECOND))
        where = (part.name, opened.reader.position, lag, opened.clock.watermark)
        status.dump(self._settings.root, Status(*where, opened.records, opened.bytes, now, opened.reader.note))
        return lag is not None and lag > records

    def _asked_to_stop(self) -> bool:
        now = time.monotonic()
        if now - self._looked < _STOP_SECONDS:
            return False
        self._looked = now
        return files.exists(status.stop_path(self._settings.root))

    def _take(self, part: Part, position: int, watermark: int) -> _Open:
        with _lock:
            found = _idle.pop((self._settings.spool, part.name), None)
        if found is not None and found.reader.position == position:
            return found
        if found is not None:
            found.reader.close()
        return _Open(self._settings, part, position, watermark)

    def _keep(self, part: Part, opened: _Open) -> None:
        with _lock:
            other = _idle.pop((self._settings.spool, part.name), None)
            _idle[self._settings.spool, part.name] = opened
        if other is not None:
            other.reader.close()


def _advance(estimator: Any, watermark: int) -> None:
    """Moves the watermark on; a runner that tries again may have another clock than this process."""
    if watermark > _micros(estimator.current_watermark()):
        estimator.set_watermark(_timestamp(watermark))


def _timestamp(micros: int) -> Timestamp:
    return MIN_TIMESTAMP if micros == UNKNOWN else Timestamp(micros=micros)


def _micros(timestamp: Timestamp | None) -> int:
    return UNKNOWN if timestamp is None or timestamp <= MIN_TIMESTAMP else int(timestamp.micros)
