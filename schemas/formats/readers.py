"""Files of any format become blocks of raw records, in bounded memory."""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from schemas.dataset_pb2 import Input
from schemas.formats.avro_file import read_avro
from schemas.formats.blocks import BLOCK_BYTES, CUT_BEHIND, WholeLines
from schemas.formats.content import open_content
from schemas.formats.csv_files import Header, check_delimiter, csv_starts, read_header
from schemas.formats.csv_scan import CsvFinder, Dialect
from schemas.formats.csv_text import parse_csv
from schemas.formats.fields import Field
from schemas.formats.jsonl import parse_jsonl
from schemas.formats.lines import BYTE_ORDER_MARK
from schemas.formats.parquet_file import read_parquet
from schemas.formats.plain import parse_lines
from schemas.formats.raw import RawBlock
from schemas.formats.reading import AVRO, CSV, JSONL, LINES, PARQUET, TFRECORD, TFRECORD_SEQUENCE, TSV, Reading
from schemas.formats.streams import LineFinder, RecordFinder, read_fully, read_range, whole_records
from schemas.formats.tfrecord_file import read_tfrecord

PARSERS = {JSONL: parse_jsonl, LINES: parse_lines}
_CHUNK_BYTES = 1 << 20
_SMALL_BYTES = 1 << 16


@dataclass
class FileReader:
    """Reads a range of a file, or all of it, block by block.

    Attributes:
      stream: The file as it lies there; seekable, unless it is read from the start.
      start: First byte of the range.
      end: The byte behind the last.
      reading: How it is read; not `text_files`, which are no streams of records.
      given: What the resolved spec says of the input.
      fields: What to read.
      block_bytes: Size of a block, about.
      digest: SHA-256 over the range, once it has been read.
      consumed: Bytes of the range that have been read so far.
    """

    stream: BinaryIO
    start: int
    end: int
    reading: Reading
    given: Input
    fields: list[Field]
    block_bytes: int = BLOCK_BYTES
    digest: bytes = b""
    consumed: int = field(default=0)

    def blocks(self) -> Iterator[RawBlock]:
        """Yields the records that begin in the range, with positions in the file's content and lines from 0.

        Raises:
          DataError: The file is damaged so that nobody can say where its next record begins.
        """
        if self.reading.from_the_start:
            yield from self._from_the_start()
        elif self.reading.format in {CSV, TSV}:
            yield self._csv_range()
        else:
            yield from self._container()

    def in_order(self) -> Iterator[RawBlock]:
        """Yields the records of a whole file that is no container, block by block from its first byte on.

        Raises:
          DataError: See `blocks`.
        """
        return self._from_the_start()

    def _from_the_start(self) -> Iterator[RawBlock]:
        watched = _Watched(self.stream)
        raw = io.BufferedReader(watched, _CHUNK_BYTES)
        content = open_content(raw, self.reading.compression, self.reading.encoding or "utf-8")
        for block in self._records(content):
            self.consumed = min(watched.position, self.end)
            yield block
        self.digest, self.consumed = watched.digest.digest(), watched.position

    def _records(self, content: BinaryIO) -> Iterator[RawBlock]:
        most = self.given.max_record_bytes
        if self.reading.format in {TFRECORD, TFRECORD_SEQUENCE}:
            sequence = self.reading.format == TFRECORD_SEQUENCE
            yield from read_tfrecord(content, self.fields, sequence, self.block_bytes, most)
            return
        dialect = dialect_of(self.reading.format, self.given)
        is_table = self.reading.format in {CSV, TSV}
        finder: RecordFinder = CsvFinder(dialect) if is_table else LineFinder()
        blocks = whole_records(content, finder, self.block_bytes, most)
        if is_table:
            yield from self._tables(blocks, dialect)
            return
        for lines in blocks:
            yield PARSERS[self.reading.format](lines.data, self.fields, lines.offset, most)

    def _tables(self, blocks: Iterator[WholeLines], dialect: Dialect) -> Iterator[RawBlock]:
        header: Header | None = None
        waiting: WholeLines | None = None  # blank lines before the header
        for block in blocks:
            lines = block if waiting is None else _together(waiting, block)
            if header is None:
                if len(lines.data) <= self.given.max_record_bytes and _is_blank(lines):
                    waiting = lines
                    continue
                header, waiting = self._header(io.BytesIO(lines.data), dialect), None
            yield self._csv(lines, header, dialect)
        if waiting is not None:
            yield self._csv(waiting, self._header(io.BytesIO(waiting.data), dialect), dialect)

    def _csv_range(self) -> RawBlock:
        dialect, most = dialect_of(self.reading.format, self.given), self.given.max_record_bytes
        self.stream.seek(0)
        header = self._header(self.stream, dialect)
        lines = read_range(self.stream, self.start, self.end, self.block_bytes, most)
        self.digest, self.consumed = lines.digest, lines.range_bytes
        return self._csv(lines, header, dialect)

    def _csv(self, lines: WholeLines, header: Header, dialect: Dialect) -> RawBlock:
        """Returns the records of a block; those at the beginning of a file hold the header or blank lines before it."""
        most = self.given.max_record_bytes
        skipped = min(max(header.size - lines.offset, 0), len(lines.data))
        before = lines.data.count(b"\n", 0, skipped)
        data, offset, ends_early = lines.data[skipped:], lines.offset + skipped, lines.line_count is not None
        block = _moved(parse_csv(data, header.names, self.fields, dialect, offset, most, ends_early), before)
        return block if lines.line_count is None else replace(block, line_count=lines.line_count)

    def _header(self, stream: BinaryIO, dialect: Dialect) -> Header:
        given = self.given
        header = read_header(stream, dialect, given.max_record_bytes) if given.header else Header((), 0)
        if given.header and not given.columns:
            check_delimiter(header.names, self.fields)
        return replace(header, names=tuple(given.columns)) if given.columns else header

    def _container(self) -> Iterator[RawBlock]:
        self.digest = _digest_of_range(self.stream, self.start, self.end)
        read = {PARQUET: read_parquet, AVRO: read_avro}[self.reading.format]
        for block in read(self.stream, self.start, self.end, self.fields, self.block_bytes):
            self.consumed = min(max(self.consumed, self.stream.tell() - self.start), self.end - self.start)
            yield block
        self.consumed = self.end - self.start


def read_text(stream: BinaryIO, reading: Reading, most: int) -> tuple[bytes, bytes, int]:
    """Returns the content of a file as UTF-8, the SHA-256 of the file, and its size.

    Args:
      stream: The file as it lies there.
      reading: How it is read.
      most: Of a longer content, no more is returned than shows that it is.
    """
    if not reading.from_the_start:
        return _read_plain(stream, most + CUT_BEHIND)
    watched = _Watched(stream)
    raw = io.BufferedReader(watched, _CHUNK_BYTES)
    content = read_fully(open_content(raw, reading.compression, reading.encoding or "utf-8"), most + CUT_BEHIND)
    while raw.read(_CHUNK_BYTES):
        pass
    return content, watched.digest.digest(), watched.position


def _read_plain(stream: BinaryIO, most: int) -> tuple[bytes, bytes, int]:
    """Does without the buffers that decompression needs: of many small files they would take most of the time."""
    kept, size, digest = [], 0, hashlib.sha256()
    while data := stream.read(_SMALL_BYTES):
        digest.update(data)
        kept.append(data[: max(most - size, 0)])
        size += len(data)
    return b"".join(kept), digest.digest(), size


def starts_of(stream: BinaryIO, size: int, reading: Reading, given: Input, block_bytes: int) -> tuple[int, ...]:
    """Returns the positions at which a file can be read apart, where its size alone does not say them; else nothing.

    Raises:
      DataError: A quote of a CSV file is never closed.
    """
    if reading.format not in {CSV, TSV} or reading.from_the_start or size <= block_bytes:
        return ()
    return tuple(csv_starts(stream, size, block_bytes, dialect_of(reading.format, given)))


def dialect_of(name: str, given: Input) -> Dialect:
    """Returns how the cells of a format are written."""
    return Dialect("\t" if name == TSV else given.delimiter or ",", '"' if given.quotes else "")


def _is_blank(lines: WholeLines) -> bool:
    return not lines.data.removeprefix(BYTE_ORDER_MARK).strip(b"\r\n")


def _together(lines: WholeLines, following: WholeLines) -> WholeLines:
    """Returns lines and those that follow them as one block; only the latter may end early."""
    count = following.line_count
    return following._replace(
        offset=lines.offset,
        data=lines.data + following.data,
        line_count=None if count is None else lines.data.count(b"\n") + count,
    )


def _moved(block: RawBlock, lines: int) -> RawBlock:
    """Returns a block with some lines before it."""
    if not lines:
        return block
    rejected = [replace(item, line=item.line + lines) for item in block.rejected]
    return replace(block, lines=block.lines + lines, rejected=rejected, line_count=block.line_count + lines)


def _digest_of_range(stream: BinaryIO, start: int, end: int) -> bytes:
    digest = hashlib.sha256()
    stream.seek(start)
    while start < end and (chunk := stream.read(min(_CHUNK_BYTES, end - start))):
        digest.update(chunk)
        start += len(chunk)
    return digest.digest()


class _Watched(io.RawIOBase):
    """A stream that digests what is read of it."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self.position = 0
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        room = memoryview(target)
        data = self._stream.read(len(room))
        room[: len(data)] = data
        self.position += len(data)
        self.digest.update(data)
        return len(data)
