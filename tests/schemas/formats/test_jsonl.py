"""The meaning of a block is the meaning of its lines, one at a time."""

import io
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.formats.blocks import byte_ranges, read_whole_lines
from schemas.formats.fields import Field, fields_of
from schemas.formats.jsonl import parse_jsonl
from schemas.formats.raw import RawBlock
from schemas.formats.rejected import dump_rejected, excerpt
from schemas.spec import parse_spec

MARK = b"\xef\xbb\xbf"
FIELDS = fields_of(parse_spec("id: id\nsequences: {text: {type: tokens}}"))
NESTED = fields_of(
    parse_spec(
        "id: meta.id\nlabel: {type: class, from: meta.stars}\n"
        "sequences: {text: {type: tokens, from: data.text}, x: {type: series, dims: 2}}"
    )
)
SHARED = fields_of(parse_spec("id: text\nsequences: {text: {type: tokens, tokenizer: characters}}"))


def rows(block: RawBlock) -> list[tuple[object, ...]]:
    """Returns every record and every rejected line of a block, in the order of their lines."""
    columns = {name: column.to_pylist() for name, column in block.columns.items()}
    kept = [
        (line, offset, "kept", repr({name: values[i] for name, values in columns.items()}))
        for i, (line, offset) in enumerate(zip(block.lines.tolist(), block.offsets.tolist(), strict=True))
    ]
    rejected = [(r.line, r.offset, "rejected", r.reason, r.rule, r.excerpt) for r in block.rejected]
    return sorted([*kept, *rejected])


def rows_line_by_line(data: bytes, fields: list[Field], base: int) -> list[tuple[object, ...]]:
    found, offset = [], base
    for number, line in enumerate(data.split(b"\n")):
        for _, *rest in rows(parse_jsonl(line, fields, offset)):
            found.append((number, *rest))
        offset += len(line) + 1
    return found


def line(id: object = "r", text: object = (), **others: object) -> bytes:
    return json.dumps({"id": id, "text": text, **others}).encode()


def reasons(data: bytes, fields: list[Field] = FIELDS) -> list[tuple[int, str, str]]:
    return [(rejected.line, rejected.reason, rejected.rule) for rejected in parse_jsonl(data, fields).rejected]


def scalars() -> st.SearchStrategy[Any]:
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
    return st.one_of(text, st.integers(), st.booleans(), st.none(), st.floats(), st.just("\ud800"))


def good_lines() -> st.SearchStrategy[bytes]:
    name = st.text(max_size=3) | st.integers(-(2**63), 2**63 - 1) | st.booleans()
    names = st.lists(st.text(max_size=2)) | st.lists(st.integers(-9, 9) | st.none()) | st.lists(st.booleans())
    frames = st.lists(st.lists(st.integers(0, 3) | st.floats(allow_nan=False, allow_infinity=False), max_size=2))
    record = st.fixed_dictionaries(
        {"id": name, "text": names, "x": frames},
        optional={"meta": st.fixed_dictionaries({"id": name, "stars": name}), "data": st.builds(dict, text=names)},
    )
    return st.builds(dumped, record, st.booleans())


def dumped(value: object, ascii_only: bool) -> bytes:
    return json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")


def odd_lines() -> st.SearchStrategy[bytes]:
    """Lines of valid JSON that hold anything, and pieces of lines in any order."""
    value: st.SearchStrategy[Any] = st.recursive(
        scalars(), lambda inner: st.lists(inner, max_size=3) | st.builds(dict, id=inner), max_leaves=4
    )
    record = st.dictionaries(st.sampled_from(["id", "text", "meta", "data", "x", "ID", "\ud800"]), value, max_size=4)
    pieces = st.sampled_from(
        [
            line("a"),
            line(1),
            line(True, ["x"]),
            *(b"{", b"}", b"[", b"]", b",", b":", b'"id"', b'"text"', b'"', b"\\", b"1", b"-", b"e9", b"null"),
            *(b" ", b"\t", b"\r", b"\0", b"\x0b", MARK, b"\xff", b"\xc3", "\u2028".encode(), b"NaN", b"Inf"),
            *(b'{"id": 1, "text": [], "z": -Inf}', b'{"id": 1, "id": 1, "text": []}', b'{"id": 2, "text": []'),
            b'{"id": 3, "z": ' + b"[" * 1500 + b"]" * 1500 + b', "text": []}',
            b'{"id": 4, "text": [' + b"1" * 5000 + b"]}",
        ]
    )
    return st.one_of(
        st.builds(dumped, value | record, st.booleans()),
        st.lists(pieces, max_size=4).map(b"".join),
        st.sampled_from([b"", b" ", b"\t \r"]),
    )


def blocks_of_lines() -> st.SearchStrategy[bytes]:
    padding = st.sampled_from([b"", b"", b"", b" ", b"\t"])
    ends = st.sampled_from([b"\n", b"\n", b"\r\n"])
    one = st.tuples(padding, good_lines() | odd_lines(), padding, ends).map(b"".join)
    many = st.tuples(st.sampled_from([b"", b"", MARK]), st.lists(one, max_size=9).map(b"".join)).map(b"".join)
    return st.tuples(many, st.booleans()).map(lambda drawn: drawn[0].removesuffix(b"\n") if drawn[1] else drawn[0])


@given(blocks_of_lines(), st.sampled_from([FIELDS, NESTED, SHARED]), st.sampled_from([0, 0, 7, 2**40]))
@example(line("a") + line("b") + b"\0}\n" + line("c"), FIELDS, 0)
@example(line("a") + line("b") + b"\n" + line("c"), FIELDS, 0)
@example(line(1) + b'\n{"id": 2, "text": [], "z": Inf}', FIELDS, 0)
@example(line(1) + b'\n{"id": 2, "text": [], "z": ' + b"1" * 5000 + b"}", FIELDS, 0)
@example(line(1) + b'\n{"id": 2, "text": [], "z": ' + b"[" * 2000 + b"]" * 2000 + b"}", FIELDS, 0)
@example(b'{"text": 5}\n{"text": "five"}', SHARED, 0)
@example(MARK, FIELDS, 0)
@example(MARK + b"\r\n" + MARK + line("a"), FIELDS, 0)
@example(MARK + line("a"), FIELDS, 9)
@example(b"", FIELDS, 0)
def test_a_block_means_what_its_lines_mean(data: bytes, fields: list[Field], base: int) -> None:
    block = parse_jsonl(data, fields, base)
    assert rows(block) == rows_line_by_line(data, fields, base)
    check_block(block, data, base)


@given(
    st.binary(max_size=80)
    | st.lists(st.sampled_from(b'{}[]":,\n\r\t 1e-.tfnul\\\0\xef\xbb\xbf'), max_size=60).map(bytes)
)
def test_any_bytes_are_read(data: bytes) -> None:
    check_block(parse_jsonl(data, NESTED), data, 0)


def check_block(block: RawBlock, data: bytes, base: int) -> None:
    """Every line that is not blank is a record or rejected, and stands where the block says."""
    text = data.removeprefix(MARK) if base == 0 else data
    start = len(data) - len(text) + base
    wanted, lines = [], text.split(b"\n")
    for number, content in enumerate(lines):
        if content.strip(b" \t\r"):
            wanted.append((number, start))
        start += len(content) + 1
    found = [*zip(block.lines.tolist(), block.offsets.tolist(), strict=True)]
    assert found == sorted(found)
    assert sorted(found + [(r.line, r.offset) for r in block.rejected]) == wanted
    assert block.line_count == (len(lines) if lines[-1] else len(lines) - 1)
    for i, (number, _) in enumerate(found):
        assert block.received(i) == lines[number].removesuffix(b"\r")
    assert len(dump_rejected(block.rejected).splitlines()) == len(block.rejected)


def test_one_block_of_everything() -> None:
    data = (
        MARK
        + line("a", ["x", None])
        + b"\r\n\r\n"
        + line(7, [1, 2])
        + b"\nnot JSON\n"
        + line(True, [True])
        + b"\n  "
        + line("ä", [])
        + b"  \n[1]\n \t\n"
        + line("z")
    )
    block = parse_jsonl(data, FIELDS)
    assert block.columns["id"].to_pylist() == ["a", "7", "true", "ä", "z"]
    assert block.columns["text"].to_pylist() == [["x", None], ["1", "2"], ["true"], [], []]
    assert block.lines.tolist() == [0, 2, 4, 5, 8]
    assert [data[offset : offset + 3].strip()[:1] for offset in block.offsets] == [b"{"] * 5
    assert block.line_count == 9
    assert [(r.line, r.offset, r.reason, r.excerpt) for r in block.rejected] == [
        (3, data.index(b"not"), "invalid_json", "not JSON"),
        (6, data.index(b"[1]\n"), "not_an_object", "[1]"),
    ]
    assert block.received(0) == line("a", ["x", None])


@pytest.mark.parametrize(
    ("content", "reason", "rule"),
    [
        (
            b'{"id": "a\xff", "text": []}',
            "invalid_utf8",
            "a record must be UTF-8; byte 9 of the record is not"
            "; where the file is in another encoding, as latin-1, say `input: {encoding: …}` in the spec",
        ),
        (
            b'{"id": "a", "text": []',
            "invalid_json",
            "a line must hold one JSON object; Expecting ',' delimiter at character 23",
        ),
        (
            line("a") + b" " + line("b"),
            "invalid_json",
            "a line must hold one JSON object; Extra data at character 25",
        ),
        (
            b'{"id": "a", "id": "b", "text": []}',
            "invalid_json",
            "a line must hold one JSON object of valid strings and numbers, each name once",
        ),
        (
            b'{"id": "\\ud800", "text": []}',
            "invalid_json",
            "a line must hold one JSON object of valid strings and numbers, each name once",
        ),
        (b'"a"', "not_an_object", "a line must hold one JSON object with named fields"),
        (line([1]), "wrong_type", "field 'id' must be a string, an integer of 64 bits or a boolean; it is [1]"),
        (line(1.0), "wrong_type", "field 'id' must be a string, an integer of 64 bits or a boolean; it is 1.0"),
        (
            line(2**63),
            "wrong_type",
            "field 'id' must be a string, an integer of 64 bits or a boolean; it is 9223372036854775808",
        ),
        (
            line("a", ["x", 1]),
            "wrong_type",
            "field 'text' must be a list of strings, of integers of 64 bits or of booleans; it is [\"x\", 1]",
        ),
        (
            line("a", "x"),
            "wrong_type",
            "field 'text' must be a list of strings, of integers of 64 bits or of booleans; it is \"x\"; "
            "to cut a text into tokens, say `tokenizer: words` or another in the spec",
        ),
    ],
)
def test_why_a_line_is_rejected(content: bytes, reason: str, rule: str) -> None:
    assert reasons(content) == [(0, reason, rule)]
    assert reasons(line("good") + b"\n" + content + b"\n" + line("good")) == [(1, reason, rule)]


def test_one_bad_line_costs_itself_only() -> None:
    lines = [line(f"r{i}", [f"t{i}"]) for i in range(300)]
    lines[70], lines[71], lines[299] = b"{", line("a", [1, "x"]), b'{"id": "a", "text": [}'
    block = parse_jsonl(b"\n".join(lines), FIELDS)
    kept = [i for i in range(300) if i not in (70, 71, 299)]
    assert block.columns["id"].to_pylist() == [f"r{i}" for i in kept]
    assert block.lines.tolist() == kept
    assert sorted(r.line for r in block.rejected) == [70, 71, 299]


def test_types_may_change_from_record_to_record() -> None:
    values: list[str | int | bool] = ["a", 1, True, "1", 2**63 - 1, -(2**63), False]
    data = b"\n".join(line(value, [value]) for value in values)
    block = parse_jsonl(data, FIELDS)
    names = ["a", "1", "true", "1", "9223372036854775807", "-9223372036854775808", "false"]
    assert block.columns["id"].to_pylist() == names
    assert block.columns["text"].to_pylist() == [[name] for name in names]
    assert block.rejected == []


def test_a_missing_field_is_a_null_for_validation() -> None:
    block = parse_jsonl(b'{"meta": {"id": 1}, "x": null}\n{"meta": null, "data": {}}', NESTED)
    assert {name: column.to_pylist() for name, column in block.columns.items()} == {
        "id": ["1", None],
        "label": [None, None],
        "text": [None, None],
        "x": [None, None],
    }


def test_a_field_that_two_parts_read() -> None:
    block = parse_jsonl(b'{"text": "ab"}\n{"text": 5}', SHARED)
    assert {name: column.to_pylist() for name, column in block.columns.items()} == {"id": ["ab"], "text": ["ab"]}
    assert [(r.line, r.reason, r.rule) for r in block.rejected] == [
        (1, "wrong_type", "field 'text' must be a string; it is 5")
    ]


def test_nothing_is_an_empty_block() -> None:
    for data in (b"", b"\n", b"\r\n \t\n", MARK, MARK + b"\n"):
        block = parse_jsonl(data, NESTED)
        assert {name: str(column.type) for name, column in block.columns.items()} == {
            "id": "string",
            "label": "string",
            "text": "list<item: string>",
            "x": "list<item: list<item: double>>",
        }
        assert (len(block.offsets), len(block.rejected)) == (0, 0)


TOO_LARGE = (
    "too_large",
    "a record must have at most 40 bytes (max_record_bytes); this one has more; raise the limit, or divide the record",
)


@pytest.mark.parametrize("large", [line(text=["x" * 40]), b" " * 41, b"{" + b"x" * 40, b"\xff" * 41])
def test_a_line_that_is_too_large_costs_itself_only(large: bytes) -> None:
    fits = line(text=["x" * (40 - len(line(text=[""])))])
    assert len(fits) == 40
    block = parse_jsonl(b"\n".join([fits, large, fits + b"\r", b"", large]), FIELDS, 0, 40)
    assert [(item.line, item.reason, item.rule) for item in block.rejected] == [(1, *TOO_LARGE), (4, *TOO_LARGE)]
    assert block.rejected[0].excerpt == excerpt(large[:40])
    assert block.lines.tolist() == [0, 2]


def test_a_line_of_100_mb_uses_little_memory() -> None:
    content = line("a") + b"\n" + b'{"id": "' + b"x" * 100_000_000 + b'"}\n' + line("c") + b"\n"
    stream = io.BytesIO(content)
    tracemalloc.start()
    kept, reasons_found = 0, []
    for start, end in byte_ranges(len(content)):
        lines = read_whole_lines(stream, start, end, 1 << 20)
        block = parse_jsonl(lines.data, FIELDS, lines.offset, 1 << 20)
        kept += len(block.lines)
        reasons_found += [item.reason for item in block.rejected]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (kept, reasons_found) == (2, ["too_large"])
    assert peak < 64 << 20
