"""Runs the project's own command, as every script here does."""

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import Cost, run

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SPEC = HERE / "corpus.yaml"
PROGRAM = ("-m", "pipeline")  # as Python is told
TIMEOUT = 3600.0  # seconds for one run


@dataclass(frozen=True)
class Outcome:
    """One run of the project.

    Attributes:
      cost: What it cost.
      manifest: Of the data set that it wrote.
    """

    cost: Cost
    manifest: dict[str, Any]

    @property
    def fingerprint(self) -> str:
        """SHA-256 over everything in the manifest, so over every byte written."""
        return str(self.manifest["fingerprint"])


def pipeline_command(
    source: str | Path,
    output: Path,
    options: Sequence[str] = (),
    program: Sequence[str] = PROGRAM,
    spec: Path = SPEC,
) -> list[str]:
    """Returns the command that turns the files of a pattern into a data set; no peer draws a report."""
    paths = ["--spec", str(spec), "--input", str(source), "--output", str(output)]
    return [sys.executable, *program, "run", *paths, "--no_report", *options]


def run_pipeline(
    source: str | Path, scratch: Path, name: str, options: Sequence[str] = (), program: Sequence[str] = PROGRAM
) -> Outcome:
    """Runs the project into an empty folder, which is removed afterwards.

    Args:
      source: Path or pattern of the input.
      scratch: Folder of the output and the log.
      name: What it says on standard error; also of the log.
      options: Of the command, beside input, output and spec.
      program: What Python runs; it must take the arguments of the command.

    Raises:
      CommandFailedError: It did not exit with 0.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    output = scratch / "output"
    shutil.rmtree(output, ignore_errors=True)
    try:
        command = pipeline_command(source, output, options, program)
        cost = run(command, scratch / f"{name.replace(' ', '-')}.log", TIMEOUT, cwd=ROOT)
        manifest = json.loads((output / "manifest.json").read_text(encoding="utf-8"))
    finally:
        shutil.rmtree(output, ignore_errors=True)
    progress(f"{name}: {cost.seconds:.1f} s, {cost.peak_bytes / 1e6:,.0f} MB")
    return Outcome(cost, manifest)


def progress(text: str) -> None:
    """Says on standard error how far it is."""
    print(text, file=sys.stderr, flush=True)
