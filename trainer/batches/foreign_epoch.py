"""What one epoch over TFRecords of others is like: steps, padding, speed."""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from schemas.manifest import length_feature
from trainer.batches.foreign import TFRecordFiles
from trainer.batches.order import Order
from trainer.batches.record_spec import sequences_of
from trainer.config import TrainerConfig, limits_of
from trainer.progress import tracked


def describe_tfrecords(patterns: Sequence[str], features: str | Path, config: TrainerConfig) -> dict[str, Any]:
    """Goes through one shuffled epoch, and measures it.

    Args:
      patterns: Of the files.
      features: Path of the spec, YAML.
      config: Settings.

    Returns:
      As `trainer.batches.epoch.describe_epoch`; "split" is None.

    Raises:
      UsageError: A spec that cannot mean anything.
      DataError: The files cannot be read as the spec says.
    """
    files = TFRecordFiles(patterns, features)
    limits = limits_of(config)
    plan = files.plan(limits)
    dataset = files.open(limits=limits, order=Order(config.seed, 0, config.shuffle_window))
    batches: Iterable[Any] = files.iterate(dataset)
    facts = measure_epoch(tracked(batches, plan.steps, "epoch") if plan else batches, sequences_of(files.spec))
    return {"split": None, **facts, "batch_sizes": list(files.sizes(limits))}


def measure_epoch(batches: Iterable[Any], sequences: Sequence[str]) -> dict[str, Any]:
    """Goes through batches.

    Args:
      batches: (features, label, weight), or features.
      sequences: Names of those with steps, one or more.

    Returns:
      {"steps", "examples", "padding_efficiency" (real / padded steps of all sequences), "examples_per_second"}.
    """
    steps = examples = real = padded = 0
    started = time.monotonic()
    for batch in batches:
        features = batch[0] if isinstance(batch, tuple) else batch
        steps += 1
        examples += int(features[length_feature(sequences[0])].shape[0])
        for name in sequences:
            real += int(tf.reduce_sum(features[length_feature(name)]))
            padded += int(features[name].shape[0] * features[name].shape[1])
    seconds = time.monotonic() - started
    return {
        "steps": steps,
        "examples": examples,
        "padding_efficiency": round(real / padded, 6) if padded else 1.0,
        "examples_per_second": round(examples / seconds, 1) if seconds else 0.0,
    }
