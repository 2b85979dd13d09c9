"""Closes windows of sessions: events of a key belong together until none has come for long enough.

A session belongs to the window in which it is complete. So a window is made of sessions and not of what came to be in
it: what is complete is found by looking at all events that wait, each time a window is over.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from pipeline.streaming.closer import Closer
from pipeline.streaming.closings import LATE, TOO_LATE, WINDOW
from pipeline.streaming.due import Held
from pipeline.streaming.gather import Placed, file_name, new_lines
from pipeline.streaming.job import StreamJob
from pipeline.streaming.lines import write_lines
from pipeline.streaming.spooled import Spooled
from schemas.dataset_pb2 import DatasetSpec
from schemas.records.sessions import closing_times
from schemas.streams.positions import NONE, Ranges, covers, runs, union
from schemas.streams.windows import parse_length, windows_of
from schemas.times import Int64s, Mask

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
        return super().hold(ref, reached, others)._replace(kind=OPEN)

    def due_times(self, held: Held) -> list[int]:
        """Returns the ends of all windows in which a session of these events may be complete."""
        length, first = self.times.window, held.ref.window
        last = (first + length + self._gap) // length * length
        return list(range(first + length, last + length + 1, length))

    def close(self, held: list[Held], reached: int) -> tuple[list[str], list[Held]]:
        """Closes what is due: sessions that are complete, then what came late before."""
        rest = [one for one in held if one.kind != OPEN]
        waiting = wait_for(new_lines_of((one.ref for one in held if one.kind == OPEN), self.ledger.covered), self)
        due: dict[int, list[Placed]] = {}
        for one in waiting:
            is_due = one.windows + self.times.window <= reached
            for window in np.unique(one.windows[is_due]).tolist():
                due.setdefault(window, []).append(where(one.placed, one.windows == window))
            rest += self._left(one, ~is_due)
        for window, parts in sorted(due.items()):
            rest += self._close_sessions(window, parts, reached)
        return super().close(rest, reached)

    def windows_of(self, lines: list[bytes], windows: Int64s) -> Int64s:
        """Returns the window in which each event will be.

        Args:
          lines: All events that wait.
          windows: int64, (events,); in which each came to be.
        """
        complete = closing_times(lines, self._spec)
        return np.maximum(windows_of(complete - 1, self.times.window), windows)

    def _close_sessions(self, window: int, parts: list[Placed], reached: int) -> list[Held]:
        """Closes a window; where it is closed already returns what is late for it, to wait for the rest of that."""
        over = window + self.times.window + self.times.lateness <= reached
        kind = WINDOW if not self.is_closed(window) else TOO_LATE if over else LATE
        if kind == LATE:
            return [Held(self._respool(part, window), LATE) for part in parts]
        self.close_window(kind, window, lambda: uncovered(parts, self.ledger.covered))
        return []

    def _left(self, one: Waiting, left: Mask) -> list[Held]:
        """Returns what goes on waiting of a file: the file itself where that is all of it."""
        if left.all() and len(left) == one.ref.records:
            return [Held(one.ref, OPEN)]
        return [Held(self._respool(where(one.placed, left), one.ref.window), OPEN)] if left.any() else []

    def _respool(self, part: Placed, window: int) -> Spooled:
        name = file_name(part.source, int(part.lines.positions[0]))
        written = write_lines(self.job.spool, name, part.source, part.lines)
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


def where(part: Placed, mask: Mask) -> Placed:
    """Returns the lines of a mask, (records,)."""
    return Placed(part.source, part.lines.where(mask), part.starts[mask], part.ends[mask])


def uncovered(parts: Iterable[Placed], covered: Mapping[str, Ranges]) -> Iterator[Placed]:
    """Yields the lines that are in no closed window, by source and position."""
    for part in sorted(parts, key=lambda part: (part.source, int(part.lines.positions[0]))):
        yield where(part, ~covers(covered.get(part.source, NONE), part.lines.positions))


def closer_of(job: StreamJob) -> Closer:
    """Returns who decides for a stream."""
    spec: DatasetSpec = job.spec
    return SessionCloser(job) if spec.HasField("group") and spec.group.session_gap else Closer(job)
