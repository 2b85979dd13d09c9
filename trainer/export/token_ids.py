"""Vocabularies in a graph: the id of each token, as `schemas.vocabulary.Vocabulary.encode` gives it."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf

from schemas.dataset_pb2 import DatasetSpec
from schemas.errors import DataError
from schemas.spec import vocabulary_features, vocabulary_owner
from schemas.vocabulary import OOV_ID, Vocabulary

# A graph holds less than 2 GiB, and the model is in it, too.
MOST_BYTES = 1_500_000_000
_BESIDE_A_TOKEN = 12  # bytes that a graph takes for each token beside the token: its id, its length and its tag


class TokenIds(tf.Module):  # type: ignore[misc]  # TensorFlow has no types
    """A table of one vocabulary, all of it in the graph."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        """Makes the table.

        Args:
          vocabulary: Of tokens, not of classes.
        """
        super().__init__()
        self._first_id = vocabulary.first_id
        self._oov_buckets = vocabulary.oov_buckets
        # TensorFlow has no table of nothing.
        self._table = self._table_of(vocabulary) if len(vocabulary.tokens) else None

    def __call__(self, tokens: tf.Tensor) -> tf.Tensor:
        """Returns the id of each token, int64, (n,), of string, (n,)."""
        ids = tf.fill(tf.shape(tokens), self._unknown) if self._table is None else self._table.lookup(tokens)
        if self._oov_buckets <= 1:
            return ids
        hashed = OOV_ID + tf.strings.to_hash_bucket_fast(tokens, self._oov_buckets)
        return tf.where(ids < self._first_id, hashed, ids)

    @property
    def _unknown(self) -> np.int64:
        """The id before that of the first token, which unknown ones have where they share one."""
        return np.int64(self._first_id - 1)

    def _table_of(self, vocabulary: Vocabulary) -> tf.lookup.StaticHashTable:
        tokens = vocabulary.tokens.cast(pa.binary()).to_numpy(zero_copy_only=False)
        ids = np.arange(len(tokens), dtype=np.int64) + self._first_id
        initializer = tf.lookup.KeyValueTensorInitializer(tf.constant(tokens, tf.string), tf.constant(ids))
        return tf.lookup.StaticHashTable(initializer, self._unknown)


def token_tables(spec: DatasetSpec, vocabularies: Mapping[str, Vocabulary]) -> dict[str, TokenIds]:
    """Returns the table of each token sequence and category by name; those that share a vocabulary share it.

    Raises:
      DataError: The vocabularies are too large for a graph.
    """
    owners = {name: vocabulary_owner(spec, name) for name in vocabulary_features(spec)}
    different = {owner: vocabularies[owner] for owner in owners.values()}
    size = sum(_graph_bytes(vocabulary) for vocabulary in different.values())
    if size > MOST_BYTES:
        raise DataError(
            f"vocabularies: take {size:,} bytes within a graph, which may hold {MOST_BYTES:,} of them; write the data "
            "set again with a smaller `vocabulary.top_k`, and train on it"
        )
    tables = {owner: TokenIds(vocabulary) for owner, vocabulary in different.items()}
    return {name: tables[owner] for name, owner in owners.items()}


def _graph_bytes(vocabulary: Vocabulary) -> int:
    tokens = vocabulary.tokens
    return int(pc.sum(pc.binary_length(tokens)).as_py() or 0) + _BESIDE_A_TOKEN * len(tokens)
