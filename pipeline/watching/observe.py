"""Which files are finished, told from what polls of a folder have seen: pure functions.

Time between polls is that of a monotonic clock, which nobody can set. The clock of the day counts only for files that
lie there when the watch starts, and only where it says that they were written in the past.
"""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

from schemas.messages import printable

_LONGEST_PATH = 4096  # of Linux
_UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", "~")
_NANOSECONDS = 1_000_000_000


class State(NamedTuple):
    """What a file system says of a file.

    Attributes:
      bytes: Its size.
      mtime_ns: When it was last written to, in nanoseconds since 1970.
    """

    bytes: int
    mtime_ns: int


class Seen(NamedTuple):
    """What the polls have seen of a file.

    Attributes:
      state: At the last poll.
      since: Since when it has been in this state, in seconds of the monotonic clock.
    """

    state: State
    since: float


class Now(NamedTuple):
    """When a folder was looked at.

    Attributes:
      before: Seconds of the monotonic clock when the look began.
      after: The same when it was over.
      utc_ns: Nanoseconds since 1970 of the clock of the day.
    """

    before: float
    after: float
    utc_ns: int


def is_watched(name: str, pattern: str) -> bool:
    """Returns whether a file of this name is read at all, once it is finished.

    Args:
      name: Without folders.
      pattern: As a shell has it; empty: all.
    """
    if name.startswith(".") or name.endswith(_UNFINISHED):
        return False
    return not pattern or fnmatchcase(name, pattern)


def observe(seen: Mapping[str, Seen], found: Mapping[str, State], now: Now, first: bool = False) -> dict[str, Seen]:
    """Returns what is known of the files after one more poll.

    Args:
      seen: Known before.
      found: The files that are there, by path.
      now: When they were looked at.
      first: Whether this is the first poll since the watch started.
    """
    return {path: _observe_one(seen.get(path), state, now, first) for path, state in found.items()}


def _observe_one(before: Seen | None, state: State, now: Now, first: bool) -> Seen:
    if before is not None and before.state == state:
        return before
    age = (now.utc_ns - state.mtime_ns) / _NANOSECONDS
    return Seen(state, now.after - age if first and age > 0 else now.after)


def settled(seen: Mapping[str, Seen], now: Now, settle: float) -> list[str]:
    """Returns the files that have not changed for so many seconds, in order of their paths.

    Args:
      seen: After the poll.
      now: Of the poll.
      settle: Seconds.
    """
    return sorted(path for path, one in seen.items() if now.before - one.since >= settle)


def finished(seen: Mapping[str, Seen], now: Now, settle: float) -> dict[str, State]:
    """Returns the files that are finished, in order of their paths: those of `settled` that hold something."""
    return {path: seen[path].state for path in settled(seen, now, settle) if seen[path].state.bytes}


def first_lines(paths: Iterable[str], most: int = 3) -> str:
    """Returns paths as they stand in a message, no more than a few of them, and these whole."""
    names = [printable(path, _LONGEST_PATH) for path in paths]
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")
