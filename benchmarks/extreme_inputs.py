"""Writes the inputs of extremes.py; the same arguments give the same bytes.

    python benchmarks/extreme_inputs.py distinct TOKENS OUT.jsonl
    python benchmarks/extreme_inputs.py long BYTES OUT.jsonl CORPUS.jsonl
    python benchmarks/extreme_inputs.py files FILES OUT_FOLDER CORPUS.jsonl

`distinct`: records of 50 tokens, no token twice. `long`: the corpus, but from its middle on the texts of
so many records as have that many bytes are one record. `files`: the corpus with its records dealt out in
turn to that many files.
"""

import argparse
import itertools
import json
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import corpus
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

TOKENS_PER_RECORD = 50
RECORDS_AT_A_TIME = 20_000


def distinct_blocks(tokens: int) -> Iterator[pa.Buffer]:
    """Yields records whose tokens are all different, in an order without pattern, as JSON lines."""
    order = np.random.default_rng(corpus.SEED).permutation(tokens)
    step = TOKENS_PER_RECORD * RECORDS_AT_A_TIME
    for start in range(0, tokens, step):
        part = order[start : start + step]
        words = pc.binary_join_element_wise("w", pa.array(part).cast(pa.string()), "")
        offsets = np.append(np.arange(0, len(part), TOKENS_PER_RECORD), len(part))
        yield corpus.json_lines(start // TOKENS_PER_RECORD, offsets, np.arange(len(part)), words)


def lines_with_one_long(lines: list[str], size: int) -> Iterator[str]:
    """Yields JSON lines, the texts of some from the middle on joined until they have `size` bytes.

    Raises:
      ValueError: The second half has fewer bytes than that.
    """
    middle = len(lines) // 2
    yield from lines[:middle]
    texts: list[str] = []
    held = 0
    for number, line in enumerate(lines[middle:], middle + 1):
        texts.append(json.loads(line)["text"])
        held += len(texts[-1].encode()) + 1
        if held > size:
            yield json.dumps({"id": middle, "text": " ".join(texts), "label": 1}) + "\n"
            yield from lines[number:]
            return
    raise ValueError(f"the second half of the corpus has {held:,} bytes of text, fewer than {size:,}")


def deal(lines: Iterable[str], files: int, folder: Path) -> None:
    """Writes line i to file i modulo the number of files."""
    folder.mkdir(parents=True)
    piles: list[list[str]] = [[] for _ in range(files)]
    for pile, line in zip(itertools.cycle(piles), lines, strict=False):
        pile.append(line)
    for number, pile in enumerate(piles):
        (folder / f"{number:06}.jsonl").write_text("".join(pile), encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(description="Write an input that is extreme in one way.")
    parser.add_argument("kind", choices=["distinct", "long", "files"])
    parser.add_argument("count", type=int, metavar="N", help="different tokens, bytes of the long record, files")
    parser.add_argument("output", type=Path, metavar="OUT")
    parser.add_argument("corpus", type=Path, nargs="?", metavar="CORPUS.jsonl", help="records of `long` and `files`")
    options = parser.parse_args(arguments)
    if options.kind == "distinct":
        with options.output.open("wb") as file:
            file.writelines(distinct_blocks(options.count))
        return 0
    if options.corpus is None:
        parser.error(f"{options.kind} needs CORPUS.jsonl")
    with options.corpus.open(encoding="utf-8") as lines:
        if options.kind == "files":
            shutil.rmtree(options.output, ignore_errors=True)
            deal(lines, options.count, options.output)
        else:
            with options.output.open("w", encoding="utf-8") as file:
                file.writelines(lines_with_one_long(list(lines), options.count))
    return 0


if __name__ == "__main__":
    sys.exit(main())
