"""Streams in blocks of whole records, for content that cannot be read from the middle.

That is what is compressed or in another encoding, and CSV, in which a newline may stand within a record.
Blocks are a function of the content alone.
"""

import hashlib
from collections.abc import Iterator
from typing import BinaryIO, Protocol

import numpy as np

from schemas.formats.blocks import BLOCK_BYTES, CUT_BEHIND, MAX_RECORD_BYTES, WholeLines
from schemas.formats.lines import BYTE_ORDER_MARK, NEWLINE
from schemas.ragged import Int64s

CHUNK_BYTES = 1 << 20  # how much is read at a time


class RecordFinder(Protocol):
    """Finds where records end in content that is read in chunks, without a byte order mark."""

    def ends(self, data: bytes) -> Int64s:
        """Returns the positions in `data`, the next chunk, behind records that end there."""

    def finish(self) -> None:
        """Says that the content is at its end; raises DataError where it cannot end there."""


class LineFinder:
    """Finds lines."""

    def ends(self, data: bytes) -> Int64s:
        """Returns the positions behind newlines."""
        return np.flatnonzero(np.frombuffer(data, np.uint8) == NEWLINE) + 1

    def finish(self) -> None:
        """Accepts a last line without a newline."""


def read_fully(stream: BinaryIO, size: int) -> bytes:
    """Returns the next `size` bytes; fewer at the end of the stream only."""
    pieces = []
    while size > 0 and (piece := stream.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def whole_records(
    stream: BinaryIO,
    finder: RecordFinder,
    block_bytes: int = BLOCK_BYTES,
    max_record_bytes: int = MAX_RECORD_BYTES,
) -> Iterator[WholeLines]:
    """Yields the blocks of a stream: each ends with the record that reaches `block_bytes`.

    Holds at most max(block_bytes, max_record_bytes) and a record of a block: of a longer record a
    little more than `max_record_bytes` is kept, which a reader rejects, and the rest is passed over.
    The digest and `range_bytes` of a block say what was read. A byte order mark stays in its block.
    A block of CSV that ends early may end within quotes: nothing may be joined to it.

    Args:
      stream: At its beginning.
      finder: Finds the ends of records; at its beginning, too.
      block_bytes: Size of a block, about.
      max_record_bytes: Size of the longest record that is kept.

    Raises:
      DataError: The stream cannot be read, or ends where no record can.
    """
    block, at_begin = _Block(0, block_bytes, max_record_bytes), True
    while chunk := read_fully(stream, CHUNK_BYTES):
        mark = len(BYTE_ORDER_MARK) if at_begin and chunk.startswith(BYTE_ORDER_MARK) else 0
        at_begin = False
        ends = finder.ends(chunk[mark:] if mark else chunk) + mark
        begin = 0
        while begin < len(chunk):
            i = int(np.searchsorted(ends, begin + max(block_bytes - block.seen, 1)))
            stop = int(ends[i]) if i < len(ends) else len(chunk)
            block.add(chunk[begin:stop], int(ends[i - 1]) - begin if i else 0)
            if i < len(ends):
                yield block.lines()
                block = _Block(block.offset + block.seen, block_bytes, max_record_bytes)
            begin = stop
    finder.finish()
    if block.seen:
        yield block.lines()


class _Block:
    """A block that grows.

    Attributes:
      offset: Its position in the content.
      seen: Bytes of it so far, those that are passed over included.
    """

    def __init__(self, offset: int, block_bytes: int, max_record_bytes: int) -> None:
        self.offset = offset
        self.seen = 0
        self._block_bytes = block_bytes
        self._max_record_bytes = max_record_bytes
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._record = 0  # where its last record begins
        self._newlines = 0
        self._last = b""
        self._digest = hashlib.sha256()

    def add(self, data: bytes, record: int) -> None:
        """Adds what comes next; its last record begins at position `record` of it, or before it where that is 0."""
        if record > 0:
            self._record = self.seen + record
        most = max(self._block_bytes, self._record + self._max_record_bytes + CUT_BEHIND)
        kept = data[: max(most - self._kept_bytes, 0)]
        self._kept.append(kept)
        self._kept_bytes += len(kept)
        self.seen += len(data)
        self._newlines += data.count(b"\n")
        self._last = data[-1:] or self._last
        self._digest.update(data)

    def lines(self) -> WholeLines:
        data = b"".join(self._kept)
        lines = None if len(data) == self.seen else self._newlines + (self._last != b"\n")
        return WholeLines(self.offset, data, self._digest.digest(), self.seen, lines)


def read_range(
    stream: BinaryIO,
    start: int,
    end: int,
    block_bytes: int = BLOCK_BYTES,
    max_record_bytes: int = MAX_RECORD_BYTES,
) -> WholeLines:
    """Reads a block of whole records of a plain file, whose last record is the one that reaches `block_bytes`.

    Args:
      stream: Seekable.
      start: Position of the first record.
      end: Position behind the last one.
      block_bytes: As the file was cut.
      max_record_bytes: Of a longer last record, no more is kept than shows that it is.

    Returns:
      The block, as `whole_records` gives it.
    """
    stream.seek(start)
    data = read_fully(stream, min(end - start, block_bytes + max_record_bytes + CUT_BEHIND))
    digest, size = hashlib.sha256(data), len(data)
    newlines, last = 0, data[-1:]
    while chunk := read_fully(stream, min(CHUNK_BYTES, end - start - size)):
        digest.update(chunk)
        size += len(chunk)
        newlines += chunk.count(b"\n")
        last = chunk[-1:]
    lines = None if size == len(data) else data.count(b"\n") + newlines + (last != b"\n")
    return WholeLines(start, data, digest.digest(), size, lines)
