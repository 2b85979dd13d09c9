"""Runs the project over inputs that are extreme in one way each: does it work, and what does that cost?

    python benchmarks/extremes.py [--scale 1] [--write]

Exit code 1 where a run fails or does not keep every record.
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from environments import machine
from measure import CommandFailedError, run
from peers import command_parser, positive_number, prepare_corpus
from project import HERE, TIMEOUT, Outcome, progress, run_pipeline
from report import table, write_section

DISTINCT, LONG, FILES = "different tokens", "one long record", "many small files"
DISTINCT_TOKENS = 5_000_000
LONG_BYTES = 50_000_000
FILE_COUNT = 20_000  # of one record each
# The second half of a corpus, at 690 bytes of text a record, must hold the long one.
BYTES_BY_RECORD_OF_LONG_CORPUS = 300


@dataclass(frozen=True)
class Extreme:
    """What came of one input.

    Attributes:
      name: DISTINCT, LONG or FILES.
      what: The input, in words.
      outcome: Of the run over it; None where it failed.
      plain: Of the run over the same words in ordinary records of one file, if there is such an input.
      failure: Why it counts as failed; empty if it does not.
    """

    name: str
    what: str
    outcome: Outcome | None = None
    plain: Outcome | None = None
    failure: str = ""

    @property
    def relative_seconds(self) -> float | None:
        """Wall time relative to the plain run."""
        if self.outcome is None or self.plain is None:
            return None
        return self.outcome.cost.seconds / self.plain.cost.seconds


def scaled(count: int, scale: float) -> int:
    """Returns a count made smaller, and at least 1."""
    return max(1, round(count * scale))


def prepare_input(kind: str, count: int, cache: Path, corpus: Path | None = None) -> Path:
    """Returns an input of extreme_inputs.py, made if the cache has none."""
    path = cache / (f"extreme-{kind}-{count}" + ("" if kind == "files" else ".jsonl"))
    if not path.exists():
        progress(f"input with {count:,} {kind} …")
        unfinished = path.with_suffix(".unfinished")
        command = [sys.executable, str(HERE / "extreme_inputs.py"), kind, str(count), str(unfinished)]
        run([*command, *([str(corpus)] if corpus else [])], cache / "scratch" / "extreme-input.log", TIMEOUT)
        unfinished.replace(path)
    return path


def complaint(outcome: Outcome, records: int | None = None, distinct: int | None = None) -> str:
    """Returns why a run that ended well did not do its work; empty if it did.

    Args:
      outcome: Of the run.
      records: That the input has, if known.
      distinct: Different tokens that the input has, if known.
    """
    counts = outcome.manifest["counts"]
    if counts["read"] != counts["kept"]:
        return f"{counts['read']:,} records read, {counts['kept']:,} kept"
    if records is not None and counts["read"] != records:
        return f"{counts['read']:,} records read of {records:,}"
    found = outcome.manifest["vocabularies"]["text"]["distinct"]
    if distinct is not None and found != distinct:
        return f"{found:,} different tokens found of {distinct:,}"
    return ""


def try_distinct(scale: float, cache: Path) -> Extreme:
    """Counts a vocabulary in which no token comes twice."""
    tokens = scaled(DISTINCT_TOKENS, scale)
    source = prepare_input("distinct", tokens, cache)
    outcome = run_pipeline(source, cache / "scratch", DISTINCT)
    return Extreme(DISTINCT, f"{tokens:,} different tokens", outcome, failure=complaint(outcome, distinct=tokens))


def try_long(scale: float, cache: Path) -> Extreme:
    """Reads one very long record in the middle of small ones."""
    size = scaled(LONG_BYTES, scale)
    corpus, _ = prepare_corpus(math.ceil(size / BYTES_BY_RECORD_OF_LONG_CORPUS), cache)
    source = prepare_input("long", size, cache, corpus)
    with source.open("rb") as lines:
        records = sum(1 for _ in lines)
    plain = run_pipeline(corpus, cache / "scratch", f"{LONG}, plain")
    outcome = run_pipeline(source, cache / "scratch", LONG)
    what = f"one record of {size / 1e6:g} MB among {records - 1:,} small ones"
    return Extreme(LONG, what, outcome, plain, complaint(outcome, records))


def try_files(scale: float, cache: Path) -> Extreme:
    """Reads files of one record each."""
    files = scaled(FILE_COUNT, scale)
    corpus, _ = prepare_corpus(files, cache)
    folder = prepare_input("files", files, cache, corpus)
    plain = run_pipeline(corpus, cache / "scratch", f"{FILES}, plain")
    outcome = run_pipeline(f"{folder}/*.jsonl", cache / "scratch", FILES)
    return Extreme(FILES, f"{files:,} files of one record", outcome, plain, complaint(outcome, files))


def try_all(scale: float, cache: Path) -> list[Extreme]:
    """Returns what came of each input; a failure is noted, not raised."""
    results = []
    for name, attempt in {DISTINCT: try_distinct, LONG: try_long, FILES: try_files}.items():
        try:
            results.append(attempt(scale, cache))
        except CommandFailedError as error:
            results.append(Extreme(name, name, failure=f"failed: {error}"))
        if results[-1].failure:
            progress(f"{name}: {results[-1].failure}")
    return results


def result_text(results: Sequence[Extreme]) -> str:
    """Returns the section: table, machine."""
    header = ["input", "seconds", "seconds / plain", "peak MB", "peak MB / plain", "every record kept"]
    rows = []
    for result in results:
        if result.outcome is None:
            rows.append([result.what, *["–"] * 4, result.failure])
            continue
        cost, plain = result.outcome.cost, result.plain
        rows.append(
            [
                result.what,
                f"{cost.seconds:.1f}",
                f"{cost.seconds / plain.cost.seconds:.2f}" if plain else "–",
                f"{cost.peak_bytes / 1e6:,.0f}",
                f"{cost.peak_bytes / plain.cost.peak_bytes:.2f}" if plain else "–",
                result.failure or "yes",
            ]
        )
    note = "One run each. Plain is the same words in ordinary records of one file."
    return "\n".join([note, "", table(header, rows), "", f"Machine: {machine()}."])


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = command_parser("Run the project over extreme inputs.")
    parser.add_argument("--scale", type=positive_number, default=1.0, metavar="X", help="size of the inputs (1 = full)")
    options = parser.parse_args(arguments)
    results = try_all(options.scale, options.cache.resolve())
    text = result_text(results)
    print(text)
    if options.write:
        write_section("extremes", text)
    return int(any(result.failure for result in results))


if __name__ == "__main__":
    sys.exit(main())
