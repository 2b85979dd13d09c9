"""The meaning of a block of CSV is the meaning of its records, one at a time, as Python's csv module reads them."""

import bz2
import csv
import gzip
import io
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.errors import DataError
from schemas.formats.blocks import WholeLines
from schemas.formats.content import open_content
from schemas.formats.csv_files import csv_starts, read_header
from schemas.formats.csv_scan import CsvFinder, Dialect
from schemas.formats.csv_text import parse_csv
from schemas.formats.fields import Field
from schemas.formats.raw import RawBlock
from schemas.formats.streams import read_range, whole_records

COMMA = Dialect()
MARK = b"\xef\xbb\xbf"
NAME = (pa.string(), pa.int64(), pa.bool_())
NAMES = tuple(pa.list_(kind) for kind in NAME)
TEXT, NUMBER = (pa.string(),), (pa.float64(),)
NUMBERS, FRAMES = (pa.list_(pa.float64()),), (pa.list_(pa.list_(pa.float64())),)


def field(name: str, types: tuple[pa.DataType, ...] = TEXT, required: bool = True) -> Field:
    return Field(name, tuple(name.split(".")), types, required)


def values(block: RawBlock) -> dict[str, list[Any]]:
    return {name: column.to_pylist() for name, column in block.columns.items()}


def rows(block: RawBlock) -> list[tuple[object, ...]]:
    """Returns every record and every rejected one, in the order of their positions."""
    columns = values(block)
    places = zip(block.offsets.tolist(), block.lines.tolist(), strict=True)
    kept = [(*place, "kept", *(columns[name][i] for name in columns)) for i, place in enumerate(places)]
    rejected = [(r.offset, r.line, "rejected", r.reason, r.rule, r.excerpt) for r in block.rejected]
    return sorted([*kept, *rejected], key=lambda row: row[0])  # type: ignore[arg-type, return-value]


def zstd(data: bytes) -> bytes:
    compressed: bytes = pa.compress(data, codec="zstd", asbytes=True)
    return compressed


def reasons(data: bytes, fields: list[Field], names: tuple[str, ...] = ("a", "b")) -> list[tuple[int, str, str]]:
    rejected = parse_csv(data, names, fields, COMMA).rejected
    return sorted((item.line, item.reason, item.rule) for item in rejected)


# What Python's writer leaves without quotes, though a carriage return alone ends a line for others.
CELLS = st.text(st.one_of(st.sampled_from(list('",;\n\t\0aé\ufeff')), st.characters(codec="utf-8")), max_size=6)
TABLES = st.integers(2, 4).flatmap(
    lambda columns: st.lists(st.lists(CELLS, min_size=columns, max_size=columns), min_size=1, max_size=8)
)


@given(
    TABLES,
    st.sampled_from([COMMA, Dialect("\t"), Dialect(";", "'")]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.integers(1, 60),
)
@example([["\ufeff", ""], ["", ""]], COMMA, csv.QUOTE_MINIMAL, 1)
def test_what_python_writes_is_read_back(table: list[list[str]], dialect: Dialect, quoting: Any, size: int) -> None:
    names = tuple(f"column {i}" for i in range(len(table[0])))
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=dialect.delimiter, quotechar=dialect.quote, quoting=quoting)
    writer.writerows([names, *table])
    data = written.getvalue().encode()
    header = read_header(io.BytesIO(data), dialect)
    assert header.names == names
    fields = [field(name) for name in names]
    starts = csv_starts(io.BytesIO(data), len(data), size, dialect)
    found: list[list[str]] = []
    line = data.count(b"\n", 0, header.size)
    for start, end in zip(starts, [*starts[1:], len(data)], strict=True):
        begin = max(start, header.size)
        block = parse_csv(data[begin:end], names, fields, dialect, begin)
        assert block.rejected == []
        assert [data.count(b"\n", 0, offset) for offset in block.offsets] == (line + block.lines).tolist()
        line += block.line_count
        columns = values(block)
        found += [list(row) for row in zip(*(columns[name] for name in names), strict=True)]
    assert found == table
    assert line == data.count(b"\n")


PIECES = [
    b'"',
    b'""',
    b",",
    b",",
    b"\n",
    b"\n",
    b"\r\n",
    b"\r",
    b"1",
    b"x,y\n",
    b'"a\nb",2\n',
    b"\0",
    b"\xff",
    b"\xc3\xa9",
]
CONTENTS = st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join)
FIELDS = [field("a"), field("b", NUMBER), field("c", NUMBERS, required=False)]


def parse_in_blocks(data: bytes, blocks: list[WholeLines]) -> list[tuple[object, ...]]:
    found, line = [], 0
    for block in blocks:
        ends_early = block.line_count is not None
        parsed = parse_csv(block.data, ("a", "b"), FIELDS, COMMA, block.offset, 20, ends_early)
        found += [(offset, begin + line, *rest) for offset, begin, *rest in rows(parsed)]  # type: ignore[operator]
        content = data[block.offset : block.offset + block.range_bytes]
        lines = content.count(b"\n") + (not content.endswith(b"\n"))
        assert lines == (parsed.line_count if block.line_count is None else block.line_count)
        line += lines
    return found


@given(CONTENTS, st.integers(1, 60))
@example(MARK + b'"a\n",1\n', 1)
@example(b'a,1\n"' + b"\n" * 30 + b'",1\nb,2\n', 1)
@example(b"\n\n\r\n,\n", 2)
def test_blocks_mean_what_the_whole_does(data: bytes, size: int) -> None:
    try:
        starts = csv_starts(io.BytesIO(data), len(data), size, COMMA)
    except DataError as error:
        with pytest.raises(DataError) as other:
            parse_csv(data, ("a", "b"), FIELDS, COMMA)
        assert str(other.value) == str(error)
        return
    whole = rows(parse_csv(data, ("a", "b"), FIELDS, COMMA, 0, 20))
    ranges = zip(starts, [*starts[1:], len(data)], strict=False)
    assert parse_in_blocks(data, [read_range(io.BytesIO(data), *ends, size, 20) for ends in ranges]) == whole
    assert parse_in_blocks(data, list(whole_records(io.BytesIO(data), CsvFinder(COMMA), size, 20))) == whole


@given(CONTENTS)
@example(b'1,2\n"3",4\na"b,5\n6,7')
def test_every_record_is_read_as_if_it_were_alone(data: bytes) -> None:
    try:
        starts = csv_starts(io.BytesIO(data), len(data), 1, COMMA)
    except DataError:
        return
    alone = [
        row
        for start, end in zip(starts, [*starts[1:], len(data)], strict=False)
        for row in rows(parse_csv(data[start:end], ("a", "b"), FIELDS, COMMA, start))
    ]
    together = rows(parse_csv(data, ("a", "b"), FIELDS, COMMA))
    assert [(row[0], *row[2:]) for row in alone] == [(row[0], *row[2:]) for row in together]


def test_one_bad_record_among_thousands_costs_itself_only() -> None:
    lines = [f'{i},"text {i}"'.encode() for i in range(3000)]
    for i, bad in {7: b'7,a"b', 300: b"300", 1000: b"1000,\xff", 2999: b"2999,a,b"}.items():
        lines[i] = bad
    block = parse_csv(b"\n".join(lines), ("a", "b"), [field("a", NUMBER), field("b")], COMMA)
    assert sorted((item.line, item.reason) for item in block.rejected) == [
        (7, "invalid_csv"),
        (300, "wrong_cells"),
        (1000, "invalid_utf8"),
        (2999, "wrong_cells"),
    ]
    kept = [i for i in range(3000) if i not in (7, 300, 1000, 2999)]
    assert block.lines.tolist() == kept
    assert values(block) == {"a": kept, "b": [f"text {i}" for i in kept]}


def test_what_is_received() -> None:
    data = MARK + b'1,"a\r\nb"\r\n\r\n2,c\r\n'
    block = parse_csv(data, ("a", "b"), [field("b")], COMMA)
    assert [block.received(i) for i in range(2)] == [b'1,"a\r\nb"', b"2,c"]
    assert (block.offsets.tolist(), block.lines.tolist(), block.line_count) == ([3, 15], [0, 3], 4)
    assert values(block) == {"b": ["a\r\nb", "c"]}


def test_records_that_are_no_csv() -> None:
    quote = 'a quote " must open at the beginning of a cell, close at its end, and stand twice within; '
    assert reasons(b'a"b,c\n"a"b,c\na\rb,c\n\xff,a\na\n,,\nfine,\n', [field("a")]) == [
        (0, "invalid_csv", quote + "the one at byte 1 of the record does not"),
        (1, "invalid_csv", quote + "the one at byte 2 of the record does not"),
        (2, "invalid_csv", "a carriage return outside quotes must end a line; byte 1 of the record does not"),
        (
            3,
            "invalid_utf8",
            "a record must be UTF-8; byte 0 of the record is not"
            "; where the file is in another encoding, as latin-1, say `input: {encoding: …}` in the spec",
        ),
        (4, "wrong_cells", "a record must have 2 cells, one for each column of the header; this one has 1"),
        (
            5,
            "wrong_cells",
            "a record must have 2 cells, one for each column of the header; this one has 3; "
            'a cell that holds the delimiter must stand in "',
        ),
    ]


def test_invalid_utf8_in_a_column_that_is_not_read() -> None:
    assert [item[1] for item in reasons(b"1,\xff\n", [field("a")])] == ["invalid_utf8"]


def test_half_a_record_at_the_end() -> None:
    assert [item[1] for item in reasons(b"1,2\n3", [field("a")])] == ["wrong_cells"]


def test_a_quote_that_is_never_closed() -> None:
    with pytest.raises(DataError, match=r'^byte 14: the quote " that opens here is never closed'):
        parse_csv(b'1,2\n"a\n', ("a", "b"), [field("a")], COMMA, base_offset=10)


def test_a_record_that_is_too_large() -> None:
    data = b'1,2\n"a\n' + b"a" * 30 + b'",3\n' + b"4,5\n"
    block = parse_csv(data, ("a", "b"), [field("b")], COMMA, 0, 20)
    assert values(block) == {"b": ["2", "5"]}
    assert [str(item) for item in block.rejected] == [
        ", line 1 (byte 4): too_large: a record must have at most 20 bytes (max_record_bytes); this one has more; "
        'raise the limit, or divide the record; received "a\\naaaaaaaaaaaaaaaaa'
    ]
    # Of a block that ends within it, no more is known.
    part = parse_csv(data[:30], ("a", "b"), [], COMMA, 0, 20, ends_early=True)
    assert [item.reason for item in part.rejected] == ["too_large"]
    # Where it does not, all that follows may be one cell, however long.
    with pytest.raises(DataError, match=r'^byte 4: the quote " that opens here is never closed'):
        parse_csv(data[:30], ("a", "b"), [], COMMA, 0, 20)


def test_a_mark_is_passed_over_where_the_file_begins_only() -> None:
    assert values(parse_csv(MARK + b"a,b\n", ("a", "b"), [field("a")], COMMA)) == {"a": ["a"]}
    assert values(parse_csv(MARK + b"a,b\n", ("a", "b"), [field("a")], COMMA, 9)) == {"a": ["\ufeffa"]}


@pytest.mark.parametrize("data", [b"", b"\n", b"\r\n\n", MARK])
def test_no_records(data: bytes) -> None:
    block = parse_csv(data, ("a", "b"), [field("a"), field("b", NUMBERS)], COMMA)
    assert values(block) == {"a": [], "b": []}
    assert block.rejected == []
    assert block.line_count == data.count(b"\n")


def test_one_column() -> None:
    block = parse_csv(b'a\n\n""\n b \n', ("a",), [field("a")], COMMA)
    assert values(block) == {"a": ["a", "", " b "]}
    assert block.lines.tolist() == [0, 2, 3]


def test_without_quotes() -> None:
    block = parse_csv(b'"a\tb"\n', ("a", "b"), [field("a"), field("b")], Dialect("\t", ""))
    assert values(block) == {"a": ['"a'], "b": ['b"']}


def test_nul_bytes_are_data() -> None:
    assert values(parse_csv(b"a\0b,\0\n", ("a", "b"), [field("a"), field("b")], COMMA)) == {"a": ["a\0b"], "b": ["\0"]}


def test_a_column_that_is_not_there() -> None:
    fields = [field("a"), field("meta.stars", NAME), field("z", NUMBERS, required=False)]
    block = parse_csv(b"1,2\n", ("a", "meta.star"), fields, COMMA)
    assert values(block) == {"a": ["1"], "meta.stars": [None], "z": [None]}
    assert block.columns["z"].type == pa.list_(pa.float64())
    assert block.explain(0) == (
        "missing_field",
        "field 'meta.stars' must have a value; did you mean 'meta.star'?",
    )
    block = parse_csv(b"1,2\n", ("a", "b"), [field("label", NAME)], COMMA)
    assert block.explain(0) == (
        "missing_field",
        "field 'label' must have a value; no column has this name, only: a, b",
    )
    wide = tuple(f"c{i}" for i in range(20))
    block = parse_csv(b",".join([b""] * 20) + b"\n", wide, [field("label", NAME)], COMMA)
    assert block.explain(0)[1].endswith("no column has this name, only: c0, c1, c2, c3, c4, c5, c6, c7, ...")


def test_a_dot_is_part_of_the_name_of_a_column() -> None:
    block = parse_csv(b"1,2\n", ("meta", "meta.id"), [Field("id", ("meta", "id"), NAME)], COMMA)
    assert values(block) == {"id": ["2"]}


def test_fields_may_share_a_column() -> None:
    fields = [Field("id", ("a",), NAME), Field("x", ("a",), NUMBER), Field("text", ("a",), TEXT)]
    assert values(parse_csv(b"1.50,2\n", ("a", "b"), fields, COMMA)) == {"id": ["1.50"], "x": [1.5], "text": ["1.50"]}


@pytest.mark.parametrize("compression", ["none", "gzip", "bzip2", "zstd"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_compressed_and_transcoded_files_mean_the_same(compression: str, encoding: str) -> None:
    text = "".join(f'{i},"häßlich\n{i}"\r\n' for i in range(500))
    data = text.encode(encoding)
    compressed = {"gzip": gzip.compress, "bzip2": bz2.compress, "zstd": zstd}.get(compression, bytes)(data)
    stream = open_content(io.BytesIO(compressed), compression, encoding)
    found = []
    for block in whole_records(stream, CsvFinder(COMMA), 1000):
        found += rows(parse_csv(block.data, ("a", "b"), [field("a", NUMBER), field("b")], COMMA, block.offset))
    assert [row[3:] for row in found] == [(i, f"häßlich\n{i}") for i in range(500)]
    lengths = [len(line) for line in text.encode().split(b'"\r\n')]
    assert [row[0] for row in found] == [sum(lengths[:i]) + 3 * i for i in range(500)]
