"""Tokens by their characters."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from trainer.sequence_layers.masks import PACKAGE, sequence_mask


@keras.saving.register_keras_serializable(package=PACKAGE)
class CharacterMean(keras.layers.Layer):
    """Makes the mean of the embeddings of its characters of each token; one without any gives zeros.

    Only real characters are embedded, so that one long token costs no memory for the others.
    """

    def __init__(self, ids: int, size: int, **kwargs: Any) -> None:
        """Makes the embedding.

        Args:
          ids: Rows of the embedding.
          size: Numbers of each.
          **kwargs: Of `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.ids = ids
        self.size = size
        self.embedding = keras.layers.Embedding(ids, size)

    def build(self, characters_shape: Any = None, sizes_shape: Any = None) -> None:
        """Makes the weights."""
        self.embedding.build((None,))
        self.built = True

    def call(self, characters: Any, sizes: Any) -> Any:
        """Averages over the characters.

        Args:
          characters: int32 (batch, steps, characters).
          sizes: int32 (batch, steps), real characters, the first ones; may be 0.

        Returns:
          float32 (batch, steps, size).
        """
        shape = ops.shape(characters)
        sizes = ops.reshape(sizes, (-1,))
        mask = sequence_mask(sizes, shape[2])
        vectors = self.embedding(tf.boolean_mask(ops.reshape(characters, (-1, shape[2])), mask))
        total = tf.math.unsorted_segment_sum(vectors, tf.where(mask)[:, 0], shape[0] * shape[1])
        mean = total / ops.cast(ops.expand_dims(ops.maximum(sizes, 1), -1), total.dtype)
        return ops.reshape(mean, (shape[0], shape[1], self.size))

    def get_config(self) -> dict[str, Any]:
        """Returns what a copy is made from."""
        return {**super().get_config(), "ids": self.ids, "size": self.size}
