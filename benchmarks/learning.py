"""Compares what a model learns from planned batches with what it learns from random ones.

    python benchmarks/learning.py DATASET [DATASET ...] [--seeds 5] [--steps 1000] [--write]

DATASET is the folder of a prepared data set with a label and a validation split. Both ways have the same first
weights, as many steps an epoch and as many examples a step on average. A run is a process of its own, and what
came of it is kept in learning.jsonl of the cache, so that a comparison that was stopped goes on; runs of another
data set, or of other sources of the trainer, are begun anew.
"""

import hashlib
import json
import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from environments import machine, package_versions
from measure import CommandFailedError
from peers import command_parser, positive
from project import ROOT, progress
from report import table, write_section
from worker import run_reader

from schemas.manifest import load_manifest

PLANNED, RANDOM = "planned", "random_batches"
WAYS = (PLANNED, RANDOM)
KEPT = "learning.jsonl"


@dataclass(frozen=True)
class Metric:
    """What is compared.

    Attributes:
      title: For people.
      name: Of the evaluation.
      best: Which epoch counts: that of the least value, or of the greatest.
    """

    title: str
    name: str
    best: Any

    def of(self, run: Mapping[str, Any]) -> float:
        """Returns the value of the best epoch of a run."""
        return float(self.best(entry[self.name] for entry in run["history"]))


METRICS = (
    Metric("least loss", "loss", min),
    Metric("greatest accuracy", "accuracy", max),
    Metric("least absolute error", "mae", min),
)


class Kept:
    """Runs that are done, in a file of JSON lines."""

    def __init__(self, path: Path) -> None:
        """Reads what is there."""
        self._path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        entries = [json.loads(line) for line in lines]
        self._runs = {entry["key"]: entry["run"] for entry in entries}

    def get(self, key: str) -> Mapping[str, Any] | None:
        """Returns a run that is done."""
        run: Mapping[str, Any] | None = self._runs.get(key)
        return run

    def add(self, key: str, run: Mapping[str, Any]) -> None:
        """Keeps a run."""
        self._runs[key] = run
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key, "run": run}) + "\n")


def sources_digest() -> str:
    """Returns the SHA-256 of the sources that decide what is learnt: the trainer's, and the random batches'."""
    digest = hashlib.sha256()
    paths = [*sorted((ROOT / "trainer").rglob("*.py")), ROOT / "benchmarks" / "readers" / "random_epochs.py"]
    for path in paths:
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def train_all(folder: Path, seeds: int, steps: int, cache: Path) -> dict[str, list[Mapping[str, Any]]]:
    """Returns the runs of each way, one a seed; ways take turns.

    Raises:
      CommandFailedError: A run failed.
    """
    kept = Kept(cache / KEPT)
    origin = [load_manifest(folder).fingerprint, sources_digest(), steps]
    runs: dict[str, list[Mapping[str, Any]]] = {way: [] for way in WAYS}
    for seed in range(seeds):
        for way in WAYS:
            key = json.dumps([*origin, way, seed])
            if (run := kept.get(key)) is None:
                run = run_reader("learn", [folder.resolve(), way, seed, steps], cache)
                kept.add(key, run)
            progress(f"{folder.name}, seed {seed}, {way}: loss {METRICS[0].of(run):.4f}")
            runs[way].append(run)
    return runs


def differences(runs: Mapping[str, Sequence[Mapping[str, Any]]], metric: Metric) -> tuple[float, float]:
    """Returns the mean over seeds of planned less random, and its standard error."""
    pairs = zip(runs[PLANNED], runs[RANDOM], strict=True)
    values = [metric.of(ours) - metric.of(other) for ours, other in pairs]
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return statistics.fmean(values), error


def rows_of(name: str, runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[list[str]]:
    """Returns the rows of a data set, one for each metric that it has."""
    first = runs[PLANNED][0]
    rows = []
    for metric in METRICS:
        if metric.name not in first["history"][0]:
            continue
        cells = [f"{first['steps_per_epoch']:,}", f"{len(first['history'])}", metric.title]
        for way in WAYS:
            values = [metric.of(run) for run in runs[way]]
            spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
            cells.append(f"{statistics.fmean(values):.4f}{spread}")
        mean, error = differences(runs, metric)
        rows.append([name, *cells, f"{mean:+.4f} ± {error:.4f}"])
    return rows


def result_text(results: Sequence[tuple[str, Mapping[str, Sequence[Mapping[str, Any]]]]], seeds: int) -> str:
    """Returns the section: table, versions, machine."""
    header = ["", "steps an epoch", "epochs", "of the validation split", *WAYS, "difference ± standard error"]
    rows = [row for name, runs in results for row in rows_of(name, runs)]
    versions = package_versions(Path(sys.executable), ("tensorflow", "keras"))
    return (
        f"Best epoch of each run; mean ± standard deviation over {seeds} seeds.\n\n"
        f"{table(header, rows)}\n\nMachine: {machine()}; {versions}."
    )


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code: 1 where a run failed."""
    parser = command_parser("Compare what is learnt from planned and from random batches.")
    parser.add_argument("datasets", nargs="+", type=Path, metavar="DATASET", help="folder of a prepared data set")
    parser.add_argument("--seeds", type=positive, default=5, metavar="N", help="runs of each way (%(default)s)")
    parser.add_argument("--steps", type=positive, default=1_000, metavar="N", help="of each run (%(default)s)")
    options = parser.parse_args(arguments)
    cache: Path = options.cache.resolve()
    cache.mkdir(parents=True, exist_ok=True)
    try:
        results = [
            (folder.resolve().name, train_all(folder, options.seeds, options.steps, cache))
            for folder in options.datasets
        ]
    except CommandFailedError as error:
        print(f"learning: {error}", file=sys.stderr)
        return 1
    text = result_text(results, options.seeds)
    print(text)
    if options.write:
        write_section("learning", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
