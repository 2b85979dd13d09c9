"""What surrounds the change of weights in a step: where dropout begins, and that what is no number changes nothing.

Both are part of the step's graph, so that the host need not look at a step before the next one begins.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from trainer.batches.order import mixed
from trainer.models.model import SequenceModel

# Numbers of a seed that one step may take from each generator; a model draws once a step from most of them.
_DRAWS = 16
_SEED = "seed_generator_state"  # as Keras calls it
_MOST = 0x7FFF_FFFF  # of a number of a seed, whatever integers it is made of


class Guard:
    """Decides, step by step, what dropout drops and whether the weights change.

    Dropout is a function of (seed, step, layer) alone, so that a training that goes on somewhere needs to know no more
    than the step. From the first step on whose loss or gradient is not finite, no step changes anything.

    Attributes:
      step: Steps of the training that are done, int64.
      halted: Whether steps change nothing, bool.
    """

    def __init__(self, model: SequenceModel, seed: int = 0) -> None:
        """Begins at the first step.

        Args:
          model: Built.
          seed: Of dropout.
        """
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        self.halted = tf.Variable(False, trainable=False, name="halted")
        self._states = seed_states(model)
        self._bases = [mixed(seed, layer) & _MOST for layer in range(len(self._states))]
        # With scaled losses a gradient that is too large is part of the procedure: the scale is lowered.
        self._any_gradient = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)

    def begin(self) -> None:
        """Sets the seeds of the step; a part of its graph."""
        draws = (self.step * _DRAWS) & _MOST
        for state, base in zip(self._states, self._bases, strict=True):
            state.assign(tf.cast(tf.stack([tf.constant(base, tf.int64), draws]), state.dtype))

    def end(self, loss: tf.Tensor, gradients: Sequence[Any], apply: Callable[[], None]) -> tf.Tensor:
        """Changes the weights, unless something is not finite or was before; a part of the graph of the step.

        Args:
          loss: Of the batch.
          gradients: Of the loss.
          apply: Changes the weights.

        Returns:
          The loss; NaN where it is finite and the gradient is not.
        """
        sound = tf.math.is_finite(loss)
        if not self._any_gradient:
            # Where this overflows, clipping by it would give NaN, too.
            sound_gradient = tf.math.is_finite(tf.linalg.global_norm(gradients))
            loss = tf.where(sound & ~sound_gradient, tf.constant(float("nan"), loss.dtype), loss)
            sound &= sound_gradient

        def change() -> tf.Tensor:
            apply()
            return tf.identity(sound)

        going = ~self.halted
        done = tf.cond(sound & going, change, lambda: tf.constant(False))
        self.step.assign_add(tf.cast(done, tf.int64))
        self.halted.assign(self.halted | ~sound)
        return loss

    def seeds(self) -> list[Any]:
        """Returns the seeds as they are."""
        return [state.numpy() for state in self._states]

    def set_seeds(self, seeds: Sequence[Any]) -> None:
        """Sets the seeds to what `seeds` returned."""
        for state, value in zip(self._states, seeds, strict=True):
            state.assign(value)


def seed_states(model: SequenceModel) -> list[Any]:
    """Returns the variables that the random numbers of a model follow from, two whole numbers each."""
    weights = {id(weight) for weight in model.weights}
    return [state for state in model.variables if id(state) not in weights and state.path.endswith(_SEED)]
