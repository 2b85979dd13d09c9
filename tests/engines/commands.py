"""The pipeline as a person starts it: a command in a process of its own."""

import contextlib
import io
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pipeline.cli
import pipeline.inputs
from tests.engines.processes import Child, Children, children

ROOT = Path(__file__).resolve().parents[2]
_RUN_SECONDS = 240.0
# Make small input several blocks and shards; they travel to the workers with the job.
SMALL = {"block_bytes": 60_000, "shard_bytes": 20_000}
_SMALL_COMMAND = f"""
import logging, sys
logging.getLogger().setLevel(logging.ERROR)  # as the command does, before Beam is imported
import pipeline.inputs
from pipeline.__main__ import main
pipeline.inputs.plan_job.__kwdefaults__ |= {SMALL}
sys.exit(main())
"""


class Ended(NamedTuple):
    """A command that is over.

    Attributes:
      code: Its exit code.
      stdout: What it printed.
      stderr: Progress and errors.
    """

    code: int
    stdout: str
    stderr: str

    @property
    def error(self) -> str:
        """The last line of standard error; empty where there is none."""
        return next(iter(self.stderr.strip().splitlines()[::-1]), "")


def run_here(arguments: Sequence[str]) -> Ended:
    """Runs a command in this process, which has imported Beam, on small blocks; workers are started all the same."""
    before = dict(pipeline.inputs.plan_job.__kwdefaults__)
    pipeline.inputs.plan_job.__kwdefaults__ |= SMALL
    try:
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
            code = pipeline.cli.main(arguments)
    finally:
        pipeline.inputs.plan_job.__kwdefaults__.update(before)
    return Ended(code, out.getvalue(), err.getvalue())


def run_pipeline(
    spec: str | Path,
    inputs: Sequence[str | Path],
    output: str | Path,
    *flags: str,
    env: Mapping[str, str] | None = None,
    small_blocks: bool = False,
    seconds: float = _RUN_SECONDS,
) -> Ended:
    """Runs `python -m pipeline run` to its end.

    Args:
      spec: File of the spec.
      inputs: Patterns.
      output: Folder of the data set.
      flags: Further options, Beam's included.
      env: Added to the environment.
      small_blocks: Whether small input is to be several blocks and shards, as large input is.
      seconds: To wait at most.

    Raises:
      TimeoutError: It is not over by then; it was killed.
    """
    with tempfile.TemporaryDirectory() as folder, children(Path(folder)) as group:
        child = start_pipeline(group, spec, inputs, output, *flags, env=env, small_blocks=small_blocks)
        return ended(child, seconds)


def start_pipeline(
    group: Children,
    spec: str | Path,
    inputs: Sequence[str | Path],
    output: str | Path,
    *flags: str,
    env: Mapping[str, str] | None = None,
    small_blocks: bool = False,
    name: str = "pipeline",
) -> Child:
    """Starts `python -m pipeline run`; arguments as of `run_pipeline`. Its logs are named after `name`."""
    given = [word for pattern in inputs for word in ("--input", str(pattern))]
    command = ["run", "--spec", str(spec), *given, "--output", str(output), *flags]
    return start_command(group, command, env=env, small_blocks=small_blocks, name=name)


def start_command(
    group: Children,
    arguments: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    small_blocks: bool = False,
    name: str = "pipeline",
) -> Child:
    """Starts `python -m pipeline` with some arguments; the others as of `start_pipeline`."""
    program = ["-c", _SMALL_COMMAND] if small_blocks else ["-m", "pipeline"]
    command = [sys.executable, *program, *arguments]
    return group.start(name, command, {"PYTHONPATH": str(ROOT), **(env or {})}, cwd=ROOT)


def ended(child: Child, seconds: float = _RUN_SECONDS) -> Ended:
    """Waits for a command and returns how it ended."""
    code = child.wait(seconds)
    return Ended(code, child.out.read_text(), child.err.read_text())
