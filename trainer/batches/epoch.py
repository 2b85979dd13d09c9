"""What one epoch is like: steps, padding, speed."""

import time
from pathlib import Path
from typing import Any

import tensorflow as tf

from schemas.manifest import length_feature, load_manifest
from schemas.spec import TRAIN
from trainer.batches.bucketed import bucketed_batches
from trainer.batches.order import Order
from trainer.batches.sizes import warnings_of
from trainer.batches.source import SplitSource
from trainer.config import TrainerConfig, limits_of
from trainer.progress import say, tracked


def describe_epoch(data: str | Path, split: str, config: TrainerConfig) -> dict[str, Any]:
    """Goes through one epoch as training would, and measures it.

    Args:
      data: Folder of the data set.
      split: Which records; those of "train" come shuffled.
      config: Settings.

    Returns:
      {"split", "steps", "examples", "padding_efficiency" (real / padded steps of all sequences),
      "examples_per_second", "batch_sizes" (of each bucket)}.

    Raises:
      DataError: The data set cannot be used.
    """
    manifest = load_manifest(data)
    tf.random.set_seed(config.seed)  # the order depends on it; training sets the same
    source = SplitSource(data, manifest, split)
    plan = source.plan(limits_of(config))
    for line in warnings_of(source.loads(), limits_of(config)):
        say(line)
    order = Order(config.seed, 0, config.shuffle_window) if split == TRAIN else None
    dataset = bucketed_batches(source, plan, order)
    names = sorted(manifest.spec.sequences)
    steps = examples = real = padded = 0
    started = time.monotonic()
    for batch in tracked(source.iterate(dataset), plan.steps, f"split {split}"):
        features = batch[0] if isinstance(batch, tuple) else batch
        steps += 1
        examples += int(features[length_feature(names[0])].shape[0])
        for name in names:
            real += int(tf.reduce_sum(features[length_feature(name)]))
            padded += int(features[name].shape[0] * features[name].shape[1])
    seconds = time.monotonic() - started
    return {
        "split": split,
        "steps": steps,
        "examples": examples,
        "padding_efficiency": round(real / padded, 6) if padded else 1.0,
        "examples_per_second": round(examples / seconds, 1) if seconds else 0.0,
        "batch_sizes": list(plan.sizes),
    }
