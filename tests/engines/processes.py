"""Processes that a test starts, with their logs in files. None of them outlives the test, however that ends."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

_POLL_SECONDS = 0.05
_DEATH_SECONDS = 10.0
# Becomes the command, which the kernel kills when the test's process is gone, even if that was killed (prctl(2)). In
# a program of its own, as gRPC in the test's process does not bear Python code between fork and exec.
_ENDS_WITH_TEST = "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); os.execvp(sys.argv[1], sys.argv[1:])"


class Child:
    """A process of a test, the leader of a process group of its own.

    Attributes:
      name: For error texts.
      process: As `subprocess` knows it.
      out: File of its standard output.
      err: File of its standard error.
    """

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", out: Path, err: Path) -> None:
        self.name, self.process, self.out, self.err = name, process, out, err

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Sends a signal to the process and to all that it has started in its group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def wait(self, seconds: float) -> int:
        """Returns the exit code, -9 of one that was killed.

        Raises:
          TimeoutError: It is not over after so many seconds; it was killed.
        """
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            self.process.wait()
            raise TimeoutError(f"{self.name} is not over after {seconds:.0f} s: {self.tail()}") from None

    def running(self) -> bool:
        return self.process.poll() is None

    def tail(self, lines: int = 15) -> str:
        """Returns the last lines of what it said, few enough for who sees only the end of a log."""
        said = self.out.read_text(errors="replace") + self.err.read_text(errors="replace")
        return "\n".join(said.splitlines()[-lines:])


class Children:
    """Processes that `children` ends."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._started: list[Child] = []

    def start(
        self, name: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> Child:
        """Starts a process.

        Args:
          name: Of its logs, NAME.out and NAME.err, which are appended to.
          command: Program and arguments.
          env: Added to the environment of the test.
          cwd: Folder in which it starts; None: that of the test.
        """
        out, err = self._logs / f"{name}.out", self._logs / f"{name}.err"
        with out.open("ab") as to_out, err.open("ab") as to_err:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _ENDS_WITH_TEST, *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=to_out,
                stderr=to_err,
                env={**os.environ, **(env or {})},
                cwd=cwd,
                start_new_session=True,
            )
        child = Child(name, process, out, err)
        self._started.append(child)
        return child

    def stop(self) -> None:
        """Kills every process group that was started, the last one first, and waits for it."""
        for child in reversed(self._started):
            child.kill()
            child.process.wait()
            wait_until(lambda group=child.pid: not alive(group), _DEATH_SECONDS, f"end of {child.name}'s group")
        self._started.clear()


@contextlib.contextmanager
def children(logs: Path) -> Iterator[Children]:
    """Context at whose end all processes that were started in it are gone.

    Args:
      logs: Folder for what they print; made where it is missing.
    """
    logs.mkdir(parents=True, exist_ok=True)
    group = Children(logs)
    try:
        yield group
    finally:
        group.stop()


def wait_until(condition: Callable[[], bool], seconds: float, what: str, *needed: Child) -> None:
    """Waits for a condition.

    Args:
      condition: Asked again and again.
      seconds: To wait at most.
      what: What is waited for, for the error.
      needed: Processes without which it never comes true.

    Raises:
      TimeoutError: It did not come true in time.
      RuntimeError: One of the processes ended before.
    """
    end = time.monotonic() + seconds
    while not condition():
        for child in needed:
            if not child.running():
                raise RuntimeError(f"{child.name} ended with {child.process.returncode} before {what}: {child.tail()}")
        if time.monotonic() > end:
            said = "".join(f"\n{child.name}: {child.tail()}" for child in needed)
            raise TimeoutError(f"{said}\nno {what} in {seconds:.0f} s".lstrip())
        time.sleep(_POLL_SECONDS)


def wait_for_port(port: int, seconds: float, *needed: Child) -> None:
    """Waits until something listens on a TCP port of this machine; raises as `wait_until` does."""
    wait_until(lambda: listens(port), seconds, f"listener on port {port}", *needed)


def listens(port: int) -> bool:
    """Returns whether something listens on a TCP port of this machine."""
    with contextlib.suppress(OSError), socket.create_connection(("localhost", port), timeout=1):
        return True
    return False


def alive(group: int) -> list[int]:
    """Returns the processes of a group that run, without those that nobody has waited for yet."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            state, _, pgrp, *_ = path.read_text().rpartition(")")[2].split()
            found += [int(path.parent.name)] * (int(pgrp) == group and state not in "ZX")
    return found


def free_port() -> int:
    """Returns a TCP port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])
