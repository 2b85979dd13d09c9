"""A stream without an engine: workers that read, close windows, are set back to older states, live on as zombies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

import numpy as np

from pipeline.guards import lease
from pipeline.streaming.closing.due import Held
from pipeline.streaming.closing.ledger import Ledger
from pipeline.streaming.closing.session_closer import closer_of
from pipeline.streaming.job import NOT_YET, StreamJob
from pipeline.streaming.lines import Lines, name_of, write_lines
from pipeline.streaming.spooled import Spooled
from schemas.streams.positions import NONE, covers, runs
from schemas.streams.windows import windows_of
from schemas.times import Int64s

FOREVER = 1 << 60


@dataclass
class Topic:
    """What a source holds: the text and the event time of each record; its position is its number."""

    texts: list[bytes]
    times: Int64s


def read_batch(job: StreamJob, source: str, topic: Topic, start: int, end: int) -> list[Spooled]:
    """Writes records as a reader does, but for those that are covered."""
    ledger = Ledger(job.closings)
    ledger.refresh()
    positions = np.arange(start, end)
    positions = positions[~covers(ledger.covered.get(source, NONE), positions)]
    windows, found = windows_of(topic.times[positions], job.window), []
    for window in np.unique(windows).tolist():
        rows = positions[windows == window]
        lines = Lines([topic.texts[i] for i in rows.tolist()], rows, rows)
        written = write_lines(job.spool, name_of(source, lines), [(source, lines)])
        newest = int(topic.times[rows].max())
        ranges = runs(rows, rows + 1)
        found.append(Spooled(written.path, source, window, len(rows), *written[1:], ranges, newest))
    return found


@dataclass
class Worker:
    """What has state, as `CollectWindows` drives it, and what it has read so far of each source."""

    job: StreamJob
    topics: Mapping[str, Topic]
    read: dict[str, int]
    held: list[Held] = field(default_factory=list)
    reached: int | None = None

    def __post_init__(self) -> None:
        self.closer = closer_of(self.job)
        self.due: set[int] = set()
        for one in self.held:
            self.due.update(self.closer.due_times(one))

    def now(self) -> int:
        return self.job.reached if self.reached is None else max(self.reached, self.job.reached)

    def take(self, source: str, count: int) -> None:
        """Reads some records more, or again where they have been read."""
        start = self.read[source]
        end = min(start + count, len(self.topics[source].texts))
        for ref in read_batch(self.job, source, self.topics[source], start, end) if end > start else []:
            one = self.closer.hold(ref, self.now(), lambda: list(self.held))
            self.held.append(one)
            self.due.update(self.closer.due_times(one))
        self.read[source] = max(start, end)

    def advance(self, watermark: int) -> None:
        """Fires the timers that are due."""
        while self.due and min(self.due) <= watermark:
            due = min(self.due)
            self.due.remove(due)
            before = self.now()
            self.reached = due if self.reached is None else max(due, self.reached)
            _, self.held = self.closer.close(self.held, self.reached, before)
            for one in self.held:
                self.due.update(time for time in self.closer.due_times(one) if time > self.reached)

    def copy(self) -> "Worker":
        """What a checkpoint brings back."""
        return Worker(self.job, self.topics, dict(self.read), list(self.held), self.reached)

    def restart(self, run: str) -> "Worker":
        """The same command again, without a checkpoint; what lives on of this one finds its lease gone."""
        lease.end(self.job)
        ledger = Ledger(self.job.closings)
        ledger.refresh()
        ledger.fold([])
        reached = NOT_YET if ledger.reached is None else ledger.reached
        job = replace(self.job, run=run, reached=reached)
        lease.begin(job)
        covered = ledger.covered
        read = {
            source: int(np.argmin(np.append(covers(covered.get(source, NONE), np.arange(len(topic.texts))), False)))
            for source, topic in self.topics.items()
        }
        return Worker(job, self.topics, read)


def live(worker: Worker, random: Random, moves: int, watermarks: Sequence[int]) -> Worker:
    """Lets a worker live through whatever comes; returns the one that has done all in the end."""
    saved, zombie, watermark = worker.copy(), None, min(watermarks)
    for move in range(moves):
        actor = zombie if zombie is not None and random.random() < 0.4 else worker
        what = random.choice(["take", "take", "take", "advance", "advance", "save", "restore", "zombie", "restart"])
        if what == "take":
            actor.take(random.choice(list(worker.topics)), random.randint(1, 6))
        elif what == "advance":
            watermark = max(watermark, random.choice(watermarks)) if random.random() < 0.5 else watermark
            actor.advance(watermark)
        elif what == "save":
            saved = worker.copy()
        elif what == "restore":
            worker = saved.copy()
        elif what == "zombie":
            zombie, worker = worker, saved.copy()
        elif random.random() < 0.3:
            worker, zombie = worker.restart(f"run-{move}"), None
            saved = worker.copy()
    for actor in (zombie, worker):
        if actor is not None:
            for source, topic in actor.topics.items():
                actor.take(source, len(topic.texts))
            actor.advance(FOREVER)
    return worker
