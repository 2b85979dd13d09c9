"""What one epoch is like: steps, padding, speed."""

import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from schemas.buckets import padding_efficiency, random_batch_efficiency
from schemas.errors import UsageError
from schemas.manifest import length_feature
from schemas.spans.folder import Data, folder_of, load_data, span_names
from schemas.spec import TRAIN
from trainer.batches.batching import PLANNED
from trainer.batches.epochs import Epochs
from trainer.batches.order import Order
from trainer.batches.room import batching_within
from trainer.batches.source import SplitSource
from trainer.config import TrainerConfig, batching_of, order_of
from trainer.progress import say, tracked


def describe_epoch(data: Data, split: str, config: TrainerConfig, read: bool = True) -> dict[str, Any]:
    """Goes through one epoch as training would, and measures it.

    Args:
      data: Folder of the data set, or a range of spans.
      split: Which records; those of "train" come shuffled.
      config: Settings.
      read: Whether to read it; else what its plan says, of the length that buckets go by, and no "examples_per_second".

    Returns:
      {"spans" (names, where there are any), "split", "batching" (the way), "steps", "examples", "padding_efficiency"
      (real / padded steps of all sequences), "random_padding_efficiency" (expected of random batches with as many
      examples on average, of the length that buckets go by), "examples_per_second", "batch_sizes" (of each bucket)}.

    Raises:
      DataError: The data set cannot be used.
      UsageError: It is not to be read, and batches are not planned.
    """
    manifest = load_data(data)
    source = SplitSource(folder_of(data), manifest, split)
    epochs = Epochs(source, batching_within(batching_of(config), manifest), training=split == TRAIN)
    for line in epochs.warnings:
        say(line)
    order = order_of(config, 0) if split == TRAIN else None
    if read:
        batches = tracked(source.iterate(epochs.open(order)), epochs.steps, f"split {split}")
        facts = measure_epoch(batches, sorted(manifest.spec.sequences), epochs.examples)
    else:
        facts = _foreseen(epochs, order, config)
    random = round(_random_efficiency(source, epochs), 6)
    spans = span_names(manifest)
    return {
        **({"spans": spans} if spans else {}),
        "split": split,
        "batching": config.batching,
        **facts,
        "random_padding_efficiency": random,
        "batch_sizes": list(epochs.sizes),
    }


def measure_epoch(batches: Iterable[Any], sequences: Sequence[str], examples: int | None = None) -> dict[str, Any]:
    """Goes through batches.

    Args:
      batches: (features, label, weight), or features.
      sequences: Names of those with steps, one or more.
      examples: In the batches, which may have rows of filler, too; none: as many as rows.

    Returns:
      {"steps", "examples", "padding_efficiency" (real / padded steps of all sequences), "examples_per_second"}.
    """
    steps = rows = real = padded = 0
    started = time.monotonic()
    for batch in batches:
        features = batch[0] if isinstance(batch, tuple) else batch
        steps += 1
        rows += int(features[length_feature(sequences[0])].shape[0])
        for name in sequences:
            real += int(tf.reduce_sum(features[length_feature(name)]))
            padded += int(features[name].shape[0] * features[name].shape[1])
    seconds = time.monotonic() - started
    examples = rows if examples is None else examples
    return {
        "steps": steps,
        "examples": examples,
        "padding_efficiency": round(padding_efficiency(real, padded), 6),
        "examples_per_second": round(examples / seconds, 1) if seconds else 0.0,
    }


def _foreseen(epochs: Epochs, order: Order | None, config: TrainerConfig) -> dict[str, Any]:
    if config.batching != PLANNED:
        raise UsageError(
            f"--no_read: batching {config.batching} has no plan to look at; leave it out, or say {PLANNED}"
        )
    real = epochs.source.manifest.statistics[epochs.source.split].bucket_length.steps
    padded = epochs.foreseen_padded_steps(order)
    efficiency = round(padding_efficiency(real, padded), 6)
    return {"steps": epochs.steps, "examples": epochs.examples, "padding_efficiency": efficiency}


def _random_efficiency(source: SplitSource, epochs: Epochs) -> float:
    lengths = source.manifest.statistics[source.split].bucket_length
    size = max(1, round(epochs.examples / max(epochs.steps, 1)))
    return random_batch_efficiency(np.array(lengths.lengths, np.int64), np.array(lengths.counts, np.int64), size)
