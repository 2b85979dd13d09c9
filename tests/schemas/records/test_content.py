"""The content of a file is the same however it is compressed, encoded and cut."""

import bz2
import gzip
import hashlib
import io
from collections.abc import Callable
from typing import BinaryIO, cast

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.errors import DataError, UsageError
from schemas.records import content
from schemas.records.blocks import WholeLines, read_whole_lines
from schemas.records.content import (
    LineFinder,
    check_compression,
    check_encoding,
    open_content,
    read_range,
    whole_records,
)
from schemas.records.csv_files import csv_starts
from schemas.records.csv_scan import CsvFinder, Dialect
from schemas.records.fields import Field
from schemas.records.jsonl import parse_jsonl

TEXT = "".join(f"line {i}: häßlich, 日本\n" for i in range(3000)).encode()


def zstd(data: bytes) -> bytes:
    return pa.compress(data, codec="zstd", asbytes=True)


COMPRESS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "bzip2": bz2.compress, "zstd": zstd}


def read(data: bytes, compression: str = "none", encoding: str = "utf-8") -> bytes:
    return open_content(io.BytesIO(data), compression, encoding).read()


def error_of(data: bytes, compression: str) -> str:
    with pytest.raises(DataError) as error:
        read(data, compression)
    return str(error.value)


@pytest.mark.parametrize("compression", COMPRESS)
def test_members_follow_one_another(compression: str) -> None:
    compress = COMPRESS[compression]
    assert read(compress(TEXT), compression) == TEXT
    assert read(compress(TEXT) + compress(b"") + compress(b"end"), compression) == TEXT + b"end"
    assert read(compress(b""), compression) == b""


@pytest.mark.parametrize("compression", COMPRESS)
@pytest.mark.parametrize("kept", [0, 2, 20, -1, -5])
def test_content_that_ends_too_early(compression: str, kept: int) -> None:
    whole = COMPRESS[compression](TEXT)
    message = error_of(whole[:kept], compression)
    assert message.startswith(f"byte {len(whole[:kept])} of the {compression} file, or before: the compressed content")
    assert message.endswith("so that nobody can say which records are lost; get the file again")
    if kept:  # the same behind a whole member
        assert error_of(whole + whole[:kept], compression).startswith(f"byte {len(whole + whole[:kept])} of the")


@pytest.mark.parametrize("compression", COMPRESS)
def test_damaged_content(compression: str) -> None:
    whole = bytearray(COMPRESS[compression](TEXT))
    whole[6:16] = b"\x55\xaa" * 5  # further in, zstd notices with a checksum only
    assert "ends too early or is damaged" in error_of(bytes(whole), compression)
    assert "ends too early or is damaged" in error_of(COMPRESS[compression](TEXT) + b"no member", compression)
    assert "ends too early or is damaged" in error_of(TEXT, compression)


def test_the_error_of_an_empty_file() -> None:
    assert error_of(b"", "gzip") == (
        "byte 0 of the gzip file, or before: the compressed content ends too early or is damaged "
        "(there is no content at all), so that nobody can say which records are lost; get the file again"
    )


@pytest.mark.parametrize("compression", ["gzip", "bzip2"])
def test_an_error_of_the_file_system_is_passed_on(compression: str) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        open_content(Broken(), compression).read()


@pytest.mark.parametrize("compression", COMPRESS)
def test_compressed_content_is_read_in_little_memory(compression: str) -> None:
    stream = open_content(io.BytesIO(COMPRESS[compression](b"0" * (64 << 20))), compression)
    before = pa.total_allocated_bytes()
    size = 0
    while chunk := stream.read(1 << 16):
        size += len(chunk)
        assert pa.total_allocated_bytes() - before < 8 << 20
    assert size == 64 << 20


@given(st.text(st.characters(codec="utf-8"), max_size=40), st.sampled_from(["utf-16", "utf-16-be", "utf-32", "utf-7"]))
@example("\ufeffa\r\n\0", "utf-16-le")
def test_every_character_survives(text: str, encoding: str) -> None:
    assert read(text.encode(encoding), encoding=encoding) == text.encode()


@given(st.binary(max_size=40), st.sampled_from(["latin-1", "cp1252", "utf-16-le", "shift_jis", "gb18030", "ascii"]))
def test_what_an_encoding_does_not_know_becomes_invalid_utf8(data: bytes, encoding: str) -> None:
    try:
        expected = data.decode(encoding).encode()
    except UnicodeDecodeError:
        with pytest.raises(UnicodeDecodeError):
            read(data, encoding=encoding).decode()
    else:
        assert read(data, encoding=encoding) == expected


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "shift_jis"])
def test_only_the_line_with_an_unknown_byte_is_hurt(encoding: str) -> None:
    data = b"one\ntw\x81\xfe\nthree\n"
    lines = read(data, encoding=encoding).split(b"\n")
    assert (lines[0], lines[2]) == (b"one", b"three")
    assert b"\xff" in lines[1]


def test_half_a_surrogate_pair_hurts_its_line_only() -> None:
    data = "one\ntw\nthree\n".encode("utf-16-le").replace(b"w\0", b"\0\xd8")
    assert read(data, encoding="utf-16-le") == b"one\nt\xff\nthree\n"
    assert read("a\n".encode("utf-16-le") + b"b", encoding="utf-16-le") == b"a\n\xff"
    assert read(b"a+2AA-b", encoding="utf-7") in (b"a\xffb", b"a\xff\xffb")


def test_utf16_without_a_mark() -> None:
    with pytest.raises(DataError) as error:
        read(b"a\0b\0", encoding="utf-16")
    assert str(error.value) == (
        "encoding utf-16: the content cannot be read (UTF-16 stream does not start with BOM); it must begin with a "
        "byte order mark, or the encoding must say the order of bytes, as utf-16-le"
    )


def test_utf8_passes_untouched() -> None:
    stream = io.BytesIO(b"\xef\xbb\xbfa\xff\r\n")
    assert open_content(stream) is stream
    assert open_content(stream, encoding="UTF8") is stream
    assert open_content(stream, encoding="utf-8-sig") is stream


def test_encodings() -> None:
    assert check_encoding("Latin-1") == "iso8859-1"
    for wrong in ("latin-99", "base64", "rot13", "idna", "unicode_escape", "", "a\0b"):
        with pytest.raises(UsageError) as error:
            check_encoding(wrong)
        assert str(error.value) == (
            f"encoding: received {wrong!r}; it must be one that Python knows, as utf-8, latin-1, cp1252 or utf-16"
        )


def test_compressions() -> None:
    assert check_compression("zstd") == "zstd"
    with pytest.raises(UsageError) as error:
        check_compression("gz")
    assert str(error.value) == "compression: received 'gz'; did you mean 'gzip'?"
    with pytest.raises(UsageError) as error:
        check_compression("xz")
    assert str(error.value) == "compression: received 'xz'; valid: bzip2, gzip, none, zstd"


@pytest.mark.parametrize("compression", COMPRESS)
def test_compressed_and_in_another_encoding(compression: str) -> None:
    data = COMPRESS[compression](TEXT.decode().encode("utf-16"))
    assert read(data, compression, "utf-16") == TEXT


def blocks_of(data: bytes, block_bytes: int, limit: int, chunk: int, csv: bool) -> list[WholeLines]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(content, "CHUNK_BYTES", chunk)
        finder = CsvFinder(Dialect()) if csv else LineFinder()
        return list(whole_records(io.BytesIO(data), finder, block_bytes, limit))


PIECES = [b"\n", b"\r\n", b"a", b",", b'"b\n""', b'x"', b"long cell " * 3, b"\xff\0"]
CONTENTS = st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join)


@given(CONTENTS, st.integers(1, 40), st.integers(3, 50))
def test_blocks_of_lines_hold_all_of_a_stream(data: bytes, block_bytes: int, chunk: int) -> None:
    blocks = blocks_of(data, block_bytes, 1000, chunk, csv=False)
    assert b"".join(block.data for block in blocks) == data
    assert [block.offset for block in blocks] == np.cumsum([0, *(len(block.data) for block in blocks)])[:-1].tolist()
    for block in blocks[:-1]:
        assert block.data.endswith(b"\n")
        assert block.data.rfind(b"\n", 0, -1) + 1 < block_bytes <= len(block.data)
    assert all(block.digest == hashlib.sha256(block.data).digest() for block in blocks)


@given(CONTENTS, st.integers(1, 40), st.integers(3, 50), st.integers(3, 50), st.integers(0, 60))
@example(b'\xef\xbb\xbf"a\nb",c\n', 1, 3, 4, 5)
def test_a_stream_has_the_blocks_of_the_file(data: bytes, block_bytes: int, chunk: int, other: int, limit: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("schemas.records.csv_files.CHUNK_BYTES", other)
        try:
            starts = csv_starts(io.BytesIO(data), len(data), block_bytes, Dialect())
        except DataError as error:
            with pytest.raises(DataError, match=str(error).split(":")[0]):
                blocks_of(data, block_bytes, limit, chunk, csv=True)
            return
    ranges = zip(starts, [*starts[1:], len(data)], strict=False)
    found = [read_range(io.BytesIO(data), start, end, block_bytes, limit) for start, end in ranges]
    streamed = blocks_of(data, block_bytes, limit, chunk, csv=True)
    assert [block.offset for block in streamed] == starts
    assert [(b.offset, b.digest, b.range_bytes) for b in streamed] == [
        (b.offset, b.digest, b.range_bytes) for b in found
    ]
    assert sum(block.range_bytes for block in streamed) == len(data)
    for a, b in zip(streamed, found, strict=True):
        # What is passed over is of a last record that is too large, and both leave enough to see that.
        shorter, longer = sorted((a.data, b.data), key=len)
        assert longer.startswith(shorter)


class Endless(io.RawIOBase):
    """A stream of one line, of which nothing is held."""

    def __init__(self, size: int, end: bytes) -> None:
        self._left, self._end = size, end

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._left:
            end, self._end = self._end, b""
            return end
        data = b"0" * min(size, self._left)
        self._left -= len(data)
        return data


def test_a_line_that_is_too_large_is_passed_over() -> None:
    stream = Endless(20_000_000, b'\n{"x": "next"}\n')
    first, second = whole_records(cast(BinaryIO, stream), LineFinder(), block_bytes=1000, max_record_bytes=5000)
    assert (first.data, first.range_bytes) == (b"0" * 5002, 20_000_001)
    assert (second.offset, second.data) == (20_000_001, b'{"x": "next"}\n')
    assert parse_jsonl(first.data, [], 0, 5000).rejected[0].reason == "too_large"


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
@pytest.mark.parametrize("block_bytes", [1, 5, 9, 100])
def test_the_largest_line_is_read_and_a_larger_one_is_not(end: bytes, block_bytes: int) -> None:
    fields = [Field("x", ("x",), (pa.string(),))]
    for extra in (0, 1, 2):
        line = b'{"x":"aa"' + b" " * extra + b"}"
        data = line + end + (line[: 8 + 1] + b"}\n" if end else b"")
        streamed = list(whole_records(io.BytesIO(data), LineFinder(), block_bytes, 10))
        ranged = [
            read_whole_lines(io.BytesIO(data), start, min(start + block_bytes, len(data)), 10)
            for start in range(0, len(data), block_bytes)
        ]
        for blocks in (streamed, ranged):
            parsed = [parse_jsonl(block.data, fields, block.offset, 10) for block in blocks]
            kept = sum(len(block.lines) for block in parsed)
            rejected = [(item.reason, item.offset) for block in parsed for item in block.rejected]
            assert kept == (extra == 0) + (end != b"")
            assert rejected == ([("too_large", 0)] if extra else [])
