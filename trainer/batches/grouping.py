"""Streams of serialized records become batches of one bucket each: shuffling and grouping, whatever the records are.

A stream is a dataset of (record, string (); bucket, int64 ()). Nothing is parsed here, so that buffers hold
serialized records and no padded tensor.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf


def batch_by_bucket(stream: tf.data.Dataset, sizes: Sequence[int]) -> tf.data.Dataset:
    """Returns batches of one bucket each, as `tf.data.Dataset.bucket_by_sequence_length` makes them.

    That method is `group_by_window` by a key function that compares the length with all boundaries: some
    operations of TensorFlow for each record, which take five times as long as all the rest together. Here the
    bucket is known beforehand, so the key function hands it on, and tf.data skips the call. The
    batches are the same, in the same order: a bucket gives one when it has `sizes` records, and at the end of the
    stream, in rising order, what is left.

    Args:
      stream: Of (record, bucket).
      sizes: Examples of a full batch of each bucket, 1 or more.

    Returns:
      A dataset of (records, string (batch,); buckets, int64 (batch,), all alike).
    """
    of_buckets = tf.constant(sizes, tf.int64)
    return stream.group_by_window(
        key_func=lambda record, bucket: bucket,
        reduce_func=lambda bucket, window: window.batch(of_buckets[bucket]),
        window_size_func=lambda bucket: of_buckets[bucket],
    )


def bucket_of(lengths: tf.Tensor, boundaries: Sequence[int]) -> tf.Tensor:
    """Returns the bucket of each length, int64, (n,).

    Args:
      lengths: int32 or int64, (n,).
      boundaries: Exclusive upper bounds of all buckets but the last, rising.
    """
    return tf.searchsorted(tf.constant(boundaries, tf.int64), tf.cast(lengths, tf.int64), "right", tf.int64)


def shuffle(stream: tf.data.Dataset, window: int, random: np.random.Generator) -> tf.data.Dataset:
    """Shuffles with a buffer of `window` elements, in an order that is a function of `random` alone.

    `Dataset.shuffle(seed=...)` mixes TensorFlow's global seed into the order, so that a program that calls
    `tf.random.set_seed` between two epochs, or with another seed, gets another order. The operation
    behind it takes both seeds.
    """
    # Two seeds of 0 would mean a random order.
    first, second = random.integers(1, 2**31, 2)
    variant = tf.raw_ops.ShuffleDataset(
        input_dataset=tf.data.experimental.to_variant(stream),
        buffer_size=tf.constant(window, tf.int64),
        seed=tf.constant(first, tf.int64),
        seed2=tf.constant(second, tf.int64),
        output_types=[spec.dtype for spec in tf.nest.flatten(stream.element_spec)],
        output_shapes=[spec.shape for spec in tf.nest.flatten(stream.element_spec)],
        reshuffle_each_iteration=False,
    )
    return tf.data.experimental.from_variant(variant, stream.element_spec)
