"""The columns of raw records that a graph takes, and what it makes of them: the interface of `trainer.export.reader`.

A column belongs to a feature, or to the times of one, and not to a field of the raw record: how a field is found,
which type it has there and how a time is written, is known before the graph begins.
"""

from enum import Enum
from typing import Any, NamedTuple

import tensorflow as tf

from schemas.dataset_pb2 import ContextType, DatasetSpec, SequenceFeature, SequenceType, Tokenizer
from schemas.formats.fields import time_field
from schemas.records.text import normalization_of
from schemas.spec import labelled_sequence, leaders


class ColumnKind(Enum):
    """What one column of raw records holds.

    Attributes:
      TEXT: One text a record, string (records,), that the graph cuts into tokens.
      TOKENS: Tokens as they stand in the record, string (records, (tokens)); the graph lowers them where the spec
        says so.
      READY_TOKENS: Tokens as the pipeline makes them, string (records, (tokens)), of a sequence whose text rules no
        graph can apply: subwords, and any form of normalisation. No rule is applied to them.
      SERIES: Frames, float32 (records, (steps), dims), whatever the layout of the raw record; NaN: a missing number.
      TIMES: Of the frames of a series, int64 (records, (steps)), in microseconds since 1970 UTC.
      NUMBER: Of the context, float32 (records,); NaN: none.
      CATEGORY: Of the context, string (records,).
    """

    TEXT = "text"
    TOKENS = "tokens"
    READY_TOKENS = "ready_tokens"
    SERIES = "series"
    TIMES = "times"
    NUMBER = "number"
    CATEGORY = "category"


class ReadRecords(NamedTuple):
    """What a model takes of raw records, and what became of each of them.

    A record that is refused has one example without a step, so that each record has a row; all its numbers are 0.

    Attributes:
      features: Of examples, by name; names, dtypes and shapes as `trainer.batches.parsing.input_specs` says, padded
        at the end to the longest example, one step at least.
      status: string, (records,); "ok", or the reason code of the first rule that the record breaks.
      cut_steps: int64, (records,); steps that no example has, over all sequences with a length of their own; 0 of a
        refused record.
      record: int64, (examples,), rising; the record that each example is of.
      start: int64, (examples,); the step of the record with which the example begins, of the sequence that
        `start_sequence` names.
    """

    features: dict[str, tf.Tensor]
    status: tf.Tensor
    cut_steps: tf.Tensor
    record: tf.Tensor
    start: tf.Tensor


def column_kinds(spec: DatasetSpec) -> dict[str, ColumnKind]:
    """Returns the columns of raw records that a graph takes, sorted by name.

    Sequences that are derived from others have none. The times of the series frames are "frames/time".

    Args:
      spec: A resolved spec.
    """
    kinds = {}
    for name, feature in spec.sequences.items():
        if not feature.HasField("derive"):
            kinds[name] = _sequence_kind(feature)
        if feature.HasField("time"):
            kinds[time_field(name)] = ColumnKind.TIMES
    for name, part in spec.context.items():
        kinds[name] = ColumnKind.NUMBER if part.type == ContextType.number else ColumnKind.CATEGORY
    return dict(sorted(kinds.items()))


def column_specs(spec: DatasetSpec) -> dict[str, Any]:
    """Returns the `tf.TensorSpec` or `tf.RaggedTensorSpec` of each of `column_kinds`."""
    return {name: _column_spec(name, kind, spec) for name, kind in column_kinds(spec).items()}


def start_sequence(spec: DatasetSpec) -> str:
    """Returns the sequence that `ReadRecords.start` is of.

    It is the one with a length of its own that goes with the labelled one, where steps have labels; else the first by
    name of those with a length of their own. Where records are cut into several examples there is only one such.
    """
    labelled = labelled_sequence(spec)
    return (spec.sequences[labelled].aligned_with or labelled) if labelled else leaders(spec)[0]


def _sequence_kind(feature: SequenceFeature) -> ColumnKind:
    if feature.type == SequenceType.series:
        return ColumnKind.SERIES
    if feature.tokenizer == Tokenizer.subwords or normalization_of(feature) != "none":
        return ColumnKind.READY_TOKENS
    return ColumnKind.TOKENS if feature.tokenizer == Tokenizer.none else ColumnKind.TEXT


def _column_spec(name: str, kind: ColumnKind, spec: DatasetSpec) -> Any:
    if kind in {ColumnKind.TEXT, ColumnKind.CATEGORY}:
        return tf.TensorSpec([None], tf.string)
    if kind == ColumnKind.NUMBER:
        return tf.TensorSpec([None], tf.float32)
    if kind == ColumnKind.SERIES:
        return tf.RaggedTensorSpec([None, None, spec.sequences[name].dims], tf.float32, ragged_rank=1)
    return tf.RaggedTensorSpec([None, None], tf.int64 if kind == ColumnKind.TIMES else tf.string)
