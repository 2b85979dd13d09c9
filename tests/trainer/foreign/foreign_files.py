"""TFRecord files as other people write them, with TensorFlow's own writer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf


def feature(values: Sequence[Any]) -> tf.train.Feature:
    """Returns the message of values of one kind; of none where there are none."""
    if not values:
        return tf.train.Feature()
    if isinstance(values[0], int):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    if isinstance(values[0], float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    raw = [value.encode() if isinstance(value, str) else value for value in values]
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=raw))


def example(values: Mapping[str, Sequence[Any]]) -> bytes:
    features = tf.train.Features(feature={name: feature(items) for name, items in values.items()})
    serialized: bytes = tf.train.Example(features=features).SerializeToString()
    return serialized


def sequence_example(context: Mapping[str, Sequence[Any]], lists: Mapping[str, Sequence[Sequence[Any]]]) -> bytes:
    """Returns a record with one message for each step of each list."""
    message = tf.train.SequenceExample(
        context=tf.train.Features(feature={name: feature(items) for name, items in context.items()}),
        feature_lists=tf.train.FeatureLists(
            feature_list={
                name: tf.train.FeatureList(feature=[feature(step) for step in steps]) for name, steps in lists.items()
            }
        ),
    )
    serialized: bytes = message.SerializeToString()
    return serialized


def write(path: Path, records: Sequence[bytes], compression: str = "") -> Path:
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for record in records:
            writer.write(record)
    return path
