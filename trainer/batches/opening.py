"""Data sets on disk become epochs of batches: the way in for everybody who does not plan batches himself."""

import tensorflow as tf

from schemas.spans.folder import Data, folder_of, load_data
from schemas.spec import TRAIN
from trainer.batches.batching import DEFAULT_BATCHING, Batching
from trainer.batches.epochs import Epochs
from trainer.batches.order import Order
from trainer.batches.source import SplitSource


def open_dataset(
    folder: Data,
    split: str = TRAIN,
    *,
    training: bool | None = None,
    batching: Batching = DEFAULT_BATCHING,
    order: Order | None = None,
    first_step: int = 0,
    with_ids: bool = False,
) -> tf.data.Dataset:
    """Opens one epoch over one split of a data set that the pipeline wrote.

    Each example comes exactly once, batched with others of its bucket; the number of steps is the
    dataset's cardinality. For another epoch, open it with `Order(epoch=...)`.

    Args:
      folder: Of the data set; or a `SpanRange`: spans that are read as one.
      split: Which records.
      training: Whether the order is shuffled and weights are for training (below); not said: for
        the split "train".
      batching: How batches are made: the way, their size and shape, replicas.
      order: How to shuffle; means nothing unless training.
      first_step: Batches of the epoch to leave out, to go on where a training was stopped; that is quick however
        many they are where batches are planned.
      with_ids: Whether the features hold "id", string, (batch,), and where records are cut up
        "id/parent", string, (batch,), and "id/start", int64, (batch,).

    Returns:
      A dataset of (features, label, weight), or of features where the data set has no label. What
      has steps is padded with 0 at the end. Rows of filler, where replicas or static shapes ask for them, are 0 or
      empty, have the length 0 and the weight 0.

      features[NAME] of a sequence: int32 (batch, steps) of tokens, float32 (batch, steps, dims) of
      a series, int32 (batch, steps, characters) of `take: characters`; of the context: int32 id or
      float32 number, (batch,). features[NAME/length]: int32 (batch,), real steps.
      features[NAME/missing]: float32 (batch, steps, dims), 1 where a number was missing, else 0.
      features[NAME/since]: float32 (batch, steps), seconds. features[NAME/sizes]: int32 (batch,
      steps), characters of each token.

      label: (batch,), int64 class id or float32 number; int64 (batch, steps) for a per_step_class label and the next
      step of tokens; float32 (batch, steps, horizon * dims) for that of a series, in its own units. weight: float32, as
      label; in training it is the entries of the label of the batch, padding included, / mean number of labels of a
      batch, so that a mean loss over each batch gives every label the same pull over an epoch; else 1. Padding and
      steps without a label weigh 0. A class that the training split does not have (`unknown: keep`) comes as label 0
      with weight 0.

    Raises:
      DataError: No data set, no such split, or a shard that is missing or cut off.
      UsageError: No such step or replica, or shapes that cannot be static.
    """
    training = split == TRAIN if training is None else training
    epochs = open_epochs(folder, split, training=training, batching=batching, with_ids=with_ids)
    return epochs.open((order or Order()) if training else None, first_step)


def open_epochs(
    folder: Data,
    split: str = TRAIN,
    *,
    training: bool | None = None,
    batching: Batching = DEFAULT_BATCHING,
    with_ids: bool = False,
) -> Epochs:
    """Opens a split of a data set to go through it epoch by epoch, and to go on where a training was stopped.

    Every epoch has `steps` steps and is a dataset as `open_dataset` returns it.

    Args:
      folder: See `open_dataset`.
      split: Which records.
      training: See `open_dataset`.
      batching: See `open_dataset`.
      with_ids: See `open_dataset`.

    Raises:
      DataError: See `open_dataset`.
      UsageError: See `open_dataset`.
    """
    source = SplitSource(folder_of(folder), load_data(folder), split)
    return Epochs(source, batching, split == TRAIN if training is None else training, with_ids)
