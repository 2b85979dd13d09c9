"""Times the training of one model over one corpus, by way of making batches.

    python benchmarks/training.py [--records 100000] [--rounds 3] [--seconds 20] [--write]

Same model, same weights at the start, each run in a process of its own, rounds interleaved. What counts
is real tokens a second: those of padding are work for nothing. A second of processor time beside one of
wall time: on a machine that does other things, too, the former says more.
"""

import os
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from environments import machine, package_versions
from measure import CommandFailedError
from peers import command_parser, positive, positive_number
from project import progress
from report import table, write_section
from worker import prepare_data, run_reader

PLANNED, LARGE, KERAS, XLA, RANDOM, LONGEST = "planned", "planned:65536", "keras", "xla", "random_batches", "longest"
WAYS = {
    PLANNED: "ours, its defaults: at most 16,384 padded steps",
    LARGE: "ours, at most 65,536 padded steps",
    KERAS: "ours, its defaults, with Keras's own LSTM",
    XLA: "ours, static shapes compiled by XLA, without the time to compile",
    RANDOM: "random batches of 64, padded to the longest of the batch, Keras's own LSTM",
    LONGEST: "random batches of 64, padded to the longest record of the split, Keras's own LSTM",
}

CLOCKS = ("seconds", "processor_seconds")

Runs = Sequence[Mapping[str, Any]]


def train_once(way: str, data: Path, cache: Path, seconds: float, epoch: int) -> dict[str, Any]:
    """Returns what some seconds of training came to.

    Raises:
      CommandFailedError: It failed.
    """
    result = run_reader("steps", [data, way, seconds, epoch], cache)
    progress(f"{way}: {speed(result):,.0f} real tokens/s, {result['steps']} steps")
    return result


def speed(result: Mapping[str, Any], clock: str = "seconds") -> float:
    """Returns real tokens a second of wall time, or of `processor_seconds`."""
    return float(result["real"] / result[clock])


def result_text(results: Mapping[str, Runs], load: float) -> str:
    """Returns the section: table, versions, machine."""
    header = ["", "real tokens/s", "least – most", f"{PLANNED} / this", "real tokens/CPU s"]
    header += [f"{PLANNED} / this", "padding efficiency", "padded tokens/s", "batches/s", "longest, mean", "batches"]
    ours, ours_of_processor = (_median_speed(results[PLANNED], clock) for clock in CLOCKS)
    rows = []
    for way, runs in results.items():
        speeds = [speed(run) for run in runs]
        wall, processor = (_median_speed(runs, clock) for clock in CLOCKS)
        real, padded, seconds, steps = (sum(run[key] for run in runs) for key in ("real", "padded", "seconds", "steps"))
        longest = sum(run["longest"] for run in runs) / steps
        rows.append(
            [
                way,
                f"{wall:,.0f}",
                f"{min(speeds):,.0f} – {max(speeds):,.0f}",
                f"{ours / wall:.2f}",
                f"{processor:,.0f}",
                f"{ours_of_processor / processor:.2f}",
                f"{real / padded:.3f}",
                f"{padded / seconds:,.0f}",
                f"{steps / seconds:.2f}",
                f"{longest:,.0f}",
                WAYS[way],
            ]
        )
    versions = package_versions(Path(sys.executable), ("tensorflow", "keras"))
    return f"{table(header, rows)}\n\nMachine: {machine()}; {versions}; load average before the first round {load:.2f}."


def _median_speed(runs: Runs, clock: str) -> float:
    return statistics.median(speed(run, clock) for run in runs)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code: 1 where a run failed."""
    parser = command_parser("Time the training of one model by way of making batches.", records=100_000)
    parser.add_argument("--rounds", type=positive, default=3, metavar="N", help="runs of each (%(default)s)")
    parser.add_argument("--seconds", type=positive_number, default=20.0, metavar="S", help="of each run (%(default)s)")
    options = parser.parse_args(arguments)
    cache: Path = options.cache.resolve()
    load = os.getloadavg()[0]
    results: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    try:
        data = prepare_data(options.records, cache)
        for epoch in range(options.rounds):
            for way, runs in results.items():
                runs.append(train_once(way, data, cache, options.seconds, epoch))
    except CommandFailedError as error:
        print(f"training: {error}", file=sys.stderr)
        return 1
    text = f"{options.records:,} records, {options.seconds:g} seconds a run.\n\n{result_text(results, load)}"
    print(text)
    if options.write:
        write_section(f"training {options.records}", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
