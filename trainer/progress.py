"""How far an epoch is: a bar on a terminal, a line now and then elsewhere, both on standard error."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

T = TypeVar("T")

_SECONDS_BETWEEN_LINES = 30.0


def say(line: str) -> None:
    """Writes a line to standard error."""
    print(line, file=sys.stderr, flush=True)


def tracked(items: Iterable[T], total: int, name: str) -> Iterator[T]:
    """Yields items and shows how many of them are done and how long the rest will take.

    Args:
      items: What is worked on.
      total: How many there are, exactly.
      name: Of the work, as "epoch 3".
    """
    if sys.stderr.isatty():
        yield from _with_bar(items, total, name)
    else:
        yield from _with_lines(items, total, name)


def _with_bar(items: Iterable[T], total: int, name: str) -> Iterator[T]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("steps, remaining"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield from progress.track(items, total=total, description=name)


def _with_lines(items: Iterable[T], total: int, name: str) -> Iterator[T]:
    start = last = time.monotonic()
    for done, item in enumerate(items):
        now = time.monotonic()
        if done and now - last >= _SECONDS_BETWEEN_LINES:
            last = now
            remaining = (now - start) / done * (total - done)
            say(f"{name}: step {done} of {total}, {remaining:.0f} s remaining")
        yield item
