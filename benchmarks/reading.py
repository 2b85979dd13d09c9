"""Times how fast one epoch of a prepared data set is read and batched, with no model behind it.

    python benchmarks/reading.py [--records 100000] [--rounds 3] [--write]

The project reads with its defaults, in both of its ways of making batches; the other scripts in
readers/ read the same files as most people would.
"""

import os
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from environments import machine, package_versions
from measure import CommandFailedError
from peers import MEBIBYTE, command_parser, positive
from project import progress
from report import table, write_section
from worker import prepare_data, run_reader

PLANNED, BUCKETED, PARSE_EACH, RANDOM = "planned", "bucket_by_sequence_length", "parse_each", "random_batches"
READERS = {
    PLANNED: "ours: batches planned, pools sorted by length, a whole batch parsed at once",
    BUCKETED: "ours: buckets known from the shards, a whole batch parsed at once",
    PARSE_EACH: "parse one by one, bucket by powers of two",
    RANDOM: "parse one by one, batches of 64 without buckets",
}

Results = Mapping[str, Sequence[Mapping[str, Any]]]


def read_once(name: str, data: Path, cache: Path) -> dict[str, Any]:
    """Returns what a reader says of one epoch; see readers/measured.py.

    Raises:
      CommandFailedError: It failed.
    """
    ours = name in {PLANNED, BUCKETED}
    result = run_reader("ours" if ours else name, [data, name] if ours else [data], cache)
    progress(f"{name}: {result['examples_per_second']:,.0f} examples/s")
    return result


def medians(runs: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Returns the median of each value over the runs."""
    return {key: statistics.median(float(run[key]) for run in runs) for key in runs[0]}


def result_text(results: Results, failures: Mapping[str, str], load: float) -> str:
    """Returns the whole section: table, versions, machine."""
    header = [
        "",
        "examples/s",
        "least – most",
        "of parse_each",
        "CPU seconds",
        "parse_each / this",
        "first batch, s",
        "padding efficiency",
        "steps",
    ]
    header += ["peak MiB", "how"]
    rows = [
        [name, *["–"] * (len(header) - 2), failures[name]]
        if name in failures
        else [name, *_cells(results, name), READERS[name]]
        for name in results
    ]
    versions = package_versions(Path(sys.executable), ("tensorflow", "numpy"))
    return "\n".join(
        [table(header, rows), "", f"Machine: {machine()}; {versions}; load average before the first round {load:.2f}."]
    )


def _cells(results: Results, name: str) -> list[str]:
    of, speeds = medians(results[name]), [float(run["examples_per_second"]) for run in results[name]]
    tutorial = results.get(PARSE_EACH)
    share = processor = "–"
    if tutorial:
        theirs = medians(tutorial)
        share = f"{of['examples_per_second'] / theirs['examples_per_second']:.2f}"
        processor = f"{theirs['processor_seconds'] / of['processor_seconds']:.2f}"
    return [
        f"{of['examples_per_second']:,.0f}",
        f"{min(speeds):,.0f} – {max(speeds):,.0f}",
        share,
        f"{of['processor_seconds']:.1f}",
        processor,
        f"{of['first_batch_seconds']:.2f}",
        f"{of['padding_efficiency']:.3f}",
        f"{of['steps']:,.0f}",
        f"{of['process_bytes'] / MEBIBYTE:,.0f}",
    ]


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code: 1 where a reader failed."""
    parser = command_parser("Time the reading of one epoch, with no model behind it.", records=100_000)
    parser.add_argument("--rounds", type=positive, default=3, metavar="N", help="runs of each (%(default)s)")
    options = parser.parse_args(arguments)
    cache: Path = options.cache.resolve()
    load = os.getloadavg()[0]
    try:
        data = prepare_data(options.records, cache)
    except CommandFailedError as error:
        print(f"reading: the data set cannot be written: {error}", file=sys.stderr)
        return 1
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in READERS}
    failures: dict[str, str] = {}
    for _ in range(options.rounds):
        for name in READERS:
            if name not in failures:
                try:
                    results[name].append(read_once(name, data, cache))
                except CommandFailedError as error:
                    failures[name] = f"failed: {error}"
    text = f"{options.records:,} records, one epoch, medians.\n\n{result_text(results, failures, load)}"
    print(text)
    if options.write:
        write_section(f"reading {options.records}", text)
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
