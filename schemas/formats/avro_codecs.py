"""The codecs in which Avro blocks are compressed: those of Python's library and those of Arrow."""

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any

import pyarrow as pa

# Of a block, unpacked: a few bytes can stand for any number. Writers make blocks of some 64 KiB.
MOST_BYTES = 1 << 28
# The most that a byte can stand for, beyond which a size is no size but damage.
_MOST_SNAPPY_BYTES, _MOST_LZ4_BYTES = 64, 256
_CHECKSUM_BYTES = 4
_SIZE_BYTES = 4


def _bounded(data: bytes, reader: Any) -> bytes:
    """Returns what a decompressor of Python's makes of all data.

    Raises:
      ValueError: That is too much, or the data are cut off.
    """
    content: bytes = reader.decompress(data, MOST_BYTES + 1)
    _check_size(len(content))
    if not reader.eof:
        raise ValueError("its compressed data are cut off")
    return content


def _check_size(size: int) -> None:
    if size > MOST_BYTES:
        raise ValueError(f"it holds more than {MOST_BYTES:,} bytes; write the file with smaller blocks")


def _null(data: bytes) -> bytes:
    return data


def _deflate(data: bytes) -> bytes:
    return _bounded(data, zlib.decompressobj(-zlib.MAX_WBITS))


def _bzip2(data: bytes) -> bytes:
    return _bounded(data, bz2.BZ2Decompressor())


def _xz(data: bytes) -> bytes:
    return _bounded(data, lzma.LZMADecompressor())


def _zstandard(data: bytes) -> bytes:
    with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
        content: bytes = stream.read(MOST_BYTES + 1)
    _check_size(len(content))
    return content


def _snappy(data: bytes) -> bytes:
    """Returns what snappy compressed; Avro puts the CRC-32 of the content behind it."""
    stored, checksum = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
    content = _decompress(stored, _snappy_size(stored), "snappy", _MOST_SNAPPY_BYTES)
    if zlib.crc32(content) != int.from_bytes(checksum, "big"):
        raise ValueError("it does not fit its checksum")
    return content


def _snappy_size(data: bytes) -> int:
    """Returns the size of the content, with which the data begin: a number of base 128."""
    size = 0
    for i, byte in enumerate(data[:5]):
        size |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return size
    raise ValueError("its compressed data begin with no size")


def _lz4(data: bytes) -> bytes:
    """Returns what LZ4 compressed as a block; its size stands before it."""
    size = int.from_bytes(data[:_SIZE_BYTES], "little")
    return _decompress(data[_SIZE_BYTES:], size, "lz4_raw", _MOST_LZ4_BYTES)


def _decompress(data: bytes, size: int, codec: str, most: int) -> bytes:
    if size > most * len(data):
        raise ValueError(f"its compressed data of {len(data)} bytes say that they hold {size}")
    _check_size(size)
    content: bytes = pa.Codec(codec).decompress(data, size, asbytes=True)
    return content


CODECS: dict[str, Callable[[bytes], bytes]] = {
    "null": _null,
    "deflate": _deflate,
    "snappy": _snappy,
    "bzip2": _bzip2,
    "xz": _xz,
    "zstandard": _zstandard,
    "lz4": _lz4,
}
