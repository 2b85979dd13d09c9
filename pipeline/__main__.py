"""`python -m pipeline`."""

import contextlib
import gc
import os
import signal
import sys
import threading
from pathlib import Path
from typing import NoReturn

from pipeline import cli
from pipeline.commands.common import INTERRUPTED

# Importing Beam and building a graph make some hundred thousand objects that stay. Python would look
# through them again and again for garbage, for a fifth of the time that importing takes.
_NEW_OBJECTS_BEFORE_COLLECTION = 100_000


def main() -> int:
    """Runs a command in a process of its own; returns the exit code."""
    gc.set_threshold(_NEW_OBJECTS_BEFORE_COLLECTION)
    threading.excepthook = _tell_of_thread
    not_ours = _children()
    code = cli.main()
    if code == INTERRUPTED:
        _end_at_once(code, not_ours)
    if code:
        _say_no_more()
    gc.freeze()  # the memory of a process that ends needs no last look through it either
    return code


def _tell_of_thread(failed: "threading.ExceptHookArgs") -> None:
    """Prints what ended a thread, but for what gRPC says in those of Beam's workers: that their engine has ended."""
    if failed.exc_type.__module__.partition(".")[0] != "grpc":
        threading.__excepthook__(failed)


def _say_no_more() -> None:
    """Throws away what Beam's workers in this process still print, which go on for a while behind a run that failed.

    The error is told by now. They end with one of their own, for their engine has forgotten them.
    """
    sys.stderr.flush()
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stderr.fileno())


def _end_at_once(code: int, not_ours: frozenset[int]) -> NoReturn:
    """Ends the process without waiting for threads: an interrupt in the middle of Beam may leave some that wait.

    Ours are stopped by then, and what they wrote is deleted. What else this process has started would end with it in a
    moment that does not come, which are Beam's job servers.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    for pid in _children() - not_ours:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGTERM)
    os._exit(code)


def _children() -> frozenset[int]:
    """Returns the child processes; a shell that has become this process by `exec` may leave some of its own."""
    found: set[int] = set()
    for path in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread that has ended
            found.update(map(int, path.read_text().split()))
    return frozenset(found)


if __name__ == "__main__":
    sys.exit(main())
