"""Records on disk as `tf.train.SequenceExample`: features of the record, and a list of steps for each sequence.

As `schemas.example`, the encoder works on whole columns and makes the bytes that protobuf makes of the features
taken in the order of their names:

    SequenceExample   0A len { Features }  12 len { FeatureLists }
    FeatureLists      0A len { 0A len name 12 len { FeatureList } }   for each sequence
    FeatureList       0A len { Feature }                              for each step

`0A len { Features }` is an `Example`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from schemas.binary import Offsets, binary_column, byte_sizes, check_block_bytes, contents, join_columns
from schemas.example import (
    CodedColumn,
    Column,
    FloatColumn,
    Int64Column,
    encode_examples,
    feature_messages,
    length_prefixes,
    one_each,
)

Numbers = Int64Column | FloatColumn | CodedColumn

_LIST = b"\x0a"  # tag of the first field of a message
_FEATURE_LISTS = b"\x12"  # tag of the second one


@dataclass(frozen=True)
class StepColumn:
    """The values of each step of each record.

    Attributes:
      values: With a row for each step of all records, one record after another; numbers only.
      offsets: int64, (records + 1,); record i holds steps offsets[i] to offsets[i + 1].
    """

    values: Numbers
    offsets: Offsets


def encode_sequence_examples(context: Mapping[str, Column], steps: Mapping[str, StepColumn]) -> pa.BinaryArray:
    """Returns one serialised `SequenceExample` per record, as a binary array, (records,).

    Args:
      context: By feature name, one or more; all of the same number of records.
      steps: By name of the feature list, of the same records.
    """
    lists = [_entry(name, steps[name]) for name in sorted(steps)]
    pieces = [encode_examples(context)]
    if lists:
        content = join_columns(lists)
        pieces += [length_prefixes(_FEATURE_LISTS, byte_sizes(content)), content]
    return join_columns(pieces)


def of_equal_steps(column: Numbers, dims: int) -> StepColumn:
    """Returns columns of which each step has as many values, as steps.

    Args:
      column: The values of all steps of each record.
      dims: Values of a step.
    """
    count = int(column.offsets[-1]) // dims
    return StepColumn(_with_rows(column, one_each(count) * dims), column.offsets // dims)


def of_unequal_steps(column: CodedColumn, sizes: Int64Column) -> StepColumn:
    """Returns a column whose steps have the given numbers of values, as steps.

    Args:
      column: The values of all steps of each record.
      sizes: How many values each step has.
    """
    return StepColumn(_with_rows(column, np.concatenate([[0], np.cumsum(sizes.values)])), sizes.offsets)


def _with_rows(column: Numbers, rows: Offsets) -> Numbers:
    if isinstance(column, CodedColumn):
        return CodedColumn(column.distinct, column.codes, rows)
    return FloatColumn(column.values, rows) if isinstance(column, FloatColumn) else Int64Column(column.values, rows)


def _entry(name: str, column: StepColumn) -> pa.BinaryArray:
    """Returns the entry of one feature list of each record."""
    messages = _steps(column.values)
    data, ends = contents(messages)
    content = binary_column(data, ends.astype(np.int64)[column.offsets])
    key = name.encode()
    named = length_prefixes(_LIST, np.array([len(key)]))[0].as_py() + key
    value = join_columns([length_prefixes(b"\x12", byte_sizes(content)), content])
    return join_columns([length_prefixes(_LIST, byte_sizes(value) + len(named)), _repeated(named, len(value)), value])


def _steps(column: Numbers) -> pa.BinaryArray:
    """Returns each step as an element of a feature list, binary, (steps,)."""
    if isinstance(column, CodedColumn) and bool((np.diff(column.offsets) == 1).all()):
        # Most steps are one of few ids: each different one is encoded once.
        distinct = _elements(Int64Column(column.distinct, one_each(len(column.distinct))))
        sizes = byte_sizes(distinct)
        check_block_bytes(int(np.bincount(column.codes.to_numpy(), minlength=len(distinct)) @ sizes))
        return distinct.take(column.codes)
    return _elements(column)


def _elements(column: Column) -> pa.BinaryArray:
    features = feature_messages(column)
    return join_columns([length_prefixes(_LIST, byte_sizes(features)), features])


def _repeated(constant: bytes, count: int) -> pa.BinaryArray:
    return pa.array([constant], pa.binary()).take(pa.array(np.zeros(count, np.int64)))
