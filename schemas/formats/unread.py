"""Which fields the first records of a file have that a spec does not read: most likely an oversight."""

from collections.abc import Iterable, Set
from itertools import islice
from typing import BinaryIO

from schemas.dataset_pb2 import Input
from schemas.formats.avro_file import avro_names
from schemas.formats.blocks import CUT_BEHIND
from schemas.formats.content import open_content
from schemas.formats.csv_files import read_header
from schemas.formats.explain import parse_object
from schemas.formats.fields import Field
from schemas.formats.lines import BYTE_ORDER_MARK
from schemas.formats.parquet_file import parquet_names
from schemas.formats.readers import dialect_of
from schemas.formats.reading import AVRO, CSV, JSONL, PARQUET, TFRECORD, TFRECORD_SEQUENCE, TSV, Reading
from schemas.formats.streams import read_fully
from schemas.formats.tfrecord_file import tfrecord_names
from schemas.messages import printable

_SAMPLE_BYTES = 1 << 20
_MOST_RECORDS = 1_000
_MOST_NAMES = 1_000  # a record may have names without end, as those of a dictionary by key


def unread_names(names: Iterable[str], fields: Iterable[Field]) -> list[str]:
    """Returns the names at the top of records of which no field reads anything: sorted, printable, the first 1,000."""
    read = {name for field in fields for name in (field.path[0], ".".join(field.path))}
    return sorted({printable(name) for name in set(names) - read})[:_MOST_NAMES]


def names_in(stream: BinaryIO, reading: Reading, given: Input) -> Set[str]:
    """Returns the names at the top of a file's records: those that the file states, or that its first records have.

    Args:
      stream: The file, at its beginning; seekable.
      reading: How it is read.
      given: What the resolved spec says of the input.

    Raises:
      DataError: The file is damaged at its beginning, or has no header.
    """
    if reading.format == PARQUET:
        return set(parquet_names(stream))
    if reading.format == AVRO:
        return set(avro_names(stream))
    if reading.format in {CSV, TSV} and given.columns:
        return set(given.columns)
    content = open_content(stream, reading.compression, reading.encoding or "utf-8")
    if reading.format in {CSV, TSV}:
        return set(read_header(content, dialect_of(reading.format, given), given.max_record_bytes).names)
    if reading.format in {TFRECORD, TFRECORD_SEQUENCE}:
        messages = tfrecord_names(content, reading.format == TFRECORD_SEQUENCE)
        return {name for names in islice(messages, _MOST_RECORDS) for name in names}
    return _names_of_lines(content) if reading.format == JSONL else set()


def _names_of_lines(content: BinaryIO) -> set[str]:
    data = read_fully(content, _SAMPLE_BYTES + CUT_BEHIND).removeprefix(BYTE_ORDER_MARK)
    lines = data.split(b"\n", _MOST_RECORDS)[:_MOST_RECORDS]
    return {name for line in lines for name in parse_object(line) or ()}
