"""What one epoch over TFRecords of others is like: steps, padding, speed."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from trainer.batches.batching import BUCKETED
from trainer.config import TrainerConfig, limits_of, order_of
from trainer.epoch import measure_epoch
from trainer.foreign.files import TFRecordFiles
from trainer.foreign.spec import sequences_of
from trainer.progress import tracked


def describe_tfrecords(patterns: Sequence[str], features: str | Path, config: TrainerConfig) -> dict[str, Any]:
    """Goes through one shuffled epoch, and measures it.

    Args:
      patterns: Of the files.
      features: Path of the spec, YAML.
      config: Settings.

    Returns:
      As `trainer.epoch.describe_epoch`; "split" is None, and nothing says what random batches would pad.

    Raises:
      UsageError: A spec that cannot mean anything.
      DataError: The files cannot be read as the spec says.
    """
    files = TFRecordFiles(patterns, features)
    limits = limits_of(config)
    plan = files.plan(limits)
    dataset = files.open(limits=limits, order=order_of(config, 0))
    batches: Iterable[Any] = files.iterate(dataset)
    facts = measure_epoch(tracked(batches, plan.steps, "epoch") if plan else batches, sequences_of(files.spec))
    return {"split": None, "batching": BUCKETED, **facts, "batch_sizes": list(files.sizes(limits))}
