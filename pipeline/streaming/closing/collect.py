"""References to what was read wait, by event time, until their window is over: the one step that has state."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import apache_beam as beam
from apache_beam.coders import PickleCoder, VarIntCoder
from apache_beam.metrics import Metrics
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import Timestamp

from pipeline import files
from pipeline.failure import reporting
from pipeline.streaming.closing.closer import Closer
from pipeline.streaming.closing.closings import LATE, TOO_LATE
from pipeline.streaming.closing.due import Held
from pipeline.streaming.closing.session_closer import closer_of
from pipeline.streaming.job import NOT_YET, StreamJob
from pipeline.streaming.spooled import Drained, Spooled
from schemas.times import LAST_MICROS

_NAMESPACE = "stream"
_CLOSE, _END = TimerSpec("close", TimeDomain.WATERMARK), TimerSpec("end", TimeDomain.WATERMARK)
_LAST = LAST_MICROS + (1 << 60)  # later than any record, a window and its lateness
# As Beam finds them: in the defaults of parameters.
_HELD = beam.DoFn.StateParam(BagStateSpec("held", PickleCoder()))
_DRAINED = beam.DoFn.StateParam(BagStateSpec("drained", PickleCoder()))
_REACHED = beam.DoFn.StateParam(ReadModifyWriteStateSpec("reached", VarIntCoder()))
_TIMER = beam.DoFn.TimerParam(_CLOSE)
_END_TIMER = beam.DoFn.TimerParam(_END)


class CollectWindows(beam.DoFn):  # type: ignore[misc]  # Beam has no types
    """Pairs of a key, one for all, and `Spooled` or `Drained` → names of closings whose spans are to be published.

    All windows are held under one key: what is held is references, and what closes windows must be one. State is in
    the global window, so that no runner drops what is late, and this decides what becomes of it.
    """

    def __init__(self, job: StreamJob) -> None:
        self._job = job

    @cached_property
    def _closer(self) -> Closer:
        return closer_of(self._job)

    @reporting
    def process(
        self,
        element: tuple[str, Spooled | Drained],
        held: Any = _HELD,
        drained: Any = _DRAINED,
        reached: Any = _REACHED,
        close: Any = _TIMER,
        end: Any = _END_TIMER,
    ) -> Iterator[str]:
        """Takes what was read, and says when to look at it again."""
        what = element[1]
        if isinstance(what, Drained):
            drained.add(what.watermark)
            end.set(GlobalWindow().max_timestamp())  # which time comes to when the last part has ended
            return
        one = self._closer.hold(what, self._reached(reached), held.read)
        held.add(one)
        for due in self._closer.due_times(one):
            close.set(Timestamp(micros=due), dynamic_timer_tag=str(due))
        yield from ()

    @on_timer(_CLOSE)  # type: ignore[untyped-decorator]  # Beam has no types
    @reporting
    def close(
        self,
        due: str = beam.DoFn.DynamicTimerTagParam,
        held: Any = _HELD,
        drained: Any = _DRAINED,
        reached: Any = _REACHED,
        again: Any = _TIMER,
    ) -> Iterator[str]:
        """Closes windows that are over."""
        known = reached.read()
        # Not what an earlier start had reached: what it had read by then is being read again.
        now = int(due) if known is None else max(int(due), known)
        if not self._job.close_all and any(now > watermark for watermark in drained.read()):
            return  # time was not there yet where the source was stopped; what is held is read again at the next start
        yield from self._close(now, held, reached, again, min(drained.read(), default=None))

    def _close(self, now: int, held: Any, reached: Any, again: Any, stopped: int | None) -> list[str]:
        before = self._reached(reached)
        reached.write(now)
        waiting: list[Held] = list(held.read())
        names, rest = self._closer.close(waiting, now, before, stopped)
        held.clear()
        for one in rest:
            held.add(one)
        # What has turned out to be late only now waits for a time that nobody has set.
        for time in {time for one in rest if one.kind == LATE for time in self._closer.due_times(one)}:
            again.set(Timestamp(micros=time), dynamic_timer_tag=str(time))
        self._count(len(names), len({one.ref.window for one in rest}))
        return names

    def _count(self, closed: int, is_open: int) -> None:
        """Tells the engine's own figures."""
        records = self._closer.ledger.records
        Metrics.counter(_NAMESPACE, "windows_closed").inc(closed)
        Metrics.gauge(_NAMESPACE, "open_windows").set(is_open)
        Metrics.gauge(_NAMESPACE, "records_late").set(records[LATE])
        Metrics.gauge(_NAMESPACE, "records_too_late").set(records[TOO_LATE])

    @on_timer(_END)  # type: ignore[untyped-decorator]  # Beam has no types
    @reporting
    def end(
        self,
        held: Any = _HELD,
        drained: Any = _DRAINED,
        reached: Any = _REACHED,
        again: Any = _TIMER,
    ) -> Iterator[str]:
        """Closes what is left to be closed, and says so to engines whose streams do not end by themselves.

        At the end of time not every engine keeps timers in order: this one may come before those of windows.
        """
        ends = list(drained.read())
        now = _LAST if self._job.close_all else min(ends, default=NOT_YET)
        stopped = min(ends, default=None)
        names = self._close(now, held, reached, again, stopped) if now > self._reached(reached) else []
        files.write(self._job.drained_path, b"")
        yield from names

    def _reached(self, state: Any) -> int:
        known = state.read()
        return self._job.reached if known is None else max(int(known), self._job.reached)
