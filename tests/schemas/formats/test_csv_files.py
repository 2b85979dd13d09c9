"""The header of a CSV file, and the blocks in which its records are read."""

import io

import pytest

from schemas.errors import DataError
from schemas.formats import csv_files
from schemas.formats.csv_files import Header, check_delimiter, csv_starts, read_header
from schemas.formats.csv_scan import Dialect
from schemas.formats.fields import fields_of
from schemas.spec import parse_spec

COMMA = Dialect()


@pytest.mark.parametrize(
    ("content", "names", "size"),
    [
        (b"a,b\n1,2\n", ("a", "b"), 4),
        (b"a,b\r\n1,2\r\n", ("a", "b"), 5),
        (b"a,b", ("a", "b"), 3),
        (b"\xef\xbb\xbfa,b\n", ("a", "b"), 7),
        (b'\xef\xbb\xbf"a\nx","b"",c"\n', ("a\nx", 'b",c'), 17),
        (b"\n\r\na\n", ("a",), 5),
        (b" a ,b b\n", (" a ", "b b"), 8),
    ],
)
@pytest.mark.parametrize("chunk_bytes", [3, 1 << 20])
def test_headers(
    content: bytes, names: tuple[str, ...], size: int, chunk_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_files, "CHUNK_BYTES", chunk_bytes)
    assert read_header(io.BytesIO(content), COMMA) == Header(names, size)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "header: the file has none; its first line must hold the names of the columns"),
        (b"\n\r\n", "header: the file has none; its first line must hold the names of the columns"),
        (b"a,b,a\n", "header: columns 1 and 3 are both named 'a'; rename one of them"),
        (b"a,,c\n", "header: column 2 of 3 has no name; give every column one"),
        (b"a, \n", "header: column 2 of 2 has no name; give every column one"),
        (
            b'a"b,c\n',
            'header: a quote " must open at the beginning of a cell, close at its end, and stand twice within; '
            'the one at byte 1 of the record does not; received a"b,c; correct it',
        ),
        (
            b"a,b\r1,2\r",
            "header: a carriage return outside quotes must end a line; byte 3 of the record does not; "
            "received a,b\\r1,2; correct it",
        ),
        (
            b"\xff\n",
            "header: a record must be UTF-8; byte 0 of the record is not"
            "; where the file is in another encoding, as latin-1, say `input: {encoding: …}` in the spec"
            "; received \\xff; correct it",
        ),
        (
            b'{"a": 1}\n',
            'header: a quote " must open at the beginning of a cell, close at its end, and stand twice within; '
            'the one at byte 1 of the record does not; received {"a": 1}; it begins as JSON does: '
            "say `input: {format: jsonl}` in the spec, or rename the file",
        ),
        (
            b'a,"b\n1,2\n',
            'byte 2: the quote " that opens here is never closed, so that nobody can say which records stand behind '
            "it; close it, write quotes within a cell twice, or say `input: {quotes: false}`",
        ),
        (
            b"a" * 200 + b"\n",
            "header: it has more than 100 bytes (max_record_bytes); the first line must hold the names of the "
            "columns, with the delimiter between two",
        ),
    ],
)
def test_headers_that_cannot_be(content: bytes, message: str) -> None:
    with pytest.raises(DataError) as error:
        read_header(io.BytesIO(content), COMMA, max_record_bytes=100)
    assert str(error.value) == message


def test_a_header_without_end_is_not_held() -> None:
    class Zeros(io.RawIOBase):
        read_bytes = 0

        def read(self, size: int = -1) -> bytes:
            self.read_bytes += size
            return b"0" * size

    stream = Zeros()
    with pytest.raises(DataError, match="more than 5000000 bytes"):
        read_header(stream, COMMA, max_record_bytes=5_000_000)  # type: ignore[arg-type]
    assert stream.read_bytes == 8 << 20


@pytest.mark.parametrize(
    ("content", "block_bytes", "starts"),
    [
        (b"", 4, []),
        (b"a", 4, [0]),
        (b"a\nb\nc\n", 100, [0]),
        (b"a\nb\nc\n", 1, [0, 2, 4]),
        (b"a\nb\nc\n", 3, [0, 4]),
        (b'"a\nb"\nc\n', 1, [0, 6]),
        (b'\xef\xbb\xbf"a\nb"\nc\n', 1, [0, 9]),
        (b"a\nb\nc", 2, [0, 2, 4]),
    ],
)
def test_starts(content: bytes, block_bytes: int, starts: list[int]) -> None:
    assert csv_starts(io.BytesIO(content), len(content), block_bytes, COMMA) == starts


def test_what_stands_behind_the_size_of_a_file_is_not_read() -> None:
    assert csv_starts(io.BytesIO(b'a\nb\n"c\n'), 4, 1, COMMA) == [0, 2]


@pytest.mark.parametrize(
    ("name", "columns", "said"),
    [
        ("id;text", "id, text", "{delimiter: ';'}"),
        ("text|x", "text, x", "{delimiter: '|'}"),
        ("a\ttext", "a, text", "{format: tsv}"),
        ("id,text", "id, text", "{format: csv, delimiter: ','}"),
    ],
)
def test_a_header_of_another_delimiter(name: str, columns: str, said: str) -> None:
    fields = fields_of(parse_spec("id: id\nsequences: {text: {type: tokens, tokenizer: words}}"))
    with pytest.raises(DataError) as caught:
        check_delimiter((name,), fields)
    rule = f"'{name}' is a single column; with another delimiter it is {columns}; say `input: {said}` in the spec"
    assert str(caught.value) == f"header: {rule}"
    check_delimiter((name, "b"), fields)
    check_delimiter(("a;b",), fields)
    check_delimiter(("text",), fields)
