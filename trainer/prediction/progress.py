"""How far a prediction is, on standard error: records, share of the input's bytes, records a second, time to go."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from trainer.progress import SECONDS_BETWEEN_LINES, say

Tell = Callable[[int, int], None]


def progress_line(records: int, consumed: int, size: int, seconds: float) -> str:
    """Returns what is said of a prediction.

    Args:
      records: Predicted so far.
      consumed: Bytes of the input that they are of.
      size: Bytes of the input.
      seconds: Since the beginning.
    """
    share = min(consumed / size, 1.0) if size else 1.0
    said = f"predict: {records:,} records, {share:.0%} of the input, {records / max(seconds, 1e-9):,.0f} records/s"
    return f"{said}, {seconds / share - seconds:.0f} s remaining" if share else said


@contextlib.contextmanager
def showing_progress(size: int) -> Iterator[Tell]:
    """Yields what tells how far the work is, of records and bytes: a bar on a terminal, else a line now and then.

    Args:
      size: Bytes of the input.
    """
    if sys.stderr.isatty():
        with _bar(size) as tell:
            yield tell
    else:
        yield _lines(size)


@contextlib.contextmanager
def _bar(size: int) -> Iterator[Tell]:
    columns = (
        TextColumn("predict"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[said]}, remaining"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("predict", total=max(size, 1), said="0 records")
        start = time.monotonic()

        def tell(records: int, consumed: int) -> None:
            speed = records / max(time.monotonic() - start, 1e-9)
            progress.update(task, completed=consumed, said=f"{records:,} records, {speed:,.0f} records/s")

        yield tell


def _lines(size: int) -> Tell:
    start = last = time.monotonic()

    def tell(records: int, consumed: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_LINES:
            last = now
            say(progress_line(records, consumed, size, now - start))

    return tell
