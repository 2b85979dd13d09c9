"""TFRecord: frames of `tf.train.Example` or `tf.train.SequenceExample` become records."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from schemas.example_pb2 import Example, SequenceExample
from schemas.formats.explain import MISSING_FIELD
from schemas.formats.feature_columns import both_problem, feature_column, feature_list_column, plain_values
from schemas.formats.fields import Field
from schemas.formats.raw import RawBlock
from schemas.formats.rejected import Rejected, excerpt
from schemas.formats.tables import as_json, block_of_columns
from schemas.formats.tfrecord_frames import Frame, read_frames
from schemas.formats.typed_columns import ReadColumn, path_of
from schemas.messages import closest

INVALID_EXAMPLE = "invalid_example"
IS_SEQUENCE_EXAMPLE = (
    "it holds feature lists, as a tf.train.SequenceExample: say `input: {format: tfrecord_sequence}` in the spec"
)
_FEATURE_LISTS = 2  # the field of a SequenceExample that an Example does not have


@dataclass(frozen=True)
class _Records:
    """The messages of a block, by their parts: features by name."""

    context: list[Mapping[str, Any]]
    lists: list[Mapping[str, Any]]
    messages: list[Any]

    def values(self, i: int, names: set[str]) -> dict[str, Any]:
        every = {**self.context[i], **(self.lists[i] if self.lists else {})}
        return {name: plain_values(every[name]) for name in names if name in every}


def read_tfrecord(
    stream: BinaryIO, fields: list[Field], sequence: bool, block_bytes: int, max_record_bytes: int | None = None
) -> Iterator[RawBlock]:
    """Yields the records of a TFRecord file.

    A field is the feature that has its whole path as a name.

    Args:
      stream: The file from its beginning, decompressed.
      fields: What to read.
      sequence: Whether the records are of `SequenceExample`; otherwise of `Example`.
      block_bytes: Size of the records at which the next block begins.
      max_record_bytes: A longer record is rejected, and is not held; None: there is none.

    Yields:
      Blocks whose offsets are the positions of the frames.

    Raises:
      DataError: A frame is cut off, or does not fit the checksum of its length.
    """
    frames: list[Frame] = []
    size = 0
    for frame in read_frames(stream, max_record_bytes):
        frames.append(frame)
        size += len(frame.data)
        if size >= block_bytes:
            yield _block(frames, fields, sequence)
            frames, size = [], 0
    if frames:
        yield _block(frames, fields, sequence)


def holds_lists(example: Any) -> bool:
    """Returns whether what was read as an `Example` is a `SequenceExample` with feature lists.

    Protobuf reads one as the other, for their first fields are alike, and passes the lists over.
    """
    unknown = UnknownFieldSet(example)
    return any(unknown[i].field_number == _FEATURE_LISTS for i in range(len(unknown)))


def tfrecord_names(stream: BinaryIO, sequence: bool) -> Iterator[list[str]]:
    """Yields the names of the features of each record that can be read.

    Args:
      stream: As of `read_tfrecord`.
      sequence: Whether the records are of `SequenceExample`; otherwise of `Example`.

    Raises:
      DataError: As of `read_tfrecord`.
    """
    for frame in read_frames(stream):
        with contextlib.suppress(DecodeError):
            if sequence:
                lists = SequenceExample.FromString(frame.data)
                yield [*lists.context.feature, *lists.feature_lists.feature_list]
            else:
                yield list(Example.FromString(frame.data).features.feature)


def _block(frames: list[Frame], fields: list[Field], sequence: bool) -> RawBlock:
    kept: list[int] = []
    messages: list[Any] = []
    refused: list[Rejected] = []
    kind = SequenceExample if sequence else Example
    unreadable = f"a record must be a serialised tf.train.{kind.__name__}; protobuf cannot read it as one"
    for i, frame in enumerate(frames):
        fault = frame.fault
        if fault is None:
            try:
                messages.append(kind.FromString(frame.data))
                kept.append(i)
                continue
            except DecodeError:
                fault = INVALID_EXAMPLE, unreadable
        refused.append(Rejected("", frame.offset, i, *fault, excerpt(frame.data)))
    records = _Records(
        [message.context.feature if sequence else message.features.feature for message in messages],
        [message.feature_lists.feature_list for message in messages] if sequence else [],
        messages,
    )
    offsets = np.array([frames[i].offset for i in kept], np.int64)
    return _block_of_records(records, fields, offsets, np.array(kept, np.int64), refused)


def _block_of_records(
    records: _Records, fields: list[Field], offsets: Any, lines: Any, refused: list[Rejected]
) -> RawBlock:
    columns = {field.name: _column(records, field) for field in fields}
    names = {path_of(field) for field in fields}

    def explain(i: int) -> tuple[str, str]:
        there = {**records.context[i], **(records.lists[i] if records.lists else {})}
        empty = (one for one in fields if one.required and not columns[one.name].column[i].is_valid)
        name = next((path_of(field) for field in empty), "")
        hint = "it is empty" if name in there else closest(name, there) or "the record has no such field"
        if name not in there and not records.lists and holds_lists(records.messages[i]):
            hint = IS_SEQUENCE_EXAMPLE
        return MISSING_FIELD, f"field '{name}' must have a value; {hint}"

    return block_of_columns(
        columns, fields, offsets, lambda i: as_json(records.values(i, names)), explain, refused, lines
    )


def _column(records: _Records, field: Field) -> ReadColumn:
    name = path_of(field)
    context = [features.get(name) for features in records.context]
    if not records.lists:
        return feature_column(context, field)
    lists = [features.get(name) for features in records.lists]
    if not any(one is not None for one in lists):
        return feature_column(context, field)
    if not any(one is not None for one in context):
        return feature_list_column(lists, field)
    in_context = np.array([one is not None for one in context], bool)
    both = np.flatnonzero(in_context & np.array([one is not None for one in lists], bool))
    read = feature_column(context, field), feature_list_column(lists, field)
    rows = np.arange(len(context))
    column = pa.concat_arrays([one.column for one in read]).take(pa.array(np.where(in_context, rows, rows + len(rows))))
    return ReadColumn(column, [*both_problem(both, field), *read[0].problems, *read[1].problems])
