"""The formats in which raw records are read: said in the spec, or told by the suffix of each file."""

from pathlib import PurePosixPath
from typing import NamedTuple

from schemas.dataset_pb2 import Compression, Format, Input
from schemas.errors import UsageError
from schemas.formats.content import check_encoding
from schemas.messages import enum_name

JSONL, CSV, TSV, LINES, TEXT_FILES = "jsonl", "csv", "tsv", "lines", "text_files"
PARQUET, AVRO, TFRECORD, TFRECORD_SEQUENCE = "parquet", "avro", "tfrecord", "tfrecord_sequence"
PLAIN = "none"

_FORMAT_SUFFIXES = {
    ".jsonl": JSONL,
    ".ndjson": JSONL,
    ".json": JSONL,
    ".csv": CSV,
    ".tsv": TSV,
    ".tab": TSV,
    ".txt": LINES,
    ".parquet": PARQUET,
    ".pq": PARQUET,
    ".avro": AVRO,
    ".tfrecord": TFRECORD,
    ".tfrecords": TFRECORD,
}
COMPRESSION_SUFFIXES = {".gz": "gzip", ".bz2": "bzip2", ".zst": "zstd", ".zstd": "zstd"}
TEXT_FORMATS = {JSONL, CSV, TSV, LINES, TEXT_FILES}
_COMPRESS_THEMSELVES = {PARQUET, AVRO}
_UTF8 = {"utf-8", "utf-8-sig"}
# Where a record stands, in words; of others "line {line} (byte {offset})".
_PLACES = {
    PARQUET: ", row {line}",
    AVRO: ", record {line} (byte {offset})",
    TFRECORD: ", record {line} (byte {offset})",
    TFRECORD_SEQUENCE: ", record {line} (byte {offset})",
    TEXT_FILES: "",
}


class Reading(NamedTuple):
    """How a file is read.

    Attributes:
      format: Name of a `Format`.
      compression: Name of a `Compression`.
      encoding: Of its text, as Python names it; empty: UTF-8, or no text.
    """

    format: str
    compression: str = PLAIN
    encoding: str = ""

    @property
    def from_the_start(self) -> bool:
        """Whether the file can only be read from its first byte on."""
        return self.compression != PLAIN or bool(self.encoding) or self.format in {TFRECORD, TFRECORD_SEQUENCE}

    @property
    def place(self) -> str:
        """What follows the path to say where a record stands, to be filled with `line` and `offset`."""
        return _PLACES.get(self.format, ", line {line} (byte {offset})")

    @property
    def unit(self) -> str:
        """What holds one record, as people count it: line, row, record; empty where a file does."""
        return {PARQUET: "row", TEXT_FILES: ""}.get(self.format, "line" if self.format in TEXT_FORMATS else "record")

    @property
    def never_empty(self) -> bool:
        """Whether a whole file has bytes although it holds no record, so that one of 0 bytes is damaged."""
        return self.compression != PLAIN or self.format in {PARQUET, AVRO}


def reading_of(path: str, given: Input | None = None) -> Reading:
    """Returns how a file is read.

    Args:
      path: Of the file.
      given: What the spec says of the input; None: nothing.

    Raises:
      UsageError: Neither the spec nor the suffix names a format, or they contradict each other.
    """
    given = given or Input()
    pure = PurePosixPath(path)
    packed = COMPRESSION_SUFFIXES.get(pure.suffix.lower())
    suffix = (PurePosixPath(pure.stem).suffix if packed else pure.suffix).lower()
    if given.HasField("format"):
        name = enum_name(Format.Value.DESCRIPTOR, given.format)
    elif suffix in _FORMAT_SUFFIXES:
        name = _FORMAT_SUFFIXES[suffix]
    else:
        raise UsageError(
            f"{path}: has the suffix '{suffix}', which names no format; say `input: {{format: …}}` in the spec, one of "
            f"{', '.join(name for name in Format.Value.keys() if name != 'unspecified')}"  # noqa: SIM118
        )
    said = enum_name(Compression.Value.DESCRIPTOR, given.compression) if given.HasField("compression") else None
    compression = said or packed or PLAIN
    if compression != PLAIN and name in _COMPRESS_THEMSELVES:
        raise UsageError(f"{path}: {name} compresses within the file and is not read from {compression}; unpack it")
    return Reading(name, compression, _encoding(path, name, given.encoding))


def is_known(path: str) -> bool:
    """Returns whether the suffix of a file names a format."""
    try:
        reading_of(path)
    except UsageError:
        return False
    return True


def _encoding(path: str, name: str, encoding: str) -> str:
    if not encoding:
        return ""
    if name not in TEXT_FORMATS:
        raise UsageError(f"{path}: {name} is no text, so that `input.encoding` means nothing; remove it")
    known = check_encoding(encoding)
    return "" if known in _UTF8 else known
