"""What is read next, and under which name: pure functions."""

import datetime
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from pipeline.watching.observe import State
from schemas.errors import UsageError
from schemas.spans.names import Period, period_of

# Names of input files are arguments of the run, and Linux takes 2 MiB of these with the environment.
MOST_BYTES_OF_NAMES = 1 << 20
_SECOND = datetime.timedelta(seconds=1)


class Intent(NamedTuple):
    """A span that is about to be run.

    Attributes:
      span: Its name.
      files: What it is to be made of, by path.
    """

    span: str
    files: Mapping[str, State]


class Verdict(Enum):
    """What becomes of an intent that was found when the watch started."""

    DONE = "done"
    RUN = "run"
    DROP = "drop"


def judge(
    intent: Intent, published: Mapping[str, int] | None, read: Container[str], there: Mapping[str, State]
) -> Verdict:
    """Returns what becomes of an intent.

    Args:
      intent: The intent.
      published: Files of the published span of this name and their bytes; None: there is no such span.
      read: All files that any published span has read.
      there: The files of the intent that are there, as they are now.

    Returns:
      DONE where the span is published with these files; RUN where it can be made of the same files; else DROP:
      whatever of them is finished and unread will be in another span.
    """
    if published is not None:
        same = dict(published) == {path: state.bytes for path, state in intent.files.items()}
        return Verdict.DONE if same else Verdict.DROP
    unchanged = dict(there) == dict(intent.files)
    return Verdict.RUN if unchanged and not any(path in read for path in intent.files) else Verdict.DROP


def unread(done: Mapping[str, State], read: Container[str], failed: Mapping[str, State]) -> dict[str, State]:
    """Returns the finished files that are to be read: those of no span that have not failed as they are.

    Args:
      done: The finished files.
      read: Files of published spans.
      failed: Files that failed, as they were then.
    """
    return {path: state for path, state in done.items() if path not in read and failed.get(path) != state}


def changed(read: Mapping[str, int], before: Mapping[str, State], now: Mapping[str, State]) -> list[str]:
    """Returns the files that were read and are no longer what they were then, in order.

    Args:
      read: Bytes of each file that was read.
      before: As files were when the watch first saw them as read ones.
      now: As they are.
    """
    return sorted(
        path
        for path, state in now.items()
        if path in read and (state.bytes != read[path] or before.get(path, state) != state)
    )


def is_due(count: int, at_least: int, waited: float, at_most_wait: float) -> bool:
    """Returns whether files that wait are read now.

    Args:
      count: Of these files.
      at_least: So many are waited for.
      waited: Seconds since the first of them was finished.
      at_most_wait: Seconds after which fewer will do.
    """
    return count > 0 and (count >= at_least or waited >= at_most_wait)


def batches(paths: Sequence[str], most_bytes: int = MOST_BYTES_OF_NAMES) -> Iterator[list[str]]:
    """Yields paths in their order, as many at a time as a command line holds: nearly always all of them."""
    batch: list[str] = []
    size = 0
    for path in paths:
        needed = len(path.encode("utf-8", "surrogateescape")) + 9  # its end, and a pointer to it
        if batch and size + needed > most_bytes:
            yield batch
            batch, size = [], 0
        batch.append(path)
        size += needed
    if batch:
        yield batch


def halves(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """Returns the two halves of two paths or more, neither of them empty."""
    middle = len(paths) // 2
    return list(paths[:middle]), list(paths[middle:])


def next_name(utc: datetime.datetime, names: Iterable[str]) -> str:
    """Returns the name of the next span: the time, or one second behind the last span where that is not earlier.

    Args:
      utc: The time, without a zone.
      names: Of spans that the name has to be later than; those that are no dates are left aside.

    Raises:
      UsageError: There is no later second.
    """
    starts = [(found.start, name) for name in names if (found := period_of(name))]
    start = utc.replace(microsecond=0)
    if starts and max(starts)[0] >= start:
        last, name = max(starts)
        try:
            start = last + _SECOND
        except OverflowError:
            raise UsageError(f"the span {name}: no time is later, as the next span has to be; remove it") from None
    return Period(start, _SECOND).name
