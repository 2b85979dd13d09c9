"""Length policies and windows in a graph: which steps of each record become an example, padded at the end."""

from collections.abc import Mapping
from typing import NamedTuple

import tensorflow as tf

from schemas.dataset_pb2 import DatasetSpec, Empty, Rest, TooLong, Window
from schemas.records.lengths import (
    EMPTY_SEQUENCE,
    NOT_ALIGNED,
    TOO_LONG,
    TOO_SHORT,
    steps_kept,
    window_counts,
    window_of,
)
from schemas.spec import leaders
from trainer.export.verdicts import Verdicts


class Pieces(NamedTuple):
    """Ranges of steps that become examples; all of one record stand together, in order.

    Attributes:
      record: int64, (examples,); the record that each is of.
      start: int64, (examples,); first step.
      stop: int64, (examples,); the step behind the last.
    """

    record: tf.Tensor
    start: tf.Tensor
    stop: tf.Tensor


def judge_lengths(lengths: Mapping[str, tf.Tensor], spec: DatasetSpec, verdicts: Verdicts) -> None:
    """Refuses the records whose sequences have not as many steps as the spec says.

    What the spec drops is refused, too: each record that is asked about is to be told of.

    Args:
      lengths: By name of the sequence, int64, (records,).
      spec: A resolved spec.
      verdicts: Of the records.
    """
    for name in sorted(lengths):
        leader = spec.sequences[name].aligned_with
        if leader:
            verdicts.reject(lengths[name] != lengths[leader], NOT_ALIGNED)
    for name in leaders(spec):
        feature = spec.sequences[name]
        if feature.empty in {Empty.drop, Empty.reject}:
            verdicts.reject(lengths[name] == 0, EMPTY_SEQUENCE)
        if feature.too_long in {TooLong.drop, TooLong.reject}:
            verdicts.reject(lengths[name] > feature.max_length, TOO_LONG)
    if spec.HasField("window") and spec.window.rest == Rest.drop:
        verdicts.reject(lengths[spec.window.of] < spec.window.length, TOO_SHORT)


def pieces_of(name: str, lengths: tf.Tensor, spec: DatasetSpec) -> Pieces:
    """Returns the steps of each record that become examples, one or more, by the policy of a sequence.

    Args:
      name: A sequence with a length of its own.
      lengths: int64, (records,); 0 of refused ones, which have one example all the same.
      spec: A resolved spec.
    """
    window = window_of(name, spec)
    if window is not None:
        return _windows(lengths, window)
    start, stop = steps_kept(spec.sequences[name], lengths, tf.maximum)
    return Pieces(tf.range(tf.size(lengths, tf.int64)), start, stop)


def steps_left_out(pieces: Pieces, lengths: tf.Tensor) -> tf.Tensor:
    """Returns how many steps of each record are in no example, int64, (records,).

    Args:
      pieces: As `pieces_of` returned them.
      lengths: int64, (records,); as they were.
    """
    numbers = tf.range(tf.size(lengths, tf.int64))
    first = tf.searchsorted(pieces.record, numbers, out_type=tf.int64)
    last = tf.searchsorted(pieces.record, numbers, side="right", out_type=tf.int64) - 1
    # Windows overlap or touch, so that only what lies before the first and behind the last is left out.
    return tf.gather(pieces.start, first) + lengths - tf.gather(pieces.stop, last)


def steps_of_pieces(pieces: Pieces, splits: tf.Tensor) -> tf.RaggedTensor:
    """Returns where the steps of each example stand among those of all records, int64, (examples, (steps)).

    Args:
      pieces: Of the records.
      splits: int64, (records + 1,); the steps of record i stand from splits[i] to splits[i + 1].
    """
    begin = tf.gather(splits, pieces.record)
    return tf.ragged.range(begin + pieces.start, begin + pieces.stop)


def padded(places: tf.RaggedTensor, values: tf.Tensor) -> tf.Tensor:
    """Returns values of the steps of each example, 0 behind them, to the longest example, one step at least.

    Args:
      places: int64, (examples, (steps)); see `steps_of_pieces`.
      values: (all steps, ...).

    Returns:
      (examples, steps, ...).
    """
    taken = places.with_flat_values(tf.gather(values, places.flat_values))
    return taken.to_tensor(shape=tf.stack([-1, width_of(places), *values.shape[1:]]))


def width_of(places: tf.RaggedTensor) -> tf.Tensor:
    """Returns the steps of the longest example, 1 at least, int64."""
    return tf.maximum(tf.reduce_max(places.row_lengths()), 1)


def _windows(lengths: tf.Tensor, window: Window) -> Pieces:
    """Returns windows of `length` steps, one every `stride`, and of the rest what no window covers yet."""
    # A refused record, which may be shorter than a window whose rest is dropped, has one piece all the same.
    numbers = tf.ragged.range(tf.maximum(window_counts(window, lengths, tf.maximum), 1))
    record = numbers.value_rowids()
    start = numbers.flat_values * window.stride
    return Pieces(record, start, tf.minimum(start + window.length, tf.gather(lengths, record)))
