"""Batches of examples to predict for, in any order: sorted by length, so that hardly anything is padding."""

from collections.abc import Iterator

import numpy as np

from schemas.batch_seconds import examples_within
from schemas.manifest import id_count
from schemas.manifest_pb2 import Manifest
from schemas.ragged import Int64s
from schemas.spec import NEXT_STEP, PER_STEP_CLASS, series_sequences

PADDED_STEPS = 32_768
MAX_EXAMPLES = 1_024
MOST_NUMBERS = 2**27  # 512 MiB of float32; a training step takes about 2.3 GiB with them


def sorted_batches(
    lengths: Int64s, padded_steps: int = PADDED_STEPS, max_examples: int = MAX_EXAMPLES
) -> Iterator[Int64s]:
    """Yields the rows of each batch, the longest first.

    Args:
      lengths: Of every row, int64, (rows,).
      padded_steps: Most of a batch; a longer single example makes a batch by itself.
      max_examples: Most of a batch.
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        size = examples_within(int(lengths[order[start]]), padded_steps, max_examples)
        yield order[start : start + size]
        start += size


def step_outputs(manifest: Manifest) -> int:
    """Returns how many numbers the answer for a step has; 0 where it is not steps that are answered for."""
    spec, label = manifest.spec, manifest.spec.label
    if label.type == PER_STEP_CLASS:
        return int(manifest.classes.size)
    if label.type != NEXT_STEP:
        return 0
    if label.of in series_sequences(spec):
        return int(label.horizon * spec.sequences[label.of].dims)
    return id_count(manifest, label.of)


def steps_with_room(padded_steps: int, outputs: int) -> int:
    """Returns as many padded steps, at most, as have `MOST_NUMBERS` numbers of answers, and one at least.

    Args:
      padded_steps: Most of a batch, were it not for the answers.
      outputs: Of `step_outputs`.
    """
    return min(padded_steps, max(1, MOST_NUMBERS // max(1, outputs)))
