"""Kills trainings at random moments and goes on with them: `python -m tests.trainer.training.killing [--kills N]`.

A training is a process of `python -m trainer train`. Prints figures as one JSON document; ends with 1 where the model
of a training that was killed is not, number by number, that of one that nobody kills.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from tests.trainer.batches.layouts import drawn_lengths, write_lengths
from trainer.batches.batching import METHODS

SETTINGS = ("units=4", "embedding_size=4", "epochs=3", "batch_padded_steps=60", "checkpoint_seconds=0.05")
_ROOT = Path(__file__).resolve().parents[3]
_HANGS_SECONDS = 180.0


def write_data(folder: Path) -> Path:
    """Writes a data set of some dozen batches."""
    return write_lengths(folder, drawn_lengths(250, 30), [5, 12], validation=[2, 9, 20])


def train_command(data: Path, output: Path, settings: Sequence[str]) -> list[str]:
    options = [part for setting in (*SETTINGS, *settings) for part in ("--set", setting)]
    return [sys.executable, "-m", "trainer", "train", "--data", str(data), "--output", str(output), *options]


def run(
    data: Path,
    output: Path,
    settings: Sequence[str] = (),
    due: Callable[[Path], bool] = lambda folder: False,
    number: int = signal.SIGKILL,
) -> tuple[int, str]:
    """Trains, and sends a signal as soon as the folder of the training says so.

    Args:
      data: The data set.
      output: Of the model.
      settings: More than `SETTINGS`.
      due: Looks at the folder of the training.
      number: The signal.

    Returns:
      What the process ended with, -9 where it was killed, and what it wrote to standard error.
    """
    folder = output.with_name(f"{output.name}.training")
    errors = output.with_name(f"{output.name}.stderr")
    with errors.open("wb") as file:
        command = train_command(data, output, settings)
        process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.DEVNULL, stderr=file)
    until = time.monotonic() + _HANGS_SECONDS
    while process.poll() is None:
        if time.monotonic() > until:
            process.kill()
            raise TimeoutError(f"the training of {output} hangs")
        if due(folder):
            process.send_signal(number)
            break
        time.sleep(0.002)
    return process.wait(_HANGS_SECONDS), errors.read_text()


def checkpoints(folder: Path) -> list[Path]:
    return sorted(folder.glob("checkpoint-*.npz"))


def written(number: int) -> Callable[[Path], bool]:
    """Returns what sees that the checkpoint of a number is there, or a later one."""
    return lambda folder: any(int(path.name.split("-")[1]) >= number for path in checkpoints(folder))


def weights(model: Path) -> list[bytes]:
    """The weights of a model, number by number."""
    from trainer.saved import load_saved

    return [np.asarray(weight).tobytes() for weight in load_saved(model).model.get_weights()]


def what_is_learnt(model: Path) -> list[object]:
    """The history of a model without what follows from the clock."""
    history = json.loads((model / "training.json").read_text())["history"]
    for entry in history:
        for row in (entry, *entry["buckets"]):
            for name in ("seconds", "real_steps_per_second"):
                row.pop(name, None)
    return [*history]


def soak(kills: int, seed: int) -> tuple[dict[str, object], list[str]]:
    """Returns figures and findings."""
    draw, findings, done, runs = random.Random(seed), [], 0, 0
    with tempfile.TemporaryDirectory() as scratch:
        data = write_data(Path(scratch) / "data")
        expected = {}
        for method in METHODS:
            run(data, Path(scratch) / method, [f"batching={method}"])
            expected[method] = (weights(Path(scratch) / method), what_is_learnt(Path(scratch) / method))
        while done < kills:
            method = METHODS[runs % len(METHODS)]
            output, runs, ends = Path(scratch) / f"model-{runs}", runs + 1, []
            for _ in range(min(draw.randint(1, 4), kills - done)):
                # Any moment from the first checkpoint on: between two of them, and while one is written.
                wait = draw.uniform(0, 1.5)
                ends.append(run(data, output, [f"batching={method}"], _after(wait))[0])
                done += ends[-1] == -signal.SIGKILL
            ends.append(run(data, output, [f"batching={method}"])[0] if not output.exists() else 0)
            if ends[-1] or (weights(output), what_is_learnt(output)) != expected[method]:
                findings.append(f"seed {seed}, {method}, run {runs}: ended with {ends}")
                print(findings[-1], file=sys.stderr, flush=True)
    return {"kills": done, "trainings": runs, "seed": seed}, findings


def _after(seconds: float) -> Callable[[Path], bool]:
    """Returns what sees that so many seconds have gone by since it first saw a checkpoint of this process."""
    seen: list[float] = []
    known: set[str] = set()

    def due(folder: Path) -> bool:
        names = {path.name for path in checkpoints(folder)}
        if not known and not seen:
            known.update(names or {""})
        if names - known and not seen:
            seen.append(time.monotonic())
        return bool(seen) and time.monotonic() - seen[0] >= seconds

    return due


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(description="Kills trainings at random moments and goes on with them.")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1, help="decides on when")
    given = parser.parse_args()
    figures, findings = soak(given.kills, given.seed)
    print(json.dumps({**figures, "findings": len(findings)}, indent=2))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
