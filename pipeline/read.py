"""Blocks of files become raw records: part by part, so that no file is ever held whole."""

from collections.abc import Iterator
from typing import NamedTuple

from pipeline import files
from pipeline.analysis import BlockSummary
from pipeline.blocks import Block, Piece
from schemas.dataset_pb2 import DatasetSpec
from schemas.errors import DataError
from schemas.records.blocks import WholeLines, read_whole_lines
from schemas.records.fields import raw_fields_of
from schemas.records.joined import join_lines
from schemas.records.jsonl import parse_jsonl
from schemas.records.places import Places
from schemas.records.raw import RawBlock


class Part(NamedTuple):
    """Raw records of a block that are validated and staged together.

    Attributes:
      number: Its place among the parts of the block, from 0.
      raw: The records.
      places: Where they stand in the pieces of the block.
      consumed: Bytes of the block's files that have been read when the part has been.
      summary: Of this part of the block.
    """

    number: int
    raw: RawBlock
    places: Places
    consumed: int
    summary: BlockSummary


def read_parts(block: Block, spec: DatasetSpec) -> Iterator[Part]:
    """Yields the raw records of a block, or events that the spec groups into records.

    There is one part but for files that cannot be read from the middle.

    Raises:
      DataError: A file cannot be read, or is damaged so that nobody can say where its next record begins.
    """
    pieces = [_read_lines(piece) for piece in block.pieces]
    joined = join_lines(pieces)
    raw = parse_jsonl(joined.data, raw_fields_of(spec), joined.base_offset)
    digests = tuple(piece.digest for piece in pieces)
    summary = BlockSummary(joined.places.lines_of(raw), joined.places.records_of(raw), digests)
    yield Part(0, raw, joined.places, block.bytes, summary)


def _read_lines(piece: Piece) -> WholeLines:
    with files.reading(piece.path) as stream:
        lines = read_whole_lines(stream, piece.start, piece.end)
    if lines.range_bytes < piece.bytes:
        raise DataError(f"{piece.path}: became shorter while it was read; run again when nobody writes to it")
    return lines
