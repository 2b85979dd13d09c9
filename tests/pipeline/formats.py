"""The same records in every format and compression, written with the formats' own libraries.

The same bytes each time, so that what is made of them can be made again.
"""

import bz2
import csv
import gzip
import io
import json
import struct
from collections.abc import Callable
from typing import Any

import fastavro
import google_crc32c
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.example_pb2 import Example, SequenceExample

Records = list[dict[str, Any]]

AVRO_SCHEMA = {
    "type": "record",
    "name": "Review",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "text", "type": "string"},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "frames", "type": {"type": "array", "items": {"type": "array", "items": "double"}}},
        {"name": "age", "type": "double"},
        {"name": "stars", "type": "long"},
    ],
}


def as_jsonl(records: Records) -> bytes:
    return b"".join(json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in records)


def as_csv(records: Records, delimiter: str = ",") -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(records[0]), delimiter=delimiter, lineterminator="\r\n")
    writer.writeheader()
    for record in records:
        writer.writerow({k: json.dumps(v) if isinstance(v, list) else v for k, v in record.items()})
    return out.getvalue().encode()


def as_tsv(records: Records) -> bytes:
    return as_csv(records, "\t")


def as_parquet(records: Records) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(records), sink, row_group_size=37)
    return sink.getvalue()


def as_avro(records: Records) -> bytes:
    sink = io.BytesIO()
    schema, marker = fastavro.parse_schema(AVRO_SCHEMA), b"sixteen bytes ok"
    fastavro.writer(sink, schema, records, codec="deflate", sync_interval=500, sync_marker=marker)
    return sink.getvalue()


def as_tfrecord(records: Records) -> bytes:
    return b"".join(tfrecord_frame(_example(record).SerializeToString(deterministic=True)) for record in records)


def as_tfrecord_sequence(records: Records) -> bytes:
    return b"".join(
        tfrecord_frame(_sequence_example(record).SerializeToString(deterministic=True)) for record in records
    )


def tfrecord_frame(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + _masked_crc(length) + data + _masked_crc(data)


def _masked_crc(data: bytes) -> bytes:
    crc = int(google_crc32c.value(data))
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def _example(record: dict[str, Any]) -> Example:
    example = Example()
    for name, value in record.items():
        values = value if isinstance(value, list) else [value]
        if values and isinstance(values[0], list):
            values = [number for frame in values for number in frame]
        _set(example.features.feature[name], values)
    return example


def _sequence_example(record: dict[str, Any]) -> SequenceExample:
    example = SequenceExample()
    for name, value in record.items():
        if isinstance(value, list):
            steps = example.feature_lists.feature_list[name]
            for step in value:
                _set(steps.feature.add(), step if isinstance(step, list) else [step])
        else:
            _set(example.context.feature[name], [value])
    return example


def _set(feature: Any, values: list[Any]) -> None:
    if not values:
        feature.float_list.SetInParent()  # a list without values, of whatever type
    elif isinstance(values[0], str):
        feature.bytes_list.value.extend(value.encode() for value in values)
    elif isinstance(values[0], int):
        feature.int64_list.value.extend(values)
    else:
        feature.float_list.value.extend(values)


WRITERS: dict[str, Callable[[Records], bytes]] = {
    "jsonl": as_jsonl,
    "csv": as_csv,
    "tsv": as_tsv,
    "parquet": as_parquet,
    "avro": as_avro,
    "tfrecord": as_tfrecord,
    "tfrecord_sequence": as_tfrecord_sequence,
}
SUFFIXES = {"tfrecord_sequence": "tfrecord"}


def _zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue())


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda content: content,
    ".gz": lambda content: gzip.compress(content, mtime=0),
    ".bz2": bz2.compress,
    ".zst": _zstd,
}
