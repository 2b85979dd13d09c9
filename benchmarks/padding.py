"""Measures how much of what is computed is data, by way of making batches.

    python benchmarks/padding.py [DATASET ...] [--records 100000] [--write]

DATASET is the folder of a prepared data set, whose training split is read as in training; the
generated corpus comes with the script, in 8 and in 32 buckets.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from environments import machine
from measure import CommandFailedError
from peers import command_parser
from project import progress
from report import table, write_section
from worker import prepare_data

from schemas.manifest import length_feature, load_manifest
from schemas.spec import TRAIN
from trainer.batches.batching import BUCKETED, PLANNED, Batching
from trainer.batches.epochs import Epochs
from trainer.batches.opening import open_epochs
from trainer.batches.order import Int64s, Order

BUCKETS = (8, 32)
SEED = 0


@dataclass(frozen=True)
class Shapes:
    """The batches of an epoch.

    Attributes:
      rows: Of each batch, those of filler included, int64, (steps,).
      widths: Steps that each batch is padded to, int64, (steps,).
      real: Steps of data in each batch, int64, (steps,).
    """

    rows: Int64s
    widths: Int64s
    real: Int64s

    @property
    def steps(self) -> int:
        """Batches of the epoch."""
        return len(self.rows)

    @property
    def efficiency(self) -> float:
        """Real / padded steps, those of rows of filler included."""
        return float(self.real.sum() / max(1, (self.rows * self.widths).sum()))


def read_shapes(epochs: Epochs, order: Order) -> Shapes:
    """Reads an epoch and returns the shapes of its batches, by the sequence that decides the buckets.

    Raises:
      DataError: A file is damaged.
    """
    name = next(iter(epochs.source.manifest.spec.sequences))
    rows, widths, real = [], [], []
    for features, *_ in epochs.source.iterate(epochs.open(order)):
        shape = features[name].shape
        rows.append(shape[0])
        widths.append(shape[1])
        real.append(int(features[length_feature(name)].numpy().sum()))
    return Shapes(*(np.array(column, np.int64) for column in (rows, widths, real)))


def random_shapes(lengths: Int64s, steps: int, seed: int = SEED) -> Shapes:
    """Returns the shapes of random batches, as many as said and equally large, each padded to its longest.

    Args:
      lengths: Of the records, int64, (records,).
      steps: Batches.
      seed: Of the order.
    """
    batches = np.array_split(np.random.default_rng(seed).permutation(lengths), steps)
    columns = zip(*((len(batch), max(1, batch.max()), batch.sum()) for batch in batches), strict=True)
    return Shapes(*(np.array(column, np.int64) for column in columns))


def training_lengths(folder: Path) -> Int64s:
    """Returns the lengths of the records of a training split, int64, (records,), rising."""
    of = load_manifest(folder).statistics[TRAIN].bucket_length
    return np.repeat(np.array(of.lengths, np.int64), np.array(of.counts, np.int64))


def efficiencies(folder: Path) -> list[str]:
    """Returns the cells of a data set: buckets, steps, shares of data with free and with static shapes."""
    lengths = training_lengths(folder)
    cells = [f"{len(load_manifest(folder).buckets)}"]
    for static in (False, True):
        ours = [
            read_shapes(open_epochs(folder, batching=Batching(method, static_shapes=static)), Order(SEED))
            for method in (PLANNED, BUCKETED)
        ]
        if static:
            other = float(lengths.mean() / lengths.max())
        else:
            cells += [f"{ours[0].steps:,}", f"{len(lengths) / ours[0].steps:.0f}"]
            other = random_shapes(lengths, ours[0].steps).efficiency
        cells += [*(f"{of.efficiency:.3f}" for of in ours), f"{other:.3f}"]
    return cells


def result_text(folders: Sequence[tuple[str, Path]]) -> str:
    """Returns the section."""
    header = ["", "buckets", "steps", "examples a step", PLANNED, BUCKETED, "random batches"]
    header += [f"static: {PLANNED}", f"static: {BUCKETED}", "static: padded to the longest"]
    rows = []
    for name, folder in folders:
        rows.append([name, *efficiencies(folder)])
        progress(f"padding: {' | '.join(rows[-1])}")
    return "\n".join([table(header, rows), "", f"Machine: {machine()}."])


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code: 1 where the corpus cannot be prepared."""
    parser: argparse.ArgumentParser = command_parser("Measure the share of data in batches.", records=100_000)
    parser.add_argument("datasets", nargs="*", type=Path, metavar="DATASET", help="folder of a prepared data set")
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        corpus = [prepare_data(options.records, options.cache.resolve(), count) for count in BUCKETS]
    except CommandFailedError as error:
        print(f"padding: the corpus cannot be prepared: {error}", file=sys.stderr)
        return 1
    named = [(folder.resolve().name, folder) for folder in options.datasets]
    text = result_text([*named, *((f"corpus, {options.records:,} records", folder) for folder in corpus)])
    print(text)
    if options.write:
        write_section("padding", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
