"""Ids as vectors with a single 1."""

from typing import Any

import keras
from keras import ops

from schemas.errors import UsageError
from trainer.sequence_layers.masks import PACKAGE

MOST_IDS = 10_000  # 40 KB a step: beyond this an embedding is smaller and faster


@keras.saving.register_keras_serializable(package=PACKAGE)
class OneHot(keras.layers.Layer):
    """Makes of each id the vector with a 1 at its place."""

    def __init__(self, ids: int, **kwargs: Any) -> None:
        """Sets how many ids there are.

        Args:
          ids: Numbers of each vector.
          **kwargs: Of `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.ids = ids

    def build(self, values_shape: Any = None) -> None:
        """Makes nothing.

        Raises:
          UsageError: There are fewer than 1 or more than 10,000 ids.
        """
        if not 1 <= self.ids <= MOST_IDS:
            raise UsageError(
                f"one-hot: {self.ids:,} ids; 1 to {MOST_IDS:,} can be read one-hot: "
                "use an embedding (token_input: embedding), or a smaller vocabulary (top_k, min_frequency)"
            )
        self.built = True

    def call(self, values: Any) -> Any:
        """Returns float (..., ids) of int32 ids, from 0 to ids - 1; an id that is none of these becomes zeros."""
        return ops.one_hot(values, self.ids, dtype=self.compute_dtype)

    def compute_output_shape(self, values_shape: Any) -> Any:
        """Returns the shape with one more axis."""
        return (*values_shape, self.ids)

    def get_config(self) -> dict[str, Any]:
        """Returns what a copy is made from."""
        return {**super().get_config(), "ids": self.ids}
