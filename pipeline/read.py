"""Blocks of files become raw records: part by part, so that no file is ever held whole."""

import contextlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from pipeline import files
from pipeline.analysis import BlockSummary
from pipeline.blocks import Block, Piece
from pipeline.failure import told_of
from schemas.dataset_pb2 import Input
from schemas.errors import DataError
from schemas.formats.blocks import BLOCK_BYTES, WholeLines, read_whole_lines
from schemas.formats.fields import Field
from schemas.formats.joined import join_blocks, join_lines
from schemas.formats.places import Places, places_of_records
from schemas.formats.plain import parse_text_files
from schemas.formats.raw import RawBlock, no_records
from schemas.formats.readers import PARSERS, FileReader, read_text
from schemas.formats.reading import TEXT_FILES, Reading
from schemas.formats.signatures import check_beginning


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


def read_parts(block: Block, given: Input, fields: list[Field], part_bytes: int = BLOCK_BYTES) -> Iterator[Part]:
    """Yields the raw records of a block: one part, but for files that cannot be cut into blocks from outside.

    Args:
      block: Pieces of files that are read alike.
      given: What the resolved spec says of the input.
      fields: What to read.
      part_bytes: Size of a part of such a file, about.

    Raises:
      DataError: A file cannot be read, or is damaged so that nobody can say where its next record begins.
    """
    if block.reading.format in PARSERS and not block.reading.from_the_start:
        yield _lines(block, given, fields)
    elif block.reading.format == TEXT_FILES:
        yield _texts(block, given, fields)
    else:
        yield from _streams(block, given, fields, part_bytes)


def _lines(block: Block, given: Input, fields: list[Field]) -> Part:
    """Reads ranges of lines in one call, however many files they are of."""
    most = given.max_record_bytes
    pieces = [_read_lines(piece, block.reading, most) for piece in block.pieces]
    joined = join_lines(pieces)
    raw = PARSERS[block.reading.format](joined.data, fields, joined.base_offset, most)
    digests = tuple(piece.digest for piece in pieces)
    summary = BlockSummary(joined.places.lines_of(raw), joined.places.records_of(raw), digests)
    return Part(0, raw, joined.places, max(block.bytes, len(joined.data)), summary)


def _read_lines(piece: Piece, reading: Reading, most: int) -> WholeLines:
    with files.reading(piece.path) as stream:
        if piece.start == 0:
            with told_of(piece.path):
                check_beginning(stream, reading)
        lines = read_whole_lines(stream, piece.start, piece.end, most)
    _check_size(piece, lines.range_bytes)
    return lines


def _texts(block: Block, given: Input, fields: list[Field]) -> Part:
    """Reads files each of which is a record."""
    texts, digests = [], []
    for piece in block.pieces:
        with _opened(piece) as stream:
            text, digest, size = read_text(stream, block.reading, given.max_record_bytes)
        _check_size(piece, size)
        texts.append(text)
        digests.append(digest)
    raw = parse_text_files(texts, [piece.path for piece in block.pieces], fields, given.max_record_bytes)
    places = places_of_records(len(texts))
    summary = BlockSummary(places.lines_of(raw), places.records_of(raw), tuple(digests))
    return Part(0, raw, places, block.bytes, summary)


def _streams(block: Block, given: Input, fields: list[Field], part_bytes: int) -> Iterator[Part]:
    """Reads one file after another, and yields a part as soon as it is large enough."""
    gathered = _Gathered(block, part_bytes)
    for i, piece in enumerate(block.pieces):
        with _opened(piece) as stream:
            if piece.start == 0:
                check_beginning(stream, block.reading)
            reader = FileReader(stream, piece.start, piece.end, block.reading, given, fields, part_bytes)
            for raw in reader.blocks():
                if gathered.add(i, raw, reader.consumed):
                    yield gathered.part(fields)
        _check_size(piece, reader.consumed)
        gathered.end(i, reader.digest)
    if not gathered.is_empty:
        yield gathered.part(fields)


class _Gathered:
    """Raw blocks of files that wait to become a part."""

    def __init__(self, block: Block, part_bytes: int) -> None:
        self._block = block
        self._part_bytes = part_bytes
        self._number = 0
        self._ended = 0  # bytes of the pieces that have been read to their end
        self._consumed = 0
        self._lines = [0] * len(block.pieces)  # of each piece, in parts that are finished or waiting
        self._clear()

    @property
    def is_empty(self) -> bool:
        """Whether all that was told stands in a part."""
        return not self._raws and not any(self._digests) and self._number > 0

    def add(self, piece: int, raw: RawBlock, consumed: int) -> bool:
        """Adds a raw block of a piece; returns whether there is enough for a part."""
        self._raws.append(raw)
        self._pieces.append(piece)
        self._lines_before.append(self._lines[piece])
        self._lines[piece] += raw.line_count
        self._consumed = self._ended + consumed
        self._bytes += sum(column.nbytes for column in raw.columns.values())
        return self._bytes >= self._part_bytes // 2

    def end(self, piece: int, digest: bytes) -> None:
        """Says that a piece has been read to its end."""
        self._digests[piece] = digest
        self._ended += self._block.pieces[piece].bytes
        self._consumed = self._ended

    def part(self, fields: list[Field]) -> Part:
        """Returns a part of all that waits."""
        raws = self._raws or [no_records(fields)]
        pieces, before = (self._pieces, self._lines_before) if self._raws else ([0], [self._lines[0]])
        joined = join_blocks(raws, pieces, before, len(self._block.pieces))
        summary = BlockSummary(
            joined.places.lines_of(joined.raw), joined.places.records_of(joined.raw), tuple(self._digests)
        )
        part = Part(self._number, joined.raw, joined.places, self._consumed, summary)
        self._number += 1
        self._clear()
        return part

    def _clear(self) -> None:
        self._raws: list[RawBlock] = []
        self._pieces: list[int] = []
        self._lines_before: list[int] = []
        self._digests = [b""] * len(self._block.pieces)
        self._bytes = 0


@contextlib.contextmanager
def _opened(piece: Piece) -> Iterator[BinaryIO]:
    with files.reading(piece.path) as stream, told_of(piece.path):
        yield stream


def _check_size(piece: Piece, read: int) -> None:
    if read < piece.bytes:
        raise DataError(f"{piece.path}: became shorter while it was read; run again when nobody writes to it")
