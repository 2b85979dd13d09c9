"""Writes the synthetic corpus that the benchmarks run over.

    python benchmarks/corpus.py N OUT.jsonl

N records of `id`, `text` and `label` (0 or 1). Lengths are log-normal (median about 73 tokens, 99th
percentile about 680) and clipped at 2,500; words follow Zipf's law with exponent 1.05 over a
vocabulary of 200,000 made-up words, the rarer the longer. The same N gives the same bytes.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

SEED = 0
VOCABULARY = 200_000
ZIPF_EXPONENT = 1.05
LOG_LENGTH_MEAN = 4.3  # of the natural logarithm of the length
LOG_LENGTH_DEVIATION = 0.95
MAX_LENGTH = 2_500
BLOCK_TOKENS = 2_000_000  # drawn and written at a time: bounds the memory


def make_words(rng: np.random.Generator) -> pa.StringArray:
    """Returns the vocabulary by falling frequency: string, (VOCABULARY,); short words may repeat."""
    ranks = np.arange(1, VOCABULARY + 1)
    lengths = (2 + np.log2(ranks) * 0.45 + rng.normal(0, 1.2, VOCABULARY)).astype(np.int64).clip(1, 18)
    letters = (rng.integers(0, 26, lengths.sum()) + ord("a")).astype(np.uint8)
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.StringArray.from_buffers(VOCABULARY, pa.py_buffer(ends), pa.py_buffer(letters))


def make_lengths(rng: np.random.Generator, records: int) -> npt.NDArray[np.int64]:
    """Returns the number of tokens of each record: int64, (records,)."""
    lengths = np.exp(rng.normal(LOG_LENGTH_MEAN, LOG_LENGTH_DEVIATION, records)).astype(np.int64)
    return lengths.clip(1, MAX_LENGTH)


def make_blocks(records: int) -> Iterator[pa.Buffer]:
    """Yields the corpus as UTF-8 JSON lines, about BLOCK_TOKENS tokens at a time."""
    rng = np.random.default_rng(SEED)
    cumulative = np.cumsum(np.arange(1, VOCABULARY + 1) ** -ZIPF_EXPONENT)
    cumulative /= cumulative[-1]
    words = make_words(rng)
    ends = np.concatenate([[0], np.cumsum(make_lengths(rng, records))])
    first = 0
    while first < records:
        last = max(first + 1, int(np.searchsorted(ends, ends[first] + BLOCK_TOKENS, side="right")) - 1)
        offsets = ends[first : last + 1] - ends[first]
        tokens = np.searchsorted(cumulative, rng.random(offsets[-1]))
        yield json_lines(first, offsets, tokens, words)
        first = last


def write_corpus(records: int, path: Path) -> int:
    """Writes the corpus; returns its bytes."""
    size = 0
    with path.open("wb") as file:
        for block in make_blocks(records):
            size += file.write(block)
    return size


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(description="Write the synthetic corpus of the benchmarks.")
    parser.add_argument("records", type=int, metavar="N")
    parser.add_argument("output", type=Path, metavar="OUT.jsonl")
    options = parser.parse_args(arguments)
    size = write_corpus(options.records, options.output)
    print(json.dumps({"path": str(options.output), "records": options.records, "bytes": size}))
    return 0


def json_lines(
    first: int, offsets: npt.NDArray[np.int64], tokens: npt.NDArray[np.int64], words: pa.StringArray
) -> pa.Buffer:
    """Returns one line a record; the words are letters only, so nothing needs an escape."""
    lists = pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), words.take(pa.array(tokens)))
    ids = pa.array(np.arange(first, first + len(lists))).cast(pa.string())
    labels = pa.array(np.add.reduceat(tokens, offsets[:-1]) % 2).cast(pa.string())
    pieces = ['{"id": ', ids, ', "text": "', pc.binary_join(lists, " "), '", "label": ', labels, "}\n"]
    lines = pc.binary_join_element_wise(*pieces, "")
    return lines.buffers()[2]


if __name__ == "__main__":
    sys.exit(main())
