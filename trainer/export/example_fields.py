"""Fields of `tf.train.Example` messages in a graph, whatever kind of list each holds.

TensorFlow's own parser of examples asks for one kind of list, fails for a whole batch where one record has another,
and does not tell an empty list from none; here each record is judged by itself.
"""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

_MESSAGES = "local://"  # the messages that TensorFlow itself is built with, those of `Example` among them
_LISTS = {
    "bytes_list": ("tensorflow.BytesList", tf.string),
    "float_list": ("tensorflow.FloatList", tf.float32),
    "int64_list": ("tensorflow.Int64List", tf.int64),
}
TEXT_KINDS = ("bytes_list",)
NAME_KINDS = ("bytes_list", "int64_list")
NUMBER_KINDS = ("float_list", "int64_list")


class ExampleField(NamedTuple):
    """One field of some records.

    Attributes:
      values: string, float32 or float64, (records, (values)); none where there is no list of a kind that was asked for.
      there: bool, (records,); whether there is a list of any kind, be it empty.
      wrong: bool, (records,); whether it has values of another kind.
    """

    values: tf.RaggedTensor
    there: tf.Tensor
    wrong: tf.Tensor


class Examples:
    """Some serialized `tf.train.Example` messages."""

    def __init__(self, serialized: tf.Tensor) -> None:
        """Finds the fields of each.

        Args:
          serialized: string, (records,). Where one is no message of protobuf, TensorFlow fails for all of them.
        """
        self._count = tf.size(serialized, tf.int64)
        (features,), _ = _decode(serialized, "tensorflow.Example", ["features"], [tf.string])
        (entries,), (counts,) = _decode(features[:, 0], "tensorflow.Features", ["feature"], [tf.string])
        of_records = tf.RaggedTensor.from_tensor(entries, counts)
        (keys, values), _ = _decode(
            of_records.flat_values, "tensorflow.Features.FeatureEntry", ["key", "value"], [tf.string, tf.string]
        )
        self._keys, self._values = keys[:, 0], values[:, 0]
        self._record = of_records.value_rowids()

    def field(self, path: str, kinds: Sequence[str], dtype: tf.DType) -> ExampleField:
        """Returns a field.

        Args:
          path: Its name.
          kinds: Those of `TEXT_KINDS`, `NAME_KINDS` or `NUMBER_KINDS`, of which it may be.
          dtype: That its values are to have; an integer among names becomes its digits.
        """
        place = tf.where(self._keys == path)
        # Of a name that a message holds twice, protobuf takes the last.
        entry = tf.math.unsorted_segment_max(place[:, 0], tf.gather(self._record, place[:, 0]), self._count)
        found = tf.where(entry >= 0, tf.gather(tf.concat([self._values, [""]], 0), tf.maximum(entry, 0)), "")
        lists, counts = _decode(found, "tensorflow.Feature", list(_LISTS), [tf.string] * len(_LISTS))
        values, wrong = [], tf.zeros([self._count], tf.bool)
        for (kind, (message, list_dtype)), serialized in zip(_LISTS.items(), lists, strict=True):
            (numbers,), (sizes,) = _decode(serialized[:, 0], message, ["value"], [list_dtype])
            if kind in kinds:
                values.append(_as(tf.RaggedTensor.from_tensor(numbers, sizes), dtype))
            else:
                wrong |= sizes > 0
        return ExampleField(tf.concat(values, axis=1), tf.reduce_any(tf.stack(counts) > 0, axis=0), wrong)


def _as(values: tf.RaggedTensor, dtype: tf.DType) -> tf.RaggedTensor:
    flat = values.flat_values
    if dtype == tf.string:
        return values if flat.dtype == tf.string else values.with_flat_values(tf.strings.as_string(flat))
    return values.with_flat_values(tf.cast(flat, dtype))


def _decode(
    serialized: tf.Tensor, message: str, fields: list[str], dtypes: list[tf.DType]
) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
    """Returns the values of fields, (n, most), each, and how many there are, int64, (n,).

    Args:
      serialized: string, (n,); an empty one is a message without a field.
      message: Its type.
      fields: Names.
      dtypes: Of the fields; string of a message within this one.
    """
    # The operation takes one message at least, and needs room for one value of each field.
    decoded = tf.raw_ops.DecodeProtoV2(
        bytes=tf.concat([serialized, [""]], 0),
        message_type=message,
        field_names=fields,
        output_types=dtypes,
        descriptor_source=_MESSAGES,
    )
    sizes = tf.cast(decoded.sizes[:-1], tf.int64)
    values = [tf.pad(one[:-1], [[0, 0], [0, 1]], constant_values=_nothing(one.dtype)) for one in decoded.values]
    return values, tf.unstack(sizes, len(fields), axis=1)


def _nothing(dtype: tf.DType) -> str | int:
    return "" if dtype == tf.string else 0
