"""TFRecord: frames of `tf.train.Example` or `tf.train.SequenceExample` become records.

A frame (see `schemas.example`) has a checksum of its length and one of its data. With a wrong length
nobody knows where the next frame begins; with wrong data, one record is lost and the next is known.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

import google_crc32c
import numpy as np
import pyarrow as pa
from google.protobuf.message import DecodeError

from schemas.errors import DataError
from schemas.example import FRAME_BYTES, FRAME_HEADER
from schemas.example_pb2 import Example, SequenceExample
from schemas.messages import closest
from schemas.records.blocks import MAX_RECORD_BYTES
from schemas.records.explain import MISSING_FIELD, too_large
from schemas.records.feature_columns import both_problem, feature_column, feature_list_column, find, plain_values
from schemas.records.fields import Field
from schemas.records.raw import RawBlock
from schemas.records.rejected import Rejected, excerpt
from schemas.records.tables import as_json, block_of_columns
from schemas.records.typed_columns import ReadColumn, path_of

BROKEN_CRC = "broken_crc"
INVALID_EXAMPLE = "invalid_example"

_MASK_DELTA = 0xA282EAD8
_READ_BYTES = 1 << 20
_BEGIN_BYTES = 4_096  # of a record that is too large
_REMEDY = "the file is cut off or damaged; write it again"


class _Frame(NamedTuple):
    offset: int
    data: bytes
    whole: bool  # whether the data fit their checksum
    too_large: bool = False  # then the data are only their beginning


@dataclass(frozen=True)
class _Records:
    """The messages of a block, by their parts: features by name."""

    context: list[Mapping[str, Any]]
    lists: list[Mapping[str, Any]]

    def values(self, i: int, names: set[str]) -> dict[str, Any]:
        every = {**self.context[i], **(self.lists[i] if self.lists else {})}
        return {name: plain_values(every[name]) for name in names if name in every}


def read_tfrecord(
    stream: BinaryIO,
    fields: list[Field],
    sequence: bool,
    block_bytes: int,
    max_record_bytes: int = MAX_RECORD_BYTES,
) -> Iterator[RawBlock]:
    """Yields the records of a TFRecord file.

    A field is the feature that has its whole path as a name.

    Args:
      stream: The file from its beginning, decompressed.
      fields: What to read.
      sequence: Whether the records are of `SequenceExample`; otherwise of `Example`.
      block_bytes: Size of the records at which the next block begins.
      max_record_bytes: A longer record is rejected, and never held.

    Yields:
      Blocks whose offsets are the positions of the frames.

    Raises:
      DataError: A frame is cut off, or does not fit the checksum of its length.
    """
    frames: list[_Frame] = []
    size = 0
    for frame in _frames(stream, max_record_bytes):
        frames.append(frame)
        size += len(frame.data)
        if size >= block_bytes:
            yield _block(frames, fields, sequence, max_record_bytes)
            frames, size = [], 0
    if frames:
        yield _block(frames, fields, sequence, max_record_bytes)


def tfrecord_names(stream: BinaryIO, sequence: bool) -> Iterator[list[str]]:
    """Yields the names of the features of each record that can be read.

    Args:
      stream: As of `read_tfrecord`.
      sequence: Whether the records are of `SequenceExample`; otherwise of `Example`.

    Raises:
      DataError: As of `read_tfrecord`.
    """
    for frame in _frames(stream, MAX_RECORD_BYTES):
        with contextlib.suppress(DecodeError):
            if sequence:
                lists = SequenceExample.FromString(frame.data)
                yield [*lists.context.feature, *lists.feature_lists.feature_list]
            else:
                yield list(Example.FromString(frame.data).features.feature)


def _frames(stream: BinaryIO, most: int) -> Iterator[_Frame]:
    data, at, base = b"", 0, 0
    while True:
        if len(data) - at < FRAME_HEADER:
            data, base, at = data[at:] + stream.read(_READ_BYTES), base + at, 0
            if not data:
                return
        length = _length(data[at : at + FRAME_HEADER], base + at)
        end = at + length + FRAME_BYTES
        if length > most:
            data, base, at, size = _read_on(stream, data[at:], _BEGIN_BYTES), base + at, 0, end - at
            yield _Frame(base, data[FRAME_HEADER : min(_BEGIN_BYTES, size - 4)], whole=False, too_large=True)
            data, base = _pass_over(stream, data, base, size), base + size
            continue
        if end > len(data):
            data, base, at, end = _read_on(stream, data[at:], end - at), base + at, 0, end - at
            if end > len(data):
                raise _cut_off(base, end, len(data))
        record = data[at + FRAME_HEADER : end - 4]
        yield _Frame(base + at, record, _masked_crc(record) == data[end - 4 : end])
        at = end


def _read_on(stream: BinaryIO, data: bytes, size: int) -> bytes:
    """Returns the data with what follows them, `size` bytes or more where the file has as many."""
    pieces = [data]
    missing = size - len(data)
    while missing > 0 and (piece := stream.read(_READ_BYTES)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def _pass_over(stream: BinaryIO, data: bytes, position: int, size: int) -> bytes:
    """Returns the data behind a frame of some size, with which they begin."""
    missing = size - len(data)
    while missing > 0 and (piece := stream.read(min(_READ_BYTES, missing))):
        missing -= len(piece)
    if missing > 0:
        raise _cut_off(position, size, size - missing)
    return data[size:]


def _cut_off(position: int, size: int, following: int) -> DataError:
    rule = f"the frame of {size:,} bytes must be whole; {following:,} bytes follow"
    return DataError(f"byte {position}: {rule}; {_REMEDY}")


def _length(head: bytes, position: int) -> int:
    short = len(head) < FRAME_HEADER
    if short or _masked_crc(head[:8]) != head[8:]:
        rule = "the frame is cut off" if short else "the length of the frame does not fit its checksum"
        raise DataError(f"byte {position}: no TFRecord frame begins here: {rule}; {_REMEDY}")
    return int.from_bytes(head[:8], "little")


def _masked_crc(data: bytes) -> bytes:
    crc: int = google_crc32c.value(data)
    masked = ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF
    return masked.to_bytes(4, "little")


def _block(frames: list[_Frame], fields: list[Field], sequence: bool, most: int) -> RawBlock:
    kept: list[int] = []
    messages: list[Any] = []
    refused: list[Rejected] = []
    kind = SequenceExample if sequence else Example
    for i, frame in enumerate(frames):
        try:
            message = kind.FromString(frame.data) if frame.whole else None
        except DecodeError:
            rule = f"a record must be a serialised tf.train.{kind.__name__}; protobuf cannot read it as one"
            refused.append(Rejected("", frame.offset, i, INVALID_EXAMPLE, rule, excerpt(frame.data)))
            continue
        if frame.too_large:
            refused.append(Rejected("", frame.offset, i, *too_large(most), excerpt(frame.data)))
        elif message is None:
            rule = "a record must fit its checksum (CRC-32C); it is damaged; write it again"
            refused.append(Rejected("", frame.offset, i, BROKEN_CRC, rule, excerpt(frame.data)))
        else:
            kept.append(i)
            messages.append(message)
    records = _Records(
        [message.context.feature if sequence else message.features.feature for message in messages],
        [message.feature_lists.feature_list for message in messages] if sequence else [],
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
        return MISSING_FIELD, f"field '{name}' must have a value; {hint}"

    return block_of_columns(
        columns, fields, offsets, lambda i: as_json(records.values(i, names)), explain, refused, lines
    )


def _column(records: _Records, field: Field) -> ReadColumn:
    context = [find(features, field) for features in records.context]
    if not records.lists:
        return feature_column(context, field)
    lists = [find(features, field) for features in records.lists]
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
