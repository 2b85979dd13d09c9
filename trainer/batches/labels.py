"""What a model is to predict, of one batch: graph code, a function for each kind of label.

Each returns the label and its weight, float32, of the same shape: 1 where the label is to be learnt and 0 where there
is none, as on padding. What weighs 0 is 0. Lengths say which steps are real; what stands behind them does not matter.
"""

from collections.abc import Mapping

import tensorflow as tf

from schemas.dataset_pb2 import DatasetSpec
from schemas.manifest import missing_feature
from schemas.spec import CLASS, NEXT_STEP, NUMBER, series_sequences

Labels = tuple[tf.Tensor, tf.Tensor]


def number_label(numbers: tf.Tensor) -> Labels:
    """Returns numbers, float32, (batch,), and their weight."""
    return numbers, tf.ones_like(numbers)


def class_label(classes: tf.Tensor) -> Labels:
    """Returns classes and their weight; one of no id (-1) is class 0 and weighs nothing.

    Args:
      classes: Of records, int64, (batch,).
    """
    return _known(classes, tf.ones_like(classes, tf.bool))


def step_class_label(classes: tf.Tensor, lengths: tf.Tensor) -> Labels:
    """Returns classes of steps and their weight; see `class_label`.

    Args:
      classes: Int64, (batch, steps).
      lengths: Real steps, int64, (batch,).
    """
    return _known(classes, tf.sequence_mask(lengths, tf.shape(classes)[1]))


def next_step_label(spec: DatasetSpec, features: Mapping[str, tf.Tensor], lengths: tf.Tensor) -> Labels:
    """Returns what follows each step of the sequence that a label of type next_step is of, and its weight.

    Args:
      spec: Resolved, with such a label.
      features: As `trainer.batches.opening.open_dataset` describes them.
      lengths: Real steps of the sequence, int64, (batch,).
    """
    label, values = spec.label, features[spec.label.of]
    if label.of not in series_sequences(spec):
        return next_token_label(values, lengths, label.after, label.end)
    return next_frames_label(values, lengths, label.after, label.horizon, features.get(missing_feature(label.of)))


def next_token_label(tokens: tf.Tensor, lengths: tf.Tensor, after: int, end: bool) -> Labels:
    """Returns the id of the token behind each step, int64, and its weight, (batch, steps).

    Args:
      tokens: Ids, int32, (batch, steps).
      lengths: Real steps, int64, (batch,).
      after: Only predictions made after this many real steps, or more, weigh anything.
      end: Whether behind the last real step stands class 0, the end; no token has the id 0.
    """
    step, lengths = _steps_and_lengths(tokens, lengths)
    there, late = step + 1 < lengths, step + 1 >= after
    following = tf.cast(tf.pad(tokens[:, 1:], [[0, 0], [0, 1]]), tf.int64)
    label = tf.where(there & late, following, tf.zeros_like(following))
    wanted = (step + 1 <= lengths if end else there) & late
    return label, tf.cast(wanted, tf.float32)


def next_frames_label(
    frames: tf.Tensor, lengths: tf.Tensor, after: int, horizon: int, missing: tf.Tensor | None = None
) -> Labels:
    """Returns the frames behind each step side by side, float32, and their weight, (batch, steps, horizon * dims).

    Args:
      frames: Float32, (batch, steps, dims).
      lengths: Real steps, int64, (batch,).
      after: Only predictions made after this many real steps, or more, weigh anything.
      horizon: How many frames; those of a step are the first one's `dims` numbers, then the second one's, and so on.
      missing: Float32, as frames: 1 where a number was missing and is filled, which weighs nothing; none: nowhere.
    """
    step, lengths = _steps_and_lengths(frames, lengths)
    ahead = step[..., None] + tf.range(1, horizon + 1, dtype=tf.int64)  # (1, steps, horizon)
    places = tf.minimum(ahead[0], tf.shape(frames, tf.int64)[1] - 1)
    following = tf.gather(frames, places, axis=1)  # (batch, steps, horizon, dims)
    wanted = (ahead < lengths[..., None]) & (step[..., None] + 1 >= after)
    wanted = wanted[..., None] & tf.ones_like(following, tf.bool)
    if missing is not None:
        wanted &= tf.gather(missing, places, axis=1) < 0.5
    label = tf.where(wanted, following, tf.zeros_like(following))
    size = horizon * frames.shape[-1]
    shape = tf.concat([tf.shape(frames)[:2], [size]], axis=0)
    label, weight = (tf.reshape(part, shape) for part in (label, tf.cast(wanted, tf.float32)))
    return tf.ensure_shape(label, [None, None, size]), tf.ensure_shape(weight, [None, None, size])


def label_spec(spec: DatasetSpec) -> tf.TensorSpec:
    """Returns shape and type of the label of a batch; of its weight the shape is the same, and the type float32.

    Args:
      spec: Resolved, with a label.
    """
    label = spec.label
    if label.type == NUMBER:
        return tf.TensorSpec([None], tf.float32)
    if label.type == CLASS:
        return tf.TensorSpec([None], tf.int64)
    if label.type == NEXT_STEP and label.of in series_sequences(spec):
        return tf.TensorSpec([None, None, label.horizon * spec.sequences[label.of].dims], tf.float32)
    return tf.TensorSpec([None, None], tf.int64)


def _known(classes: tf.Tensor, real: tf.Tensor) -> Labels:
    # A class of no id (-1) would be an index out of range; where it weighs nothing, any id will do.
    known = real & (classes >= 0)
    return tf.where(known, classes, tf.zeros_like(classes)), tf.cast(known, tf.float32)


def _steps_and_lengths(values: tf.Tensor, lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the steps of a batch, int64, (1, steps), and its lengths, int64, (batch, 1)."""
    return tf.range(tf.shape(values, tf.int64)[1])[None], tf.cast(lengths, tf.int64)[:, None]
