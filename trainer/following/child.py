"""Runs steps, each as a process of its own; whether one still goes on is known even when its follower is dead."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple

from trainer.following.models import STATE, take_lock
from trainer.following.request import Request

LOG_NAME = "step.log"
_LOCK = "step.lock"
_ROOT = Path(__file__).parents[2]
_COMMAND = (sys.executable, "-m", "trainer.following.step_process")
_ERROR = "error: "
_SECONDS_BETWEEN_LOOKS = 0.1


class Outcome(NamedTuple):
    """How a step ended.

    Attributes:
      code: Exit code of its process; negative: the signal that ended it.
      error: What it said was wrong; empty: nothing.
    """

    code: int
    error: str = ""


class Child:
    """Runs steps, one at a time."""

    def __init__(self, models: Path, told: Callable[[], bool]) -> None:
        """Takes what all steps have in common.

        Args:
          models: The folder of the follower.
          told: Returns whether to stop; it is handed on to the process as SIGTERM.
        """
        self._folder = models / STATE
        self._told = told

    def check_idle(self) -> None:
        """Checks that no step of a follower that was killed still goes on.

        Raises:
          HeldError: One does.
        """
        os.close(self._take_lock())

    def run(self, request: Request) -> Outcome:
        """Runs a step.

        Raises:
          HeldError: As `check_idle`.
          KeyboardInterrupt: A second signal; the process is killed.
        """
        held = self._take_lock()
        paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        with (self._folder / LOG_NAME).open("w+b") as log:
            try:
                process = subprocess.Popen(  # noqa: S603  # a program of this package
                    _COMMAND,
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    pass_fds=[held],
                    process_group=0,  # Ctrl-C in a terminal must reach it through this process, and once
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
                )
            finally:
                os.close(held)  # from here on it is the lock of the step alone
            try:
                self._wait(process, request)
            finally:
                process.kill()
                process.wait()
            return Outcome(process.returncode, _last_error(log))

    def _wait(self, process: subprocess.Popen[bytes], request: Request) -> None:
        assert process.stdin is not None
        try:
            with process.stdin as question:
                question.write(request.to_json().encode())
        except BrokenPipeError:
            pass  # it has ended, and said why
        told = False
        while process.poll() is None:
            if self._told() and not told:
                process.send_signal(signal.SIGTERM)
                told = True
            time.sleep(_SECONDS_BETWEEN_LOOKS)

    def _take_lock(self) -> int:
        path = self._folder / _LOCK
        return take_lock(path, f"{path}: the step of a follower that was killed still goes on")


def _last_error(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").splitlines()
    return next((line.removeprefix(_ERROR) for line in reversed(lines) if line.startswith(_ERROR)), "")
