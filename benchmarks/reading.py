"""Times how fast one epoch of a prepared data set is read and batched, with no model behind it.

    python benchmarks/reading.py [--records 100000] [--rounds 3] [--write]

The project reads through `python -m trainer batches`; the scripts in readers/ read the same files
as most people would.
"""

import json
import os
import statistics
import sys
from pathlib import Path
from typing import Any

from environments import machine, package_versions
from measure import CommandFailedError, run
from peers import MEBIBYTE, OURS, command_parser, positive, prepare_corpus
from project import HERE, ROOT, TIMEOUT, pipeline_command, progress
from report import table, write_section

READERS = {
    OURS: "its defaults: lengths first, a whole batch parsed at once, planned buckets",
    "parse_each": "parse one by one, bucket by powers of two",
    "random_batches": "parse one by one, batches of 64 without buckets",
}


def prepare_data(records: int, cache: Path) -> Path:
    """Returns the folder of the corpus as the pipeline writes it; written anew, so that it is today's."""
    source, _ = prepare_corpus(records, cache)
    data = cache / f"data-{records}"
    progress(f"data set of {records:,} records …")
    run(pipeline_command(source, data, ["--replace"]), cache / "scratch" / "prepare.log", TIMEOUT, cwd=ROOT)
    return data


def read_once(name: str, data: Path, cache: Path) -> dict[str, Any]:
    """Returns what a reader says of one epoch, and its peak memory in bytes as "peak_bytes".

    Raises:
      CommandFailedError: It failed.
    """
    ours = ["-m", "trainer", "batches", "--data", str(data)]
    command = ours if name == OURS else [str(HERE / "readers" / f"{name}.py"), str(data)]
    log = cache / "scratch" / f"reading-{name}.log"
    cost = run([sys.executable, *command], log, TIMEOUT, {"TF_CPP_MIN_LOG_LEVEL": "2"}, ROOT)
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.startswith("{")]
    result: dict[str, Any] = json.loads(lines[-1])
    progress(f"{name}: {result['examples_per_second']:,.0f} examples/s")
    return {**result, "peak_bytes": cost.peak_bytes}


def result_text(results: dict[str, list[dict[str, Any]]], failures: dict[str, str], load: float) -> str:
    """Returns the whole section: table, versions, machine."""
    header = ["", "examples/s", "least – most", "padding efficiency", "steps", "peak MiB", "how"]
    rows = []
    for name, runs in results.items():
        if name in failures:
            rows.append([name, *["–"] * 5, failures[name]])
            continue
        speeds = [float(result["examples_per_second"]) for result in runs]
        rows.append(
            [
                name,
                f"{statistics.median(speeds):,.0f}",
                f"{min(speeds):,.0f} – {max(speeds):,.0f}",
                f"{runs[0]['padding_efficiency']:.3f}",
                f"{runs[0]['steps']:,}",
                f"{statistics.median(result['peak_bytes'] for result in runs) / MEBIBYTE:,.0f}",
                READERS[name],
            ]
        )
    versions = package_versions(Path(sys.executable), ("tensorflow", "numpy"))
    return "\n".join(
        [table(header, rows), "", f"Machine: {machine()}; {versions}; load average before the first round {load:.2f}."]
    )


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
