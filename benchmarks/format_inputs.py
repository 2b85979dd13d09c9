"""Writes the inputs of formats.py: the same records in every format; the same arguments give the same bytes.

    python benchmarks/format_inputs.py RECORDS OUT_FOLDER

Each record has a text, a list of tags, frames of four numbers, a number and a label. `texts/` holds the
texts of the first records, one a file.
"""

import argparse
import csv
import gzip
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import corpus
import fastavro
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.example import frame
from schemas.example_pb2 import Example, Feature, SequenceExample

TEXT_FILES = 5_000
DIMENSIONS = 4
LONGEST = {"text": 100, "tags": 10, "frames": 10}  # words, tags, frames
TAGS = [f"TAG{number}" for number in range(20)]
_NAMES = {"name": "Record", "type": "record"}
AVRO_FIELDS = {
    "text": "string",
    "tags": {"type": "array", "items": "string"},
    "frames": {"type": "array", "items": {"type": "array", "items": "double"}},
    "age": "double",
    "stars": "long",
}

Record = dict[str, Any]


def make_records(count: int) -> list[Record]:
    """Returns the records; each number is a multiple of 1/4, so that it is the same as a float of 32 bits."""
    draw = np.random.default_rng(corpus.SEED)
    words = corpus.make_words(draw).to_pylist()
    return [_record(draw, words) for _ in range(count)]


def _record(draw: np.random.Generator, words: list[str]) -> Record:
    sizes = {name: int(draw.integers(1, most + 1)) for name, most in LONGEST.items()}
    return {
        "text": " ".join(words[i] for i in draw.integers(0, len(words), sizes["text"])),
        "tags": [TAGS[i] for i in draw.integers(0, len(TAGS), sizes["tags"])],
        "frames": (draw.integers(-4_000, 4_000, (sizes["frames"], DIMENSIONS)) / 4).tolist(),
        "age": int(draw.integers(1, 400)) / 4,
        "stars": int(draw.integers(1, 6)),
    }


def write_inputs(records: list[Record], folder: Path) -> None:
    """Writes every file of the benchmark into a folder."""
    lines = jsonl_content(records)
    contents = {
        "records.jsonl": lines,
        "records.jsonl.gz": gzip_content(lines),
        "records.jsonl.zst": zstd_content(lines),
        "records.csv": csv_content(records),
        "records.tsv": csv_content(records, "\t"),
        "records.txt": "".join(record["text"] + "\n" for record in records).encode(),
        "records.parquet": parquet_content(records),
        "records.avro": avro_content(records),
        "examples.tfrecord": tfrecord_content(records),
        "sequences.tfrecord": tfrecord_content(records, sequence_example),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    (folder / "texts").mkdir(exist_ok=True)
    for number, record in enumerate(records[:TEXT_FILES]):
        (folder / "texts" / f"{number:06}.txt").write_text(record["text"])


def gzip_content(content: bytes) -> bytes:
    """Returns the content compressed, without the time of day."""
    return gzip.compress(content, 6, mtime=0)


def zstd_content(content: bytes) -> bytes:
    """Returns the content compressed."""
    packed = pa.BufferOutputStream()
    with pa.CompressedOutputStream(packed, "zstd") as stream:
        stream.write(content)
    return bytes(packed.getvalue())


def jsonl_content(records: list[Record]) -> bytes:
    """Returns one JSON object a line."""
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def parquet_content(records: list[Record], codec: str = "snappy") -> bytes:
    """Returns a Parquet file in row groups of Arrow's own size."""
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(records), out, compression=codec)
    return out.getvalue()


def csv_content(records: list[Record], delimiter: str = ",") -> bytes:
    """Returns a table with a header, lists as JSON."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(records[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows({k: json.dumps(v) if isinstance(v, list) else v for k, v in one.items()} for one in records)
    return out.getvalue().encode()


def avro_content(records: list[Record], codec: str = "deflate") -> bytes:
    """Returns an Avro file in blocks of fastavro's own size."""
    out = io.BytesIO()
    fields = [{"name": name, "type": kind} for name, kind in AVRO_FIELDS.items()]
    fastavro.writer(out, {**_NAMES, "fields": fields}, records, codec=codec, sync_marker=bytes(16))
    return out.getvalue()


def example(record: Record) -> Example:
    """Returns a record as tf.train.Example, frames one after another."""
    made = Example()
    for name, value in record.items():
        made.features.feature[name].CopyFrom(feature(list(_flat(value))))
    return made


def tfrecord_content(records: list[Record], message: Callable[[Record], Any] = example) -> bytes:
    """Returns a TFRecord file."""
    contents = pa.array([message(record).SerializeToString(deterministic=True) for record in records])
    return b"".join(frame(contents).to_pylist())


def sequence_example(record: Record) -> SequenceExample:
    """Returns a record as tf.train.SequenceExample, one step of it a feature."""
    made = SequenceExample()
    for name, value in record.items():
        if isinstance(value, list):
            made.feature_lists.feature_list[name].feature.extend(feature(list(_flat(step))) for step in value)
        else:
            made.context.feature[name].CopyFrom(feature([value]))
    return made


def feature(values: list[Any]) -> Feature:
    """Returns the feature of values of one type, one or more."""
    made = Feature()
    if isinstance(values[0], str):
        made.bytes_list.value.extend(value.encode() for value in values)
    elif isinstance(values[0], int):
        made.int64_list.value.extend(values)
    else:
        made.float_list.value.extend(values)
    return made


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _flat(item)
    else:
        yield value


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(description="Write the same records in every format.")
    parser.add_argument("records", type=int, metavar="RECORDS")
    parser.add_argument("output", type=Path, metavar="OUT_FOLDER")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    write_inputs(make_records(options.records), options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
