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
    setting: str  # of the spec, which would have it read as what it is; empty: none would


# Each pattern holds a byte that no text has at its beginning.
_SIGNATURES = [
    _Signature(re.compile(rb"PAR1\x15"), PARQUET, "format"),
    _Signature(re.compile(rb"Obj\x01"), AVRO, "format"),
    _Signature(re.compile(rb"\x1f\x8b\x08"), GZIP, "compression"),
    _Signature(re.compile(rb"BZh[1-9]1AY&SY"), BZIP2, "compression"),
    _Signature(re.compile(rb"\x28\xb5\x2f\xfd"), ZSTD, "compression"),
    _Signature(re.compile(rb"PK\x03\x04"), "zip", ""),
]
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BEGINNINGS = {GZIP: b"\x1f\x8b", BZIP2: b"BZh"}  # a zstd file has several
_PARQUET = b"PAR"  # 1, or E where the footer is encrypted


def check_beginning(stream: BinaryIO, reading: Reading, has_spec: bool = True) -> None:
    """Looks at the first bytes of a file, and goes back to its beginning.

    Args:
      stream: The file as it lies there, at its beginning; seekable.
      reading: How it is to be read.
      has_spec: Whether a spec may say that it is to be read otherwise, as it may not in a stream.

    Raises:
      DataError: It is of another format, compression or encoding.
    """
    problem = _foreign(stream.read(_HEAD_BYTES), reading, has_spec)
    stream.seek(0)
    if problem:
        raise DataError(problem)


def _foreign(head: bytes, reading: Reading, has_spec: bool) -> str:
    if reading.compression != NONE:
        beginning = _BEGINNINGS.get(reading.compression, b"")
        if not head or head.startswith(beginning):
            return ""
        shown = repr(head[:_SHOWN_BYTES])
        return (
            f"a {reading.compression} file begins with {beginning!r}; this one with {shown}; "
            f"{_remedy('compression', NONE, reading, has_spec)}"
        )
    if reading.format in {TFRECORD, TFRECORD_SEQUENCE} and begins_frame(head):
        return ""
    if begins_frame(head):
        remedy = _remedy("format", TFRECORD, reading, has_spec)
        return f"begins as {TFRECORD} does, and is read as {reading.format}; {remedy}"
    if reading.format in TEXT_FORMATS and not reading.encoding and head.startswith(_UTF16):
        spec = "say `input: {encoding: utf-16}` in the spec, or " if has_spec else ""
        return f"begins as text in UTF-16 does; {spec}write it in UTF-8"
    found = next((one for one in _SIGNATURES if one.pattern.match(head)), None)
    if found is None or found.name == reading.format:
        if reading.format == PARQUET and head and not head.startswith(_PARQUET):
            return f"a parquet file begins with b'PAR1'; this one with {head[:_SHOWN_BYTES]!r}; convert or rename it"
        return ""
    remedy = _remedy(found.setting, found.name, reading, has_spec)
    return f"begins as {found.name} does, and is read as {reading.format}; {remedy}"


def _remedy(setting: str, value: str, reading: Reading, has_spec: bool) -> str:
    if not setting:
        return "unpack it"
    if has_spec:
        return f"say `input: {{{setting}: {value}}}` in the spec, or rename the file"
    return "rename the file" if setting == "compression" else f"write it as {reading.format}"
