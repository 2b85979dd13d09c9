"""Runs of the real command in processes of their own, killed where or when a test wants it.

A process is forked off one that has imported everything, which takes 2 s; it is the leader of a group of its own.
"""

import contextlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pipeline.inputs
import pipeline.job
import pipeline.report.charts
import pipeline.run
import pipeline.sharding.gathering
import pipeline.upkeep.exclusive
from pipeline.cli import main

BLOCK_BYTES, SHARD_BYTES = 4_000, 6_000
FEW_BLOCKS, FEW_INPUTS = 6, 1  # so that runs over two files are those of very many blocks and files, and others are not
_HANGS_SECONDS = 120.0
# What a process does to files, as Python's audit events name it.
_CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate"}


@dataclass
class Process:
    """A command at work.

    Attributes:
      pid: Of the process, and of its group.
      errors: Its standard error.
      started: When, by the monotonic clock.
    """

    pid: int
    errors: Path
    started: float

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def wait(self) -> tuple[int, str]:
        """Returns the exit code, -9 of one that was killed, and what stands in standard error."""
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status), self.errors.read_text()
            if time.monotonic() - self.started > _HANGS_SECONDS:
                self.kill()
                raise TimeoutError(f"hangs: {self.errors.read_text()}")
            time.sleep(0.002)


def start(arguments: Sequence[str], errors: Path, prepare: Callable[[], None] = lambda: None) -> Process:
    """Starts a command.

    Args:
      arguments: Of the command line.
      errors: Where its standard error goes.
      prepare: Called in the process before the command.
    """
    started = time.monotonic()
    pid = os.fork()
    if pid:
        with contextlib.suppress(OSError):  # the process itself was quicker, or is gone
            os.setpgid(pid, pid)
        return Process(pid, errors, started)
    code = 70
    try:
        os.setpgid(0, 0)
        with errors.open("wb") as file, Path(os.devnull).open("wb") as nothing:
            os.dup2(file.fileno(), 2)
            os.dup2(nothing.fileno(), 1)
        sys.stdout = os.fdopen(1, "w")
        sys.stderr = os.fdopen(2, "w")
        small_blocks()
        prepare()
        code = main(list(arguments))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def small_blocks() -> None:
    """Makes small input several blocks and shards, and the larger of it large."""
    pipeline.inputs.plan_job.__kwdefaults__ |= {"block_bytes": BLOCK_BYTES, "shard_bytes": SHARD_BYTES}
    pipeline.sharding.gathering.FEW_BLOCKS, pipeline.job.FEW_INPUTS = FEW_BLOCKS, FEW_INPUTS


def count_changes(folder: Path, report: Path) -> Callable[[], None]:
    """Returns what makes a process append a byte to a file for each change of a file below a folder."""

    def prepare() -> None:
        descriptor = os.open(report, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        _watch(folder, lambda number: os.write(descriptor, b"."))

    return prepare


def kill_before(change: int, folder: Path) -> Callable[[], None]:
    """Returns what makes a process kill its group before one of its changes of files below a folder, from 0."""

    def prepare() -> None:
        def kill(number: int) -> None:
            if number == change:
                os.killpg(0, signal.SIGKILL)

        _watch(folder, kill)

    return prepare


def _watch(folder: Path, called: Callable[[int], object]) -> None:
    seen = [0]
    root = str(folder)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if (writes or event in _CHANGES) and isinstance(arguments[0], str | os.PathLike):
            path = os.fspath(arguments[0])
            if isinstance(path, str) and path.startswith(root):
                number, seen[0] = seen[0], seen[0] + 1
                called(number)

    sys.addaudithook(hook)
