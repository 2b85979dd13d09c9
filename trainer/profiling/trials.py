"""Runs trials in processes of their own, watches their memory, and ends what takes too much or too long."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from schemas.errors import DataError, UsageError
from schemas.spans.folder import Data
from trainer.config import TrainerConfig, to_plain
from trainer.data_options import plain_data
from trainer.profiling.memory import peak_mib
from trainer.profiling.shapes import Shape
from trainer.profiling.trial_process import OUT_OF_MEMORY

_ROOT = Path(__file__).parents[2]
_COMMAND = [sys.executable, "-m", "trainer.profiling.trial_process"]
_SECONDS_BETWEEN_LOOKS = 0.05


@dataclass(frozen=True)
class Trial:
    """What came of training on one batch in a process of its own.

    Attributes:
      examples: Of the batch.
      padded_steps: Of the batch.
      failure: Why this batch is too much; empty where it is not.
      seconds: Of a training step; None where it failed.
      peak_mib: Most main memory of the process.
    """

    examples: int
    padded_steps: int
    failure: str
    seconds: float | None
    peak_mib: int

    @property
    def padded_steps_per_second(self) -> float | None:
        """None where it failed."""
        return None if self.seconds is None else self.padded_steps / self.seconds

    def plain(self) -> dict[str, Any]:
        """Returns it as plain values."""
        speed = self.padded_steps_per_second
        return {**asdict(self), "padded_steps_per_second": None if speed is None else round(speed, 1)}


@dataclass(frozen=True)
class TrialRunner:
    """Runs trials of one model.

    Attributes:
      data: Folder of the data set, or a range of spans.
      config: Settings of the model.
      limit_mib: Most main memory that a trial may take.
      most_seconds: That a trial may take, from its start to its end.
      repeats: Training steps that are measured, beside the first one.
    """

    data: Data
    config: TrainerConfig
    limit_mib: int
    most_seconds: float
    repeats: int

    def run(self, shape: Shape) -> Trial:
        """Trains on a batch of a shape.

        Raises:
          UsageError, DataError: The process failed by something else than the size of the batch.
        """
        settings = to_plain(self.config)
        asked = {"data": plain_data(self.data), "settings": settings, "examples": shape.examples, "steps": shape.steps}
        answer, failure, peak = run_process({**asked, "repeats": self.repeats}, self.limit_mib, self.most_seconds)
        peak = max(peak, int(answer.get("peak_mib", 0)))
        if not failure and peak > self.limit_mib:
            failure = _too_much(peak, self.limit_mib)
        seconds = None if failure else float(f"{answer['seconds']:.4g}")
        return Trial(shape.examples, shape.padded_steps, failure, seconds, peak)


def describe_machine(most_seconds: float) -> dict[str, Any]:
    """Returns {"device", "versions"}; asks a process, because a GPU's memory is its as soon as it looks.

    Raises:
      UsageError: TensorFlow is not installed.
      DataError: It does not start.
    """
    answer, failure, _ = run_process({}, sys.maxsize, most_seconds)
    if failure:
        raise DataError(f"TensorFlow does not start: its process {failure}; see `python -c 'import tensorflow'`")
    return answer


def run_process(asked: dict[str, Any], limit_mib: int, most_seconds: float) -> tuple[dict[str, Any], str, int]:
    """Runs `trainer.profiling.trial_process`.

    Args:
      asked: What it is to do.
      limit_mib: Main memory above which it is ended.
      most_seconds: After which it is ended.

    Returns:
      Its answer, {} where there is none; why that is, "" where there is one; its most main memory in MiB.

    Raises:
      UsageError, DataError: It failed by something else than memory or time.
    """
    with tempfile.TemporaryFile() as question, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        question.write(json.dumps(asked).encode())
        question.seek(0)
        paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        process = subprocess.Popen(  # noqa: S603  # a program of this package
            _COMMAND,
            stdin=question,
            stdout=out,
            stderr=err,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        try:
            ended, peak = _watch(process, limit_mib, most_seconds)
        finally:
            process.kill()
            process.wait()
        failure = ended or _failure(process.returncode, err)
        return ({} if failure else _answer(out)), failure, peak


def _watch(process: subprocess.Popen[bytes], limit_mib: int, most_seconds: float) -> tuple[str, int]:
    """Waits until a process is over, or has to be ended; returns why, and its most main memory."""
    started, peak = time.monotonic(), 0
    while process.poll() is None:
        peak = max(peak, peak_mib(process.pid))
        if peak > limit_mib:
            return _too_much(peak, limit_mib), peak
        if time.monotonic() - started > most_seconds:
            return f"took more than {most_seconds:g} s", peak
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    return "", peak


def _too_much(peak: int, limit_mib: int) -> str:
    return f"took {peak} MiB of memory where {limit_mib} are allowed"


def _failure(code: int, err: IO[bytes]) -> str:
    if code == 0:
        return ""
    if code == OUT_OF_MEMORY:
        return "ran out of memory"
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    err.seek(0)
    lines = err.read().decode(errors="replace").strip().splitlines()
    kind = UsageError if code == UsageError.exit_code else DataError
    raise kind(lines[-1] if lines else f"a trial ended with code {code} and said nothing")


def _answer(out: IO[bytes]) -> dict[str, Any]:
    out.seek(0)
    answer: dict[str, Any] = json.loads(out.read().splitlines()[-1])
    return answer
