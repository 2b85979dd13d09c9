"""A sequence that is longer than fits is read piece by piece, with the state handed on from one to the next.

What comes out is what reading it whole gives. Backwards no gradient goes from a piece to the one before
it: truncated back-propagation through time (Williams and Peng, "An efficient gradient-based algorithm for
on-line training of recurrent network trajectories", 1990).
"""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from schemas.errors import UsageError
from trainer.models.branches import SequenceBranch


def check_pieces(branch: SequenceBranch) -> None:
    """Refuses a branch that does not read one step after another.

    Raises:
      UsageError: It reads from the end, too, or has convolutions that look ahead.
    """
    if branch.encoder.bidirectional:
        raise UsageError(
            "piece_steps: a sequence is read piece by piece from its beginning, and bidirectional layers begin at its "
            "end, too; set bidirectional: false, or piece_steps: 0"
        )
    if branch.encoder.convolutions and not branch.causal:
        raise UsageError(
            "piece_steps: a convolution looks beyond the end of a piece; set conv_filters: [], or piece_steps: 0"
        )


def piece_of(values: Mapping[str, Any], lengths: Any, index: Any, size: int) -> tuple[dict[str, Any], Any]:
    """Returns the features of a piece, and how many of its steps are real, int32 (batch,).

    Args:
      values: By name, (batch, steps, ...).
      lengths: int32 (batch,).
      index: Of the piece, from 0.
      size: Steps of a piece; the last one may have fewer.
    """
    start = index * size
    piece = {name: value[:, start : start + size] for name, value in values.items()}
    return piece, tf.clip_by_value(lengths - start, 0, size)


def piece_count(steps: Any, size: int) -> Any:
    """Returns how many pieces of some steps there are, one or more."""
    return tf.maximum(-(-steps // size), 1)


def read_piece(
    branch: SequenceBranch, piece: Mapping[str, Any], lengths: Any, states: Any, training: bool | None = None
) -> tuple[Any, Any]:
    """Returns what a branch says of the steps of a piece, (batch, steps, size), and the states after it."""
    beside = {name: value for name, value in piece.items() if name != branch.name}
    x, _, states = branch.read(piece[branch.name], lengths, beside, states, training=training)
    return x, states


def last_steps(values: Any, lengths: Any) -> Any:
    """Returns the last real step of each row, (batch, ...) of (batch, steps, ...); the first one where none is real."""
    return tf.gather(values, tf.maximum(lengths - 1, 0), batch_dims=1)


def read_last(branch: SequenceBranch, values: Mapping[str, Any], lengths: Any, size: int) -> tuple[Any, Any]:
    """Returns what a branch says of the last real step, and the states after it, to go on from.

    Args:
      branch: One that says something of each step.
      values: Its features by name, (batch, steps, ...).
      lengths: int32 (batch,).
      size: Steps that are read at a time; 0: all.

    Returns:
      (batch, output_size), zeros where no step is real; the states.
    """
    if not size:
        x, states = read_piece(branch, values, lengths, None)
        return last_steps(x, lengths), states
    shape = tf.shape(values[branch.name])
    states = branch.encoder.start(shape[0])
    none = tf.zeros([shape[0], branch.output_size], branch.encoder.compute_dtype)
    count = piece_count(shape[1], size)

    def body(index: Any, last: Any, states: Any) -> tuple[Any, Any, Any]:
        piece, real = piece_of(values, lengths, index, size)
        x, states = read_piece(branch, piece, real, states)
        return index + 1, tf.where(tf.expand_dims(real > 0, 1), last_steps(x, real), last), states

    _, last, states = tf.while_loop(lambda index, *_: index < count, body, (tf.constant(0), none, states))
    return last, states


def read_by_pieces(branch: SequenceBranch, values: Mapping[str, Any], lengths: Any, size: int) -> Any:
    """Returns what a branch gives, as its `call` does, for prediction; no more than a piece is computed at a time.

    Args:
      branch: One that `check_pieces` lets pass.
      values: Its features by name, (batch, steps, ...).
      lengths: int32 (batch,).
      size: Steps of a piece.
    """
    shape = tf.shape(values[branch.name])
    count = piece_count(shape[1], size)
    states = branch.encoder.start(shape[0])
    pooling = branch.pooling
    if pooling is None:
        return _steps_by_pieces(branch, values, lengths, size, count, states)
    pool = pooling.start(shape[0])

    def body(index: Any, states: Any, pool: Any) -> tuple[Any, Any, Any]:
        piece, real = piece_of(values, lengths, index, size)
        x, states = read_piece(branch, piece, real, states)
        return index + 1, states, pooling.add(pool, x, real)

    _, _, pool = tf.while_loop(lambda index, *_: index < count, body, (tf.constant(0), states, pool))
    return pooling.finish(pool)


def _steps_by_pieces(
    branch: SequenceBranch, values: Mapping[str, Any], lengths: Any, size: int, count: Any, states: Any
) -> Any:
    outputs = tf.TensorArray(branch.encoder.compute_dtype, size=count, infer_shape=False)

    def body(index: Any, states: Any, outputs: Any) -> tuple[Any, Any, Any]:
        piece, real = piece_of(values, lengths, index, size)
        x, states = read_piece(branch, piece, real, states)
        return index + 1, states, outputs.write(index, tf.transpose(x, [1, 0, 2]))

    _, _, outputs = tf.while_loop(lambda index, *_: index < count, body, (tf.constant(0), states, outputs))
    joined = outputs.concat()
    joined.set_shape([None, None, branch.output_size])
    return tf.transpose(joined, [1, 0, 2])
