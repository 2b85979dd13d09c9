"""How a stream is doing, by what its parts say and what is closed and published: the same for every runner."""

import contextlib
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType

from rich.console import Console

from pipeline import files
from pipeline.spans.published import load_span
from pipeline.streaming import status
from pipeline.streaming.closing import closings
from pipeline.streaming.closing.closer import windows_there
from pipeline.streaming.closing.ledger import Ledger
from pipeline.streaming.job import StreamJob
from pipeline.streaming.status import Status
from schemas.errors import DataError
from schemas.streams.windows import SECOND, UNKNOWN
from schemas.times import FIRST_MICROS, LAST_MICROS

_LOOK_SECONDS = 2.0
_REMOTE_SECONDS = 30.0  # where each look is several lists of an object store, which are paid for
_LINE_SECONDS = 10.0  # between lines
_RATE_SECONDS = 15.0  # over which records a second are taken: parts tell of theirs every few seconds
_SILENT_SECONDS = 90.0  # without a word of any part, after which somebody may want to look
_UNHEARD_SECONDS = 180.0  # longer than a turn, a pause and the publishing of a span on the same worker
_JOIN_SECONDS = 5.0  # for a look that waits for a store
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class State:
    """How a stream is doing.

    Attributes:
      records: Read since this start.
      rate: Records a second of late.
      lag: What is there and not read yet: records of Kafka, bytes of files; None: nobody knows.
      watermark: Event time that all parts have reached, in microseconds since 1970; UNKNOWN: none yet.
      parts: That have said something.
      open_windows: Windows that records wait in.
      waiting: Closed windows whose span is not published yet.
      spans: Published by this start, late ones included.
      late: Records in late spans, since there is the folder.
      too_late: Records that came too late for one, since there is the folder.
      rejected: Records that runs of this start's spans rejected.
      kept: Records that they kept.
      caught_up: Whether no part has read a record since the look before.
      drained: Whether all sources have ended, and all windows are closed that are to be.
      notes: What a person should know.
    """

    records: int = 0
    rate: float = 0.0
    lag: int | None = None
    watermark: int = UNKNOWN
    parts: int = 0
    open_windows: int = 0
    waiting: int = 0
    spans: int = 0
    late: int = 0
    too_late: int = 0
    rejected: int = 0
    kept: int = 0
    caught_up: bool = False
    drained: bool = False
    notes: list[str] = field(default_factory=list)


class Watched:
    """What is known of a stream from look to look."""

    def __init__(self, job: StreamJob, ledger: Ledger) -> None:
        """Begins with what is known.

        Args:
          job: The stream.
          ledger: As it was when the stream began; refreshed here.
        """
        self._job, self._ledger = job, ledger
        self._counted = ledger.names - windows_there(job)
        self._counts: Counter[str] = Counter()
        self._looks = deque([(time.monotonic(), 0)])  # when, and records until then

    def look(self) -> State:
        """Returns how the stream is doing now.

        Raises:
          DataError: A file cannot be read.
        """
        drained = files.exists(self._job.drained_path)  # before the windows, of which none is closed after it
        parts = status.load_all(self._job.root)
        self._ledger.refresh()
        waiting = windows_there(self._job) & self._ledger.names
        self._count(waiting)
        records, now = sum(part.records for part in parts), time.monotonic()
        caught_up = bool(parts) and records <= self._looks[-1][1]
        self._looks.append((now, records))
        while now - self._looks[1][0] >= _RATE_SECONDS:
            self._looks.popleft()
        since, before = self._looks[0]
        lags = [part.lag for part in parts]
        missing = set() if drained else silent(parts, time.time())  # parts that have ended say nothing
        return State(
            records=records,
            rate=max(0, records - before) / max(1e-3, now - since),
            lag=None if None in lags or not parts else sum(lag for lag in lags if lag is not None),
            watermark=min((part.watermark for part in parts), default=UNKNOWN),
            parts=len(parts),
            open_windows=self._open_windows(),
            waiting=len(waiting),
            spans=self._counts["spans"],
            late=self._ledger.records[closings.LATE],
            too_late=self._ledger.records[closings.TOO_LATE],
            rejected=self._counts["rejected"],
            kept=self._counts["kept"],
            caught_up=caught_up,
            drained=drained,
            notes=sorted({part.note for part in parts if part.note} | missing),
        )

    def _open_windows(self) -> int:
        path = self._job.held_path
        return int(files.read(path)) if files.exists(path) else 0

    def _count(self, waiting: set[str]) -> None:
        """Adds what the manifests of spans that are new say."""
        for name in sorted(self._ledger.names - self._counted - waiting):
            self._counted.add(name)
            with contextlib.suppress(DataError):  # of what came too late there is none; or it was pruned already
                counts = load_span(self._job.root, name).counts
                self._counts["spans"] += 1
                of = counts.events if counts.HasField("events") else counts
                self._counts["rejected"] += sum(of.rejected.values()) + (
                    sum(counts.rejected.values()) if of is not counts else 0
                )
                self._counts["kept"] += counts.kept


def silent(parts: Iterable[Status], now: float) -> set[str]:
    """Returns a line for each part that nobody seems to read any more.

    Args:
      parts: What they said last.
      now: Seconds since 1970.
    """
    return {
        f"{part.part}: nothing was heard of it for {_UNHEARD_SECONDS / 60:.0f} minutes; where that does not pass, look "
        "at the engine and its workers, and start the stream again: nothing is lost"
        for part in parts
        if now - part.seconds > _UNHEARD_SECONDS
    }


def line(state: State, now: float) -> str:
    """Returns one line for people.

    Args:
      state: Of the stream.
      now: Seconds since 1970.
    """
    if state.watermark == UNKNOWN:
        when = "no event time yet"
    else:
        behind = max(0.0, now - state.watermark / SECOND)
        when = f"event time {time_of(state.watermark)} ({_length(behind)} behind)"
    lag = "lag unknown" if state.lag is None else f"lag {state.lag:,}"
    parts = [f"{state.records:,} records, {state.rate:,.0f}/s", lag, when]
    parts.append(f"{state.open_windows:,} window(s) open, {state.waiting:,} being written, {state.spans:,} span(s)")
    parts.append(f"late {state.late:,}, too late {state.too_late:,}, rejected {state.rejected:,}")
    return "; ".join(parts)


def time_of(micros: int) -> str:
    """Returns an event time as people read it, in UTC."""
    shown = min(max(micros, FIRST_MICROS), LAST_MICROS)  # the last window of all ends where no calendar goes
    return f"{_EPOCH + timedelta(microseconds=shown):%Y-%m-%d %H:%M:%S}Z"


def _length(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:,.0f} s"


class ShowStream:
    """Context in which lines say how a stream is doing, figures are written, and a wish to stop is handed on."""

    def __init__(
        self,
        job: StreamJob,
        ledger: Ledger,
        console: Console,
        hint: str,
        told: Callable[[State], None],
        should_stop: Callable[[State], str],
        finished: Callable[[], None],
    ) -> None:
        """Takes what is watched.

        Args:
          job: The stream.
          ledger: As it was when the stream began.
          console: Where lines appear.
          hint: Where to look when no part says anything, told once; empty: nowhere.
          told: Called with each look.
          should_stop: Returns why sources are to end, if they are; asked after each look.
          finished: Called once, when they have ended and all spans of closed windows are published.
        """
        self._job, self._watched, self._console, self._hint = job, Watched(job, ledger), console, hint
        self._told, self._should_stop, self._finished = told, should_stop, finished
        self._seconds = _LOOK_SECONDS if files.is_local(job.root) else _REMOTE_SECONDS
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._notes: set[str] = set()
        self._stopping = False
        self._left = (-1, 0.0)  # windows that wait in a drain, and since when it is as many
        self.state = State()

    def __enter__(self) -> "ShowStream":
        """Begins to watch."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops watching, with a last look."""
        self._over.set()
        self._thread.join(_JOIN_SECONDS)
        with contextlib.suppress(DataError):
            self.state = self._watched.look()
            self._told(self.state)

    def _watch(self) -> None:
        started = shown = time.monotonic()
        while not self._over.wait(self._seconds):
            self._look()
            now = time.monotonic()
            if now - shown >= _LINE_SECONDS:
                shown = now
                self._console.print(line(self.state, time.time()), highlight=False)
            if self._hint and not self.state.parts and now - started >= _SILENT_SECONDS:
                self._console.print(f"nothing is read after {_SILENT_SECONDS:.0f} s: {self._hint}", highlight=False)
                self._hint = ""

    def _look(self) -> None:
        """Looks, decides and tells: each for itself, for a wish to stop must come through whatever cannot be read."""
        for step in (self._see, self._decide, lambda: self._told(self.state)):
            try:
                step()
            except Exception as error:  # of a store, or a file: the next look may do better
                self._warn(str(error))

    def _see(self) -> None:
        self.state = self._watched.look()
        for note in self.state.notes:
            self._warn(note)

    def _warn(self, note: str) -> None:
        """Tells what a person should know, once."""
        if note not in self._notes:
            self._notes.add(note)
            self._console.print(f"warning: {note}", highlight=False)

    def _decide(self) -> None:
        """Hands on a wish to stop, and ends what has come to its end."""
        why = "" if self._stopping else self._should_stop(self.state)
        if not self._stopping and not why and files.exists(self._job.stop_path):
            why = f"{self._job.stop_path} is there: asked to stop"
        if why:
            self._stopping = True
            self._console.print(why, highlight=False)
            files.write(self._job.stop_path, b"")
        elif self._stopping and self.state.drained and not self._over.is_set():
            self._end()

    def _end(self) -> None:
        """Ends a stream whose sources have ended, once nothing is left to publish."""
        now, waiting = time.monotonic(), self.state.waiting
        if waiting != self._left[0]:
            self._left = (waiting, now)
        if now - self._left[1] > _UNHEARD_SECONDS:
            self._warn(
                f"{waiting} closed window(s) wait for their spans, and none came for {_UNHEARD_SECONDS / 60:.0f} "
                "minutes; where that does not pass, look at the engine and its workers, break this off with a second "
                "signal, and start the stream again: nothing is lost"
            )
        if not waiting:
            self._finished()
            self._over.set()
