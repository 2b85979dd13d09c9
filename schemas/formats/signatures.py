"""What a file is by its first bytes, where they can be nothing else: read as another format it would be lost."""

import re
from typing import BinaryIO, NamedTuple

from schemas.errors import DataError
from schemas.formats.content import BZIP2, GZIP, NONE, ZSTD
from schemas.formats.reading import AVRO, PARQUET, TEXT_FORMATS, TFRECORD, TFRECORD_SEQUENCE, Reading
from schemas.formats.tfrecord_frames import begins_frame

_HEAD_BYTES = 16  # more than any signature has
_SHOWN_BYTES = 8


class _Signature(NamedTuple):
    pattern: re.Pattern[bytes]
    name: str
    remedy: str


def _said(setting: str, value: str) -> str:
    return f"say `input: {{{setting}: {value}}}` in the spec, or rename the file"


# Each pattern holds a byte that no text has at its beginning.
_SIGNATURES = [
    _Signature(re.compile(rb"PAR1\x15"), PARQUET, _said("format", PARQUET)),
    _Signature(re.compile(rb"Obj\x01"), AVRO, _said("format", AVRO)),
    _Signature(re.compile(rb"\x1f\x8b\x08"), GZIP, _said("compression", GZIP)),
    _Signature(re.compile(rb"BZh[1-9]1AY&SY"), BZIP2, _said("compression", BZIP2)),
    _Signature(re.compile(rb"\x28\xb5\x2f\xfd"), ZSTD, _said("compression", ZSTD)),
    _Signature(re.compile(rb"PK\x03\x04"), "zip", "unpack it"),
]
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BEGINNINGS = {GZIP: b"\x1f\x8b", BZIP2: b"BZh"}  # a zstd file has several
_PARQUET = b"PAR"  # 1, or E where the footer is encrypted


def check_beginning(stream: BinaryIO, reading: Reading) -> None:
    """Looks at the first bytes of a file, and goes back to its beginning.

    Args:
      stream: The file as it lies there, at its beginning; seekable.
      reading: How it is to be read.

    Raises:
      DataError: It is of another format, compression or encoding.
    """
    problem = _foreign(stream.read(_HEAD_BYTES), reading)
    stream.seek(0)
    if problem:
        raise DataError(problem)


def _foreign(head: bytes, reading: Reading) -> str:
    if reading.compression != NONE:
        beginning = _BEGINNINGS.get(reading.compression, b"")
        if not head or head.startswith(beginning):
            return ""
        shown = repr(head[:_SHOWN_BYTES])
        return (
            f"a {reading.compression} file begins with {beginning!r}; this one with {shown}; "
            f"{_said('compression', NONE)}"
        )
    if reading.format in {TFRECORD, TFRECORD_SEQUENCE} and begins_frame(head):
        return ""
    if begins_frame(head):
        return f"begins as {TFRECORD} does, and is read as {reading.format}; {_said('format', TFRECORD)}"
    if reading.format in TEXT_FORMATS and not reading.encoding and head.startswith(_UTF16):
        return "begins as text in UTF-16 does; say `input: {encoding: utf-16}` in the spec, or write it in UTF-8"
    found = next((one for one in _SIGNATURES if one.pattern.match(head)), None)
    if found is None or found.name == reading.format:
        if reading.format == PARQUET and head and not head.startswith(_PARQUET):
            return f"a parquet file begins with b'PAR1'; this one with {head[:_SHOWN_BYTES]!r}; convert or rename it"
        return ""
    return f"begins as {found.name} does, and is read as {reading.format}; {found.remedy}"
