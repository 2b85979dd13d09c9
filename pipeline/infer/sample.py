"""What a proposed spec is judged by: records from all over the input, and how its files are read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import yaml

from pipeline import files
from pipeline.blocks import InputFile, Piece, plan_blocks
from pipeline.failure import told_of
from pipeline.infer.objects import Objects, likely_delimiter, objects_of, objects_of_text
from pipeline.inputs import match_inputs
from schemas.dataset_pb2 import Format, Input
from schemas.errors import DataError, UsageError
from schemas.formats.blocks import BLOCK_BYTES, read_whole_lines
from schemas.formats.csv_files import OTHER_DELIMITERS
from schemas.formats.readers import PARSERS
from schemas.formats.reading import CSV, JSONL, TFRECORD, TFRECORD_SEQUENCE, Reading
from schemas.formats.signatures import check_beginning
from schemas.messages import nearest

_SAMPLE_BLOCKS = 16  # of 8 MiB, spread over the input
_NO_MESSAGE = "hold no message of their kind, or do not fit their checksum"
_BAD = {JSONL: "hold no JSON object", TFRECORD: _NO_MESSAGE, TFRECORD_SEQUENCE: _NO_MESSAGE}
_NOT_UTF8 = "are not UTF-8"


@dataclass
class Sample:
    """Some records of an input.

    Attributes:
      inputs: Its files.
      records: As Python objects.
      bad: Lines that are none.
      settings: What a spec must say of the input, so that its files are read as they were here.
    """

    inputs: list[InputFile]
    records: list[dict[str, Any]] = field(default_factory=list)
    bad: int = 0
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def note(self) -> str:
        """What was looked at, for people."""
        seen = f"looked at {len(self.records):,} records of {len(self.inputs):,} file(s)"
        return f"{seen}, {self.bad:,} lines {_what_is_bad(self.inputs[0].reading)}" if self.bad else seen


def take_sample(inputs: Sequence[str], named_format: str = "", encoding: str = "") -> Sample:
    """Reads blocks spread evenly over the input.

    Args:
      inputs: Patterns, each `PATTERN` or `SPLIT=PATTERN`.
      named_format: Of all files; empty: by their suffixes.
      encoding: Of all files; empty: UTF-8.

    Raises:
      UsageError: A pattern that matches nothing, or no such format.
      DataError: There is no record, or a file is not what it is read as.
    """
    settings = {name: said for name, said in (("format", named_format), ("encoding", encoding)) if said}
    found = match_inputs(inputs, _given(named_format, encoding))
    sample = Sample(found, settings=settings)
    delimiter = _delimiter(found[0])
    if delimiter != ",":
        sample.settings |= yaml.safe_load(OTHER_DELIMITERS[delimiter])
    blocks = plan_blocks(found, BLOCK_BYTES)
    for block in blocks[:: max(1, -(-len(blocks) // _SAMPLE_BLOCKS))]:
        for piece in block.pieces:
            with files.reading(piece.path) as stream, told_of(piece.path):
                check_beginning(stream, block.reading)
                some, bad = _objects(stream, piece, block.reading, delimiter)
            sample.records += some
            sample.bad += bad
    if not sample.records:
        raise DataError(f"{found[0].path}: {_nothing(sample)}")
    return sample


def _given(named_format: str, encoding: str) -> Input:
    valid = [name for name in Format.Value.keys() if name != "unspecified"]  # noqa: SIM118
    if named_format and named_format not in valid:
        raise UsageError(f"--format {named_format}: is no format; {nearest(named_format, valid)}")
    given = Input(format=Format.Value.Value(named_format)) if named_format else Input()  # type: ignore[arg-type]
    if encoding:
        given.encoding = encoding
    return given


def _delimiter(file: InputFile) -> str:
    """Returns the delimiter of CSV; a comma where there is none to look for."""
    if file.reading.format != CSV:
        return ","
    with files.reading(file.path) as stream, told_of(file.path):
        check_beginning(stream, file.reading)
        return likely_delimiter(stream, file.reading)


def _objects(stream: BinaryIO, piece: Piece, reading: Reading, delimiter: str) -> Objects:
    """Returns the records of a piece where it is one of lines, and else those with which its file begins."""
    if reading.from_the_start or reading.format not in PARSERS:
        return objects_of(stream, piece.path, reading, delimiter) if piece.start == 0 else ([], 0)
    return objects_of_text(read_whole_lines(stream, piece.start, piece.end).data, piece.path, reading)


def _what_is_bad(reading: Reading) -> str:
    return _BAD.get(reading.format, f"{_NOT_UTF8}: where the files are in another encoding, say --encoding latin-1 …")


def _nothing(sample: Sample) -> str:
    if sample.inputs[0].reading.format == JSONL:
        return "holds no JSON object; a JSONL file has one on every line"
    if sample.bad:
        return f"holds no record that is UTF-8 ({sample.bad:,} lines are not); say --encoding, as latin-1"
    return "holds no record"
