"""Avro object container files: the blocks of a range of bytes become records.

A file is a header (magic, metadata, a sync marker of 16 random bytes) and blocks: number of records,
bytes of data, the data, and the marker again. The marker is how a reader that starts in the middle
finds the next block. Blocks have no checksum, but for those of the snappy codec.
"""

import io
import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

import fastavro
import numpy as np

from schemas.errors import DataError
from schemas.formats.avro_codecs import CODECS
from schemas.formats.fields import Field
from schemas.formats.python_columns import column_of_records
from schemas.formats.raw import RawBlock
from schemas.formats.tables import as_json, block_of_columns, explain_missing
from schemas.messages import printable

_MAGIC = b"Obj\x01"
_SYNC_BYTES = 16
_SEARCHED_BYTES = 1 << 16
_MOST_VARINT_BYTES = 10
_MOST_EMPTY_RECORDS = 1 << 16  # of a block; records of nulls take no bytes, but a billion of them is damage
_MOST_WORDS = 300  # characters of what a library says
_REMEDY = "the file is cut off or damaged; write it again"


@dataclass(frozen=True)
class _Header:
    schema: Any  # of a list of records, as fastavro has parsed it
    codec: str
    sync: bytes
    end: int


class _Block(NamedTuple):
    begin: int
    records: list[Any]
    size: int


def read_avro(stream: BinaryIO, start: int, end: int, fields: list[Field], block_bytes: int) -> Iterator[RawBlock]:
    """Yields the records of the Avro blocks that begin in a range of bytes.

    Values of logical types are what they are stored as, a timestamp an integer; only decimals are numbers.

    Args:
      stream: The whole file; seekable.
      start: First byte of the range.
      end: The byte behind its last.
      fields: What to read.
      block_bytes: Size of the data at which the next block begins; one Avro block is never parted.

    Yields:
      Blocks whose offsets are the positions of the Avro block that holds the record, and whose lines
      count its records from the first of the range on: nobody knows how many stand before it.

    Raises:
      DataError: What is no Avro file, or is damaged.
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    header = _read_header(stream)
    blocks: list[_Block] = []
    gathered = 0
    for block in _read_blocks(stream, header, start, end, size):
        blocks.append(block)
        gathered += block.size
        if gathered >= block_bytes:
            yield _raw_block(blocks, fields)
            blocks, gathered = [], 0
    if blocks:
        yield _raw_block(blocks, fields)


def avro_records(stream: BinaryIO) -> Iterator[Any]:
    """Yields the records of a file, as Python objects with the values that `read_avro` finds in them.

    Raises:
      DataError: What is no Avro file, or is damaged.
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    for block in _read_blocks(stream, _read_header(stream), 0, size, size):
        yield from block.records


def avro_names(stream: BinaryIO) -> list[str]:
    """Returns the names of the fields of a file's records.

    Raises:
      DataError: What is no Avro file, or is damaged.
    """
    record = _read_header(stream).schema["items"]
    return [field["name"] for field in record.get("fields", ())] if isinstance(record, dict) else []


def _raw_block(blocks: list[_Block], fields: list[Field]) -> RawBlock:
    records = [record for block in blocks for record in block.records]
    offsets = np.repeat([block.begin for block in blocks], [len(block.records) for block in blocks])
    names = {field.path[0] for field in fields}

    def received(i: int) -> bytes:
        record = records[i]
        return as_json({name: record.get(name) for name in names} if isinstance(record, dict) else record)

    columns = {field.name: column_of_records(records, field) for field in fields}
    return block_of_columns(columns, fields, offsets, received, lambda i: explain_missing(records[i], fields))


def _read_header(stream: BinaryIO) -> _Header:
    magic = stream.read(len(_MAGIC))
    if magic != _MAGIC:
        raise DataError(f"byte 0: an Avro file begins with {_MAGIC!r}; this one with {magic!r}; convert or rename it")
    try:
        metadata: Any = fastavro.schemaless_reader(stream, {"type": "map", "values": "bytes"}, None)
        codec = metadata.get("avro.codec", b"null").decode()
        schema = _parse_schema(metadata["avro.schema"])
    except Exception as error:  # fastavro raises many kinds for what it cannot make sense of
        raise DataError(f"byte 0: no header of an Avro file ({_words(error)}); {_REMEDY}") from error
    sync = stream.read(_SYNC_BYTES)
    if len(sync) < _SYNC_BYTES:
        raise DataError(f"byte 0: no header of an Avro file (it ends in the marker); {_REMEDY}")
    if codec not in CODECS:
        raise DataError(
            f"codec '{printable(codec)}': Avro files are read with {', '.join(CODECS)}; write the file with one of them"
        )
    return _Header(schema, codec, sync, stream.tell())


def _parse_schema(text: bytes) -> Any:
    """Returns the schema of a list of the records: the form in which one call reads a whole block."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of logical types that fastavro does not know
        return fastavro.parse_schema({"type": "array", "items": _without_logical_types(json.loads(text))})


def _without_logical_types(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_logical_types(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = schema.get("logicalType") == "decimal"
    return {key: _without_logical_types(value) for key, value in schema.items() if kept or key != "logicalType"}


def _read_blocks(stream: BinaryIO, header: _Header, start: int, end: int, size: int) -> Iterator[_Block]:
    at = header.end if start <= header.end else _find_block(stream, header, start, end)
    while at < min(end, size):
        stream.seek(at)
        block = _read_block(stream, header, at, size)
        at = stream.tell()
        yield block


def _find_block(stream: BinaryIO, header: _Header, start: int, end: int) -> int:
    """Returns the position of the first block that begins in a range, or its end."""
    at = max(start - _SYNC_BYTES, header.end - _SYNC_BYTES)
    stream.seek(at)
    data = b""
    while at < end:
        data += stream.read(_SEARCHED_BYTES)
        found = data.find(header.sync)
        if found >= 0:
            return at + found + _SYNC_BYTES
        if len(data) < _SYNC_BYTES:
            break
        at += len(data) - _SYNC_BYTES + 1
        data = data[-_SYNC_BYTES + 1 :]
    return end


def _read_block(stream: BinaryIO, header: _Header, at: int, size: int) -> _Block:
    try:
        count, length = _read_varint(stream), _read_varint(stream)
        if not 0 <= length <= size - stream.tell() - _SYNC_BYTES:
            raise ValueError(f"it says that it has {length} bytes")
        stored = stream.read(length)
        if stream.read(_SYNC_BYTES) != header.sync:
            raise ValueError("the marker does not follow it")
        data = CODECS[header.codec](stored)
        if not 0 <= count <= len(data) + _MOST_EMPTY_RECORDS:
            raise ValueError(f"it says that it has {count} records in {len(data)} bytes")
        return _Block(at, _read_records(data, count, header.schema), len(data))
    except Exception as error:  # fastavro and the codecs raise many kinds
        raise DataError(f"byte {at}: no Avro block begins here ({_words(error)}); {_REMEDY}") from error


def _read_records(data: bytes, count: int, schema: Any) -> list[Any]:
    """Returns the records of a block, read as one list: its count, the records and a count of 0."""
    if not count and not data:
        return []
    content = io.BytesIO(_varint(count) + data + _varint(0))
    try:
        records: Any = fastavro.schemaless_reader(content, schema, None, handle_unicode_errors="surrogateescape")
    except EOFError:
        records = []
    # Bytes behind the last record would be read as more of the list.
    if len(records) != count or content.read(1):
        raise ValueError(f"its {len(data)} bytes are not those of {count} records")
    return list(records)


def _read_varint(stream: BinaryIO) -> int:
    """Returns a zigzag number of base 128."""
    number = 0
    for shift in range(0, 7 * _MOST_VARINT_BYTES, 7):
        byte = stream.read(1)
        if not byte:
            raise ValueError("the file ends within it")
        number |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return (number >> 1) ^ -(number & 1)
    raise ValueError("it begins with no number")


def _varint(number: int) -> bytes:
    """Returns a number from 0 on as a zigzag number of base 128."""
    rest, encoded = number << 1, b""
    while rest > 0x7F:
        encoded += bytes([rest & 0x7F | 0x80])
        rest >>= 7
    return encoded + bytes([rest])


def _words(error: Exception) -> str:
    return printable(" ".join(str(error).split()), _MOST_WORDS) or type(error).__name__
