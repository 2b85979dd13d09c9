"""Files that are read as what they are not: told by their first bytes."""

import gzip
import io
import struct

import pytest

from schemas.errors import DataError
from schemas.formats.reading import Reading
from schemas.formats.signatures import check_beginning
from tests.pipeline.formats import COMPRESSORS, WRITERS, tfrecord_frame

ROWS = [{"id": "a", "text": "b", "tags": [], "frames": [[1.0]], "age": 1.0, "stars": 1}]
ZIP = b"PK\x03\x04" + bytes(30)


def problem(content: bytes, reading: Reading) -> str:
    stream = io.BytesIO(content)
    try:
        check_beginning(stream, reading)
    except DataError as error:
        return str(error)
    assert stream.tell() == 0
    return ""


@pytest.mark.parametrize("name", list(WRITERS))
def test_what_is_what_it_should_be(name: str) -> None:
    assert problem(WRITERS[name](ROWS), Reading(name)) == ""
    assert problem(b"", Reading(name)) == ""
    for suffix, compression in ((".gz", "gzip"), (".bz2", "bzip2"), (".zst", "zstd")):
        assert problem(COMPRESSORS[suffix](WRITERS["jsonl"](ROWS)), Reading("jsonl", compression)) == ""


def rename(setting: str, value: str) -> str:
    return f"say `input: {{{setting}: {value}}}` in the spec, or rename the file"


@pytest.mark.parametrize(
    ("content", "reading", "rule"),
    [
        (
            WRITERS["parquet"](ROWS),
            Reading("jsonl"),
            f"begins as parquet does, and is read as jsonl; {rename('format', 'parquet')}",
        ),
        (
            WRITERS["avro"](ROWS),
            Reading("parquet"),
            f"begins as avro does, and is read as parquet; {rename('format', 'avro')}",
        ),
        (
            gzip.compress(b"a", mtime=0),
            Reading("lines"),
            f"begins as gzip does, and is read as lines; {rename('compression', 'gzip')}",
        ),
        (
            gzip.compress(b"a", mtime=0),
            Reading("tfrecord"),
            f"begins as gzip does, and is read as tfrecord; {rename('compression', 'gzip')}",
        ),
        (
            COMPRESSORS[".bz2"](b"a"),
            Reading("csv"),
            f"begins as bzip2 does, and is read as csv; {rename('compression', 'bzip2')}",
        ),
        (
            COMPRESSORS[".zst"](b"a"),
            Reading("csv"),
            f"begins as zstd does, and is read as csv; {rename('compression', 'zstd')}",
        ),
        (
            b'{"text": 1}',
            Reading("parquet"),
            "a parquet file begins with b'PAR1'; this one with b'{\"text\":'; convert or rename it",
        ),
        (
            tfrecord_frame(b"a"),
            Reading("csv"),
            f"begins as tfrecord does, and is read as csv; {rename('format', 'tfrecord')}",
        ),
        (ZIP, Reading("jsonl"), "begins as zip does, and is read as jsonl; unpack it"),
        (
            b'{"a": 1}',
            Reading("jsonl", "gzip"),
            f"a gzip file begins with b'\\x1f\\x8b'; this one with b'{{\"a\": 1}}'; {rename('compression', 'none')}",
        ),
        (
            "a".encode("utf-16"),
            Reading("csv"),
            "begins as text in UTF-16 does; say `input: {encoding: utf-16}` in the spec, or write it in UTF-8",
        ),
    ],
)
def test_what_is_something_else(content: bytes, reading: Reading, rule: str) -> None:
    assert problem(content, reading) == rule


@pytest.mark.parametrize(
    ("content", "compression", "remedy"),
    [
        (WRITERS["parquet"](ROWS), "none", "write it as jsonl"),
        (tfrecord_frame(b"a"), "none", "write it as jsonl"),
        (gzip.compress(b"a", mtime=0), "none", "rename the file"),
        (b'{"a": 1}', "gzip", "rename the file"),
        (ZIP, "none", "unpack it"),
        ("a".encode("utf-16"), "none", "begins as text in UTF-16 does; write it in UTF-8"),
    ],
)
def test_nothing_is_advised_of_a_spec_that_may_not_say_it(content: bytes, compression: str, remedy: str) -> None:
    with pytest.raises(DataError) as raised:
        check_beginning(io.BytesIO(content), Reading("jsonl", compression), has_spec=False)
    assert str(raised.value).endswith(remedy)
    assert "spec" not in str(raised.value)


def test_a_frame_may_begin_as_something_else_does() -> None:
    frame = tfrecord_frame(bytes(0x088B1F))
    assert frame.startswith(b"\x1f\x8b\x08")
    assert problem(frame, Reading("tfrecord")) == ""
    assert problem(struct.pack("<Q", 0x088B1F) + bytes(4), Reading("tfrecord")).startswith("begins as gzip does")
