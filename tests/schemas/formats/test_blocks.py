"""Every line of a file belongs to exactly one range, whatever the size of the ranges."""

import hashlib
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.formats import blocks
from schemas.formats.blocks import BLOCK_BYTES, MAX_RECORD_BYTES, byte_ranges, file_digest, read_whole_lines

CONTENTS = st.lists(st.sampled_from([b"\n", b"\r\n", b"a", b"bcd", b"long line " * 3, b"\xff\0"]), max_size=20).map(
    b"".join
)


@given(CONTENTS, st.integers(1, 40), st.integers(1, 5))
@example(b"", 4, 1)
@example(b"\n\n\n\n", 1, 1)
@example(b"abc", 1, 1)
@example(b"abc\n", 4, 1)
@example(b"abc\nd", 4, 1)
def test_ranges_hold_every_line_once_and_in_order(content: bytes, block_bytes: int, tail_bytes: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "_TAIL_BYTES", tail_bytes)
        ranges = byte_ranges(len(content), block_bytes)
        read = [read_whole_lines(io.BytesIO(content), start, end) for start, end in ranges]
    assert b"".join(block.data for block in read) == content
    for (start, end), block in zip(ranges, read, strict=True):
        assert block.digest == hashlib.sha256(content[start:end]).digest()
        assert content[block.offset :].startswith(block.data)
        if block.data:
            # Each begins where a line begins, and ends where one ends.
            assert start <= block.offset < end
            assert block.offset == 0 or content[block.offset - 1 : block.offset] == b"\n"
            assert block.data.endswith(b"\n") or block.offset + len(block.data) == len(content)
            last_line = block.data.rfind(b"\n", 0, -1) + 1
            assert block.offset + last_line < end


def test_a_line_belongs_to_the_range_in_which_it_begins() -> None:
    stream = io.BytesIO(b"one\ntwo\nthree\nfour")
    found = [read_whole_lines(stream, start, end)[:2] for start, end in byte_ranges(18, 5)]
    assert found == [(0, b"one\ntwo\n"), (8, b"three\n"), (14, b"four"), (18, b"")]


@pytest.mark.parametrize(
    ("size", "block_bytes", "ranges"),
    [
        (0, 4, []),
        (1, 4, [(0, 1)]),
        (4, 4, [(0, 4)]),
        (5, 4, [(0, 4), (4, 5)]),
        (8, 4, [(0, 4), (4, 8)]),
    ],
)
def test_ranges(size: int, block_bytes: int, ranges: list[tuple[int, int]]) -> None:
    assert byte_ranges(size, block_bytes) == ranges


def test_a_block_is_8_mib() -> None:
    assert byte_ranges(2**23 + 1) == [(0, 2**23), (2**23, 2**23 + 1)]
    assert BLOCK_BYTES == 2**23


def test_the_digest_of_a_file() -> None:
    content = b"one\ntwo\n"
    parts = [read_whole_lines(io.BytesIO(content), start, end).digest for start, end in byte_ranges(8, 3)]
    by_hand = b"".join(hashlib.sha256(part).digest() for part in (b"one", b"\ntw", b"o\n"))
    assert file_digest(parts) == hashlib.sha256(by_hand).hexdigest()
    assert file_digest([]) == hashlib.sha256(b"").hexdigest()


def test_of_a_line_that_is_too_large_little_is_read() -> None:
    content = b"first\n" + b"x" * 1_000_000 + b"\nlast\n"
    stream = io.BytesIO(content)
    blocks = [read_whole_lines(stream, start, end, 5000) for start, end in byte_ranges(len(content), 1000)]
    held = [block.data for block in blocks if block.data]
    assert held == [b"first\n" + b"x" * 5005, b"last\n"]
    assert [block.digest for block in blocks] == [
        hashlib.sha256(content[start:end]).digest() for start, end in byte_ranges(len(content), 1000)
    ]


@given(CONTENTS, st.integers(1, 40), st.integers(0, 40))
def test_only_lines_that_are_too_large_end_early(content: bytes, block_bytes: int, limit: int) -> None:
    read = [read_whole_lines(io.BytesIO(content), *ends, limit) for ends in byte_ranges(len(content), block_bytes)]
    whole = [read_whole_lines(io.BytesIO(content), *ends) for ends in byte_ranges(len(content), block_bytes)]
    for block, unlimited in zip(read, whole, strict=True):
        assert unlimited.data.startswith(block.data)
        if block.data != unlimited.data:
            assert len(block.data) - (block.data.rfind(b"\n") + 1) >= limit + 2 - block.data.endswith(b"\n")


def test_a_record_has_64_mib() -> None:
    assert MAX_RECORD_BYTES == 2**26
