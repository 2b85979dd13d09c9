"""Kills a run at random steps and goes on with it: `python -m tests.trainer.batches.resuming [--kills N] [--seed S]`.

A run is a process that goes through epochs, keeps the ids of each batch and its position behind it. Prints
figures as one JSON document; ends with 1 where what the runs went through is not what one that nobody kills does.
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
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from tests.trainer.batches.layouts import drawn_lengths, ids, write_lengths
from trainer import Batching, BatchLimits, Order, Position, open_epochs
from trainer.batches.batching import METHODS
from trainer.batches.epochs import Epochs

EPOCHS = 3
ORDER = Order(seed=5, window=90, block_bytes=400)
POSITION = "position.json"
Batches = dict[tuple[int, int], list[str]]  # ids by epoch and step
_ROOT = Path(__file__).resolve().parents[3]
_HANGS_SECONDS = 120.0
_BATCH_SECONDS = 0.02


def write_data(folder: Path) -> Path:
    """Writes a data set of some dozen batches."""
    return write_lengths(folder, drawn_lengths(250, 30), [5, 12])


def opened(folder: Path, method: str) -> Epochs:
    return open_epochs(folder, batching=Batching(method, BatchLimits(60, 9), pool=3), with_ids=True)


def undisturbed(folder: Path, method: str) -> Batches:
    """What a run goes through that nobody kills."""
    epochs = opened(folder, method)
    return {
        (epoch, step): batch
        for epoch in range(EPOCHS)
        for step, batch in enumerate(ids(epochs.open(replace(ORDER, epoch=epoch))))
    }


def go_through(folder: Path, kept: Path, method: str) -> None:
    """Goes through what remains of all epochs, slowly enough to be killed in between."""
    import tensorflow as tf

    tf.random.set_seed(os.getpid())  # it must not matter
    epochs = opened(folder, method)
    place = kept / POSITION
    position = Position.from_json(place.read_text()) if place.exists() else epochs.position(ORDER, 0)
    for epoch in range(position.epoch, EPOCHS):
        order = replace(ORDER, epoch=epoch)
        if epoch > position.epoch:
            position = epochs.position(order, 0)
        dataset = epochs.resume(order, position)
        for step, batch in enumerate(dataset, position.step):
            _keep_batch(kept / f"{epoch}-{step}.json", ids([batch])[0])
            _write(place, epochs.position(order, step + 1).to_json())
            time.sleep(_BATCH_SECONDS)


def _keep_batch(path: Path, batch: list[str]) -> None:
    """The run before may have been killed behind this, and before its position was kept."""
    if path.exists() and json.loads(path.read_text()) != batch:
        raise SystemExit(f"{path}: the batch was another one before")
    _write(path, json.dumps(batch))


def _write(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    part.write_text(text)
    part.replace(path)


def run(folder: Path, kept: Path, method: str, batches: int | None = None) -> int:
    """Starts a process that goes on, and kills it as soon as so many batches are kept; none: lets it end.

    Returns:
      What it ended with; -9 where it was killed.
    """
    command = [sys.executable, "-m", "tests.trainer.batches.resuming", "--run", str(folder), str(kept), method]
    with (kept / "stderr").open("ab") as errors:
        process = subprocess.Popen(command, cwd=_ROOT, stderr=errors)
    until = time.monotonic() + _HANGS_SECONDS
    while process.poll() is None:
        if time.monotonic() > until:
            process.kill()
            raise TimeoutError(f"a run over {folder} hangs")
        if batches is not None and len(kept_batches(kept)) >= batches:
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.005)
    return process.wait()


def kept_batches(kept: Path) -> Batches:
    batches = {}
    for path in kept.glob("*-*.json"):
        epoch, step = path.stem.split("-")
        batches[int(epoch), int(step)] = json.loads(path.read_text())
    return batches


def soak(kills: int, seed: int) -> tuple[dict[str, object], list[str]]:
    """Returns figures and findings."""
    draw, findings = random.Random(seed), []
    done = {"kills": 0, "runs": 0, "batches": 0}
    with tempfile.TemporaryDirectory() as scratch:
        folder = write_data(Path(scratch) / "data")
        expected = {method: undisturbed(folder, method) for method in METHODS}
        while done["kills"] < kills:
            method = METHODS[done["runs"] % len(METHODS)]
            kept = Path(tempfile.mkdtemp(dir=scratch))
            steps = len(expected[method])
            points = sorted(draw.sample(range(1, steps), min(draw.randint(1, 6), kills - done["kills"])))
            ends = [run(folder, kept, method, batches) for batches in [*points, None]]
            done = {"kills": done["kills"] + len(points), "runs": done["runs"] + 1, "batches": done["batches"] + steps}
            if ends[-1] or kept_batches(kept) != expected[method]:
                findings.append(f"seed {seed}, {method}, killed after {points} batches: ended with {ends}")
                print(findings[-1], (kept / "stderr").read_text()[-2_000:], file=sys.stderr, flush=True)
    return {**done, "seed": seed}, findings


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(description="Kills runs at random steps and goes on with them.")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1, help="decides on when")
    parser.add_argument("--run", nargs=3, metavar=("DATA", "KEPT", "METHOD"), help="go on with one run")
    given = parser.parse_args()
    if given.run:
        go_through(Path(given.run[0]), Path(given.run[1]), given.run[2])
        return 0
    figures, findings = soak(given.kills, given.seed)
    print(json.dumps({**figures, "findings": len(findings)}, indent=2))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
