"""Compares planned bucket boundaries with four common rules, and times the plan.

    python benchmarks/boundaries.py [DATASET ...] [--rounds 3] [--write]

DATASET is the folder of a prepared data set, of which the lengths of the training split are taken;
generated lengths come with the script.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from corpus import make_lengths
from environments import machine
from peers import positive
from report import table, write_section

from schemas.buckets import (
    Int64s,
    bucketed_efficiency,
    epoch_seconds,
    plan_buckets,
    plan_buckets_at_knee,
)
from schemas.dataset_pb2 import BatchSeconds
from schemas.manifest import load_manifest
from schemas.manifest_pb2 import Bucket
from schemas.spec import TRAIN

SEED = 0
COUNTS = (4, 8, 16, 32)
SHOWN = 8  # buckets of the table of seconds
MOST = 32
DISTINCT = 10_000  # lengths of the plans that are timed
# The example of docs/bucketing.md.
SECONDS = BatchSeconds(batch=0.003, step=0.0004, padded_step=2e-7, padded_steps=16_384, examples=512)

Histogram = tuple[Int64s, Int64s]  # distinct lengths, rising, and records of each
Plan = Callable[[Histogram, int], list[Bucket]]


def generated() -> dict[str, Histogram]:
    """Returns by name histograms of lengths that anyone can make again."""
    rng = np.random.default_rng(SEED)
    two_kinds = np.concatenate([rng.poisson(20, 80_000), rng.poisson(300, 20_000)]).clip(1)
    drawn = {
        "log-normal (the corpus)": make_lengths(rng, 100_000),
        "uniform, 1 to 500": rng.integers(1, 501, 100_000),
        "geometric, mean 50": rng.geometric(0.02, 100_000),
        "two kinds, around 20 and 300": two_kinds,
        "Pareto, exponent 1.1, up to 20,000": (10 * rng.pareto(1.1, 100_000) + 1).clip(1, 20_000),
    }
    return {name: histogram(lengths.astype(np.int64)) for name, lengths in drawn.items()}


def histogram(lengths: Int64s) -> Histogram:
    """Returns the distinct lengths and the records of each."""
    distinct, counts = np.unique(lengths, return_counts=True)
    return distinct, counts.astype(np.int64)


def of_data_set(folder: Path) -> tuple[str, Histogram]:
    """Returns the name of a data set's folder and the histogram of its training split."""
    train = load_manifest(folder).statistics[TRAIN].bucket_length
    return folder.resolve().name, (np.array(train.lengths, np.int64), np.array(train.counts, np.int64))


def bounded(lengths: Int64s, bounds: Int64s) -> list[Bucket]:
    """Returns the buckets with these inclusive upper bounds, the last one open; bounds may repeat."""
    inside = np.unique(bounds[bounds < lengths[-1]])
    starts = [0, *(int(bound) + 1 for bound in inside)]
    closed = [Bucket(min_length=start, max_length=int(end)) for start, end in zip(starts, inside, strict=False)]
    return [*closed, Bucket(min_length=starts[-1])]


def equal_width(of: Histogram, count: int) -> list[Bucket]:
    """Returns buckets that are equally wide."""
    return bounded(of[0], of[0][-1] * np.arange(1, count) // count)


def geometric(of: Histogram, count: int) -> list[Bucket]:
    """Returns buckets each of which is wider than the one before by the same factor."""
    low, high = max(1, int(of[0][0])), max(1, int(of[0][-1]))
    return bounded(of[0], (low * (high / low) ** (np.arange(1, count) / count)).astype(np.int64))


def equal_counts(of: Histogram, count: int) -> list[Bucket]:
    """Returns buckets that hold equally many records."""
    return _equal(of[0], of[1], count)


def equal_steps(of: Histogram, count: int) -> list[Bucket]:
    """Returns buckets that hold equally many real steps, the aim of lhotse's `estimate_duration_buckets`."""
    return _equal(of[0], of[0] * of[1], count)


def _equal(lengths: Int64s, weights: Int64s, count: int) -> list[Bucket]:
    running = np.cumsum(weights)
    return bounded(lengths, lengths[np.searchsorted(running, running[-1] * np.arange(1, count) / count)])


RULES: Mapping[str, Plan] = {
    "equal width": equal_width,
    "geometric": geometric,
    "equal records": equal_counts,
    "equal steps": equal_steps,
}


def padding_table(histograms: Mapping[str, Histogram]) -> str:
    """Returns the padding efficiency of every rule, and the number of buckets at the knee."""
    rows = []
    for name, of in histograms.items():
        chosen = plan_buckets_at_knee(*of, MOST)
        knee = f"knee of {MOST}: {len(chosen)}, {bucketed_efficiency(*of, chosen):.3f}"
        for count in COUNTS:
            plans = [plan_buckets(*of, count), *(rule(of, count) for rule in RULES.values())]
            values = [f"{bucketed_efficiency(*of, plan):.3f}" for plan in plans]
            first = count == COUNTS[0]
            rows.append([name if first else "", str(count), *values, knee if first else ""])
    return table(["lengths", "buckets", "planned", *RULES, ""], rows)


def seconds_table(histograms: Mapping[str, Histogram]) -> str:
    """Returns the predicted seconds of an epoch with buckets planned for them, for least padding, and by every rule."""
    rows = []
    for name, of in histograms.items():
        rules = [plan_buckets(*of, SHOWN), *(rule(of, SHOWN) for rule in RULES.values())]
        plans = [plan_buckets(*of, SHOWN, SECONDS), *rules]
        chosen = plan_buckets_at_knee(*of, MOST, SECONDS)
        knee = f"knee of {MOST}: {len(chosen)}, {epoch_seconds(*of, chosen, SECONDS):.2f}"
        rows.append([name, *(f"{epoch_seconds(*of, plan, SECONDS):.2f}" for plan in plans), knee])
    return table(["lengths", "planned", "least padding", *RULES, ""], rows)


def timed() -> dict[str, Histogram]:
    """Returns histograms with many distinct lengths."""
    lengths = np.arange(1, DISTINCT + 1)
    return {
        "one record each": (lengths, np.ones(DISTINCT, np.int64)),
        "up to 1,000 records each": (lengths, np.random.default_rng(SEED).integers(1, 1_001, DISTINCT)),
        "ever fewer longer ones": (lengths, 1 + (1e7 / lengths**1.5).astype(np.int64)),
    }


def time_table(rounds: int) -> str:
    """Returns the median processor seconds of a plan, by what it plans for."""
    plans: dict[str, Plan] = {
        "padded steps": lambda of, count: plan_buckets(*of, count),
        "seconds": lambda of, count: plan_buckets(*of, count, SECONDS),
        "seconds, at the knee": lambda of, count: plan_buckets_at_knee(*of, count, SECONDS),
    }
    rows = []
    for name, of in timed().items():
        medians = [statistics.median(_seconds(plan, of) for _ in range(rounds)) for plan in plans.values()]
        rows.append([name, *(f"{spent:.2f}" for spent in medians)])
    return table(["", *plans], rows)


def _seconds(plan: Plan, of: Histogram) -> float:
    start = time.process_time()
    plan(of, MOST)
    return time.process_time() - start


def result_text(histograms: Mapping[str, Histogram], rounds: int) -> str:
    """Returns the section: padding, predicted seconds, time of a plan, machine."""
    lines = [
        "Padding efficiency, each record padded to the longest of its bucket:",
        "",
        padding_table(histograms),
        "",
        f"Predicted seconds of an epoch in {SHOWN} buckets, with batches of at most {SECONDS.padded_steps:,} padded "
        f"steps and {SECONDS.examples} examples that take {SECONDS.batch:g} s, {SECONDS.step:g} s a step and "
        f"{SECONDS.padded_step:g} s a padded step:",
        "",
        seconds_table(histograms),
        "",
        f"Processor seconds of a plan over {DISTINCT:,} distinct lengths, {MOST} buckets, medians of {rounds}:",
        "",
        time_table(rounds),
        "",
        f"Machine: {machine()}.",
    ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(description="Compare planned bucket boundaries with common rules.")
    parser.add_argument("datasets", nargs="*", type=Path, metavar="DATASET", help="folder of a prepared data set")
    parser.add_argument("--rounds", type=positive, default=3, metavar="N", help="timed plans (%(default)s)")
    parser.add_argument("--write", action="store_true", help="replace the section of benchmarks/README.md")
    options = parser.parse_args(arguments)
    text = result_text(dict(of_data_set(folder) for folder in options.datasets) | generated(), options.rounds)
    print(text)
    if options.write:
        write_section("boundaries", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
