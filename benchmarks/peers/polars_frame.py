"""polars: the whole corpus as one data frame in memory, on all cores.

    python polars_frame.py IN.jsonl OUT_DIR

Stands for the fastest that one machine does without Beam. Writes Parquet sorted by length, and the
length histogram; no TFRecords, so it is spared their framing.
"""

import sys
from pathlib import Path

import polars as pl

TOP_K = 50_000


def main(source, output):
    frame = pl.read_ndjson(source).select("label", tokens=pl.col("text").str.to_lowercase().str.split(" "))
    counts = frame["tokens"].explode().value_counts()
    top = counts.sort(["count", "tokens"], descending=[True, False])["tokens"].head(TOP_K)
    numbers = pl.int_range(2, len(top) + 2, eager=True)
    lookup = pl.element().replace_strict(top, numbers, default=1, return_dtype=pl.Int32)
    encoded = frame.select("label", tokens=pl.col("tokens").list.eval(lookup))
    encoded = encoded.with_columns(length=pl.col("tokens").list.len())
    encoded["length"].value_counts(sort=True).write_json(f"{output}/lengths.json")
    encoded.sort("length").write_parquet(f"{output}/examples.parquet")


if __name__ == "__main__":
    Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
    main(sys.argv[1], sys.argv[2])
