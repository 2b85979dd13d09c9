"""How far a run is, judged by what it has staged: the same for every runner.

Each step leaves a file for each part of a block, so the bytes of the input that are through a step
are those of the parts whose file is there; the name of a staged part says how far it has read. Where
segments are gathered, each set leaves one. What a step costs is measured: staging a byte takes about as
long as encoding and writing it.
"""

import threading
import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from pipeline import files
from pipeline.job import Job

_STAGE_SHARE = 0.55  # of the time of a run; the other 45 % are encoding and writing
_EVENTS_SHARE = 0.7  # of this, where events are read and then grouped
_GATHER_SHARE = 0.2  # of the time of a run that gathers segments, which all others share the rest of
_POLL_SECONDS = 0.5
_POLL_RATIO = 20  # times as long as looking takes, and more, nobody looks
_Part = tuple[int, int]  # block, part
_LINE_SECONDS = 10.0  # between lines where the output is no terminal
_LATE_SECONDS = 60.0  # without anything done, after which somebody may want to look
_REMOTE_SECONDS = 30.0  # where each look is two or more lists of an object store, which are paid for


class ShowProgress:
    """Context in which a run's progress appears on standard error."""

    def __init__(self, job: Job, console: Console, hint: str = "") -> None:
        """Finds out what there is to do.

        Args:
          job: Whose staged files are looked at.
          console: Where the progress appears.
          hint: Where to look when no worker begins, told once; empty: workers begin for certain.
        """
        self._job = job
        self._console = console
        self._hint = hint
        self._total = max(1, sum(file.bytes for file in job.inputs))
        self._least_seconds = 0.0 if files.is_local(job.output) else _REMOTE_SECONDS
        self._stop = threading.Event()
        self._first = 0.0
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._started = time.monotonic()

    def __enter__(self) -> "ShowProgress":
        """Begins to watch."""
        self._started = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops watching."""
        self._stop.set()
        self._thread.join()

    def share_done(self) -> tuple[float, str]:
        """Returns the share of the work that is done, in [0, 1], and the step at hand."""
        staged, encoded = self._parts_in("blocks"), self._parts_in("segments", ".index")
        read = _read_of_each(staged)
        done = sum(size for part, size in read.items() if part in encoded)
        seen = sum(read.values())
        if self._job.partitions:
            seen = int(_EVENTS_SHARE * self.bytes_in("events") + (1 - _EVENTS_SHARE) * seen)
        step = "reading" if seen < self._total else "encoding and writing"
        # A line that goes on in the next block counts for both.
        share = min(1.0, (_STAGE_SHARE * seen + (1 - _STAGE_SHARE) * done) / self._total)
        if not self._job.sets:
            return share, step
        gathered = self._sets_gathered()
        if seen >= self._total and (gathered or done >= self._total):
            step = "gathering and writing"
        return (1 - _GATHER_SHARE) * share + _GATHER_SHARE * min(1.0, gathered / self._job.sets), step

    def _sets_gathered(self) -> int:
        return len(files.match_within(files.join(self._job.staging, "gathered"), "set-*.positions"))

    def bytes_in(self, folder: str) -> int:
        """Returns the bytes of the input that are through the step that stages its parts in a folder."""
        return sum(_read_of_each(self._parts_in(folder)).values())

    def _parts_in(self, folder: str, suffix: str = "") -> dict[_Part, int]:
        """Returns the last number in the name of each file, by block and part."""
        found = files.match_within(files.join(self._job.staging, folder), f"block-*{suffix or '[a-z]'}")
        names = [path.rsplit("block-", 1)[1].split(".")[0] for path in found if not path.endswith(".tmp")]
        numbers = [[int(n) for n in name.split("-")] for name in names]
        return {(block, part): rest[-1] if rest else 0 for block, part, *rest in numbers}

    def _watch(self) -> None:
        self._first = self.share_done()[0] if self._hint else 0.0  # of an earlier run that this one goes on from
        show = self._bar if self._console.is_terminal else self._lines
        show()

    def _bar(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._console, transient=True) as progress:
            task, seconds = progress.add_task("reading", total=1.0), max(_POLL_SECONDS, self._least_seconds)
            self._poll(lambda share, step: progress.update(task, completed=share, description=step), seconds)

    def _lines(self) -> None:
        def line(share: float, step: str) -> None:
            self._console.print(
                f"{step}: {share:.0%} of {self._total:,} bytes, {self._remaining(share)}", highlight=False
            )

        self._poll(line, max(_LINE_SECONDS, self._least_seconds))

    def _poll(self, show: Callable[[float, str], object], seconds: float) -> None:
        pause = seconds
        while not self._stop.wait(pause):
            asked = time.monotonic()
            share, step = self.share_done()
            show(share, step)
            self._hint_at(share)
            # To list very many files takes a while, and on an object store money.
            pause = max(seconds, _POLL_RATIO * (time.monotonic() - asked))

    def _hint_at(self, share: float) -> None:
        """Says once where to look, if nothing has been done for long."""
        if self._hint and is_late(time.monotonic() - self._started, share - self._first):
            self._console.print(f"nothing is done after {_LATE_SECONDS:.0f} s: {self._hint}", highlight=False)
            self._hint = ""

    def _remaining(self, share: float) -> str:
        if share <= 0:
            return "time left unknown"
        seconds = (time.monotonic() - self._started) * (1 - share) / share
        return f"about {int(seconds // 60)}:{int(seconds % 60):02d} left"


def is_late(seconds: float, done: float) -> bool:
    """Returns whether a run has lasted so long that something should be done by now, and nothing is.

    Args:
      seconds: Since it began.
      done: The share that it has done itself.
    """
    return seconds >= _LATE_SECONDS and done <= 0


def _read_of_each(staged: dict[_Part, int]) -> dict[_Part, int]:
    """Returns the bytes that each part adds to what the parts before it in its block have read."""
    added, last_block, before = {}, -1, 0
    for (block, part), consumed in sorted(staged.items()):
        before = before if block == last_block else 0
        added[block, part] = max(0, consumed - before)
        last_block, before = block, max(before, consumed)
    return added
