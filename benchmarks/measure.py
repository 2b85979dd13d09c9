"""Runs one command and says what it cost: wall time, processor time, memory of all its processes."""

import contextlib
import os
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SAMPLING_SECONDS = 0.2
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
_ERROR_LINE = re.compile(r"[\w.]*(Error|Exception|Interrupt|Exit)\b", re.IGNORECASE)


class CommandFailedError(Exception):
    """A command ended with an error or took too long; the text is its last line of error."""


@dataclass(frozen=True)
class Cost:
    """What one run of a command cost.

    Attributes:
      seconds: Wall time from start to exit.
      cpu_seconds: User and system time of the process and of the children that it waited for.
      peak_bytes: The greatest sum, over the processes alive at one time, of proportional set sizes
        (shared pages are divided by their sharers), sampled; at least the greatest resident set
        size of any one process. Only the latter where there is no /proc.
      series: Each sample of that sum: seconds since the start, and bytes; empty where there is no /proc.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    series: tuple[tuple[float, int], ...] = field(default=(), repr=False)


def median_cost(costs: Sequence[Cost]) -> Cost:
    """Returns the median of each part; a series of samples has none."""
    return Cost(
        statistics.median(cost.seconds for cost in costs),
        statistics.median(cost.cpu_seconds for cost in costs),
        round(statistics.median(cost.peak_bytes for cost in costs)),
    )


def run(
    command: Sequence[str],
    log: Path,
    timeout: float,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Cost:
    """Runs a command to its end.

    Args:
      command: Program and arguments.
      log: File for its standard output and standard error.
      timeout: Seconds after which it is ended.
      environment: Variables beside those of this process.
      cwd: Where it runs.

    Raises:
      CommandFailedError: It did not exit with 0.
    """
    start = time.perf_counter()
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            stdout=file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
            cwd=cwd,
            start_new_session=True,  # so that all its processes can be found, and ended, together
        )
    watch = _Watch(process.pid, start, timeout)
    watch.start()
    try:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    finally:
        seconds = time.perf_counter() - start
        watch.stop()  # before the process is collected: until then its number is its own
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if watch.timed_out:
        raise CommandFailedError(f"ended after {timeout:g} seconds")
    if process.returncode != 0:
        raise CommandFailedError(last_error(log.read_text(encoding="utf-8", errors="replace"), process.returncode))
    peak = max([usage.ru_maxrss * _RSS_UNIT, *(size for _, size in watch.series)])
    return Cost(seconds, usage.ru_utime + usage.ru_stime, peak, tuple(watch.series))


def last_error(text: str, exit_code: int) -> str:
    """Returns the line of a log that says best why a command failed."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if _ERROR_LINE.match(line)]
    return (errors or lines or [f"exit code {exit_code}, without a word"])[-1]


class _Watch(threading.Thread):
    """Samples the memory of a session of processes, and ends them when their time is over."""

    def __init__(self, session: int, start: float, timeout: float) -> None:
        super().__init__(daemon=True)
        self.series: list[tuple[float, int]] = []
        self.timed_out = False
        self._session = session
        self._start = start
        self._timeout = timeout
        self._done = threading.Event()

    def run(self) -> None:
        while not self._done.wait(SAMPLING_SECONDS):
            seconds = time.perf_counter() - self._start
            if size := _session_bytes(self._session):
                self.series.append((seconds, size))
            if seconds > self._timeout:
                self.timed_out = True
                self._end()
                return

    def stop(self) -> None:
        self._done.set()
        self.join()
        self._end()  # whatever the command left behind

    def _end(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._session, signal.SIGKILL)


def _session_bytes(session: int) -> int:
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):  # it may end while we look
            # The name of the program, in parentheses, may hold anything; then state, parent, group, session.
            if int((folder / "stat").read_text().rpartition(")")[2].split()[3]) == session:
                total += _proportional_bytes(folder)
    return total


def _proportional_bytes(folder: Path) -> int:
    for line in (folder / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
