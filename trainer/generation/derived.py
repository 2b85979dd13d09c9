"""What is derived from each token of a vocabulary, so that a token that is generated is read as any other."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from schemas.dataset_pb2 import DatasetSpec
from schemas.manifest import sizes_feature
from schemas.ragged import Ragged
from schemas.records.nested import Nested
from schemas.records.tokens import derive_tokens
from schemas.vocabulary import Vocabulary


class Derived(Protocol):
    """A sequence that is derived from another one."""

    def features(self, ids: Any) -> dict[str, Any]:
        """Returns what is read of it in one step, (batch, 1, ...) by name.

        Args:
          ids: Of the tokens that it is derived from, int32 (batch,).
        """


def derived_from(spec: DatasetSpec, name: str, vocabularies: Mapping[str, Vocabulary]) -> list[Derived]:
    """Returns the sequences that are derived from one.

    Args:
      spec: Resolved.
      name: Of a sequence of tokens.
      vocabularies: By name of the sequence.
    """
    tokens = vocabularies[name]
    each = Ragged(tokens.tokens.dictionary_encode(), np.array([0, len(tokens.tokens)]))
    made: list[Derived] = []
    for other, feature in sorted(spec.sequences.items()):
        if feature.derive.of == name:
            steps, known, first = derive_tokens(each, feature.derive), vocabularies[other], tokens.first_id
            if isinstance(steps, Nested):
                made.append(_Characters(other, steps, known, first))
            else:
                made.append(_OneEach(other, steps, known, first))
    return made


class _OneEach:
    """One id for each token."""

    def __init__(self, name: str, steps: Ragged, vocabulary: Vocabulary, first: int) -> None:
        self._name = name
        self._table = tf.constant(np.pad(vocabulary.encode(steps.values), (first, 0)), tf.int32)

    def features(self, ids: Any) -> dict[str, Any]:
        return {self._name: tf.expand_dims(tf.gather(self._table, ids), 1)}


class _Characters:
    """Any number of ids for each token; one long token takes no room for the others."""

    def __init__(self, name: str, steps: Nested, vocabulary: Vocabulary, first: int) -> None:
        self._name = name
        sizes = np.pad(steps.step_sizes, (first, 0))
        characters = tf.constant(vocabulary.encode(steps.values), tf.int32)
        self._table = tf.RaggedTensor.from_row_lengths(characters, sizes)
        self._sizes = tf.constant(sizes, tf.int32)

    def features(self, ids: Any) -> dict[str, Any]:
        characters = tf.gather(self._table, ids).to_tensor()
        sizes = tf.gather(self._sizes, ids)
        return {self._name: tf.expand_dims(characters, 1), sizes_feature(self._name): tf.expand_dims(sizes, 1)}
