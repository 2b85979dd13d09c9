"""The frames of a TFRecord file, one after another.

A frame (see `schemas.example`) has a checksum of its length and one of its data. With a wrong length
nobody knows where the next frame begins; with wrong data, one record is lost and the next is known.
"""

import sys
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import google_crc32c

from schemas.errors import DataError
from schemas.example import FRAME_BYTES, FRAME_HEADER
from schemas.formats.explain import explain_too_large

BROKEN_CRC = "broken_crc"

_CHECKSUM_BYTES = 4
_MASK_DELTA = 0xA282EAD8
_READ_BYTES = 1 << 20
_SHOWN_BYTES = 1 << 10  # kept of a record that is too large
_REMEDY = "the file is cut off or damaged; write it again"
_BROKEN = (BROKEN_CRC, "a record must fit its checksum (CRC-32C); it is damaged; write it again")


class Frame(NamedTuple):
    """One frame.

    Attributes:
      offset: Its position.
      data: The record, or the beginning of one that is too large.
      fault: Reason code and rule where the record cannot be used.
    """

    offset: int
    data: bytes
    fault: tuple[str, str] | None


def read_frames(stream: BinaryIO, max_record_bytes: int | None = None) -> Iterator[Frame]:
    """Yields the frames of a file.

    Args:
      stream: The file from its beginning, decompressed.
      max_record_bytes: A longer record is at fault, and is not held; None: there is none.

    Raises:
      DataError: A frame is cut off, or does not fit the checksum of its length.
    """
    most = sys.maxsize if max_record_bytes is None else max_record_bytes
    window = _Window(stream)
    while head := window.peek(FRAME_HEADER):
        position = window.position
        length = _length(head, position)
        size = length + FRAME_BYTES
        if length > most:
            data = window.peek(FRAME_HEADER + min(length, _SHOWN_BYTES))[FRAME_HEADER:]
            fault: tuple[str, str] | None = explain_too_large(most)
            found = window.skip(size)
        else:
            whole = window.peek(size)
            data = whole[FRAME_HEADER:-_CHECKSUM_BYTES]
            found = window.skip(size)
            fault = None if found < size or _masked_crc(data) == whole[-_CHECKSUM_BYTES:] else _BROKEN
        if found < size:
            rule = f"the frame of {size:,} bytes must be whole; {found:,} bytes follow"
            raise DataError(f"byte {position}: {rule}; {_REMEDY}")
        yield Frame(position, data, fault)


class _Window:
    """A part of a stream.

    Attributes:
      position: Of its first byte.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._data = b""
        self._at = 0
        self.position = 0

    def peek(self, size: int) -> bytes:
        """Returns the next bytes, fewer at the end of the stream."""
        missing = self._at + size - len(self._data)
        if missing > 0:
            pieces = [self._data[self._at :]]
            while missing > 0 and (piece := self._stream.read(_READ_BYTES)):
                pieces.append(piece)
                missing -= len(piece)
            self._data, self._at = b"".join(pieces), 0
        return self._data[self._at : self._at + size]

    def skip(self, size: int) -> int:
        """Moves behind the next bytes, and returns how many there were; holds none of them."""
        rest = size - min(size, len(self._data) - self._at)
        self._at += size - rest
        while rest > 0 and (piece := self._stream.read(min(rest, _READ_BYTES))):
            rest -= len(piece)
        self.position += size - rest
        return size - rest


def _length(head: bytes, position: int) -> int:
    short = len(head) < FRAME_HEADER
    if short or _masked_crc(head[:8]) != head[8:]:
        rule = "the frame is cut off" if short else "the length of the frame does not fit its checksum"
        raise DataError(f"byte {position}: no TFRecord frame begins here: {rule}; {_REMEDY}")
    return int.from_bytes(head[:8], "little")


def begins_frame(head: bytes) -> bool:
    """Returns whether these bytes, or the first of them, are the length of a frame and its checksum."""
    return len(head) >= FRAME_HEADER and _masked_crc(head[:8]) == head[8:FRAME_HEADER]


def _masked_crc(data: bytes) -> bytes:
    crc: int = google_crc32c.value(data)
    masked = ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF
    return masked.to_bytes(4, "little")
