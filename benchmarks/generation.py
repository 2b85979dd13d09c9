"""Times continuations step by step from kept states, beside reading all again for each step.

    python benchmarks/generation.py MODEL_DIR [--steps 32 256 1024] [--rows 16] [--rounds 3] [--write]

MODEL_DIR is the folder of a model of the next token. Both ways have the same model, take the most probable token,
never the end, and begin with the same tokens; graphs are made before the clock starts. Rounds of both are interleaved.
"""

import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from environments import machine
from goals import Goal
from peers import command_parser, positive
from project import progress
from report import table, write_section

from schemas.errors import LengthwiseError
from trainer.tensorflow_setup import import_tensorflow

LENGTHS = (32, 256, 1024)
BEGINNING = 8  # tokens
GOALS = {32: Goal("", 2, 8, lower=False), 256: Goal("", 10, 50, lower=False), 1024: Goal("", 30, 150, lower=False)}

Way = Callable[[int], Any]


def ways_of(model_folder: Path, rows: int) -> tuple[Way, Way]:
    """Returns functions from steps to tokens, int32 (rows, steps): from kept states, and all read again.

    Raises:
      DataError: The model cannot be read.
      UsageError: It cannot continue a sequence.
    """
    import tensorflow as tf

    from schemas.manifest import length_feature
    from trainer.generation.loop import continue_batch
    from trainer.generation.options import GenerationOptions
    from trainer.generation.rules import check_continues
    from trainer.generation.steps import steps_of
    from trainer.saved import load_saved

    saved = load_saved(model_folder)
    check_continues(saved.manifest.spec)
    model, steps, name = saved.model, steps_of(saved, GenerationOptions(steps=1)), saved.manifest.spec.label.of
    if saved.manifest.spec.label.end:
        model.head.bias.assign(model.head.bias - 1e9 * np.eye(1, model.head.units)[0])
    first = saved.vocabularies[name].first_id
    known = len(saved.vocabularies[name].tokens)
    tokens = np.random.default_rng(0).integers(first, first + known, (rows, BEGINNING)).astype(np.int32)

    def features(ids: Any) -> dict[str, Any]:
        return {name: ids, length_feature(name): tf.fill([rows], tf.shape(ids)[1])}

    @tf.function(input_signature=[tf.TensorSpec([rows, None], tf.int32), tf.TensorSpec([], tf.int32)])
    def kept(ids: Any, most: Any) -> Any:
        return continue_batch(model, steps, features(ids), tf.zeros([rows, 0], tf.float64), most).steps

    @tf.function(input_signature=[tf.TensorSpec([rows, None], tf.int32)])
    def one_more(ids: Any) -> Any:
        taken, _ = steps.take(model.last(features(ids)), None)
        return tf.concat([ids, taken[:, None]], axis=1)

    def again(most: int) -> Any:
        ids = tf.constant(tokens)
        for _ in range(most):
            ids = one_more(ids)
        return ids.numpy()[:, BEGINNING:]

    return lambda most: kept(tf.constant(tokens), tf.constant(most)).numpy(), again


def seconds_of(way: Way, steps: int) -> float:
    """Returns the wall time of one continuation."""
    start = time.perf_counter()
    way(steps)
    return time.perf_counter() - start


def result_text(seconds: Mapping[int, Sequence[tuple[float, float]]], rows: int) -> str:
    """Returns the section.

    Args:
      seconds: By steps, of each round: from kept states, and all read again.
      rows: Sequences that are continued at once.
    """
    lines = []
    for steps, rounds in seconds.items():
        kept, again = (statistics.median(one[i] for one in rounds) for i in range(2))
        ratios = [one[1] / one[0] for one in rounds]
        ratio = statistics.median(ratios)
        goal = GOALS.get(steps)
        verdict = [f"{goal.show(goal.least)} – {goal.show(goal.aim)}", goal.verdict(ratio)] if goal else ["–", "–"]
        speeds = [f"{rows * steps / time:,.0f}" for time in (kept, again)]
        lines.append([f"{steps:,}", *speeds, f"{ratio:.1f}", f"{min(ratios):.1f} – {max(ratios):.1f}", *verdict])
    header = ["steps", "tokens/s, states kept", "tokens/s, read again", "times as fast", "least – most"]
    cells = table([*header, "goal: at least – aim", "verdict"], lines)
    return f"{rows} sequences at once, {len(next(iter(seconds.values())))} rounds, medians.\n\n{cells}\n\n{machine()}\n"


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = command_parser("Time continuations from kept states, beside reading all again for each step.")
    parser.add_argument("model", type=Path, metavar="MODEL_DIR", help="a model of the next token")
    parser.add_argument("--steps", nargs="+", type=positive, default=LENGTHS, metavar="N", help="of a continuation")
    parser.add_argument("--rows", type=positive, default=16, metavar="N", help="sequences at once (%(default)s)")
    parser.add_argument("--rounds", type=positive, default=3, metavar="N", help="timed runs of each (%(default)s)")
    options = parser.parse_args(arguments)
    import_tensorflow()
    try:
        ways = ways_of(options.model, options.rows)
    except LengthwiseError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    for way in ways:
        way(2)
    seconds: dict[int, list[tuple[float, float]]] = {steps: [] for steps in options.steps}
    for steps in options.steps:
        for number in range(options.rounds):
            kept, again = map(partial(seconds_of, steps=steps), ways)
            seconds[steps].append((kept, again))
            progress(f"{steps} steps, round {number + 1}: {kept:.3f} s, read again {again:.3f} s")
    text = result_text(seconds, options.rows)
    print(text)
    if options.write:
        write_section("generation", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
