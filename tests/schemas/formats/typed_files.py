"""The same records as files of every format."""

import bz2
import io
import json
import lzma
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.example import frame
from schemas.example_pb2 import Example, Feature, FeatureList, FeatureLists, Features, SequenceExample
from schemas.formats.fields import fields_of
from schemas.formats.raw import RawBlock
from schemas.spec import parse_spec

SPEC = parse_spec(
    "id: id\nlabel: {type: class}\nsequences: {text: {type: tokens}, tags: {type: tokens}, "
    "x: {type: series, dims: 2}, y: {type: series, dims: 1, layout: flat}}"
)
FIELDS = fields_of(SPEC)
RECORDS: list[dict[str, Any]] = [
    {
        "id": f"größe{i}",
        "label": i % 3,
        "text": [f"w{j}" for j in range(i)],
        "tags": list(range(-i, i)),
        "x": [[j / 4, -j * 2.0] for j in range(i % 4)],
        "y": [0.5 * j for j in range(i % 5)],
        "other": "x" * i,
    }
    for i in range(17)
]
WITHOUT_FRAMES = [field for field in FIELDS if field.name != "x"]  # for an Example has none

AVRO_SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "Row",
    "fields": [
        {"name": "id", "type": ["null", "string"]},
        {"name": "label", "type": ["null", "int"]},
        {"name": "text", "type": ["null", {"type": "array", "items": "string"}]},
        {"name": "tags", "type": ["null", {"type": "array", "items": ["null", "long"]}]},
        {"name": "x", "type": ["null", {"type": "array", "items": {"type": "array", "items": "double"}}]},
        {"name": "y", "type": ["null", {"type": "array", "items": "float"}]},
        {"name": "other", "type": "string"},
    ],
}
_SYNC = bytes(range(100, 116))


def jsonl(records: Iterable[dict[str, Any]] = RECORDS) -> bytes:
    return b"".join(json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in records)


def parquet(
    records: list[dict[str, Any]] = RECORDS, row_group_size: int = 5, schema: pa.Schema | None = None, **options: Any
) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(records, schema), out, row_group_size=row_group_size, **options)
    return out.getvalue()


def zigzag(number: int) -> bytes:
    rest, encoded = number * 2 if number >= 0 else -number * 2 - 1, b""
    while rest > 127:
        encoded += bytes([rest & 127 | 128])
        rest >>= 7
    return encoded + bytes([rest])


def deflate(data: bytes) -> bytes:
    return zlib.compress(data)[2:-4]


def lz4(data: bytes) -> bytes:
    return len(data).to_bytes(4, "little") + pa.compress(data, "lz4_raw", asbytes=True)


def snappy(data: bytes) -> bytes:
    return pa.compress(data, "snappy", asbytes=True) + zlib.crc32(data).to_bytes(4, "big")


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "null": bytes,
    "deflate": deflate,
    "snappy": snappy,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstandard": lambda data: pa.compress(data, "zstd", asbytes=True),
    "lz4": lz4,
}


def avro(
    records: list[Any] = RECORDS, per_block: int = 5, codec: str = "null", schema: Any = AVRO_SCHEMA, **meta: bytes
) -> bytes:
    """Returns a file of blocks of a few records, with any codec whatever fastavro has been installed with."""
    entries = {"avro.schema": json.dumps(schema).encode(), "avro.codec": codec.encode(), **meta}
    out = io.BytesIO(b"Obj\x01")
    out.seek(0, 2)
    fastavro.schemaless_writer(out, {"type": "map", "values": "bytes"}, entries)
    out.write(_SYNC)
    for start in range(0, len(records), per_block):
        some = records[start : start + per_block]
        data = io.BytesIO()
        for record in some:
            fastavro.schemaless_writer(data, schema, record)
        stored = COMPRESS[codec](data.getvalue())
        out.write(zigzag(len(some)) + zigzag(len(stored)) + stored + _SYNC)
    return out.getvalue()


def feature(value: Any) -> Feature:
    """Returns the feature of a value or a list of them; of None, one without a kind."""
    made = Feature()
    values = value if isinstance(value, list) else [] if value is None else [value]
    if values and isinstance(values[0], float):
        made.float_list.value.extend(values)
    elif values and isinstance(values[0], int):
        made.int64_list.value.extend(values)
    elif value is not None:
        made.bytes_list.value.extend(one if isinstance(one, bytes) else one.encode() for one in values)
    return made


def example(record: dict[str, Any]) -> bytes:
    features = {name: feature(value) for name, value in record.items() if name != "x"}
    return bytes(Example(features=Features(feature=features)).SerializeToString())


def sequence_example(record: dict[str, Any], lists: Iterable[str] = ("text", "tags", "x", "y")) -> bytes:
    context = {name: feature(value) for name, value in record.items() if name not in lists}
    steps = {name: FeatureList(feature=map(feature, record[name])) for name in lists if record.get(name) is not None}
    message = SequenceExample(context=Features(feature=context), feature_lists=FeatureLists(feature_list=steps))
    return bytes(message.SerializeToString())


def tfrecord(messages: Iterable[bytes]) -> bytes:
    return b"".join(frame(pa.array(list(messages), pa.binary())).to_pylist())


def columns(blocks: Iterable[RawBlock]) -> dict[str, list[Any]]:
    """Returns the columns of all blocks, whose types must be those of their fields."""
    found: dict[str, list[Any]] = {}
    for block in blocks:
        assert block.rejected == []
        for name, column in block.columns.items():
            found.setdefault(name, []).extend(column.to_pylist())
            assert len(column) == len(block.offsets) == len(block.lines)
    return found


def types(block: RawBlock) -> dict[str, pa.DataType]:
    return {name: column.type for name, column in block.columns.items()}
