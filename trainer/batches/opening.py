"""Data sets on disk become epochs of batches: the way in for everybody who does not plan batches himself."""

from pathlib import Path

import tensorflow as tf

from schemas.manifest import load_manifest
from schemas.spec import TRAIN
from trainer.batches.bucketed import bucketed_batches
from trainer.batches.order import Order
from trainer.batches.sizes import BatchLimits
from trainer.batches.source import SplitSource

DEFAULT_LIMITS = BatchLimits(padded_steps=16_384, max_examples=512, min_examples=8, min_steps=200)


def open_dataset(
    folder: str | Path,
    split: str = TRAIN,
    *,
    training: bool | None = None,
    limits: BatchLimits = DEFAULT_LIMITS,
    order: Order | None = None,
    with_ids: bool = False,
) -> tf.data.Dataset:
    """Opens one epoch over one split of a data set that the pipeline wrote.

    Each example comes exactly once, batched with others of its bucket; the number of steps is the
    dataset's cardinality. For another epoch, open it with `Order(epoch=...)`.

    Args:
      folder: Of the data set.
      split: Which records.
      training: Whether the order is shuffled and weights are for training (below); not said: for
        the split "train".
      limits: What batches may be like.
      order: How to shuffle; means nothing unless training.
      with_ids: Whether the features hold "id", string, (batch,), and where records are cut up
        "id/parent", string, (batch,), and "id/start", int64, (batch,).

    Returns:
      A dataset of (features, label, weight), or of features where the data set has no label. What
      has steps is padded with 0 at the end.

      features[NAME] of a sequence: int32 (batch, steps) of tokens, float32 (batch, steps, dims) of
      a series, int32 (batch, steps, characters) of `take: characters`; of the context: int32 id or
      float32 number, (batch,). features[NAME/length]: int32 (batch,), real steps.
      features[NAME/missing]: float32 (batch, steps, dims), 1 where a number was missing, else 0.
      features[NAME/since]: float32 (batch, steps), seconds. features[NAME/sizes]: int32 (batch,
      steps), characters of each token.

      label: (batch,), int64 class id or float32 number, or int64 (batch, steps) for a
      per_step_class label. weight: float32, as label; in training it is batch size / mean batch
      size, so that a mean loss over each batch gives every example the same pull over an epoch;
      else 1. Steps of a per_step_class label weigh 1, padding 0. A class that the training split
      does not have (`unknown: keep`) comes as label 0 with weight 0.

    Raises:
      DataError: No data set, no such split, or a shard that is missing or cut off.
    """
    source = SplitSource(folder, load_manifest(folder), split)
    if training is None:
        training = split == TRAIN
    return bucketed_batches(source, source.plan(limits), (order or Order()) if training else None, with_ids)
