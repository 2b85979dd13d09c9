"""A folder, its spans and a clock that a test moves, in which a watch may be killed at any step."""

from collections.abc import Mapping, Sequence

from pipeline.watching.child import Outcome
from pipeline.watching.choose import Intent
from pipeline.watching.observe import State
from pipeline.watching.watcher import Settings, Watch, World
from schemas.errors import DataError, HeldError

START = 1_700_000_000 * 10**9
SETTLE = 10.0
FULL = "out/x: cannot be written: No space left on device"


class KilledError(BaseException):
    """The process ends here."""


class Simulated:
    """What is outside of a watch; what it keeps outlives kills.

    Attributes:
      there: Files of the folder.
      bad: Files that make a run fail.
      written: When each file was last written to, in seconds of the monotonic clock.
      published: Files of each span, in the order of their publication.
      read_at: When each file was published, and when it had last been written to.
      lines: That were told.
    """

    def __init__(self) -> None:
        self.there: dict[str, State] = {}
        self.bad: set[str] = set()
        self.written: dict[str, float] = {}
        self.published: dict[str, dict[str, int]] = {}
        self.read_at: dict[str, tuple[float, float]] = {}
        self.lines: list[str] = []
        self.now = 1_000.0
        self.offset_ns = START
        self.fuse: int | None = None  # steps until a kill
        self.full = 0  # runs that find the disk full
        self.staged: set[str] = set()  # spans whose runs have left something to go on from
        self.held = 0  # runs that find a lock held
        self.changes = ""  # file that the next run finds changed
        self.orphan: tuple[int, str, dict[str, int]] | None = None  # looks until it ends
        self._intent: Intent | None = None
        self._failed: dict[str, State] = {}
        self.files: dict[str, int] = {}
        self.names: set[str] = set()

    def start(self, once: bool = False, at_least: int = 1, at_most_wait: float = 0.0) -> Watch:
        """Begins a process."""
        self.files, self.names = {}, set()
        return Watch(self._world(), Settings(SETTLE, 1.0, once, at_least, at_most_wait))

    def write(self, name: str, size: int, bad: bool = False) -> None:
        """Somebody writes to a file."""
        self.there[name] = State(size, self.utc_ns())
        self.written[name] = self.now
        self.bad.discard(name)
        self.bad.update({name} if bad else ())

    def utc_ns(self) -> int:
        return self.offset_ns + int(self.now * 10**9)

    def step(self) -> None:
        """Something that lasts is about to happen, or has happened."""
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                self.fuse = None
                raise KilledError

    def _world(self) -> World:
        return World(
            scan=lambda: dict(self.there),
            states=lambda paths: {path: self.there[path] for path in paths if path in self.there},
            spans=self,
            memory=self,
            check_idle=self.check_idle,
            run=self.run,
            discard=self.discard,
            objection=lambda path: "no format" if path.endswith(".md") else "",
            pause=self.pause,
            stopped=lambda: False,
            tell=self.lines.append,
            monotonic=lambda: self.now,
            utc_ns=self.utc_ns,
        )

    def pause(self, seconds: float) -> None:
        self.now += seconds

    # Spans.

    def refresh(self) -> None:
        for name, inputs in self.published.items():
            self.files.update(inputs)
            self.names.add(name)

    def span(self, name: str) -> dict[str, int] | None:
        return self.published.get(name)

    def check_idle(self) -> None:
        if self.orphan is None:
            return
        looks, span, inputs = self.orphan
        if looks:
            self.orphan = (looks - 1, span, inputs)
            raise HeldError("a run still goes on")
        self.orphan = None
        self._publish(span, inputs)

    def run(self, span: str, paths: Sequence[str]) -> Outcome:
        inputs = {path: self.there[path].bytes for path in paths}
        if self.held:
            self.held -= 1
            return Outcome(HeldError.exit_code, "is held")
        if self.full:
            self.full -= 1
            return Outcome(DataError.exit_code, FULL)
        if self.changes in inputs:
            self.write(self.changes, inputs[self.changes] + 1)
            self.changes = ""
            self.staged.add(span)
            return Outcome(DataError.exit_code, "has changed")
        if self.published.get(span, inputs) != inputs:
            return Outcome(2, "is published with other input")
        self.staged.add(span)
        self.step()
        if self.bad & set(paths):
            return Outcome(DataError.exit_code, "is bad")
        try:
            self.step()
        except KilledError:
            self.orphan = (2, span, inputs)  # the run goes on alone
            raise
        self._publish(span, inputs)
        self.step()
        return Outcome(0)

    def discard(self, span: str) -> None:
        self.step()
        self.staged.discard(span)

    def _publish(self, span: str, inputs: dict[str, int]) -> None:
        if span not in self.published:
            assert all(span > name for name in self.published), "a name that is not later"
            assert not {path for known in self.published.values() for path in known} & set(inputs), "read twice"
            self.read_at.update({path: (self.now, self.written[path]) for path in inputs})
        self.published[span] = inputs
        self.staged.discard(span)

    # Memory.

    def intent(self) -> Intent | None:
        return self._intent

    def write_intent(self, intent: Intent) -> None:
        self.step()
        self._intent = intent
        self.step()

    def drop_intent(self) -> None:
        self.step()
        self._intent = None
        self.step()

    def failed(self) -> dict[str, State]:
        return dict(self._failed)

    def add_failed(self, path: str, state: State, error: str) -> None:
        self.step()
        self._failed[path] = state
        self.step()

    def all_read(self) -> Mapping[str, int]:
        """Files of all spans."""
        return {path: size for inputs in self.published.values() for path, size in inputs.items()}
