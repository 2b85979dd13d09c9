"""The content of a file as a stream: decompressed, and in UTF-8."""

import bz2
import codecs
import io
from typing import Any, BinaryIO

import pyarrow as pa

from schemas.errors import DataError, UsageError
from schemas.formats.streams import CHUNK_BYTES
from schemas.messages import nearest, printable

NONE, GZIP, BZIP2, ZSTD = "none", "gzip", "bzip2", "zstd"
COMPRESSIONS = (NONE, GZIP, BZIP2, ZSTD)
UTF_8 = "utf-8"
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
      DataError: By the stream, when it is read: the compressed content is damaged, or ends too early, or
        the content lacks the byte order mark that its encoding demands.
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
            raise self._damaged(printable(str(error))) from error
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
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)(_UNKNOWN)
        self._rest = b""
        self._at_end = False

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        while not self._rest and not self._at_end:
            data = self._stream.read(CHUNK_BYTES)
            self._at_end = not data
            self._rest = self._decode(data).encode("utf-8", _UNKNOWN)
        room = memoryview(target)
        data, self._rest = self._rest[: len(room)], self._rest[len(room) :]
        room[: len(data)] = data
        return len(data)

    def _decode(self, data: bytes) -> str:
        try:
            return self._decoder.decode(data, self._at_end)
        except UnicodeError as error:  # what only a part of the content does wrong is handled by _UNKNOWN
            raise DataError(
                f"encoding {self._encoding}: the content cannot be read ({error}); it must begin with a byte order "
                f"mark, or the encoding must say the order of bytes, as {self._encoding}-le"
            ) from error


def _not_utf8(error: UnicodeError) -> tuple[str | bytes, int]:
    """Handles what an encoding does not know, and what is no character: half a surrogate pair."""
    if isinstance(error, UnicodeDecodeError):
        return "\udcff", error.end
    if isinstance(error, UnicodeEncodeError):
        return b"\xff" * (error.end - error.start), error.end
    raise error


codecs.register_error(_UNKNOWN, _not_utf8)
