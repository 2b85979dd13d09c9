"""The content of a file is the same however it is compressed and encoded."""

import bz2
import gzip
import io
from collections.abc import Callable

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.errors import DataError, UsageError
from schemas.formats.content import check_compression, check_encoding, open_content

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
