"""The content of a file as a stream: decompressed, in UTF-8, and in blocks of whole records.

For files that cannot be read from the middle: what is compressed, or in another encoding.
"""

import bz2
import codecs
import hashlib
import io
from collections.abc import Iterator
from typing import Any, BinaryIO, Protocol

import numpy as np
import pyarrow as pa

from schemas.errors import DataError, UsageError
from schemas.messages import nearest
from schemas.records.blocks import BLOCK_BYTES, CUT_BEHIND, MAX_RECORD_BYTES, WholeLines
from schemas.records.lines import BYTE_ORDER_MARK, NEWLINE
from schemas.records.ragged import Int64s

NONE, GZIP, BZIP2, ZSTD = "none", "gzip", "bzip2", "zstd"
COMPRESSIONS = (NONE, GZIP, BZIP2, ZSTD)
UTF_8 = "utf-8"
CHUNK_BYTES = 1 << 20  # how much is read at a time
_BUFFER_BYTES = 1 << 16

_UNKNOWN = "lengthwise.unknown"  # name of the handler of errors
_UNTOUCHED = ("utf-8", "utf-8-sig")
_NO_CHARACTER_SETS = ("idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape")


def check_encoding(encoding: str) -> str:
    """Returns the name by which Python calls an encoding.

    Raises:
      UsageError: Python knows no such encoding of text.
    """
    try:
        name = codecs.lookup(encoding).name
        "".encode(encoding)  # refuses what turns bytes into bytes, as base64
        if name not in _NO_CHARACTER_SETS:
            return name
    except (LookupError, ValueError):
        pass
    raise UsageError(
        f"encoding: received {encoding!r}; it must be one that Python knows, as utf-8, latin-1, cp1252 or utf-16"
    )


def check_compression(compression: str) -> str:
    """Returns the name of a compression.

    Raises:
      UsageError: There is no such compression.
    """
    if compression not in COMPRESSIONS:
        raise UsageError(f"compression: received {compression!r}; {nearest(compression, COMPRESSIONS)}")
    return compression


def open_content(stream: BinaryIO, compression: str = NONE, encoding: str = UTF_8) -> BinaryIO:
    """Returns the content of a file as a stream of UTF-8, which cannot be sought unless it is the file itself.

    Bytes that the encoding does not know become bytes that are no UTF-8 (0xFF), so that a reader
    rejects the records that hold them. A byte order mark is passed on.

    Args:
      stream: The file, at its beginning.
      compression: One of COMPRESSIONS; a file may have several members or frames.
      encoding: Of the text; any that Python knows.

    Raises:
      UsageError: There is no such compression or encoding.
      DataError: By the stream, when it is read: the compressed content is damaged, or ends too early.
    """
    name = check_encoding(encoding)
    if check_compression(compression) != NONE:
        stream = io.BufferedReader(_Decompressed(stream, compression), _BUFFER_BYTES)
    if name not in _UNTOUCHED:
        stream = io.BufferedReader(_Transcoded(stream, name), _BUFFER_BYTES)
    return stream


class _Counted(io.RawIOBase):
    """A stream that says how much of it has been read, and whether reading it failed."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.position = 0
        self.failed = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        try:
            data = self._stream.read(size)
        except OSError:
            self.failed = True
            raise
        self.position += len(data)
        return data


class _Decompressed(io.RawIOBase):
    def __init__(self, stream: BinaryIO, compression: str) -> None:
        self._compression = compression
        self._source = _Counted(stream)
        # Arrow does not read bzip2 of several members.
        self._content = (
            _Bzip2(self._source)
            if compression == BZIP2
            else pa.CompressedInputStream(pa.PythonFile(self._source, "r"), compression)
        )

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        room = memoryview(target)
        try:
            data = self._content.read(len(room))
        except (EOFError, OSError, ValueError, pa.ArrowException) as error:
            if self._source.failed:
                raise
            raise self._damaged(str(error)) from error
        if not data and not self._source.position:
            raise self._damaged("there is no content at all")
        room[: len(data)] = data
        return len(data)

    def _damaged(self, why: str) -> DataError:
        return DataError(
            f"byte {self._source.position} of the {self._compression} file, or before: the compressed content ends "
            f"too early or is damaged ({why}), so that nobody can say which records are lost; get the file again"
        )


class _Bzip2:
    def __init__(self, source: _Counted) -> None:
        self._source = source
        self._member = bz2.BZ2Decompressor()

    def read(self, size: int) -> bytes:
        """Returns at most `size` bytes, none at the end."""
        while True:
            if self._member.eof:
                following = self._member.unused_data or self._source.read(CHUNK_BYTES)
                if not following:
                    return b""
                self._member = bz2.BZ2Decompressor()
            else:
                following = self._source.read(CHUNK_BYTES) if self._member.needs_input else b""
                if self._member.needs_input and not following:
                    if not self._source.position:
                        return b""
                    raise EOFError("its end is missing")
            data = self._member.decompress(following, size)
            if data:
                return data


class _Transcoded(io.RawIOBase):
    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)(_UNKNOWN)
        self._rest = b""
        self._at_end = False

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        while not self._rest and not self._at_end:
            data = self._stream.read(CHUNK_BYTES)
            self._at_end = not data
            self._rest = self._decoder.decode(data, self._at_end).encode("utf-8", _UNKNOWN)
        room = memoryview(target)
        data, self._rest = self._rest[: len(room)], self._rest[len(room) :]
        room[: len(data)] = data
        return len(data)


def _not_utf8(error: UnicodeError) -> tuple[str | bytes, int]:
    """Handles what an encoding does not know, and what is no character: half a surrogate pair."""
    if isinstance(error, UnicodeDecodeError):
        return "\udcff", error.end
    if isinstance(error, UnicodeEncodeError):
        return b"\xff" * (error.end - error.start), error.end
    raise error


codecs.register_error(_UNKNOWN, _not_utf8)


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
        self._digest.update(data)

    def lines(self) -> WholeLines:
        return WholeLines(self.offset, b"".join(self._kept), self._digest.digest(), self.seen)


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
    """
    stream.seek(start)
    data = read_fully(stream, min(end - start, block_bytes + max_record_bytes + CUT_BEHIND))
    digest, size = hashlib.sha256(data), len(data)
    while chunk := read_fully(stream, min(CHUNK_BYTES, end - start - size)):
        digest.update(chunk)
        size += len(chunk)
    return WholeLines(start, data, digest.digest(), size)
