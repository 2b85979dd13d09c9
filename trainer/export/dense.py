"""Raw records as dense tensors, with lengths beside them: what `serving_default` takes, as columns of records.

TensorFlow Serving knows no ragged tensors: lists are padded at the end to any width, and say how long they are.
"""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from schemas.dataset_pb2 import DatasetSpec
from schemas.manifest import length_feature
from schemas.signature_names import signature_names
from schemas.times import FIRST_MICROS, LAST_MICROS, UNIX_UNITS
from trainer.export.columns import ColumnKind, column_kinds

INVALID_LENGTH = "invalid_length"
LISTS = {ColumnKind.TOKENS, ColumnKind.READY_TOKENS, ColumnKind.SERIES}
_SECONDS = UNIX_UNITS["unix_seconds"]


def dense_names(spec: DatasetSpec) -> dict[str, str]:
    """Returns the argument of each column, "text", and of each length, "text/length", by name.

    Args:
      spec: A resolved spec.

    Raises:
      DataError: Two of them would be the same.
    """
    kinds = column_kinds(spec)
    return signature_names([*kinds, *(length_feature(name) for name, kind in kinds.items() if kind in LISTS)])


def dense_specs(spec: DatasetSpec) -> dict[str, tf.TensorSpec]:
    """Returns the `tf.TensorSpec` of each argument by its name."""
    specs = {}
    kinds = column_kinds(spec)
    for name, argument in dense_names(spec).items():
        shape, dtype = _length_form() if name not in kinds else _form(name, kinds[name], spec)
        specs[argument] = tf.TensorSpec(shape, dtype, name=argument)
    return specs


def read_dense(arguments: Mapping[str, Any], spec: DatasetSpec) -> tuple[dict[str, Any], tf.Tensor]:
    """Returns the columns that `trainer.export.reader` takes, and the reason codes of records that are refused.

    The times of a series have its lengths, unless they are fewer.

    Args:
      arguments: Of `dense_specs`, by name.
      spec: A resolved spec.

    Raises:
      tf.errors.InvalidArgumentError: See `of_one_batch`.
    """
    arguments = of_one_batch(arguments)
    names, kinds = dense_names(spec), column_kinds(spec)
    columns: dict[str, Any] = {}
    bad = []
    for name, kind in kinds.items():
        values = arguments[names[name]]
        if kind in LISTS or kind == ColumnKind.TIMES:
            series = name.split("/")[0]
            lengths = tf.cast(arguments[names[length_feature(series)]], tf.int64)
            width = tf.shape(values, tf.int64)[1]
            bad.append((lengths < 0) | (lengths > width))
            values = tf.RaggedTensor.from_tensor(values, tf.clip_by_value(lengths, 0, width))
        columns[name] = microseconds(values, series_unit(name, spec)) if kind == ColumnKind.TIMES else values
    count = tf.shape(arguments[names[next(iter(kinds))]])[0]
    refused = tf.reduce_any(tf.stack(bad), axis=0) if bad else tf.zeros([count], tf.bool)
    return columns, tf.where(refused, INVALID_LENGTH, "")


def of_one_batch(arguments: Mapping[str, Any]) -> dict[str, tf.Tensor]:
    """Returns arguments, but fails where they are of different numbers of records.

    Without it TensorFlow would repeat a single row, or leave rows out, and answer for other records than it was asked
    about.

    Args:
      arguments: Tensors by name, each with a row for each record.

    Raises:
      tf.errors.InvalidArgumentError: When the graph runs; for the whole batch.
    """
    names = sorted(arguments)
    counts = tf.stack([tf.shape(arguments[name], tf.int64)[0] for name in names])
    rule = f"{', '.join(names)}: must have a row for each record, all of them as many; received"
    same = tf.debugging.Assert(tf.reduce_all(counts == counts[0]), [rule, counts], summarize=len(names))
    # Eagerly it has failed by now, and is no operation.
    with tf.control_dependencies([] if same is None else [same]):
        return {name: tf.identity(arguments[name]) for name in names}


def series_unit(name: str, spec: DatasetSpec) -> float:
    """Returns how many microseconds the unit of the times of a series is, "frames/time": as its format says, or 1 s."""
    return UNIX_UNITS.get(spec.sequences[name.split("/")[0]].time.format, _SECONDS)


def microseconds(times: tf.RaggedTensor, unit: float) -> tf.RaggedTensor:
    """Returns times as `schemas.times.parse_times` reads numbers: int64, what is none beyond the year 9999.

    Args:
      times: float64, (records, (steps)).
      unit: Microseconds of 1.
    """
    numbers = times.flat_values
    # TensorFlow turns a plain division by a constant into a product with its inverse, which rounds otherwise.
    scaled = tf.math.divide_no_nan(numbers, tf.constant(1e3, tf.float64)) if unit < 1 else numbers * unit
    micros = tf.math.rint(scaled)
    good = (micros >= FIRST_MICROS) & (micros < LAST_MICROS + 1)
    return times.with_flat_values(tf.cast(tf.where(good, micros, float(LAST_MICROS + 1)), tf.int64))


def _length_form() -> tuple[list[int | None], tf.DType]:
    return [None], tf.int64


def _form(name: str, kind: ColumnKind, spec: DatasetSpec) -> tuple[list[int | None], tf.DType]:
    if kind == ColumnKind.SERIES:
        return [None, None, spec.sequences[name].dims], tf.float32
    if kind == ColumnKind.TIMES:
        return [None, None], tf.float64
    if kind == ColumnKind.NUMBER:
        return [None], tf.float32
    return [None, None] if kind in LISTS else [None], tf.string
