"""Files in pieces: byte ranges of lines that can be read apart from one another.

A line belongs to the range in which it begins. Ranges are a function of the file's size alone, so
that every number of workers sees the same blocks.
"""

import hashlib
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple

BLOCK_BYTES = 8 << 20  # 8 MiB: large enough for columns, small enough to hold several in memory
MAX_RECORD_BYTES = 64 << 20  # 64 MiB: a longer record is rejected, so that the memory of a run is bounded
# Bytes kept of a longer record beyond the limit: it stays too long without a byte order mark and a carriage return.
CUT_BEHIND = 5
_TAIL_BYTES = 1 << 16  # how much is read at a time beyond a range to find the end of its last line


class WholeLines(NamedTuple):
    """The lines, or records of other forms, that begin in one range of a file.

    Attributes:
      offset: Position of the first one.
      data: The lines; a last one that is longer than a record may be ends early, and without a newline.
      digest: SHA-256 over the range itself, without what its last line has beyond it.
      range_bytes: Size of the range as it was read; less than asked for where the file has shrunk.
      line_count: How many lines there are, where `data` ends early and does not say.
    """

    offset: int
    data: bytes
    digest: bytes
    range_bytes: int
    line_count: int | None = None


def byte_ranges(size: int, block_bytes: int = BLOCK_BYTES) -> list[tuple[int, int]]:
    """Returns the ranges (start, end) of a file of `size` bytes, each of `block_bytes` or fewer."""
    return [(start, min(start + block_bytes, size)) for start in range(0, size, block_bytes)]


def read_whole_lines(stream: BinaryIO, start: int, end: int, max_record_bytes: int = MAX_RECORD_BYTES) -> WholeLines:
    """Reads the lines that begin in a range.

    Args:
      stream: Seekable.
      start: First byte of the range.
      end: The byte behind its last.
      max_record_bytes: Of a last line that is longer, no more is read than shows that it is.
    """
    stream.seek(start)
    inside = stream.read(end - start)
    digest = hashlib.sha256(inside).digest()
    skipped = 0
    if start > 0:
        stream.seek(start - 1)
        if stream.read(1) != b"\n":
            skipped = inside.find(b"\n") + 1 or len(inside)
    if skipped >= len(inside):
        return WholeLines(end, b"", digest, len(inside))
    room = max_record_bytes + CUT_BEHIND - (len(inside) - max(inside.rfind(b"\n") + 1, skipped))
    pieces = [inside[skipped:]]
    stream.seek(end)
    while not pieces[-1].endswith(b"\n") and room > 0:
        tail = stream.read(min(_TAIL_BYTES, room))
        if not tail:
            break
        pieces.append(tail[: tail.find(b"\n") + 1 or None])
        room -= len(pieces[-1])
    return WholeLines(start + skipped, b"".join(pieces), digest, len(inside))


def file_digest(block_digests: Iterable[bytes]) -> str:
    """Returns the digest of a file from those of its ranges in order: SHA-256, hexadecimal."""
    return hashlib.sha256(b"".join(block_digests)).hexdigest()
