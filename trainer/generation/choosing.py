"""One token is taken, of which each has a probability."""

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from trainer.generation.options import GenerationOptions

_LEAST = float(np.finfo(np.float32).tiny)


def draws_of(positions: npt.NDArray[np.int64], options: GenerationOptions) -> npt.NDArray[np.float64]:
    """Returns the random numbers of some records, in [0, 1), (records, steps).

    Those of a record follow from the seed, its place in the input and the step alone, so that neither the other records
    of a batch nor the number of steps changes a continuation. Philox (Salmon et al., 2011, "Parallel random numbers: as
    easy as 1, 2, 3") makes any of so many streams without the others.

    Args:
      positions: Of the records, from 0, (records,).
      options: Where nothing is drawn there are no numbers, (records, 0).
    """
    draws = np.zeros((len(positions), options.steps if options.drawn else 0))
    for row, position in zip(draws, positions.tolist(), strict=True):
        seeds = np.random.SeedSequence(options.seed, spawn_key=(position,))
        np.random.Generator(np.random.Philox(seeds)).random(out=row)
    return draws


class Chooser:
    """Takes a candidate of each row."""

    def __init__(self, options: GenerationOptions) -> None:
        """Sets how."""
        self._options = options

    def __call__(self, probabilities: Any, draws: Any) -> Any:
        """Returns the index of the candidate that is taken, int32 (batch,).

        Args:
          probabilities: float (batch, candidates), which need not add up to 1; the first of equal ones is taken first.
          draws: Random numbers in [0, 1), float64 (batch,); None where nothing is drawn.
        """
        if not self._options.drawn:
            return tf.argmax(probabilities, axis=-1, output_type=tf.int32)
        # Sums over a large vocabulary lose too many digits in float32.
        scores = tf.math.log(tf.maximum(tf.cast(probabilities, tf.float64), _LEAST)) / self._options.temperature
        if not self._options.limited:
            return _drawn(_weights(scores), draws)
        count = tf.shape(scores)[1]
        most = count if self._options.top_k is None else tf.minimum(self._options.top_k, count)
        best = tf.math.top_k(scores, most)
        weights = self._nucleus(_weights(best.values))
        return tf.gather(best.indices, _drawn(weights, draws), batch_dims=1)

    def _nucleus(self, weights: Any) -> Any:
        """Returns falling weights without those that are not needed to reach the share `top_p` of their sum."""
        if self._options.top_p is None:
            return weights
        before = tf.cumsum(weights, axis=-1, exclusive=True)
        needed = before < self._options.top_p * tf.reduce_sum(weights, axis=-1, keepdims=True)
        return tf.where(needed, weights, tf.zeros_like(weights))


def _weights(scores: Any) -> Any:
    return tf.exp(scores - tf.reduce_max(scores, axis=-1, keepdims=True))


def _drawn(weights: Any, draws: Any) -> Any:
    """Returns the first index up to which the weights add up to more than a share of their sum, int32 (batch,)."""
    sums = tf.cumsum(weights, axis=-1)
    below = sums <= tf.expand_dims(draws, 1) * sums[:, -1:]
    return tf.minimum(tf.reduce_sum(tf.cast(below, tf.int32), axis=-1), tf.shape(weights)[1] - 1)
