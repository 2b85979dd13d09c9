"""Lines of text, and whole files of it."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.formats.fields import Field
from schemas.formats.plain import parse_lines, parse_text_files

MARK = b"\xef\xbb\xbf"
NAME = (pa.string(), pa.int64(), pa.bool_())
TEXT = Field("words", ("text",), (pa.string(),))
LABEL = Field("label", ("label",), NAME)
FILE = Field("id", ("file",), NAME)


@given(st.lists(st.sampled_from([b"a", b"", b"b c", b"\0", "é".encode(), b" "]), max_size=8), st.booleans())
def test_every_line_is_a_record(lines: list[bytes], crlf: bool) -> None:
    end = b"\r\n" if crlf else b"\n"
    data = b"".join(line + end for line in lines)
    block = parse_lines(data, [TEXT], 10)
    assert block.columns["words"].to_pylist() == [line.decode() for line in lines]
    assert block.offsets.tolist() == [10 + sum(len(line) + len(end) for line in lines[:i]) for i in range(len(lines))]
    assert block.lines.tolist() == list(range(len(lines)))
    assert block.line_count == len(lines)
    assert block.rejected == []


def test_the_last_line_needs_no_newline() -> None:
    assert parse_lines(MARK + b"a\n\nb", [TEXT]).columns["words"].to_pylist() == ["a", "", "b"]
    assert parse_lines(b"", [TEXT]).columns["words"].to_pylist() == []
    assert parse_lines(MARK, [TEXT]).columns["words"].to_pylist() == []


def test_bad_lines_cost_themselves_only() -> None:
    lines = [f"line {i}".encode() for i in range(1000)]
    lines[5], lines[700] = b"\xff", b"x" * 21
    block = parse_lines(b"\n".join(lines), [TEXT], 0, 20)
    assert [(item.line, item.reason, item.rule) for item in sorted(block.rejected)] == [
        (
            5,
            "invalid_utf8",
            "a record must be UTF-8; byte 0 of the record is not"
            "; where the file is in another encoding, as latin-1, say `input: {encoding: …}` in the spec",
        ),
        (
            700,
            "too_large",
            "a record must have at most 20 bytes (max_record_bytes); this one has more; "
            "raise the limit, or divide the record",
        ),
    ]
    kept = [i for i in range(1000) if i not in (5, 700)]
    assert block.columns["words"].to_pylist() == [f"line {i}" for i in kept]
    assert block.received(5) == b"line 6"


def test_a_line_has_a_text_only() -> None:
    block = parse_lines(b"a\n", [TEXT, LABEL])
    assert {name: column.to_pylist() for name, column in block.columns.items()} == {"words": ["a"], "label": [None]}
    assert block.explain(0) == (
        "missing_field",
        "field 'label' must have a value; a line has none; where each file is a record, say "
        "`input: {format: text_files}` in the spec",
    )


@pytest.mark.parametrize("required", [True, False])
def test_a_text_is_nothing_else(required: bool) -> None:
    numbers = Field("x", ("text",), (pa.list_(pa.float64()),), required)
    rule = "field 'text' must be a list of numbers; it is \"[1]\""
    lines = parse_lines(b"[1]\n", [numbers])
    files = parse_text_files([b"[1]"], ["a/b.txt"], [numbers])
    for block in (lines, files):
        assert len(block.lines) == 0
        assert [(item.reason, item.rule) for item in block.rejected] == [("wrong_type", rule)]


def test_files() -> None:
    contents = [MARK + b"a\r\nb\n", b"\xff", b"", b"x" * 31, "é\0".encode()]
    paths = ["data/pos/1.txt", "data/neg/2.txt", "3.txt", "gs://bucket/4.txt", "gs://bucket/5.txt"]
    block = parse_text_files(contents, paths, [TEXT, LABEL, FILE], 30)
    assert {name: column.to_pylist() for name, column in block.columns.items()} == {
        "words": ["a\nb\n", "", "é\0"],
        "label": ["pos", None, "bucket"],
        "id": ["1.txt", "3.txt", "5.txt"],
    }
    assert (block.lines.tolist(), block.offsets.tolist(), block.line_count) == ([0, 2, 4], [0, 0, 0], 5)
    assert [(item.path, item.line, item.reason) for item in block.rejected] == [
        ("data/neg/2.txt", 1, "invalid_utf8"),
        ("gs://bucket/4.txt", 3, "too_large"),
    ]
    assert block.explain(1) == ("missing_field", "field 'label' must have a value; its file lies in no folder")
    assert block.received(0) == contents[0]


def test_a_field_that_files_do_not_have() -> None:
    block = parse_text_files([b"a"], ["a/b"], [TEXT, Field("x", ("lable",), NAME)])
    assert block.columns["x"].to_pylist() == [None]
    assert block.explain(0) == ("missing_field", "field 'lable' must have a value; did you mean 'label'?")
    assert parse_text_files([], [], [TEXT]).columns["words"].to_pylist() == []
