"""Times one training step of a recurrent layer, forward and backward, by kernel, beside Keras's own layer.

    python benchmarks/steps.py [--rounds 15] [--no-xla] [--write]

Random numbers, the gradients of the input and of all weights, CPU. Lengths are drawn between a share of
the longest and the longest: 0.95 is about what planned batches have, 0.5 what random ones have. Rounds
are interleaved, so that what else the machine does meets all alike; a ratio is that of medians.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from environments import machine, package_versions
from peers import command_parser, positive
from project import progress
from report import table, write_section

from trainer.tensorflow_setup import import_tensorflow

FAST, KERAS, XLA = "fast", "keras, mask=", "fast, XLA"
LAYER_OF = {"lstm": "LSTM", "gru": "GRU"}


@dataclass(frozen=True)
class Case:
    """One layer and one batch.

    Attributes:
      cell: "lstm" or "gru".
      rows: Of the batch.
      steps: Of the longest row.
      units: Of each direction, and numbers of a step.
      bidirectional: Whether rows are read from both ends.
      shortest: Length of the shortest row / that of the longest.
    """

    cell: str
    rows: int
    steps: int
    units: int
    bidirectional: bool = False
    shortest: float = 0.95

    @property
    def name(self) -> str:
        """For people."""
        directions = "both directions" if self.bidirectional else "forward"
        return f"{self.cell} {self.rows} x {self.steps} x {self.units}, {directions}, lengths from {self.shortest:g}"

    def lengths(self) -> np.ndarray:
        """Returns the lengths of the rows, int32 (rows,), one of them the longest."""
        low = max(1, int(self.steps * self.shortest))
        lengths = np.random.default_rng(0).integers(low, self.steps + 1, self.rows)
        lengths[0] = self.steps
        return lengths.astype(np.int32)


# Rows x steps of the project's planned batches are of the first three kinds; the others are limits.
SHAPES = ((32, 300, 64), (16, 912, 64), (188, 75, 64), (32, 64, 64), (64, 128, 128), (512, 32, 64))
CASES = (
    *(Case("lstm", *shape) for shape in SHAPES),
    *(Case("lstm", *shape, shortest=0.5) for shape in SHAPES[:1]),
    *(Case("lstm", *shape, bidirectional=True) for shape in SHAPES[:3]),
    *(Case("gru", *shape) for shape in SHAPES),
    *(Case("gru", *shape, bidirectional=True) for shape in SHAPES[:3]),
)


def make_steps(case: Case, xla: bool) -> dict[str, Callable[[], Any]]:
    """Returns a training step of each kernel, with the same weights, as functions without arguments."""
    import keras
    import tensorflow as tf

    from trainer.recurrent import Recurrent

    random = np.random.default_rng(1)
    x = tf.constant(random.normal(size=(case.rows, case.steps, case.units)), tf.float32)
    lengths = tf.constant(case.lengths())
    fast = Recurrent(case.cell, case.units, case.bidirectional, kernel=FAST)
    one = getattr(keras.layers, LAYER_OF[case.cell])(case.units, return_sequences=True)
    plain = keras.layers.Bidirectional(one) if case.bidirectional else one
    for layer in (fast, plain):
        layer.build((None, None, case.units))
    plain.set_weights(fast.get_weights())
    slopes = tf.constant(random.normal(size=(case.rows, case.steps, case.units * (1 + case.bidirectional))), tf.float32)

    def step(read: Callable[[Any, Any], Any], layer: Any) -> Callable[[Any, Any], Any]:
        def take(x: Any, lengths: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(x)
                outputs = read(x, lengths)
                real = tf.sequence_mask(lengths, tf.shape(x)[1])[:, :, None]
                total = tf.reduce_sum(tf.where(real, outputs, 0.0) * slopes)
            return total, tape.gradient(total, [x, *(weight.value for weight in layer.trainable_variables)])

        return take

    def with_mask(x: Any, lengths: Any) -> Any:
        return plain(x, mask=tf.sequence_mask(lengths, tf.shape(x)[1]), training=True)

    signature = [tf.TensorSpec([None, None, case.units]), tf.TensorSpec([None], tf.int32)]
    ours = step(lambda x, lengths: fast(x, lengths, training=True)[0], fast)
    traced = {
        KERAS: tf.function(step(with_mask, plain), input_signature=signature),
        FAST: tf.function(ours, input_signature=signature),
    }
    if xla:
        traced[XLA] = tf.function(ours, jit_compile=True)
    return {name: lambda one=one: float(one(x, lengths)[0]) for name, one in traced.items()}


def time_steps(steps: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Returns the median seconds of each; the rounds are interleaved, after one to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(rounds + 1):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if number:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def row(case: Case, seconds: Mapping[str, float]) -> list[str]:
    """Returns the cells of a case: milliseconds of each kernel, and ratios to Keras."""
    efficiency = case.lengths().mean() / case.steps
    cells = [case.name, f"{efficiency:.2f}", f"{seconds[KERAS] * 1000:.1f}"]
    for name in (FAST, XLA):
        there = name in seconds
        cells += [f"{seconds[name] * 1000:.1f}", f"{seconds[name] / seconds[KERAS]:.2f}"] if there else ["", ""]
    return cells


def result_text(rows: Sequence[Sequence[str]], load: float) -> str:
    """Returns the section."""
    header = ["rows x steps x units", "padding efficiency", f"{KERAS} (ms)", f"{FAST} (ms)", "/ keras"]
    versions = package_versions(Path(sys.executable), ("tensorflow", "keras"))
    origin = f"Machine: {machine()}; {versions}; load average before the first round {load:.2f}."
    return f"{table([*header, f'{XLA} (ms)', '/ keras'], rows)}\n\n{origin}"


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = command_parser("Time a training step of a recurrent layer by kernel.")
    parser.add_argument("--rounds", type=positive, default=15, metavar="N", help="of each (%(default)s)")
    parser.add_argument("--xla", action=argparse.BooleanOptionalAction, default=True, help="also compiled")
    options = parser.parse_args(arguments)
    import_tensorflow()
    load = os.getloadavg()[0]
    rows = []
    for case in CASES:
        rows.append(row(case, time_steps(make_steps(case, options.xla), options.rounds)))
        progress(f"steps: {' | '.join(rows[-1])}")
    text = result_text(rows, load)
    print(text)
    if options.write:
        write_section("steps", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
