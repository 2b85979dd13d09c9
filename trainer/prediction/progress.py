"""How far the work on raw records is, on standard error: rows, share of the input, rows a second, time to go."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from trainer.progress import SECONDS_BETWEEN_LINES, say

Tell = Callable[[int, int], None]


class Watched:
    """Follows the work batch by batch, within blocks of the input whose bytes are known."""

    def __init__(self, tell: Tell) -> None:
        """Sets what is told of rows, and of bytes of the input that they are of."""
        self._tell = tell
        self._rows = self._before = self._until = 0

    def begin(self, consumed: int) -> None:
        """Begins a block; `consumed` bytes of the input will be done with when it is."""
        self._before, self._until = self._until, consumed

    def batch(self, examples: int, share: float) -> None:
        """Says that a batch of some examples is done, and what share of the block with it."""
        self._rows += examples
        self._tell(self._rows, self._before + int((self._until - self._before) * share))

    def end(self, refused: int) -> None:
        """Ends a block, in which some records were refused."""
        self._rows += refused
        self._tell(self._rows, self._until)


def progress_line(
    rows: int, consumed: int, size: int, seconds: float, unit: str = "records", name: str = "predict"
) -> str:
    """Returns what is said of the work.

    Args:
      rows: Made so far.
      consumed: Bytes of the input that they are of.
      size: Bytes of the input.
      seconds: Since the beginning.
      unit: What a row is of.
      name: Of the work.
    """
    share = min(consumed / size, 1.0) if size else 1.0
    said = f"{name}: {rows:,} {unit}, {share:.0%} of the input, {rows / max(seconds, 1e-9):,.0f} {unit}/s"
    return f"{said}, {seconds / share - seconds:.0f} s remaining" if share else said


@contextlib.contextmanager
def showing_progress(size: int, unit: str = "records", name: str = "predict") -> Iterator[Tell]:
    """Yields what tells how far the work is, of rows and bytes: a bar on a terminal, else a line now and then.

    Args:
      size: Bytes of the input.
      unit: What a row is of.
      name: Of the work.
    """
    if sys.stderr.isatty():
        with _bar(size, unit, name) as tell:
            yield tell
    else:
        yield _lines(size, unit, name)


@contextlib.contextmanager
def _bar(size: int, unit: str, name: str) -> Iterator[Tell]:
    columns = (
        TextColumn(name),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[said]}, remaining"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(name, total=max(size, 1), said="")
        start = time.monotonic()

        def tell(rows: int, consumed: int) -> None:
            speed = rows / max(time.monotonic() - start, 1e-9)
            progress.update(task, completed=consumed, said=f"{rows:,} {unit}, {speed:,.0f} {unit}/s")

        yield tell


def _lines(size: int, unit: str, name: str) -> Tell:
    start = last = time.monotonic()

    def tell(rows: int, consumed: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_LINES:
            last = now
            say(progress_line(rows, consumed, size, now - start, unit, name))

    return tell
