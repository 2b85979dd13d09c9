"""Counts a vocabulary of very many different tokens in several ways: is it right, and what does it cost?

    python benchmarks/vocabulary.py [--tokens 50000000] [--only exact] [--write]

Every token occurs once, and a fifth as many occurrences more are of the common ones, so that the most
frequent tokens are known beforehand. Exit code 1 where a run fails or finds other ones.
"""

import hashlib
import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import corpus
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from environments import machine
from measure import CommandFailedError
from peers import command_parser, positive
from project import Outcome, progress, run_pipeline
from report import table, write_section

TOKENS = 50_000_000
TOP_K = 50_000
COMMON = 100_000
COUNTERS = 1_000_000
TOKENS_PER_RECORD = 50
RECORDS_AT_A_TIME = 20_000
WAYS = {
    "exact": f"top_k: {TOP_K}",
    "documents": f"top_k: {TOP_K}, count_by: documents",
    "buckets": f"top_k: {TOP_K}, oov_buckets: 1000",
    "approximate": f"top_k: {TOP_K}, approximate: {COUNTERS}",
    "all": "top_k: 0",
}
_SPEC = """
name: tokens
sequences:
  text: {{type: tokens, tokenizer: whitespace, vocabulary: {{{}}}}}
split: {{fractions: {{train: 1.0}}}}
"""


@dataclass(frozen=True)
class Result:
    """What came of one way to count.

    Attributes:
      way: Of `WAYS`.
      outcome: None where the run failed.
      verdict: Whether the entries are the right ones, or why it failed.
      right: Whether there is nothing to complain about.
    """

    way: str
    outcome: Outcome | None
    verdict: str
    right: bool


def further_occurrences(tokens: int) -> npt.NDArray[np.int64]:
    """Returns the numbers of common tokens that occur once more each time; the smaller, the more often."""
    draws = np.random.default_rng(corpus.SEED).random(tokens // 5)
    found: npt.NDArray[np.int64] = (min(COMMON, tokens) * draws**3).astype(np.int64)
    return found


def stream(tokens: int) -> npt.NDArray[np.int32]:
    """Returns the numbers of all tokens of the input, in an order without pattern."""
    numbers = np.concatenate([np.arange(tokens, dtype=np.int32), further_occurrences(tokens).astype(np.int32)])
    np.random.default_rng(corpus.SEED + 1).shuffle(numbers)
    return numbers


def words(numbers: npt.NDArray[np.integer]) -> pa.Array:
    """Returns the tokens with these numbers."""
    return pc.binary_join_element_wise("w", pa.array(numbers).cast(pa.string()), "")


def blocks(tokens: int) -> Iterator[pa.Buffer]:
    """Yields records with these tokens as JSON lines."""
    numbers = stream(tokens)
    step = TOKENS_PER_RECORD * RECORDS_AT_A_TIME
    for start in range(0, len(numbers), step):
        part = numbers[start : start + step]
        offsets = np.append(np.arange(0, len(part), TOKENS_PER_RECORD), len(part))
        yield corpus.json_lines(start // TOKENS_PER_RECORD, offsets, np.arange(len(part)), words(part))


def prepare_input(tokens: int, cache: Path) -> tuple[Path, str]:
    """Returns the input, made if the cache has none, and the SHA-256 of the right vocabulary file of TOP_K tokens.

    Both are made by a process of their own: what a process has held when it starts another one counts as that
    one's memory, too.
    """
    path, digest = cache / f"vocabulary-{tokens}.jsonl", cache / f"vocabulary-{tokens}.sha256"
    if not digest.exists():
        progress(f"input with {tokens:,} different tokens …")
        cache.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as apart:
            apart.submit(write_input, tokens, path, digest).result()
    return path, digest.read_text(encoding="utf-8")


def write_input(tokens: int, path: Path, digest: Path) -> None:
    """Writes the input and, when it is whole, the SHA-256 of the right vocabulary file."""
    with path.open("wb") as file:
        file.writelines(blocks(tokens))
    digest.write_text(hashlib.sha256(right_entries(tokens, TOP_K)).hexdigest(), encoding="utf-8")


def right_entries(tokens: int, top_k: int) -> bytes:
    """Returns the content of the vocabulary file of the most frequent tokens, found by sorting them in memory."""
    counts = 1 + np.bincount(further_occurrences(tokens), minlength=tokens)
    known = pa.table({"token": words(np.arange(tokens)), "count": counts})
    order = [("count", "descending"), ("token", "ascending")]
    best = known.sort_by(order)["token"].slice(0, top_k).to_pylist()
    return "".join(f"{token}\n" for token in best).encode()


def judge(way: str, outcome: Outcome, tokens: int, sha256: str) -> tuple[str, bool]:
    """Returns whether a vocabulary is right, in words and as such.

    Args:
      way: Of `WAYS`.
      outcome: Of the run.
      tokens: Different ones.
      sha256: Of the right entries.
    """
    entry = outcome.manifest["vocabularies"]["text"]
    if way == "approximate":
        bound = entry["tokens"] // (COUNTERS + 1)
        found = entry.get("count_error", 0)
        return f"counts at most {found:,} too small (bound {bound:,})", found <= bound
    if way == "documents":
        return "not checked: a record may have a token twice", entry["distinct"] == tokens
    if way == "all":
        return "all tokens" if entry["size"] == tokens else "tokens are missing", entry["size"] == tokens
    right = entry["sha256"] == sha256 and entry["distinct"] == tokens
    return "yes, to the byte" if right else "**no**", right


def try_ways(tokens: int, ways: Sequence[str], cache: Path) -> list[Result]:
    """Returns what came of each way; a failure is noted, not raised."""
    source, sha256 = prepare_input(tokens, cache)
    scratch = cache / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    results = []
    for way in ways:
        spec = scratch / f"vocabulary-{way}.yaml"
        spec.write_text(_SPEC.format(WAYS[way]), encoding="utf-8")
        try:
            outcome = run_pipeline(source, scratch, f"vocabulary {way}", ["--spec", str(spec)])
            results.append(Result(way, outcome, *judge(way, outcome, tokens, sha256)))
        except CommandFailedError as error:
            results.append(Result(way, None, f"failed: {error}", False))
    return results


def result_text(tokens: int, results: Sequence[Result]) -> str:
    """Returns the section: table, machine."""
    header = ["vocabulary", "seconds", "peak MB", "entries", "coverage", "right"]
    rows = []
    for result in results:
        name = f"`{WAYS[result.way]}`"
        if result.outcome is None:
            rows.append([name, *["–"] * 4, result.verdict])
            continue
        cost, entry = result.outcome.cost, result.outcome.manifest["vocabularies"]["text"]
        coverage = f"{entry['covered'] / entry['tokens']:.3f}"
        rows.append(
            [
                name,
                f"{cost.seconds:.1f}",
                f"{cost.peak_bytes / 1e6:,.0f}",
                f"{entry['size']:,}",
                coverage,
                result.verdict,
            ]
        )
    note = f"{tokens:,} different tokens among {tokens + tokens // 5:,}, one run of each."
    return "\n".join([note, "", table(header, rows), "", f"Machine: {machine()}."])


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = command_parser("Count a vocabulary of very many different tokens.")
    parser.add_argument("--tokens", type=positive, default=TOKENS, metavar="N", help="different ones (%(default)s)")
    parser.add_argument("--only", nargs="+", choices=list(WAYS), default=list(WAYS), help="ways to count (all)")
    options = parser.parse_args(arguments)
    results = try_ways(options.tokens, options.only, options.cache.resolve())
    text = result_text(options.tokens, results)
    print(text)
    if options.write:
        write_section("vocabulary", text)
    return int(not all(result.right for result in results))


if __name__ == "__main__":
    sys.exit(main())
