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
    code = cli.main()
    if code == INTERRUPTED:
        _end_at_once(code)
    gc.freeze()  # the memory of a process that ends needs no last look through it either
    return code


def _tell_of_thread(failed: "threading.ExceptHookArgs") -> None:
    """Prints what ended a thread, but for what gRPC says in those of Beam's workers: that their engine has ended."""
    if failed.exc_type.__module__.partition(".")[0] != "grpc":
        threading.__excepthook__(failed)


def _end_at_once(code: int) -> NoReturn:
    """Ends the process without waiting for threads: an interrupt in the middle of Beam may leave some that wait.

    Ours are stopped by then, and what they wrote is deleted.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    _end_children()
    os._exit(code)


def _end_children() -> None:
    """Ends what this process has started and would end itself in a moment that does not come: Beam's job servers."""
    for path in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for pid in path.read_text().split():
                os.kill(int(pid), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
