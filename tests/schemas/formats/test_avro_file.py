"""Avro files in ranges of bytes, with every codec and every kind of value."""

import decimal
import io
import uuid
from collections.abc import Iterator
from typing import Any

import fastavro
import pytest

from schemas.errors import DataError
from schemas.formats.avro_file import read_avro
from schemas.formats.fields import Field, fields_of
from schemas.formats.raw import RawBlock
from schemas.spec import parse_spec
from tests.schemas.formats.typed_files import COMPRESS, FIELDS, RECORDS, avro, columns, zigzag

WHOLE = 1 << 40
REMEDY = "the file is cut off or damaged; write it again"
ONE = fields_of(parse_spec("id: v\nsequences: {t: {type: tokens}}"))[:1]
NUMBER = fields_of(parse_spec("label: {type: number, from: v}\nsequences: {t: {type: tokens}}"))[:1]
LIST = fields_of(parse_spec("sequences: {v: {type: tokens}}"))
SERIES = fields_of(parse_spec("sequences: {v: {type: series, dims: 1, layout: flat}}"))
NAMES = "a string, an integer of 64 bits or a boolean"
NAME_LISTS = "a list of strings, of integers of 64 bits or of booleans"


def read(data: bytes, start: int = 0, end: int = WHOLE, fields: list[Field] = FIELDS) -> Iterator[RawBlock]:
    return read_avro(io.BytesIO(data), start, end, fields, 1 << 20)


def record(kind: Any) -> dict[str, Any]:
    return {"type": "record", "name": "Row", "fields": [{"name": "v", "type": kind}]}


def values(kind: Any, some: list[Any], fields: list[Field]) -> tuple[list[Any], list[tuple[int, str, str]]]:
    """Returns the column of values of a type, and the rejected rows."""
    data = avro([{"v": value} for value in some], 100, schema=record(kind))
    (block,) = read(data, fields=fields)
    (column,) = block.columns.values()
    return column.to_pylist(), [(r.line, r.reason, r.rule) for r in block.rejected]


@pytest.mark.parametrize("codec", COMPRESS)
def test_every_codec_is_read(codec: str) -> None:
    assert columns(read(avro(codec=codec))) == columns(read(avro()))


@pytest.mark.parametrize("codec", ["null", "deflate", "bzip2", "xz"])
def test_files_of_the_library_are_read(codec: str) -> None:
    out = io.BytesIO()
    schema = record({"type": "array", "items": "string"})
    fastavro.writer(out, schema, [{"v": [str(i)] * i} for i in range(500)], codec=codec, sync_interval=1000)
    assert columns(read(out.getvalue(), fields=LIST)) == {"v": [[str(i)] * i for i in range(500)]}


@pytest.mark.parametrize("per_block", [2, 5, 100])
def test_every_split_into_ranges_reads_every_record_once(per_block: int) -> None:
    data = avro(per_block=per_block)
    ids = [row["id"] for row in RECORDS]
    begins = sorted({offset for block in read(data) for offset in block.offsets.tolist()})
    parts = set()
    for cut in range(0, len(data) + 1, 5):
        first, second = (columns(read(data, *ends)).get("id", []) for ends in ((0, cut), (cut, len(data))))
        assert first + second == ids
        parts.add(len(first))
    assert parts == {*range(0, 17, per_block), 17}
    assert len(begins) == len(parts) - 1
    (block,) = read(data, begins[-1], begins[-1] + 1)
    assert (set(block.offsets.tolist()), block.lines.tolist()) == ({begins[-1]}, list(range(block.line_count)))


def test_blocks_are_put_together_up_to_a_size() -> None:
    blocks = list(read_avro(io.BytesIO(avro(per_block=1)), 0, WHOLE, FIELDS, 300))
    assert [block.line_count for block in blocks] == [5, 3, 3, 2, 2, 2]
    assert len(set(blocks[0].offsets.tolist())) == 5


@pytest.mark.parametrize(
    ("kind", "some", "names"),
    [
        ("string", ["ä"], ["ä"]),
        ("bytes", ["ä".encode(), b""], ["ä", ""]),
        ({"type": "fixed", "name": "F", "size": 2}, [b"ab"], ["ab"]),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, ["B"], ["B"]),
        ("int", [-1], ["-1"]),
        ("boolean", [True, False], ["true", "false"]),
        ("null", [None], [None]),
        (["null", "string", "long", "boolean", "bytes"], ["a", 1, None, True, b"b"], ["a", "1", None, "true", "b"]),
        ({"type": "long", "logicalType": "timestamp-millis"}, [1_700_000_000_000], ["1700000000000"]),
        ({"type": "int", "logicalType": "date"}, [19_000], ["19000"]),
        ({"type": "string", "logicalType": "uuid"}, [str(uuid.UUID(int=5))], [str(uuid.UUID(int=5))]),
        ({"type": "long", "logicalType": "of-nobody"}, [7], ["7"]),
    ],
)
def test_names(kind: Any, some: list[Any], names: list[str]) -> None:
    data = avro([{"v": value} for value in some], schema=record(kind))
    assert columns(read(data, fields=ONE)) == {"id": names}


def test_numbers() -> None:
    some = [1, 2.5, None, "3", True, float("inf")]
    read_values, rejected = values(["null", "long", "double", "string", "boolean"], some, NUMBER)
    assert read_values == [1.0, 2.5, None, float("inf")]
    rule = "field 'v' must be a number; it is of type"
    assert sorted(rejected) == [(3, "wrong_type", f"{rule} string"), (4, "wrong_type", f"{rule} bool")]
    kind = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
    assert values(kind, [decimal.Decimal("1.25"), decimal.Decimal(3)], NUMBER) == ([1.25, 3.0], [])
    assert values("float", [0.5], NUMBER) == ([0.5], [])


def test_lists() -> None:
    items = ["null", "string", "long", "boolean", "double"]
    some = [["a", None], [1, 2], [True], [], None, [None], ["a", 1], [1, True], [1.5], [1, 1.5]]
    read_values, rejected = values(["null", {"type": "array", "items": items}], some, LIST)
    assert read_values == [["a", None], ["1", "2"], ["true"], [], None, [None]]
    assert sorted(rejected) == [
        (6, "wrong_type", f"field 'v' must be {NAME_LISTS}; it is [\"a\", 1]"),
        (7, "wrong_type", f"field 'v' must be {NAME_LISTS}; it is [1, true]"),
        (8, "wrong_type", f"field 'v' must be {NAME_LISTS}; it is of type list<item: double>"),
        (9, "wrong_type", f"field 'v' must be {NAME_LISTS}; it is [1, 1.5]"),
    ]
    read_values, rejected = values({"type": "array", "items": items}, [[1, 1.5, None], [2], ["2"], [True, 1.5]], SERIES)
    assert read_values == [[1.0, 1.5, None], [2.0]]
    assert [(line, reason) for line, reason, _ in sorted(rejected)] == [(2, "wrong_type"), (3, "wrong_type")]


def test_paths_go_through_records_and_maps() -> None:
    fields = fields_of(parse_spec("id: m.a\nsequences: {t: {type: tokens}}"))[:1]
    kinds = [
        *("null", "string", {"type": "map", "values": "long"}),
        {"type": "record", "name": "R", "fields": [{"name": "a", "type": ["null", "string"]}]},
    ]
    schema = {"type": "record", "name": "Row", "fields": [{"name": "m", "type": kinds}]}
    some = [{"m": value} for value in ({"a": "x"}, {"a": 1}, {"b": 1}, {"a": None}, None, "text")]
    (block,) = read(avro(some, 100, schema=schema), fields=fields)
    assert block.columns["id"].to_pylist() == ["x", "1", None, None, None]
    assert [block.explain(i)[1] for i in (2, 3, 4)] == [
        "field 'm.a' must have a value; the record has no such field",
        "field 'm.a' must have a value; it is null",
        "field 'm' must have a value; it is null",
    ]
    rules = [rejected.rule for rejected in block.rejected]
    assert rules == ["field 'm' must be an object that holds 'a'; it is \"text\""]
    assert block.received(0) == b'{"m": {"a": "x"}}'


def test_values_that_are_no_records_are_rejected() -> None:
    (block,) = read(avro(["a", "b"], schema="string"), fields=ONE)
    assert [(r.reason, r.rule, r.excerpt) for r in block.rejected] == [
        ("wrong_type", "a record must be an object that holds 'v'; it is \"a\"", '"a"'),
        ("wrong_type", "a record must be an object that holds 'v'; it is \"b\"", '"b"'),
    ]


@pytest.mark.parametrize("kind", ["string", "bytes", ["string", "long"]])
def test_what_is_no_utf8_is_rejected_alone(kind: Any) -> None:
    data = avro([{"v": "aXb"}, {"v": "good"}], schema=record(kind if kind != "bytes" else "string"))
    data = data.replace(b'"string"', b'"bytes" ') if kind == "bytes" else data
    (block,) = read(data.replace(b"aXb", b"a\xffb"), fields=ONE)
    assert block.columns["id"].to_pylist() == ["good"]
    assert [(r.line, r.reason, r.rule) for r in block.rejected] == [
        (0, "invalid_utf8", "field 'v' must be valid UTF-8")
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "byte 0: an Avro file begins with b'Obj\\x01'; this one with b''; convert or rename it"),
        (b"{}", "byte 0: an Avro file begins with b'Obj\\x01'; this one with b'{}'; convert or rename it"),
        (avro()[:3], "byte 0: an Avro file begins with b'Obj\\x01'; this one with b'Obj'; convert or rename it"),
        (b"Obj\x01\x00" + b"s" * 16, f"byte 0: no header of an Avro file ('avro.schema'); {REMEDY}"),
        (avro([])[:-1], f"byte 0: no header of an Avro file (it ends in the marker); {REMEDY}"),
        (
            avro([], codec="what"),
            "codec 'what': Avro files are read with null, deflate, snappy, bzip2, xz, zstandard, lz4; "
            "write the file with one of them",
        ),
    ],
)
def test_a_file_without_header_is_damaged(data: bytes, message: str) -> None:
    with pytest.raises(DataError) as error:
        list(read(data, fields=ONE))
    assert str(error.value) == message


ROWS = [{"v": "one"}, {"v": "two"}]
SOUND = avro(ROWS, schema=record("string"))
AT = len(avro([], schema=record("string")))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (SOUND[:-1], "it says that it has 8 bytes"),
        (SOUND[: AT + 1], "the file ends within it"),
        (SOUND[:AT] + b"\x80" * 10 + SOUND[AT:], "it begins with no number"),
        (SOUND[:-1] + b"?", "the marker does not follow it"),
        (SOUND[:AT] + zigzag(10**9) + SOUND[AT + 1 :], "it says that it has 1000000000 records in 8 bytes"),
        (SOUND[:AT] + zigzag(-2) + SOUND[AT + 1 :], "it says that it has -2 records in 8 bytes"),
        (SOUND[:AT] + zigzag(1) + SOUND[AT + 1 :], "its 8 bytes are not those of 1 records"),
        (SOUND.replace(b"\x06two", b"\x04two"), "its 8 bytes are not those of 2 records"),
        (SOUND[:AT] + zigzag(0) + SOUND[AT + 1 :], "its 8 bytes are not those of 0 records"),
        (SOUND[:AT] + zigzag(3) + SOUND[AT + 1 :], "its 8 bytes are not those of 3 records"),
    ],
)
def test_a_damaged_block_is_an_error(data: bytes, words: str) -> None:
    with pytest.raises(DataError) as error:
        list(read(data, fields=ONE))
    assert str(error.value) == f"byte {AT}: no Avro block begins here ({words}); {REMEDY}"


@pytest.mark.parametrize("codec", [codec for codec in COMPRESS if codec != "null"])
def test_damaged_compressed_data_are_an_error(codec: str) -> None:
    data = avro(ROWS, codec=codec, schema=record("string"))
    at = len(avro([], codec=codec, schema=record("string")))
    size = len(data) - at - 18
    for stored in (data[at + 2 : at + 2 + size - 1], b""):
        cut = data[: at + 1] + zigzag(len(stored)) + stored + data[-16:]
        with pytest.raises(DataError) as error:
            list(read(cut, fields=ONE))
        assert str(error.value).startswith(f"byte {at}: no Avro block begins here (")
        assert str(error.value).endswith(f"); {REMEDY}")
