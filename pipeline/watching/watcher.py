"""The watch itself: polls a folder, and hands what is finished and unread to runs of spans.

Which file a span has read is known from the manifests alone, each of which is published by one atomic step; a span
that is about to be run is written down before. So a watch that is killed anywhere neither forgets a file nor reads one
twice.
"""

import datetime
import errno
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.watching.child import Outcome
from pipeline.watching.choose import (
    Intent,
    Verdict,
    batches,
    changed,
    halves,
    is_due,
    judge,
    next_name,
    unread,
)
from pipeline.watching.observe import Now, Seen, State, finished, first_lines, observe, settled
from schemas.errors import DataError, HeldError, UsageError

_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Settings:
    """What a watch does.

    Attributes:
      settle: Seconds without a change after which a file is finished.
      poll: Seconds between looks at the folder.
      once: Whether to read what is finished now, and end.
      at_least: Files that are waited for.
      at_most_wait: Seconds after which fewer of them will do.
    """

    settle: float
    poll: float
    once: bool = False
    at_least: int = 1
    at_most_wait: float = 0.0


class Memory(Protocol):
    """What is kept where a kill does not reach; see `pipeline.watching.store.Store`."""

    def intent(self) -> Intent | None: ...  # noqa: D102
    def write_intent(self, intent: Intent) -> None: ...  # noqa: D102
    def drop_intent(self) -> None: ...  # noqa: D102
    def failed(self) -> dict[str, State]: ...  # noqa: D102
    def add_failed(self, path: str, state: State, error: str) -> None: ...  # noqa: D102


class Spans(Protocol):
    """The published spans; see `pipeline.watching.known.Published`."""

    files: dict[str, int]
    names: set[str]

    def refresh(self) -> None: ...  # noqa: D102
    def span(self, name: str) -> dict[str, int] | None: ...  # noqa: D102


@dataclass(frozen=True)
class World:
    """Everything outside of a watch.

    Attributes:
      scan: Returns the files of the folder.
      states: Returns those of some files that are there.
      spans: The published ones.
      memory: What is kept.
      check_idle: Raises HeldError where a run of a watch that was killed still goes on.
      run: Runs a span of some files.
      discard: Deletes what the run of a span that will not be tried again has staged.
      objection: Returns why a file cannot be input at all; empty: it can.
      pause: Waits for so many seconds, or less where a stop is asked for.
      stopped: Returns whether it was.
      tell: Prints a line.
      monotonic: Returns seconds of a clock that is never set.
      utc_ns: Returns the time in nanoseconds since 1970.
    """

    scan: Callable[[], dict[str, State]]
    states: Callable[[Sequence[str]], dict[str, State]]
    spans: Spans
    memory: Memory
    check_idle: Callable[[], None]
    run: Callable[[str, Sequence[str]], Outcome]
    discard: Callable[[str], None]
    objection: Callable[[str], str]
    pause: Callable[[float], object]
    stopped: Callable[[], bool]
    tell: Callable[[str], None]
    monotonic: Callable[[], float] = time.monotonic
    utc_ns: Callable[[], int] = time.time_ns


@dataclass
class Totals:
    """What a watch has done.

    Attributes:
      spans: That were published.
      files: That these have read.
      failed: Files that failed.
      last_span: Name of the last one.
    """

    spans: int = 0
    files: int = 0
    failed: int = 0
    last_span: str = ""


class Watch:
    """A watch; one per folder of spans."""

    def __init__(self, world: World, settings: Settings) -> None:
        self._world = world
        self._settings = settings
        self._seen: dict[str, Seen] = {}
        self._read: dict[str, State] = {}  # files that were read, as they were when first seen after that
        self._told: set[str] = set()  # files that something was said of that is said once
        self._waiting_since: float | None = None
        self._last_name = ""
        self._failed = world.memory.failed()
        self.totals = Totals()

    def run(self) -> None:
        """Reads new files until a stop is asked for; with `once` those that are finished now.

        Raises:
          LengthwiseError: What no file is at fault for: wrong usage, a full disk; with `once` a lock that another
            one holds.
        """
        self.begin()
        while not self._settings.once and not self._world.stopped():
            self._world.pause(self._settings.poll)
            if not self._world.stopped():
                self.poll()

    def begin(self) -> None:
        """Does what a watch that was killed has left, and looks at the folder for the first time.

        Raises:
          LengthwiseError: As `run`.
        """
        self._retry("", self._check_idle)
        self._world.spans.refresh()
        if not self._world.stopped():
            self._resume()
        if not self._world.stopped():
            self.poll(first=True)

    def poll(self, first: bool = False) -> None:
        """Looks at the folder once, and reads what is due.

        Args:
          first: Whether this is the first look since the start.
        """
        before = self._world.monotonic()
        found = self._world.scan()
        now = Now(before, self._world.monotonic(), self._world.utc_ns())
        self._seen = observe(self._seen, found, now, first)
        self._tell_changed(found)
        self._tell_empty(now)
        ready = self._ready(now)
        if ready:  # else nobody needs to know whether others have published spans
            self._world.spans.refresh()
            ready = self._ready(now)
        if not ready:
            self._waiting_since = None
            return
        if self._waiting_since is None:
            self._waiting_since = now.after
        at_least = 1 if self._settings.once else self._settings.at_least
        if is_due(len(ready), at_least, now.after - self._waiting_since, self._settings.at_most_wait):
            self._waiting_since = None
            self._read_all({path: state for path, state in ready.items() if not self._refused(path, state)})

    def _ready(self, now: Now) -> dict[str, State]:
        return unread(finished(self._seen, now, self._settings.settle), self._world.spans.files, self._failed)

    def _read_all(self, ready: Mapping[str, State]) -> None:
        """Makes spans of files: one, unless a file is at fault; then as few as it takes without the file."""
        for batch in batches(list(ready)):
            waiting = [batch]
            while waiting and not self._world.stopped():
                paths = waiting.pop()
                # What has changed since the look is not finished after all.
                there = self._world.states(paths)
                unchanged = {path: ready[path] for path in paths if there.get(path) == ready[path]}
                if unchanged and not self._read_one(unchanged):
                    waiting += reversed(halves(list(unchanged)))

    def _read_one(self, paths: Mapping[str, State]) -> bool:
        """Makes one span of files; returns False where it has failed, and has to be divided."""
        utc = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=self._world.utc_ns() // 1_000)
        name = next_name(utc, [*self._world.spans.names, self._last_name])
        intent = Intent(name, dict(paths))
        self._world.memory.write_intent(intent)
        return self._carry_out(intent)

    def _resume(self) -> None:
        """Does what a watch was about to do when it was killed."""
        intent = self._world.memory.intent()
        if intent is None:
            return
        published = self._world.spans.span(intent.span)
        others = self._world.spans.files if published is None else ()
        verdict = judge(intent, published, others, self._world.states(list(intent.files)))
        if verdict is not Verdict.RUN:
            self._last_name = intent.span
            self._world.discard(intent.span)
            self._world.memory.drop_intent()
            return
        self._world.tell(f"{intent.span}: goes on where it was stopped, {len(intent.files):,} file(s)")
        if not self._carry_out(intent):
            for half in halves(list(intent.files)):
                self._read_all({path: intent.files[path] for path in half})

    def _carry_out(self, intent: Intent) -> bool:
        """Runs a span; returns False where it has failed, and its files have to be divided."""
        self._last_name = intent.span
        started = self._world.monotonic()
        outcome = self._retry(intent.span, lambda: self._world.run(intent.span, list(intent.files)))
        if outcome.code == 0:
            self._count(intent, self._world.monotonic() - started)
        elif self._world.stopped():
            return True  # whoever starts the watch again finds the intent
        elif self._world.states(list(intent.files)) != intent.files:
            self._world.tell(f"{intent.span}: some of its files have changed or are gone; they wait to be finished")
            self._world.discard(intent.span)
        elif outcome.code != DataError.exit_code or _is_disk_full(outcome.error):
            raise _nobodys_fault(intent.span, outcome)
        elif len(intent.files) > 1:
            self._world.tell(f"{intent.span}: failed; its {len(intent.files):,} files are divided to find out which")
            self._world.discard(intent.span)
            return False
        else:
            [(path, state)] = intent.files.items()
            self._world.discard(intent.span)
            self._add_failed(path, state, outcome.error)
        self._world.memory.drop_intent()
        return True

    def _check_idle(self) -> Outcome:
        self._world.check_idle()
        return Outcome(0)

    def _retry(self, span: str, attempt: Callable[[], Outcome]) -> Outcome:
        """Does something again while another one holds a lock, until a stop is asked for.

        Raises:
          HeldError: It is held, and there is only one look at the folder.
        """
        told = False
        while True:
            try:
                outcome = attempt()
            except HeldError as error:
                outcome = Outcome(HeldError.exit_code, str(error))
            if outcome.code != HeldError.exit_code or self._world.stopped():
                return outcome
            error_text = f"{span}: {outcome.error}" if span else outcome.error
            if self._settings.once:
                raise HeldError(error_text)
            if not told:
                self._world.tell(f"{error_text}; tried again every {self._settings.poll:g} s")
                told = True
            self._world.pause(self._settings.poll)

    def _count(self, intent: Intent, seconds: float) -> None:
        self._world.spans.files.update({path: state.bytes for path, state in intent.files.items()})
        self._world.spans.names.add(intent.span)
        self._read.update(intent.files)
        self.totals.spans += 1
        self.totals.files += len(intent.files)
        self.totals.last_span = intent.span
        size = sum(state.bytes for state in intent.files.values())
        self._world.tell(f"{intent.span}: {len(intent.files):,} file(s), {size:,} bytes, {seconds:.1f} s")

    def _refused(self, path: str, state: State) -> bool:
        """Returns whether a file cannot be input, which is recorded as a failure without a run."""
        objection = self._world.objection(path)
        if objection:
            self._add_failed(path, state, objection)
        return bool(objection)

    def _add_failed(self, path: str, state: State, error: str) -> None:
        self._world.memory.add_failed(path, state, error)
        self._failed[path] = state
        self.totals.failed += 1
        self._world.tell(f"{first_lines([path])}: failed, and is left alone until it changes: {error}")

    def _tell_changed(self, found: Mapping[str, State]) -> None:
        """Tells once of each file that was read and has changed since."""
        new = [path for path in changed(self._world.spans.files, self._read, found) if path not in self._told]
        if new:
            self._world.tell(f"read already, and not read again though changed since: {first_lines(new)}")
        self._told.update(new)
        known = self._world.spans.files
        self._read = {path: self._read.get(path, state) for path, state in found.items() if path in known}

    def _tell_empty(self, now: Now) -> None:
        """Tells once of each file that has been empty for as long as it would take to be finished."""
        empty = [path for path in settled(self._seen, now, self._settings.settle) if not self._seen[path].state.bytes]
        new = [path for path in empty if path not in self._told]
        if new:
            self._world.tell(f"empty, and read when something is in them: {first_lines(new)}")
        self._told.update(new)


def _is_disk_full(error: str) -> bool:
    return any(os.strerror(number) in error for number in _FULL)


def _nobodys_fault(span: str, outcome: Outcome) -> DataError | UsageError:
    """Returns the error with which a watch ends because of a run, whatever its files hold."""
    said = outcome.error or f"its process ended with the code {outcome.code}"
    kind = UsageError if outcome.code == UsageError.exit_code else DataError
    return kind(f"the span {span}: {said}; start the watch again then, it goes on with this span")
