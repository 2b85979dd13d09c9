"""A span is run as a process of its own, so that the memory of a watch stays what it is for years."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.watching.stop import Stop
from pipeline.watching.store import lock

RUN_LOCK = "run.lock"
_ERROR = "error: "
_LOOK_SECONDS = 0.2  # at the process, where it says nothing


class Outcome(NamedTuple):
    """How a run ended.

    Attributes:
      code: Its exit code; negative: the signal that ended it.
      error: What it said was wrong; empty: nothing.
    """

    code: int
    error: str = ""


class Child:
    """Runs spans, one at a time."""

    def __init__(self, folder: Path, options: Sequence[str], stop: Stop, tell: Callable[[str], None]) -> None:
        """Takes what all spans have in common.

        Args:
          folder: Where the lock is that a run holds, even when the watch that began it is dead.
          options: Of `pipeline run`, but for the span and its input.
          stop: Whether to stop.
          tell: Prints a line of standard error.
        """
        self._lock = folder / RUN_LOCK
        self._options = list(options)
        self._stop = stop
        self._tell = tell

    def check_idle(self) -> None:
        """Checks that no run of a watch that was killed still goes on.

        Raises:
          HeldError: One does.
        """
        os.close(self._take_lock())

    def _take_lock(self) -> int:
        held = "the run of a watch that was killed still goes on; wait for it, or stop it"
        return lock(self._lock, f"{self._lock}: {held}")

    def run(self, span: str, paths: Sequence[str]) -> Outcome:
        """Runs a span; a stop is handed on to it as SIGTERM, a second one as SIGKILL.

        Raises:
          HeldError: As `check_idle`.
        """
        held = self._take_lock()
        command = [sys.executable, "-m", "pipeline", "run", "--span", span, *self._options, "--input", *paths]
        try:
            process = subprocess.Popen(  # noqa: S603 (of this package, without a shell)
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[held],
                process_group=0,  # Ctrl-C in a terminal must reach it through this process, and once
            )
        finally:
            os.close(held)  # from here on it is the lock of the run alone
        with process:
            error = self._follow(process)
            return Outcome(process.wait(), error)

    def _follow(self, process: subprocess.Popen[bytes]) -> str:
        """Prints what a run says until it ends; returns its error."""
        assert process.stderr is not None
        stream = process.stderr
        os.set_blocking(stream.fileno(), False)
        rest, error, stops = b"", "", 0
        while True:
            ended = process.poll() is not None
            self._stop.wait(0 if ended else _LOOK_SECONDS, [stream])
            while stops < self._stop.count:
                stops += 1
                process.send_signal(signal.SIGTERM if stops == 1 else signal.SIGKILL)
            data = stream.read()
            *lines, rest = (rest + (data or b"")).split(b"\n")
            last = [rest] if ended and rest else []
            for line in [*lines, *last]:
                text = line.decode("utf-8", "replace")
                self._tell(text)
                error = text.removeprefix(_ERROR) if text.startswith(_ERROR) else error
            if ended:
                return error
            if data == b"":  # it has closed the stream, which select would report again and again
                time.sleep(_LOOK_SECONDS)
