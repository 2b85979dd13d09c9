"""A sample of records as Python objects, whatever they are written in: what a proposed spec is judged by.

Only `infer` reads this way, which has no spec yet; a run reads columns.
"""

import csv
import io
import json
import math
from decimal import Decimal
from itertools import islice
from pathlib import PurePosixPath
from typing import Any, BinaryIO

import pyarrow.parquet as pq
from google.protobuf.message import DecodeError

from schemas.errors import DataError
from schemas.example_pb2 import Example, SequenceExample
from schemas.formats.avro_file import avro_records
from schemas.formats.content import open_content
from schemas.formats.csv_files import OTHER_DELIMITERS, SAY_JSONL, begins_as_json
from schemas.formats.explain import parse_object
from schemas.formats.lines import BYTE_ORDER_MARK
from schemas.formats.reading import (
    AVRO,
    CSV,
    JSONL,
    LINES,
    PARQUET,
    TEXT_FILES,
    TFRECORD,
    TFRECORD_SEQUENCE,
    TSV,
    Reading,
)
from schemas.formats.streams import read_fully
from schemas.formats.tfrecord_file import IS_SEQUENCE_EXAMPLE, holds_lists
from schemas.formats.tfrecord_frames import read_frames

Objects = tuple[list[dict[str, Any]], int]

SAMPLE_BYTES = 8 << 20  # of one place of a file
_HEADER_BYTES = 1 << 16
_MOST_RECORDS = 20_000  # of formats that are read record by record


def objects_of(stream: BinaryIO, path: str, reading: Reading, delimiter: str = ",") -> Objects:
    """Returns the first records of a file, and how many are none.

    Args:
      stream: The file, at its beginning; seekable.
      path: Of the file.
      reading: How it is read.
      delimiter: Between two cells of CSV.

    Raises:
      DataError: The file is damaged at its beginning.
    """
    try:
        if reading.format == PARQUET:
            return _parquet(stream), 0
        if reading.format == AVRO:
            some = islice(avro_records(stream), _MOST_RECORDS)
            return [_plain(record) for record in some if isinstance(record, dict)], 0
        content = open_content(stream, reading.compression, reading.encoding or "utf-8")
        if reading.format in {TFRECORD, TFRECORD_SEQUENCE}:
            return _examples(content, reading.format == TFRECORD_SEQUENCE)
        return objects_of_text(_whole_lines(read_fully(content, SAMPLE_BYTES)), path, reading, delimiter)
    except DataError:
        raise
    except Exception as error:  # the libraries of these formats raise many kinds where one is damaged
        raise DataError(f"{path}: cannot be read as {reading.format}: {_line(error)}; check the file") from error


def objects_of_text(data: bytes, path: str, reading: Reading, delimiter: str = ",") -> Objects:
    """Returns the records that some bytes of text hold, and how many lines hold none.

    Args:
      data: In UTF-8; the last record may be cut off.
      path: Of the file.
      reading: How it is read.
      delimiter: Between two cells of CSV.
    """
    data = data.removeprefix(BYTE_ORDER_MARK)
    if reading.format == JSONL:
        return _lines_of_json(data)
    if reading.format in {CSV, TSV} and begins_as_json(data):
        raise DataError(f"{path}: begins as JSON does; {SAY_JSONL}")
    text, bad = _utf8(data)
    if reading.format == LINES:
        return [{"text": line} for line in text.splitlines()[:_MOST_RECORDS]], bad
    if reading.format == TEXT_FILES:
        place = PurePosixPath(path)
        record = {"text": text, "label": place.parent.name, "file": place.name}
        return ([], 1) if bad else ([record], 0)
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # the module's own is 128 KiB; a text may be longer
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter="\t" if reading.format == TSV else delimiter)
    return _typed(list(islice((row for row in rows if None not in row), _MOST_RECORDS))), bad


def likely_delimiter(stream: BinaryIO, reading: Reading) -> str:
    """Returns the delimiter at which the header of a CSV file comes apart into most cells; a comma where none does.

    Args:
      stream: The file, at its beginning.
      reading: How it is read.
    """
    content = open_content(stream, reading.compression, reading.encoding or "utf-8")
    head = read_fully(content, _HEADER_BYTES).removeprefix(BYTE_ORDER_MARK).lstrip(b"\r\n").split(b"\n")[0]
    counts = {character: head.count(character.encode()) for character in OTHER_DELIMITERS}
    return max(counts, key=lambda character: (counts[character], character == ","))


def _whole_lines(data: bytes) -> bytes:
    """Returns a sample without its last line where that is cut off."""
    return data[: data.rfind(b"\n") + 1] if len(data) == SAMPLE_BYTES else data


def _utf8(data: bytes) -> tuple[str, int]:
    """Returns a text without the lines that are not UTF-8, and how many these are."""
    try:
        return data.decode("utf-8"), 0
    except UnicodeDecodeError:
        lines = [line.decode("utf-8", errors="replace") for line in data.splitlines(keepends=True)]
        good = [line for line in lines if "\ufffd" not in line]
        return "".join(good), len(lines) - len(good)


def _lines_of_json(data: bytes) -> Objects:
    records, bad = [], 0
    for line in data.split(b"\n"):
        record = parse_object(line) if line.strip() else {}
        bad += record is None
        if record:
            records.append(record)
    return records, bad


def _typed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns rows of cells with the values that all cells of a column seem to be."""
    columns = list(rows[0]) if rows else []
    typed = {name: _values([row[name] for row in rows]) for name in columns}
    return [{name: typed[name][i] for name in columns} for i in range(len(rows))]


def _values(cells: list[str | None]) -> list[Any]:
    values = [_json(cell) if cell else None for cell in cells]
    present = [value for value, cell in zip(values, cells, strict=True) if cell]
    for kind in ((int, float), (list,)):
        if present and all(isinstance(value, kind) and not isinstance(value, bool) for value in present):
            return values
    return list(cells)


def _json(cell: str) -> Any:
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        return None
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _parquet(stream: BinaryIO) -> list[dict[str, Any]]:
    batches = pq.ParquetFile(stream).iter_batches(batch_size=1_000)
    some = islice(batches, _MOST_RECORDS // 1_000)
    return [{str(name): _plain(value) for name, value in row.items()} for batch in some for row in batch.to_pylist()]


def _plain(value: Any) -> Any:
    """Returns a value as JSON has it; decimals are numbers, times and the like their text."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)


def _examples(content: BinaryIO, sequence: bool) -> Objects:
    records: list[dict[str, Any]] = []
    bad = 0
    lists: set[str] = set()  # features that are no single value in some record
    for frame in islice(read_frames(content), _MOST_RECORDS):
        if frame.fault:
            bad += 1
            continue
        try:
            record, steps = _features(frame.data, sequence)
        except DecodeError:
            bad += 1
            continue
        lists |= {name for name, values in record.items() if len(values) != 1} | steps
        records.append(record)
    return [_without_lists(record, lists) for record in records], bad


def _features(data: bytes, sequence: bool) -> tuple[dict[str, list[Any]], set[str]]:
    """Returns the values of each feature, and which of them are lists of steps."""
    if not sequence:
        message = Example.FromString(data)
        if holds_lists(message):
            raise DataError(IS_SEQUENCE_EXAMPLE)
        return {name: _numbers(feature) for name, feature in message.features.feature.items()}, set()
    example = SequenceExample.FromString(data)
    found = {name: _numbers(feature) for name, feature in example.context.feature.items()}
    for name, steps in example.feature_lists.feature_list.items():
        values = [_numbers(step) for step in steps.feature]
        found[name] = values if any(len(step) != 1 for step in values) else [step[0] for step in values]
    return found, set(example.feature_lists.feature_list)


def _numbers(feature: Any) -> list[Any]:
    kind = feature.WhichOneof("kind")
    return [_plain(value) for value in getattr(feature, kind).value] if kind else []


def _without_lists(record: dict[str, list[Any]], lists: set[str]) -> dict[str, Any]:
    return {name: values if name in lists else values[0] for name, values in record.items()}


def _line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]
