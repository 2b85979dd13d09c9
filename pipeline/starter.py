"""Local worker processes end with the process that started them, however that ends.

Beam's own go on for minutes when theirs was killed: they finish the work that they are at, publishing included, and
then wait for more. By then the lock is free, and the next run may be at work in the same folder.
"""

import contextlib
import functools
import os
import select
import threading
from collections.abc import Iterator

_VARIABLE = "LENGTHWISE_STARTER"  # of the environment, which workers inherit


@contextlib.contextmanager
def starting_workers() -> Iterator[None]:
    """Context in which processes that are started know which one they must end with."""
    os.environ[_VARIABLE] = str(os.getpid())
    try:
        yield
    finally:
        os.environ.pop(_VARIABLE, None)


@functools.cache
def end_with_starter() -> None:
    """Makes a worker process end when the one that started it is gone; does nothing in that one itself."""
    pid = int(os.environ.get(_VARIABLE, "0"))
    if pid not in (0, os.getpid()):
        threading.Thread(target=_end_with, args=(pid,), daemon=True).start()


def _end_with(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it is gone already
        waiting = select.poll()
        waiting.register(os.pidfd_open(pid), select.POLLIN)
        waiting.poll()
    os._exit(1)
