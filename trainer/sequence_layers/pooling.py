"""One vector of all real steps of a padded sequence, which may be read whole or piece by piece."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from schemas.errors import UsageError
from schemas.messages import nearest
from trainer.sequence_layers import accumulation
from trainer.sequence_layers.accumulation import KINDS, State
from trainer.sequence_layers.attention import UNITS, AttentionPooling
from trainer.sequence_layers.masks import PACKAGE
from trainer.sequence_layers.padding import LengthsLayer


@keras.saving.register_keras_serializable(package=PACKAGE)
class SequencePooling(LengthsLayer):
    """Makes one vector of the outputs of all real steps; a sequence without steps gives zeros.

    A sequence too long for memory is read with `start`, `add` for each piece, and `finish`, which give
    what `call` gives for the whole.
    """

    def __init__(self, kinds: Sequence[str], bidirectional: bool, attention_units: int = UNITS, **kwargs: Any) -> None:
        """Chooses what is taken.

        Args:
          kinds: One or more of "mean", "max", "last", which is what each direction has after its last
            step, and "attention", a learnt weighted mean.
          bidirectional: Whether the second half of the inputs was read from the end.
          attention_units: Of `AttentionPooling`.
          **kwargs: Of `keras.layers.Layer`.

        Raises:
          UsageError: There is no kind, or an unknown one.
        """
        super().__init__(**kwargs)
        _check(kinds)
        self.kinds = list(kinds)
        self.bidirectional = bidirectional
        self.attention_units = attention_units
        attends = "attention" in self.kinds
        self.attention = AttentionPooling(attention_units, dtype=self.dtype_policy) if attends else None
        self._size = 0

    def build(self, inputs_shape: Any, lengths_shape: Any = None) -> None:
        """Makes the weights, if there are any."""
        self._size = int(inputs_shape[-1])
        if self.attention is not None:
            self.attention.build(inputs_shape)
        self.built = True

    def call(self, inputs: Any, lengths: Any) -> Any:
        """Pools over the steps.

        Args:
          inputs: float (batch, steps, size), steps >= 1.
          lengths: int32 (batch,).

        Returns:
          float (batch, size * kinds).
        """
        return self.finish(accumulation.summarize(self.kinds, inputs, lengths, self._scores(inputs, lengths)))

    def start(self, batch: Any) -> State:
        """Returns the state of `batch` rows before their first piece; the layer must have been built."""
        return accumulation.start(self.kinds, batch, self._size)

    def add(self, state: State, inputs: Any, lengths: Any) -> State:
        """Returns the state after one more piece.

        Args:
          state: So far.
          inputs: float (batch, steps, size), steps >= 1: the outputs for this piece.
          lengths: int32 (batch,), real steps of this piece; 0 for a row that has ended.
        """
        return accumulation.merge(state, self.summarize(inputs, lengths))

    def summarize(self, inputs: Any, lengths: Any) -> State:
        """Returns the state of one piece by itself; arguments as for `add`."""
        inputs = ops.cast(inputs, self.compute_dtype)
        return accumulation.summarize(self.kinds, inputs, lengths, self._scores(inputs, lengths))

    def finish(self, state: State) -> Any:
        """Returns float (batch, size * kinds) of a state."""
        return ops.cast(accumulation.finish(state, self.kinds, self.bidirectional), self.compute_dtype)

    def _scores(self, inputs: Any, lengths: Any) -> Any:
        return None if self.attention is None else self.attention.scores(inputs, lengths)

    def get_config(self) -> dict[str, Any]:
        """Returns what a copy is made from."""
        own = {"kinds": self.kinds, "bidirectional": self.bidirectional, "attention_units": self.attention_units}
        return {**super().get_config(), **own}


def _check(kinds: Sequence[str]) -> None:
    if not kinds:
        raise UsageError(f"pooling: no kind; name one or more of {', '.join(KINDS)}")
    for kind in kinds:
        if kind not in KINDS:
            raise UsageError(f"pooling: '{kind}' is no kind of pooling; {nearest(kind, KINDS)}")
