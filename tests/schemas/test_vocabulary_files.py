"""Vocabulary files that a person gives."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import DataError
from schemas.vocabulary import dump_tokens
from schemas.vocabulary_files import parse_given


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), min_size=1, unique=True))
def test_a_file_of_ours_gives_the_same_tokens(tokens: list[str]) -> None:
    if not tokens[0].startswith("\ufeff"):
        assert parse_given(dump_tokens(pa.array(tokens)), "v.txt").to_pylist() == tokens


def test_a_list_from_elsewhere() -> None:
    content = "the\n##ing\n[UNK]\n<b>\nשלום\n\x01\n \n".encode()
    assert parse_given(content, "v.txt").to_pylist() == ["the", "##ing", "[UNK]", "<b>", "שלום", "\x01", " "]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "vocabulary v.txt: is empty (0 bytes); write one token a line"),
        (b"a\nb\na\n", "vocabulary v.txt, line 3: 'a' stands there twice; remove one"),
        (b"a\n\nb\n\n", "vocabulary v.txt, line 4: '' stands there twice; remove one"),
        (
            b"a\nb\nc",
            "vocabulary v.txt, line 3: the last line does not end, so the file may be cut off; if it is whole, add a "
            "newline",
        ),
        (b"a\nb\xff\nc\n", "vocabulary v.txt, line 2: is no UTF-8 (invalid start byte); save it as UTF-8"),
        (b"a\nb\n\xc3", "vocabulary v.txt, line 3: is no UTF-8 (unexpected end of data); save it as UTF-8"),
        (
            b"\xef\xbb\xbfa\n",
            "vocabulary v.txt, line 1: begins with a byte order mark; save it as UTF-8 without one",
        ),
        (
            b"a\nb\r\nc\r\n",
            "vocabulary v.txt, line 2: ends with a carriage return, which would be part of the token; save the file "
            r"with newlines alone, or write '\r' if it is meant",
        ),
        (
            b"a\n\\x\n",
            r"vocabulary v.txt, line 2: '\x' is no escape; write '\\' for a backslash",
        ),
    ],
)
def test_what_is_no_vocabulary(content: bytes, error: str) -> None:
    with pytest.raises(DataError) as raised:
        parse_given(content, "v.txt")
    assert str(raised.value) == error


def test_a_file_of_classes() -> None:
    with pytest.raises(DataError) as raised:
        parse_given(b"", "c.txt", "class")
    assert str(raised.value) == "vocabulary c.txt: is empty (0 bytes); write one class a line"
