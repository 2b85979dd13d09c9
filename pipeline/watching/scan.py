"""What lies in a folder that is watched: files below it as they are, which others may write to meanwhile."""

import contextlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from pipeline import files
from pipeline.watching.observe import State, first_lines, is_watched
from schemas.errors import DataError, RefusedError, UsageError

_LOST = "lost+found"


def scan(folder: str, pattern: str = "") -> dict[str, State]:
    """Returns the files below a folder that are watched, by path, each once whatever links lead to it.

    What vanishes meanwhile, or is no regular file, is left out; so are hidden folders and the one for lost files that
    a filesystem has at its root.

    Args:
      folder: Absolute, without links.
      pattern: Of names; empty: all.

    Raises:
      RefusedError: A folder may not be read, so that nobody knows what lies there.
      DataError: One cannot be read now, as where a disk fails.
    """
    found = {}
    for entry in _entries(folder):
        if not is_watched(entry.name, pattern):
            continue
        try:
            state = entry.stat()
        except PermissionError as error:  # a folder that may be listed and not entered, or where a link leads
            raise _unreadable(entry.path, error) from error
        except OSError:
            continue
        if stat.S_ISREG(state.st_mode):
            path = os.path.realpath(entry.path) if entry.is_symlink() else entry.path
            found[path] = _state(state)
    return found


def looking(folder: str, pattern: str, tell: Callable[[str], None]) -> Callable[[], dict[str, State]]:
    """Returns `scan` of a folder, which tells once when the folder is gone, and once when it is back.

    Args:
      folder: Absolute, without links.
      pattern: Of names; empty: all.
      tell: Prints a line.
    """
    there = True

    def look() -> dict[str, State]:
        nonlocal there
        if Path(folder).is_dir() != there:
            there = not there
            tell(f"{folder}: {'is there again' if there else 'is gone; waiting for it to come back'}")
        return scan(folder, pattern)

    return look


def states(paths: Iterable[str]) -> dict[str, State]:
    """Returns the files that are there, as they are."""
    found = {}
    for path in paths:
        with contextlib.suppress(OSError):
            found[path] = _state(Path(path).stat())
    return found


def check_folders(folder: str, root: str) -> str:
    """Returns the folder to watch without links.

    Raises:
      UsageError: It is no folder, or one of the two lies in the other, so that what is written would be read.
    """
    for name, path in (("", folder), ("--output ", root)):
        if not files.is_local(path):
            raise UsageError(
                f"{name}{path}: is on no local disk, and `watch` needs one, for what it looks at and for a lock; "
                "call `run --span` or `backfill` from a scheduler, with {date} in --input"
            )
    watched = Path(folder).resolve()
    if not watched.is_dir():
        raise UsageError(f"{folder}: is no folder; name the one that new files come into")
    output = Path(root).resolve()
    if output.is_relative_to(watched) or watched.is_relative_to(output):
        raise UsageError(
            f"--output {root}: lies in the folder that is watched, or that lies in it; name a folder beside {folder}"
        )
    return str(watched)


def _entries(folder: str) -> Iterator["os.DirEntry[str]"]:
    """Yields the entries of a folder and of those within it, but for folders themselves."""
    waiting = [folder]
    while waiting:
        path = waiting.pop()
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    if not entry.is_dir(follow_symlinks=False):
                        yield entry
                    elif not entry.name.startswith(".") and entry.name != _LOST:
                        waiting.append(entry.path)
        except OSError as error:
            if isinstance(error, PermissionError):
                raise _unreadable(path, error) from error
            # What has vanished is no error: a mount that is lost is waited for.
            if os.path.isdir(path):  # noqa: PTH112  # never raises
                raise DataError(f"{first_lines([path])}: cannot be read: {error.strerror}") from error


def _unreadable(path: str, error: PermissionError) -> RefusedError:
    """Returns the error of what has to be looked into and cannot be: to pass over it would lose records silently."""
    return RefusedError(
        f"{first_lines([path])}: cannot be read: {error.strerror}; give whoever runs this the right to read it, or "
        "move it out of the folder"
    )


def _state(state: os.stat_result) -> State:
    return State(state.st_size, state.st_mtime_ns)
