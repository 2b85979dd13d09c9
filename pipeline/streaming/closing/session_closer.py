"""Closes windows of sessions: events of a key belong together until none has come for long enough.

A session belongs to the window in which it is complete. So a window is made of sessions and not of what came to be in
it: what is complete is found by looking at all events that wait, each time a window is over.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from pipeline.streaming.closing.closer import Closer
from pipeline.streaming.closing.closings import LATE
from pipeline.streaming.closing.due import Held, kind_of
from pipeline.streaming.closing.gather import Placed, in_order, new_lines
from pipeline.streaming.job import StreamJob
from pipeline.streaming.lines import name_of, write_lines
from pipeline.streaming.spooled import Spooled
from schemas.dataset_pb2 import DatasetSpec
from schemas.records.sessions import closing_times
from schemas.streams.positions import NONE, Ranges, covers, runs, union
from schemas.streams.windows import parse_length, windows_of
from schemas.times import Int64s

OPEN = "open"  # kind of events that may be of a session which is not complete


class Waiting(NamedTuple):
    """Events of one file that wait.

    Attributes:
      ref: To the file.
      placed: Those that are in no closed window.
      windows: int64, (events,); in which each will be, as far as is known now.
    """

    ref: Spooled
    placed: Placed
    windows: Int64s


class SessionCloser(Closer):
    """Decides for a stream whose spec groups events into sessions."""

    def __init__(self, job: StreamJob) -> None:
        """Takes the stream, whose spec says a session_gap."""
        super().__init__(job)
        self._spec = job.spec
        self._gap = parse_length(self._spec.group.session_gap, "group.session_gap")

    def hold(self, ref: Spooled, reached: int, others: Callable[[], Iterable[Held]]) -> Held:
        """Returns events that have come: of what nobody knows before the sessions are looked at."""
        held = super().hold(ref, reached, others)._replace(kind=OPEN)
        self.check_size("events of sessions that are not complete: hold", self.waiting_bytes)
        return held

    def due_times(self, held: Held) -> list[int]:
        """Returns the ends of all windows in which a session of these events may be complete."""
        if held.kind != OPEN:
            return super().due_times(held)
        length, first = self.times.window, held.ref.window
        last = (first + length + self._gap) // length * length
        return list(range(first + length, last + length + 1, length))

    def _close_due(self, held: list[Held], reached: int, before: int) -> list[Held]:
        """Closes what came late before and is due, then sessions that are complete."""
        rest = super()._close_due([one for one in held if one.kind != OPEN], reached, before)
        self.ledger.refresh()
        taken = dict(self.ledger.covered)
        for ref in (one.ref for one in rest):  # late ones, each in a file that holds nothing else
            taken[ref.source] = union([taken.get(ref.source, NONE), ref.ranges])
        waiting = wait_for(new_lines_of((one.ref for one in held if one.kind == OPEN), taken), self)
        due: dict[int, list[Placed]] = {}
        left = []
        for one in waiting:
            is_due = one.windows + self.times.window <= reached
            for window in np.unique(one.windows[is_due]).tolist():
                due.setdefault(window, []).append(one.placed.where(one.windows == window))
            if not is_due.all():
                left.append(Held(one.ref, OPEN))  # the whole file: what is closed of it is left out whenever it is read
        late = [one for window, parts in sorted(due.items()) for one in self._close_sessions(window, parts, before)]
        return [*super()._close_due([*rest, *late], reached, before), *left]

    def windows_of(self, lines: list[bytes], windows: Int64s) -> Int64s:
        """Returns the window in which each event will be.

        Args:
          lines: All events that wait.
          windows: int64, (events,); in which each came to be.
        """
        complete = closing_times(lines, self._spec)
        return np.maximum(windows_of(complete - 1, self.times.window), windows)

    def _close_sessions(self, window: int, parts: list[Placed], before: int) -> list[Held]:
        """Closes a window; where it is closed already returns what is late for it, to wait for the rest of that."""
        kind = kind_of(window, self.times, before, self.is_closed(window))
        if kind == LATE:
            return [Held(self._respool(part, window), LATE) for part in parts]
        self.close_window(kind, window, lambda: uncovered(parts, self.ledger.covered))
        return []

    def _respool(self, part: Placed, window: int) -> Spooled:
        written = write_lines(self.job.spool, name_of(part.source, part.lines), [(part.source, part.lines)])
        ranges = runs(part.starts, part.ends)
        records = len(part.lines.texts)
        return Spooled(written.path, part.source, window, records, written.bytes, written.sha256, ranges, window)


def new_lines_of(refs: Iterable[Spooled], covered: Mapping[str, Ranges]) -> Iterator[tuple[Spooled, Placed]]:
    """Yields the events of each file that are in no closed window, each once."""
    taken = dict(covered)
    for ref in sorted(refs, key=lambda ref: (ref.source, int(ref.ranges[0, 0]), ref.path)):
        for part in new_lines([ref], taken):
            if part.lines.texts:
                yield ref, part
                taken[ref.source] = union([taken.get(ref.source, NONE), runs(part.starts, part.ends)])


def wait_for(found: Iterable[tuple[Spooled, Placed]], closer: SessionCloser) -> list[Waiting]:
    """Returns events with the windows of their sessions, which all of them together decide."""
    every = list(found)
    lines = [text for _, part in every for text in part.lines.texts]
    own = np.concatenate([NONE[:, 0], *(np.full(len(part.lines.texts), ref.window) for ref, part in every)])
    windows = closer.windows_of(lines, own) if lines else own
    ends = np.cumsum([0, *(len(part.lines.texts) for _, part in every)]).tolist()
    return [Waiting(ref, part, windows[ends[i] : ends[i + 1]]) for i, (ref, part) in enumerate(every)]


def uncovered(parts: Iterable[Placed], covered: Mapping[str, Ranges]) -> list[Placed]:
    """Returns the lines that are in no closed window, by source and position."""
    return in_order([part.where(~covers(covered.get(part.source, NONE), part.lines.positions)) for part in parts])


def closer_of(job: StreamJob) -> Closer:
    """Returns who decides for a stream."""
    spec: DatasetSpec = job.spec
    return SessionCloser(job) if spec.HasField("group") and spec.group.session_gap else Closer(job)
