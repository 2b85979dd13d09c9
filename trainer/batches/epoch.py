"""What one epoch is like: steps, padding, speed."""

import time
from pathlib import Path
from typing import Any

import tensorflow as tf

from schemas.manifest import length_feature, load_manifest
from schemas.spec import TRAIN
from trainer.batches.epochs import Epochs
from trainer.batches.source import SplitSource
from trainer.config import TrainerConfig, batching_of, order_of
from trainer.progress import tracked


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
    source = SplitSource(data, manifest, split)
    epochs = Epochs(source, batching_of(config), training=split == TRAIN)
    dataset = epochs.open(order_of(config, 0) if split == TRAIN else None)
    names = sorted(manifest.spec.sequences)
    steps = real = padded = 0
    started = time.monotonic()
    for batch in tracked(source.iterate(dataset), epochs.steps, f"split {split}"):
        features = batch[0] if isinstance(batch, tuple) else batch
        steps += 1
        for name in names:
            real += int(tf.reduce_sum(features[length_feature(name)]))
            padded += int(features[name].shape[0] * features[name].shape[1])
    seconds = time.monotonic() - started
    return {
        "split": split,
        "steps": steps,
        "examples": epochs.examples,
        "padding_efficiency": round(real / padded, 6) if padded else 1.0,
        "examples_per_second": round(epochs.examples / seconds, 1) if seconds else 0.0,
        "batch_sizes": list(epochs.sizes),
    }
