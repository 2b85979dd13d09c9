"""The ids of tokens out of vocabulary are those that an exported graph computes with an op of TensorFlow."""

import random

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.farmhash import hash_buckets
from schemas.vocabulary import Vocabulary

MOST = 2**63 - 1  # as many bits of the hash as the op shows


def buckets_of_tensorflow(texts: list[bytes], buckets: int) -> list[int]:
    return list(tf.strings.to_hash_bucket_fast(tf.constant(texts, tf.string), buckets).numpy())


def test_texts_of_every_length_up_to_300() -> None:
    draw = random.Random(5)
    texts = [draw.randbytes(length) for length in range(301) for _ in range(4)]
    assert hash_buckets(pa.array(texts, pa.binary()), MOST).tolist() == buckets_of_tensorflow(texts, MOST)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=20), st.sampled_from([1, 2, 7, 1000, 2**31 - 1, MOST]))
def test_any_bytes(texts: list[bytes], buckets: int) -> None:
    assert hash_buckets(pa.array(texts, pa.binary()), buckets).tolist() == buckets_of_tensorflow(texts, buckets)


@pytest.mark.parametrize("length", [4_096, 100_001])
def test_long_texts(length: int) -> None:
    texts = [random.Random(length).randbytes(length), b"short"]
    assert hash_buckets(pa.array(texts, pa.binary()), MOST).tolist() == buckets_of_tensorflow(texts, MOST)


def test_a_graph_gives_the_same_ids_as_the_vocabulary() -> None:
    known, buckets = ["the", "cat", ""], 5
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(known, tf.range(len(known), dtype=tf.int64) + 1 + buckets), -1
    )

    @tf.function
    def encode(tokens: tf.Tensor) -> tf.Tensor:
        found = table.lookup(tokens)
        return tf.where(found < 0, 1 + tf.strings.to_hash_bucket_fast(tokens, buckets), found)

    tokens = ["the", "dog", "東京", "", "cat", "x" * 70, "\n", "\0"]
    ids = Vocabulary(pa.array(known), 1 + buckets).encode(pa.array(tokens))
    assert ids.tolist() == encode(tf.constant(tokens)).numpy().tolist()
    assert ids[[0, 3, 4]].tolist() == [6, 8, 7]
    assert np.all((ids[[1, 2, 5, 6, 7]] >= 1) & (ids[[1, 2, 5, 6, 7]] <= buckets))
