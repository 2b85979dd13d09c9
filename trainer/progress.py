"""How far an epoch is: a bar on a terminal, a line now and then elsewhere, both on standard error."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

T = TypeVar("T")

SECONDS_BETWEEN_LINES = 30.0


def say(line: str) -> None:
    """Writes a line to standard error."""
    print(line, file=sys.stderr, flush=True)


def tracked(
    items: Iterable[T], total: int, name: str, done: int = 0, note: Callable[[], str] = lambda: ""
) -> Iterator[T]:
    """Yields items and shows how many of them are done and how long the rest will take.

    Args:
      items: What is worked on.
      total: How many there are, exactly, with those done.
      name: Of the work, as "epoch 3".
      done: How many were done before the first of the items.
      note: Returns what else to show.
    """
    if sys.stderr.isatty():
        yield from _with_bar(items, total, name, done, note)
    else:
        yield from _with_lines(items, total, name, done, note)


def _with_bar(items: Iterable[T], total: int, name: str, done: int, note: Callable[[], str]) -> Iterator[T]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("steps, remaining"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(name, total=total, completed=done, note="")
        for item in items:
            yield item
            progress.update(task, advance=1, note=note())


def _with_lines(items: Iterable[T], total: int, name: str, done: int, note: Callable[[], str]) -> Iterator[T]:
    start = last = time.monotonic()
    for count, item in enumerate(items):
        now = time.monotonic()
        if count and now - last >= SECONDS_BETWEEN_LINES:
            last = now
            remaining = (now - start) / count * (total - done - count)
            said = ", ".join(filter(None, [f"{remaining:.0f} s remaining", note()]))
            say(f"{name}: step {done + count} of {total}, {said}")
        yield item
