"""Measures whether the lengths of the batches of an epoch follow a pattern: do neighbours resemble each other?

    python benchmarks/batch_order.py [DATASET ...] [--records 100000] [--window 2048] [--write]

The autocorrelation of the widths of an epoch's batches, next to that of 1,000 random orders of the same
widths. The generated corpus comes with the script; DATASET is the folder of another data set.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from environments import machine
from measure import CommandFailedError
from padding import read_shapes
from peers import command_parser, positive
from project import progress
from report import table, write_section
from worker import prepare_data

from trainer.batches.batching import BUCKETED, PLANNED, Batching
from trainer.batches.opening import open_epochs
from trainer.batches.order import Order

LAGS = 10
ORDERS = 1_000
SEED = 0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Correlations:
    """The autocorrelation of an epoch.

    Attributes:
      found: Of lags 1 to LAGS, (LAGS,).
      low: Where the middle 95 % of random orders begin, (LAGS,).
      high: And end, (LAGS,).
      share: Of the random orders: those whose autocorrelations have a sum of squares (the statistic of Box and
        Pierce, but for a factor) no less than that of the epoch. Less than 0.05 is a pattern.
    """

    found: Floats
    low: Floats
    high: Floats
    share: float

    @property
    def outside(self) -> int:
        """Lags at which the epoch lies outside of them; by chance 5 % do."""
        return int(((self.found < self.low) | (self.found > self.high)).sum())


def autocorrelation(values: npt.NDArray[np.floating], lags: int = LAGS) -> Floats:
    """Returns the autocorrelation at lags 1 to `lags`, (..., lags), of values, (..., n).

    Each is the sum of the products of deviations from the mean over the sum of their squares, as in Box and Jenkins,
    "Time Series Analysis"; 0 where all values are equal.
    """
    centred = values - values.mean(axis=-1, keepdims=True)
    squares = np.maximum((centred**2).sum(axis=-1), np.finfo(np.float64).tiny)
    n = values.shape[-1]
    products = [(centred[..., : n - lag] * centred[..., lag:]).sum(axis=-1) for lag in range(1, lags + 1)]
    return np.stack(products, axis=-1) / squares[..., None]


def correlations(widths: npt.NDArray[np.integer], orders: int = ORDERS) -> Correlations:
    """Returns the autocorrelation of the widths of the batches of an epoch, beside those of random orders."""
    rng = np.random.default_rng(SEED)
    values = widths.astype(np.float64)
    chance = autocorrelation(rng.permuted(np.tile(values, (orders, 1)), axis=1))
    low, high = np.quantile(chance, (0.025, 0.975), axis=0)
    found = autocorrelation(values)
    share = float(((chance**2).sum(axis=1) >= (found**2).sum()).mean())
    return Correlations(found, low, high, share)


def compare(folder: Path, window: int) -> dict[str, Correlations]:
    """Returns by way of making batches the autocorrelation of an epoch."""
    ways = {
        PLANNED: (Batching(PLANNED), Order(SEED)),
        f"{PLANNED}, window of {window:,}": (Batching(PLANNED), Order(SEED, window=window)),
        f"{BUCKETED}, window of {window:,}": (Batching(BUCKETED), Order(SEED, window=window)),
    }
    results = {}
    for name, (batching, order) in ways.items():
        results[name] = correlations(read_shapes(open_epochs(folder, batching=batching), order).widths)
        progress(f"{folder.name}: {name}: {results[name].outside} of {LAGS} lags outside")
    return results


def result_text(results: Sequence[tuple[str, dict[str, Correlations]]]) -> str:
    """Returns the section: a row for each data set and way."""
    header = ["", "batches", *(f"lag {lag}" for lag in range(1, LAGS + 1)), "95 % of random orders, lag 1"]
    header += [f"lags outside, of {LAGS}", "random orders no less correlated"]
    rows = []
    for name, ways in results:
        for way, of in ways.items():
            band = f"{of.low[0]:+.3f} – {of.high[0]:+.3f}"
            rows.append([name, way, *(f"{value:+.3f}" for value in of.found), band, str(of.outside), f"{of.share:.2f}"])
    return f"{table(header, rows)}\n\nMachine: {machine()}."


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code: 1 where the corpus cannot be prepared."""
    parser = command_parser("Look for patterns in the lengths of batches.", records=100_000)
    parser.add_argument("datasets", nargs="*", type=Path, metavar="DATASET", help="folder of a prepared data set")
    parser.add_argument("--window", type=positive, default=2_048, metavar="N", help="small window (%(default)s)")
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        corpus = prepare_data(options.records, options.cache.resolve())
    except CommandFailedError as error:
        print(f"batch_order: the corpus cannot be prepared: {error}", file=sys.stderr)
        return 1
    named = [(folder.resolve().name, folder) for folder in options.datasets]
    folders = [(f"corpus, {options.records:,} records", corpus), *named]
    text = result_text([(name, compare(folder, options.window)) for name, folder in folders])
    print(text)
    if options.write:
        write_section("batch_order", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
