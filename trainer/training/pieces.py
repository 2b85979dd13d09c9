"""The gradient of a batch whose sequences are read piece by piece, of which only one is in memory at a time.

Where each step has a label, the gradient is the sum over pieces. Where a record has one, all pieces are read
first, which says how the loss depends on the summary of each; then they are read again, one by one, and each
hands that on to the weights. Either way no gradient goes from a piece to the one before it.
"""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from schemas.errors import UsageError
from schemas.manifest import length_feature
from trainer.batches.batching import PRE
from trainer.models.branches import SequenceBranch
from trainer.models.model import SequenceModel
from trainer.models.pieces import piece_count, piece_of, read_piece
from trainer.sequence_layers import accumulation
from trainer.sequence_layers.pooling import SequencePooling


class PiecewiseGradient:
    """Loss and gradients of a model with the setting `piece_steps`."""

    def __init__(self, model: SequenceModel, reseed: Callable[[], None]) -> None:
        """Prepares nothing.

        Args:
          model: Compiled.
          reseed: Lets dropout begin anew, so that the second reading drops what the first one dropped.

        Raises:
          UsageError: The model reads several sequences, each of a length of its own.
        """
        if len(model.branches) != 1:
            names = ", ".join(branch.name for branch in model.branches)
            raise UsageError(
                f"piece_steps: the records have {len(model.branches)} sequences ({names}), and one can be read "
                "piece by piece; set piece_steps: 0"
            )
        if model.settings["padding"] == PRE:
            raise UsageError("piece_steps: pieces are cut from the beginning of the steps; set padding: post")
        self._model = model
        self._branch: SequenceBranch = model.branches[0]
        self._size = model.settings["piece_steps"]
        self._reseed = reseed

    def __call__(self, features: Any, label: Any, weight: Any) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns what `trainer.training.step.loss_and_gradients` does."""
        names = [self._branch.name, *self._branch.beside]
        values = {name: features[name] for name in names}
        lengths = features[length_feature(self._branch.name)]
        pooling = self._branch.pooling
        if pooling is None:
            return self._of_steps(values, lengths, features, label, weight)
        return self._of_records(pooling, values, lengths, features, label, weight)

    def _of_steps(
        self, values: Mapping[str, Any], lengths: Any, features: Any, label: Any, weight: Any
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        model, size = self._model, self._size
        steps = tf.shape(weight)[1]

        def body(index: Any, states: Any, total: Any, gradients: Any) -> tuple[Any, ...]:
            piece, real = piece_of(values, lengths, index, size)
            own, _ = piece_of({"label": label, "weight": weight}, lengths, index, size)
            share = tf.cast(tf.shape(own["weight"])[1] / steps, tf.float32)
            with tf.GradientTape() as tape:
                x, states = read_piece(self._branch, piece, real, states, training=True)
                outputs = model.conclude([x], {**features, **piece}, tf.shape(x)[1], training=True)
                loss = model.compute_loss(y=own["label"], y_pred=outputs, sample_weight=own["weight"]) * share
                scaled = model.optimizer.scale_loss(loss)
            return index + 1, states, total + loss, self._sum(gradients, tape, scaled)

        return self._loop(body, piece_count(steps, size), tf.shape(lengths)[0])

    def _of_records(
        self, pooling: SequencePooling, values: Mapping[str, Any], lengths: Any, features: Any, label: Any, weight: Any
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        model, branch, size = self._model, self._branch, self._size
        count = piece_count(tf.shape(values[branch.name])[1], size)
        summaries = self._summaries(pooling, values, lengths, count)
        with tf.GradientTape(persistent=True) as tape:
            slopes_of = {name: part for name, part in summaries.items() if part.dtype.is_floating}
            tape.watch(slopes_of)
            pooled = pooling.finish(_merged(summaries, count))
            outputs = model.conclude([pooled], features, None, training=True)
            loss = model.compute_loss(y=label, y_pred=outputs, sample_weight=weight)
            scaled = model.optimizer.scale_loss(loss)
        slopes = tape.gradient(scaled, slopes_of, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        of_output = [_dense(part, of) for part, of in self._gradients(tape, scaled)]
        del tape
        self._reseed()

        def body(index: Any, states: Any, total: Any, gradients: Any) -> tuple[Any, ...]:
            piece, real = piece_of(values, lengths, index, size)
            with tf.GradientTape() as piece_tape:
                x, states = read_piece(branch, piece, real, states, training=True)
                summary = pooling.summarize(x, real)
                pull = tf.add_n([tf.reduce_sum(summary[name] * slopes[name][index]) for name in slopes])
            return index + 1, states, total, self._sum(gradients, piece_tape, pull)

        _, of_pieces = self._loop(body, count, tf.shape(lengths)[0])
        return loss, [one + other for one, other in zip(of_output, of_pieces, strict=True)]

    def _summaries(self, pooling: SequencePooling, values: Mapping[str, Any], lengths: Any, count: Any) -> Any:
        """Returns what each piece comes to by itself, (pieces, batch, ...) by field."""
        branch, size = self._branch, self._size
        batch = tf.shape(lengths)[0]
        empty = pooling.start(batch)
        arrays = {name: tf.TensorArray(part.dtype, size=count) for name, part in empty.items()}

        def body(index: Any, states: Any, arrays: Any) -> tuple[Any, Any, Any]:
            piece, real = piece_of(values, lengths, index, size)
            x, states = read_piece(branch, piece, real, states, training=True)
            summary = pooling.summarize(x, real)
            return index + 1, states, {name: array.write(index, summary[name]) for name, array in arrays.items()}

        start = (tf.constant(0), branch.encoder.start(batch), arrays)
        _, _, arrays = tf.while_loop(lambda index, *_: index < count, body, start)
        return {name: array.stack() for name, array in arrays.items()}

    def _loop(self, body: Any, count: Any, batch: Any) -> tuple[tf.Tensor, list[tf.Tensor]]:
        zeros = [tf.zeros(weight.shape, weight.dtype) for weight in self._model.trainable_variables]
        start = (tf.constant(0), self._branch.encoder.start(batch), tf.constant(0.0), zeros)
        _, _, total, gradients = tf.while_loop(lambda index, *_: index < count, body, start)
        return total, gradients

    def _gradients(self, tape: tf.GradientTape, target: tf.Tensor) -> Any:
        weights = self._model.trainable_variables
        return zip(tape.gradient(target, weights), weights, strict=True)

    def _sum(self, gradients: Any, tape: tf.GradientTape, target: tf.Tensor) -> list[tf.Tensor]:
        new = [_dense(part, weight) for part, weight in self._gradients(tape, target)]
        return [old + part for old, part in zip(gradients, new, strict=True)]


def _merged(summaries: Mapping[str, Any], count: Any) -> accumulation.State:
    """Returns the state after all pieces, differentiable in the summary of each."""

    def body(index: Any, state: Any) -> tuple[Any, Any]:
        return index + 1, accumulation.merge(state, {name: part[index] for name, part in summaries.items()})

    first = {name: part[0] for name, part in summaries.items()}
    state: accumulation.State = tf.while_loop(lambda index, _: index < count, body, (tf.constant(1), first))[1]
    return state


def _dense(gradient: Any, weight: Any) -> tf.Tensor:
    return tf.zeros(weight.shape, weight.dtype) if gradient is None else tf.convert_to_tensor(gradient)
