"""Times the project and its peers at the same work over the same corpus.

    python benchmarks/peers.py [--records 100000] [--rounds 3] [--slow-rounds 1] [--write]

Each peer is a script in peers/ and gets a virtual environment of its own. The rounds are interleaved,
so that a slow spell of the machine meets all alike. README.md states the method.
"""

import argparse
import hashlib
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from environments import machine, package_versions, prepare_environment
from measure import CommandFailedError, Cost, median_cost, run
from project import HERE as HERE
from project import ROOT as ROOT
from project import TIMEOUT, pipeline_command, progress
from report import table, write_section

OURS = "lengthwise"
OUR_PACKAGES = ("apache-beam", "pyarrow", "numpy", "google-crc32c")
MEBIBYTE = 2**20


@dataclass
class Contestant:
    """One way to do the work.

    Attributes:
      name: Also of the folder of its environment.
      packages: What its environment needs.
      script: In peers/; empty for the project itself.
      writes: What it leaves, since not all of them leave the same.
      slow: Whether `--slow-rounds` limits it.
      python: Its interpreter, once its environment is there.
      costs: Of each round.
      failure: Why it did not run; empty if it did.
    """

    name: str
    packages: tuple[str, ...]
    script: str
    writes: str
    slow: bool = False
    python: Path = Path(sys.executable)
    costs: list[Cost] = field(default_factory=list)
    failure: str = ""


def contestants() -> list[Contestant]:
    """Returns the project and its peers, in the order in which a round runs them."""
    return [
        Contestant(OURS, OUR_PACKAGES, "", "bucketed TFRecords, indexes, statistics, manifest with digests"),
        Contestant("polars", ("polars",), "polars_frame.py", "Parquet sorted by length"),
        Contestant("hf", ("datasets", "tokenizers"), "hf_datasets.py", "Arrow data set sorted by length"),
        Contestant(
            "tft",
            ("tensorflow-transform", "apache-beam", "tensorflow", "google-crc32c"),
            "tf_transform.py",
            "TFRecords, transform graph",
            slow=True,
        ),
        Contestant(
            "beam",
            ("apache-beam", "tensorflow", "google-crc32c"),
            "per_element_beam.py",
            "bucketed TFRecords",
            slow=True,
        ),
    ]


def prepare(contestant: Contestant, cache: Path) -> None:
    """Makes the environment of a peer; a failure is noted, not raised."""
    if not contestant.script:
        return
    progress(f"environment of {contestant.name} …")
    try:
        contestant.python = prepare_environment(cache / contestant.name, contestant.packages)
    except CommandFailedError as error:
        contestant.failure = f"cannot be installed: {error}"


def run_once(contestant: Contestant, source: Path, scratch: Path, timeout: float) -> None:
    """Runs a contestant from a clean output folder; a failure is noted, not raised."""
    output = scratch / "output"
    shutil.rmtree(output, ignore_errors=True)
    command = pipeline_command(source, output)
    if contestant.script:
        command = [str(contestant.python), str(HERE / "peers" / contestant.script), str(source), str(output)]
    # Nobody asks a server for anything while the clock runs.
    quiet = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TF_CPP_MIN_LOG_LEVEL": "2"}
    try:
        cost = run(command, scratch / f"{contestant.name}.log", timeout, quiet, ROOT)
    except CommandFailedError as error:
        contestant.failure = f"failed: {error}"
        progress(f"{contestant.name}: {contestant.failure}")
    else:
        contestant.costs.append(cost)
        progress(f"{contestant.name}: {cost.seconds:.1f} s, {cost.peak_bytes / MEBIBYTE:,.0f} MiB")
    finally:
        shutil.rmtree(output, ignore_errors=True)


def result_table(entrants: list[Contestant]) -> str:
    """Returns the medians of each contestant, and their ratios to the project's."""
    ours = next((median_cost(entrant.costs) for entrant in entrants if entrant.name == OURS and entrant.costs), None)
    header = [
        "",
        "seconds",
        "least – most",
        "CPU seconds",
        "peak MiB",
        "rounds",
        "seconds / ours",
        "MiB / ours",
        "writes",
    ]
    return table(header, [_row(entrant, ours) for entrant in entrants])


def _row(entrant: Contestant, ours: Cost | None) -> list[str]:
    if entrant.failure:
        return [entrant.name, *["–"] * 4, str(len(entrant.costs)), "–", "–", entrant.failure]
    cost = median_cost(entrant.costs)
    seconds = [run.seconds for run in entrant.costs]
    return [
        entrant.name,
        f"{cost.seconds:.1f}",
        f"{min(seconds):.1f} – {max(seconds):.1f}",
        f"{cost.cpu_seconds:.1f}",
        f"{cost.peak_bytes / MEBIBYTE:,.0f}",
        str(len(seconds)),
        f"{cost.seconds / ours.seconds:.2f}" if ours else "–",
        f"{cost.peak_bytes / ours.peak_bytes:.2f}" if ours else "–",
        entrant.writes,
    ]


def result_text(entrants: list[Contestant], records: int, size: int, digest: str, load: float) -> str:
    """Returns the whole section: corpus, table, versions, machine."""
    lines = [
        f"{records:,} records, {size / 1e6:.1f} MB of JSONL (SHA-256 {digest[:16]}…). "
        "Medians; a number below 1 in the columns of ratios means less than the project needs.",
        "",
        result_table(entrants),
        "",
        f"Machine: {machine()}; load average before the first round {load:.2f}.",
        "",
    ]
    for entrant in entrants:
        if entrant.costs:
            lines.append(f"- {entrant.name}: {package_versions(entrant.python, entrant.packages)}")
    return "\n".join(lines)


def prepare_corpus(records: int, cache: Path) -> tuple[Path, str]:
    """Returns the corpus and its SHA-256; hashing it also brings it into the page cache, for all alike."""
    path = cache / f"corpus-{records}.jsonl"
    scratch = cache / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        progress(f"corpus of {records:,} records …")
        unfinished = path.with_suffix(".unfinished")
        # In a process of its own: what this one held would count for the commands that it starts.
        run([sys.executable, str(HERE / "corpus.py"), str(records), str(unfinished)], scratch / "corpus.log", TIMEOUT)
        unfinished.replace(path)
    with path.open("rb") as file:
        return path, hashlib.file_digest(file, "sha256").hexdigest()


def compare(
    records: int, cache: Path, only: Sequence[str], rounds: int, slow_rounds: int, timeout: float = TIMEOUT
) -> tuple[list[Contestant], str]:
    """Runs the project and some peers over one corpus.

    Args:
      records: Of the corpus.
      cache: Folder of environments, corpora and logs.
      only: Names of the peers.
      rounds: Runs of each.
      slow_rounds: Runs of each slow one.
      timeout: Seconds for one run.

    Returns:
      The contestants with their costs, and the section that says so.
    """
    load = os.getloadavg()[0]
    source, digest = prepare_corpus(records, cache)
    entrants = [entrant for entrant in contestants() if entrant.name == OURS or entrant.name in only]
    for entrant in entrants:
        prepare(entrant, cache)
    for turn in range(rounds):
        for entrant in entrants:
            if not entrant.failure and (turn < slow_rounds or not entrant.slow):
                run_once(entrant, source, cache / "scratch", timeout)
    return entrants, result_text(entrants, records, source.stat().st_size, digest, load)


def median_seconds(entrants: list[Contestant]) -> dict[str, float]:
    """Returns the median wall time by name of those that ran to the end each time."""
    return {one.name: median_cost(one.costs).seconds for one in entrants if one.costs and not one.failure}


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code: 1 where the project itself failed."""
    options = _options(arguments)
    entrants, text = compare(
        options.records, options.cache.resolve(), options.only, options.rounds, options.slow_rounds, options.timeout
    )
    print(text)
    if options.write:
        write_section(f"peers {options.records}", text)
    return int(any(entrant.name == OURS and entrant.failure for entrant in entrants))


def _options(arguments: list[str] | None) -> argparse.Namespace:
    names = [entrant.name for entrant in contestants() if entrant.name != OURS]
    parser = command_parser("Time the project and its peers at the same work.", records=100_000)
    parser.add_argument("--rounds", type=positive, default=3, metavar="N", help="runs of each (%(default)s)")
    parser.add_argument("--slow-rounds", type=positive, metavar="N", help="runs of each slow peer (as --rounds)")
    parser.add_argument("--only", nargs="*", choices=names, default=names, help="these peers (default: all)")
    parser.add_argument("--timeout", type=float, default=TIMEOUT, metavar="S", help="seconds for one run (%(default)s)")
    options = parser.parse_args(arguments)
    options.slow_rounds = options.slow_rounds or options.rounds
    return options


def command_parser(description: str, records: int = 0, writes: bool = True) -> argparse.ArgumentParser:
    """Returns a parser with what the scripts have in common.

    Args:
      description: Of the script.
      records: Of its corpus, unless the command line says so; 0 where it has no such option.
      writes: Whether it has the option `--write`.
    """
    parser = argparse.ArgumentParser(description=description)
    if records:
        parser.add_argument(
            "--records", type=positive, default=records, metavar="N", help="size of the corpus (%(default)s)"
        )
    parser.add_argument(
        "--cache", type=Path, default=ROOT / ".bench", metavar="DIR", help="environments, corpora, logs (%(default)s)"
    )
    if writes:
        parser.add_argument("--write", action="store_true", help="replace the section of benchmarks/README.md")
    return parser


def positive(text: str) -> int:
    """Returns an argument of the command line as a count of 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no count; it must be 1 or more")
    return int(text)


def positive_number(text: str) -> float:
    """Returns an argument of the command line as a number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is no size; it must be a number above 0, such as 0.02")
    return number


if __name__ == "__main__":
    sys.exit(main())
