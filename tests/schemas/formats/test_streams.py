"""A stream has the same records and blocks however it is read."""

import hashlib
import io
from typing import BinaryIO, cast

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.errors import DataError
from schemas.formats import streams
from schemas.formats.blocks import WholeLines, read_whole_lines
from schemas.formats.csv_files import csv_starts
from schemas.formats.csv_scan import CsvFinder, Dialect
from schemas.formats.fields import Field
from schemas.formats.jsonl import parse_jsonl
from schemas.formats.lines import BYTE_ORDER_MARK
from schemas.formats.streams import LineFinder, read_range, whole_records


def blocks_of(data: bytes, block_bytes: int, limit: int, chunk: int, csv: bool) -> list[WholeLines]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "CHUNK_BYTES", chunk)
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
        patch.setattr("schemas.formats.csv_files.CHUNK_BYTES", other)
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
    assert (first.data, first.range_bytes) == (b"0" * 5005, 20_000_001)
    assert (second.offset, second.data) == (20_000_001, b'{"x": "next"}\n')
    assert parse_jsonl(first.data, [], 0, 5000).rejected[0].reason == "too_large"


@pytest.mark.parametrize("mark", [b"", BYTE_ORDER_MARK])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
@pytest.mark.parametrize("block_bytes", [1, 5, 9, 100])
def test_the_largest_line_is_read_and_a_larger_one_is_not(mark: bytes, end: bytes, block_bytes: int) -> None:
    fields = [Field("x", ("x",), (pa.string(),))]
    for extra in (0, 1, 2):
        line = b'{"x":"aa"' + b" " * extra + b"}"
        data = mark + line + end + (line[: 8 + 1] + b"}\n" if end else b"")
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
            assert rejected == ([("too_large", len(mark))] if extra else [])
