"""Checks that the same records are the same data set in every format and compression.

    python benchmarks/same_data.py [--records 10000] [--write]

Exit code 1 where a run fails, loses a record, or gives another data set.
"""

import bz2
import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import format_inputs
from environments import machine
from format_inputs import Record
from formats import FLAT, FRAMES
from measure import CommandFailedError, run
from peers import command_parser
from project import ROOT, TIMEOUT, progress
from report import table, write_section

SETTINGS = "split: {fractions: {train: 0.8, validation: 0.1, test: 0.1}}\nbuckets: {by: text}\n"
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": format_inputs.gzip_content,
    ".bz2": bz2.compress,
    ".zst": format_inputs.zstd_content,
}
TEXTS: dict[str, Callable[[list[Record]], bytes]] = {
    "jsonl": format_inputs.jsonl_content,
    "csv": format_inputs.csv_content,
    "tsv": partial(format_inputs.csv_content, delimiter="\t"),
}


@dataclass(frozen=True)
class Case:
    """One way to write the records.

    Attributes:
      name: For people.
      file: Name of the file.
      content: Returns the file.
      spec: How it is read.
    """

    name: str
    file: str
    content: Callable[[list[Record]], bytes]
    spec: str = FRAMES


def cases() -> list[Case]:
    """Returns every format in every compression."""
    found = []
    for suffix, packed in COMPRESSIONS.items():
        for name, text in TEXTS.items():
            found.append(Case(name + suffix, f"in.{name}{suffix}", lambda r, p=packed, t=text: p(t(r))))
        for name, message, spec in (
            ("Example", format_inputs.example, FLAT),
            ("SequenceExample", format_inputs.sequence_example, "input: {format: tfrecord_sequence}\n" + FRAMES),
        ):
            framed = partial(format_inputs.tfrecord_content, message=message)
            title = f"tfrecord{suffix} of {name}"
            found.append(Case(title, f"in.tfrecord{suffix}", lambda r, p=packed, t=framed: p(t(r)), spec))
    for codec in ("snappy", "gzip", "zstd"):
        parquet = partial(format_inputs.parquet_content, codec=codec)
        found.append(Case(f"parquet, {codec}", "in.parquet", parquet))
    for codec in ("null", "deflate", "bzip2"):
        found.append(Case(f"avro, {codec}", "in.avro", partial(format_inputs.avro_content, codec=codec)))
    wide = Case("csv in UTF-16", "in.csv", lambda r: TEXTS["csv"](r).decode().encode("utf-16"))
    return [*found, Case(wide.name, wide.file, wide.content, "input: {encoding: utf-16}\n" + FRAMES)]


def run_case(case: Case, records: list[Record], scratch: Path) -> dict[str, Any]:
    """Returns what the command says of the records, and the size of the file as "bytes".

    Raises:
      CommandFailedError: It did not exit with 0.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    source, spec, log = scratch / case.file, scratch / "spec.yaml", scratch / "log"
    source.write_bytes(case.content(records))
    spec.write_text(case.spec + SETTINGS)
    paths = ["--spec", str(spec), "--input", str(source), "--output", str(scratch / "out")]
    run([sys.executable, "-m", "pipeline", "run", *paths, "--no_report"], log, TIMEOUT, cwd=ROOT)
    said = log.read_text(encoding="utf-8")
    result: dict[str, Any] = json.loads(said[said.index("\n{") :])
    progress(f"{case.name}: {result['data_fingerprint'][:16]}")
    return {**result, "bytes": source.stat().st_size}


def try_cases(records: list[Record], scratch: Path) -> dict[str, dict[str, Any] | str]:
    """Returns by case what its run said, or why it failed."""
    results: dict[str, dict[str, Any] | str] = {}
    for case in cases():
        try:
            results[case.name] = run_case(case, records, scratch)
        except CommandFailedError as error:
            results[case.name] = f"failed: {error}"
            progress(f"{case.name}: failed: {error}")
    shutil.rmtree(scratch, ignore_errors=True)
    return results


def different(results: Mapping[str, dict[str, Any] | str], records: int) -> int:
    """Returns how many different data sets there are; a failure and a lost record count as one each."""
    whole = {
        name: result["data_fingerprint"]
        for name, result in results.items()
        if not isinstance(result, str) and result["counts"]["kept"] == records
    }
    return len(set(whole.values())) + len(results) - len(whole)


def result_text(results: Mapping[str, dict[str, Any] | str], records: int) -> str:
    """Returns the whole section: what came out, table, machine."""
    rows = []
    for name, result in results.items():
        if isinstance(result, str):
            rows.append([name, "–", "–", result])
        else:
            size, kept = f"{result['bytes'] / 1e6:.2f}", f"{result['counts']['kept']:,}"
            rows.append([name, size, kept, f"`{result['data_fingerprint'][:16]}…`"])
    count = different(results, records)
    verdict = f"one data set from all {len(results)}" if count == 1 else f"**{count} data sets or failures**"
    lines = [f"{records:,} records in {len(results)} ways: {verdict}.", ""]
    return "\n".join([*lines, table(["", "MB", "kept", "data_fingerprint"], rows), "", f"Machine: {machine()}."])


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    options = command_parser("Show that a format changes nothing.", records=10_000).parse_args(arguments)
    results = try_cases(format_inputs.make_records(options.records), options.cache.resolve() / "scratch" / "same-data")
    text = result_text(results, options.records)
    print(text)
    if options.write:
        write_section(f"same_data {options.records}", text)
    return int(different(results, options.records) != 1)


if __name__ == "__main__":
    sys.exit(main())
