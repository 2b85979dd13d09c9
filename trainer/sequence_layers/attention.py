"""Learnt attention over the real steps of padded sequences."""

from typing import Any

import keras
from keras import ops

from trainer.sequence_layers.accumulation import LOWEST_SCORE, finish, summarize
from trainer.sequence_layers.masks import PACKAGE
from trainer.sequence_layers.padding import LengthsLayer, step_mask, zero_padding

UNITS = 64


@keras.saving.register_keras_serializable(package=PACKAGE)
class AttentionPooling(LengthsLayer):
    """Makes the weighted mean of the real steps; a sequence without steps gives zeros.

    The weights are the softmax over the real steps of v . tanh(W x + b): the additive attention of
    Bahdanau et al. (2015) with a learnt query, as Yang et al. (2016) use it to pool words. It is computed
    in float32 whatever the layer's own type.
    """

    def __init__(self, units: int = UNITS, **kwargs: Any) -> None:
        """Makes the layers.

        Args:
          units: Rows of W.
          **kwargs: Of `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.units = units
        self.hidden = keras.layers.Dense(units, activation="tanh", dtype=self.dtype_policy)
        self.score = keras.layers.Dense(1, use_bias=False, dtype=self.dtype_policy)

    def build(self, inputs_shape: Any, lengths_shape: Any = None) -> None:
        """Makes the weights."""
        self.hidden.build((None, None, inputs_shape[-1]))
        self.score.build((None, None, self.units))
        self.built = True

    def scores(self, inputs: Any, lengths: Any) -> Any:
        """Returns v . tanh(W x + b) of each step, float32 (batch, steps), of float (batch, steps, size)."""
        scores = self.score(self.hidden(zero_padding(inputs, lengths)))
        return ops.cast(ops.squeeze(scores, -1), "float32")

    def step_weights(self, inputs: Any, lengths: Any) -> Any:
        """Returns how much each step counts, float32 (batch, steps): 1 in all, 0 at padded steps."""
        scores = self.scores(inputs, lengths)
        mask = step_mask(scores, lengths)
        return ops.where(mask, ops.softmax(ops.where(mask, scores, LOWEST_SCORE), axis=-1), 0.0)

    def call(self, inputs: Any, lengths: Any) -> Any:
        """Returns float (batch, size) of inputs (batch, steps, size), steps >= 1, and int32 lengths (batch,)."""
        state = summarize(["attention"], inputs, lengths, self.scores(inputs, lengths))
        return ops.cast(finish(state, ["attention"]), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns what a copy is made from."""
        return {**super().get_config(), "units": self.units}
