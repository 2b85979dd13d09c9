"""Ids as vectors with a single 1."""

from typing import Any

import keras
from keras import ops

from schemas.errors import UsageError
from trainer.layers import PACKAGE
from trainer.sequence_layers.padding import LengthsLayer, zero_padding

MOST_IDS = 10_000  # 40 KB a step: beyond this an embedding is smaller and faster


@keras.saving.register_keras_serializable(package=PACKAGE)
class OneHot(LengthsLayer):
    """Makes of each id the vector with a 1 at its place; of padded steps, whatever their ids, zeros."""

    def __init__(self, ids: int, **kwargs: Any) -> None:
        """Sets how many ids there are.

        Args:
          ids: Numbers of each vector.
          **kwargs: Of `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.ids = ids

    def build(self, values_shape: Any = None, lengths_shape: Any = None) -> None:
        """Makes nothing.

        Raises:
          UsageError: There are fewer than 1 or more than 10,000 ids.
        """
        if not 1 <= self.ids <= MOST_IDS:
            raise UsageError(
                f"one-hot: {self.ids:,} ids; 1 to {MOST_IDS:,} can be read one-hot: "
                "use an embedding, or a smaller vocabulary (top_k, min_frequency)"
            )
        self.built = True

    def call(self, values: Any, lengths: Any) -> Any:
        """Returns float (batch, steps, ids) of int32 ids (batch, steps), from 0 to ids - 1, and int32 lengths (batch,).

        A real step whose id is none of these becomes zeros.
        """
        return zero_padding(ops.one_hot(values, self.ids, dtype=self.compute_dtype), lengths)

    def get_config(self) -> dict[str, Any]:
        """Returns what a copy is made from."""
        return {**super().get_config(), "ids": self.ids}
