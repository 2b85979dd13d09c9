"""What a run must not leave to chance in a terminal: interrupts, and what worker processes print."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import IO

from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Context in which SIGINT and SIGTERM raise KeyboardInterrupt and set the event.

    Runners wrap an interrupt in errors of their own, so that only the event tells it for sure.
    """
    interrupted = threading.Event()

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        interrupted.set()
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # only there can signals be caught
        yield interrupted
        return
    before = {number: signal.signal(number, interrupt) for number in _SIGNALS}
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def quiet_workers(options: PipelineOptions) -> Iterator[IO[bytes] | None]:
    """Context in which what several local workers print is thrown away.

    Each of them writes its whole life, or every error with its traceback, to the standard error that
    it shares, whatever its options say. What matters of it is kept in the run's folder of failures.

    Yields:
      Standard error as it was, or None where there is one worker in this process.
    """
    if options.view_as(DirectOptions).direct_running_mode == "in_memory":
        yield None
        return
    sys.stderr.flush()
    with os.fdopen(os.dup(2), "wb") as terminal, Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            yield terminal
        finally:
            sys.stderr.flush()
            os.dup2(terminal.fileno(), 2)
