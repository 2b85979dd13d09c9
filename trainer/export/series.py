"""Series in a graph: numbers and times are judged, missing numbers filled, as `schemas.records` does it with NumPy."""

from collections.abc import Sequence

import tensorflow as tf

from schemas.dataset_pb2 import Missing, SequenceFeature
from schemas.formats.explain import NOT_FINITE
from schemas.records.lengths import NOT_ALIGNED
from schemas.records.since import INVALID_TIME, NOT_IN_ORDER
from schemas.times import FIRST_MICROS, LAST_MICROS
from trainer.export.verdicts import Verdicts

_MICROSECONDS = 1e6  # of one second


def any_in_row(flags: tf.Tensor, splits: tf.Tensor) -> tf.Tensor:
    """Returns whether any of the flags of each row is set, bool, (rows,).

    Args:
      flags: bool, (values,).
      splits: int64, (rows + 1,); row i has flags[splits[i]:splits[i + 1]].
    """
    so_far = tf.gather(tf.pad(tf.cumsum(tf.cast(flags, tf.int64)), [[1, 0]]), splits)
    return so_far[1:] > so_far[:-1]


def judge_frames(frames: tf.RaggedTensor, feature: SequenceFeature, verdicts: Verdicts) -> None:
    """Refuses the records that hold a number that is not finite, unless it is missing and may be.

    Args:
      frames: float32, (records, (steps), dims).
      feature: A resolved series.
      verdicts: Of the records.
    """
    numbers = frames.flat_values
    refused = ~tf.math.is_finite(numbers) if feature.missing == Missing.reject else tf.math.is_inf(numbers)
    verdicts.reject(any_in_row(tf.reduce_any(refused, axis=1), frames.row_splits), NOT_FINITE)


def judge_times(times: tf.RaggedTensor, steps: tf.Tensor, verdicts: Verdicts) -> None:
    """Refuses the records whose times are none of the years 1 to 9999, too many or too few, or fall back.

    Args:
      times: int64, (records, (steps)), in microseconds since 1970 UTC.
      steps: Frames of each record, int64, (records,).
      verdicts: Of the records.
    """
    micros = times.flat_values
    verdicts.reject(any_in_row((micros < FIRST_MICROS) | (micros > LAST_MICROS), times.row_splits), INVALID_TIME)
    verdicts.reject(times.row_lengths() != steps, NOT_ALIGNED)
    falls = (_since(times) < 0) & ~_first_of_rows(times)
    verdicts.reject(any_in_row(falls, times.row_splits), NOT_IN_ORDER)


def filled(frames: tf.RaggedTensor, feature: SequenceFeature, means: Sequence[float]) -> tf.Tensor:
    """Returns the numbers of all records, float32, (steps, dims), with what the policy puts for missing ones.

    Args:
      frames: float32, (records, (steps), dims); NaN: missing.
      feature: A resolved series.
      means: Of each dimension over the training split, (dims,).
    """
    numbers = frames.flat_values
    if feature.missing == Missing.forward:
        return _filled_forward(frames)
    if feature.missing == Missing.reject:
        return numbers
    instead = means if feature.missing == Missing.mean else [0.0] * feature.dims
    return tf.where(tf.math.is_nan(numbers), tf.constant(list(instead), tf.float32), numbers)


def seconds_since(times: tf.RaggedTensor) -> tf.Tensor:
    """Returns the seconds since the frame before in the record, float32, (steps,); 0 for the first frame.

    Args:
      times: int64, (records, (steps)), in microseconds.
    """
    # TensorFlow turns a plain division by a constant into a product with its inverse, which rounds otherwise.
    seconds = tf.math.divide_no_nan(tf.cast(_since(times), tf.float64), tf.constant(_MICROSECONDS, tf.float64))
    return tf.where(_first_of_rows(times), 0.0, tf.cast(seconds, tf.float32))


def _since(times: tf.RaggedTensor) -> tf.Tensor:
    """Returns the distance of each time from the one before, of whatever record that is."""
    micros = times.flat_values
    return micros - tf.concat([micros[:1], micros[:-1]], axis=0)


def _within_rows(rows: tf.RaggedTensor) -> tf.Tensor:
    """Returns the place of each step in its row, int64, (steps,)."""
    return tf.ragged.range(rows.row_lengths()).flat_values


def _first_of_rows(rows: tf.RaggedTensor) -> tf.Tensor:
    return _within_rows(rows) == 0


def _filled_forward(frames: tf.RaggedTensor) -> tf.Tensor:
    """Returns numbers with the last one before, of the same dimension and record, for missing ones; 0 before it.

    No loop: with the dimensions one after another, the numbers that are there are counted, and the count at a place
    says which of them is the last.
    """
    numbers = tf.transpose(frames.flat_values)  # (dims, steps)
    there = tf.reshape(~tf.math.is_nan(numbers), [-1])
    places = tf.pad(tf.where(there)[:, 0], [[1, 0]], constant_values=-1)
    last = tf.reshape(tf.gather(places, tf.cumsum(tf.cast(there, tf.int64))), tf.shape(numbers))
    # A step back of more than there are in the record so far is of another record, or of another dimension.
    place = tf.reshape(tf.range(tf.size(numbers, tf.int64)), tf.shape(numbers))
    known = (last >= 0) & (place - last <= _within_rows(frames))
    before = tf.gather(tf.reshape(numbers, [-1]), tf.maximum(last, 0))
    return tf.transpose(tf.where(known, before, 0.0))
