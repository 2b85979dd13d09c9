"""Measures whether the memory of reading an epoch grows with the data set.

    python benchmarks/reading_memory.py [--records 100000 400000 1600000] [--write]

Peak resident set of a process that reads one epoch, less that of the same process once TensorFlow is imported.
Linux only: elsewhere the system does not say so much.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from environments import machine
from measure import CommandFailedError
from peers import MEBIBYTE, command_parser, positive
from project import progress
from reading import BUCKETED, PLANNED, read_once
from report import table, write_section
from worker import prepare_data

RECORDS = (100_000, 400_000, 1_600_000)


def result_text(results: Mapping[int, Mapping[str, Mapping[str, Any]]], load: float) -> str:
    """Returns the section, from what each way of reading said of each number of records."""
    header = ["records", "way", "MiB above import", "MiB at import", "steps", "first batch, s", "seconds"]
    rows = []
    for records, ways in results.items():
        for name, of in ways.items():
            above = (of["peak_bytes"] - of["imported_bytes"]) / MEBIBYTE
            cells = [f"{above:,.0f}", f"{of['imported_bytes'] / MEBIBYTE:,.0f}", f"{of['steps']:,}"]
            rows.append([f"{records:,}", name, *cells, f"{of['first_batch_seconds']:.2f}", f"{of['seconds']:.1f}"])
    return f"{table(header, rows)}\n\nMachine: {machine()}; load average before the first run {load:.2f}."


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code: 1 where a reader failed."""
    parser = command_parser("Measure the memory of reading as the data set grows.")
    parser.add_argument(
        "--records", nargs="+", type=positive, default=RECORDS, metavar="N", help="sizes of the corpus (%(default)s)"
    )
    options = parser.parse_args(arguments)
    cache: Path = options.cache.resolve()
    load = os.getloadavg()[0]
    results: dict[int, dict[str, dict[str, Any]]] = {}
    try:
        for count in options.records:
            data = prepare_data(count, cache)
            progress(f"{count:,} records")
            results[count] = {name: read_once(name, data, cache) for name in (PLANNED, BUCKETED)}
    except CommandFailedError as error:
        print(f"reading_memory: {error}", file=sys.stderr)
        return 1
    text = result_text(results, load)
    print(text)
    if options.write:
        write_section("reading_memory", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
