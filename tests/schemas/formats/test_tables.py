"""Arrow tables as raw records: every type that fits, every type that does not, and the words for it."""

import decimal
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from schemas.errors import DataError
from schemas.formats.fields import Field, fields_of
from schemas.formats.raw import RawBlock
from schemas.formats.tables import block_of_table
from schemas.spec import parse_spec
from schemas.times import parse_times

FIELDS = fields_of(
    parse_spec(
        "id: id\nlabel: {type: number}\nsequences: {text: {type: tokens}, "
        "x: {type: series, dims: 2}, y: {type: series, dims: 1, layout: flat}}"
    )
)
NESTED = fields_of(parse_spec("id: meta.user.id\nsequences: {text: {type: tokens, from: data.text}}"))
ROWS: dict[str, Any] = {
    "id": ["a", "b"],
    "label": [1.5, None],
    "text": [["u", None], []],
    "x": [[[1.0, 2.0], None], None],
    "y": [[0.5], [None]],
}
NAMES = "a string, an integer of 64 bits or a boolean"
BAD = b"\xff"


def block(**changed: Any) -> RawBlock:
    columns = {name: changed.get(name, values) for name, values in ROWS.items()}
    return block_of_table(pa.table({name: values for name, values in columns.items() if values is not ...}), FIELDS, 10)


def unchecked(values: list[bytes]) -> pa.Array:
    """Returns strings that nobody has checked."""
    column = pa.array(values, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(column), column.buffers())


def test_columns_have_the_type_of_their_field() -> None:
    read = block()
    assert {name: (str(column.type), column.to_pylist()) for name, column in read.columns.items()} == {
        "id": ("string", ["a", "b"]),
        "label": ("double", [1.5, None]),
        "text": ("list<item: string>", [["u", None], []]),
        "x": ("list<item: list<item: double>>", [[[1.0, 2.0], None], None]),
        "y": ("list<item: double>", [[0.5], [None]]),
    }
    assert (read.offsets.tolist(), read.lines.tolist(), read.line_count) == ([10, 11], [0, 1], 2)
    assert (read.rejected, read.fields) == ([], FIELDS)


def test_a_batch_is_a_table() -> None:
    batch = pa.RecordBatch.from_pydict({"id": [1], "text": [["u"]]})
    read = block_of_table(batch, fields_of(parse_spec("id: id\nsequences: {text: {type: tokens}}")), 0)
    assert read.columns["id"].to_pylist() == ["1"]


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (pa.array(["ä", None], pa.large_string()), ["ä", None]),
        (pa.array(["ä", None], pa.string_view()), ["ä", None]),
        (pa.array(["ä", None]).dictionary_encode(), ["ä", None]),
        (pc.run_end_encode(pa.array(["ä", "ä"])), ["ä", "ä"]),
        (pa.array(["ä".encode(), None], pa.binary()), ["ä", None]),
        (pa.array(["ä".encode(), None], pa.large_binary()), ["ä", None]),
        (pa.array([b"ab", None], pa.binary(2)), ["ab", None]),
        (pa.array([-1, None], pa.int8()), ["-1", None]),
        (pa.array([0, 2**64 - 1], pa.uint64()), ["0", "18446744073709551615"]),
        (pa.array([7, None], pa.int16()).dictionary_encode(), ["7", None]),
        (pa.array([True, False]), ["true", "false"]),
        (pa.array([decimal.Decimal(12), None], pa.decimal128(18, 0)), ["12", None]),
        (pa.nulls(2), [None, None]),
        (pa.chunked_array([["a"], ["b"]]), ["a", "b"]),
        (pa.chunked_array([pa.array(["a"]).dictionary_encode(), pa.array(["b"]).dictionary_encode()]), ["a", "b"]),
    ],
)
def test_names_of_any_type(values: pa.Array, names: list[str]) -> None:
    read = block(id=values)
    assert read.columns["id"].type == pa.string()
    assert read.columns["id"].to_pylist() == names


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        (pa.array(np.array([1.5, np.nan], np.float16)), [1.5, np.nan]),
        (pa.array([0.1, np.inf], pa.float32()), [float(np.float32(0.1)), np.inf]),
        (pa.array([2**53 + 1, -(2**63)], pa.int64()), [2.0**53, -(2.0**63)]),
        (pa.array([2**64 - 1, None], pa.uint64()), [2.0**64, None]),
        (pa.array([decimal.Decimal("1.25"), None]), [1.25, None]),
        (pa.array([decimal.Decimal("-0.5"), None], pa.decimal256(60, 3)), [-0.5, None]),
        (pa.array([3, None], pa.uint8()).dictionary_encode(), [3.0, None]),
        (pa.nulls(2), [None, None]),
    ],
)
def test_numbers_of_any_type(values: pa.Array, numbers: list[float]) -> None:
    read = block(label=values).columns["label"]
    assert read.type == pa.float64()
    np.testing.assert_array_equal(
        read.to_numpy(zero_copy_only=False), np.array([np.nan if n is None else n for n in numbers])
    )
    assert pc.is_null(read).to_pylist() == [n is None for n in numbers]


@pytest.mark.parametrize(
    "values",
    [
        pa.array([["u", None], None], pa.large_list(pa.string())),
        pa.array([["u", None], None], pa.list_(pa.large_string(), 2)),
        pa.array([["u", None], None], pa.list_view(pa.string())),
        pa.array([["u", None], None], pa.large_list_view(pa.string_view())),
        pa.array([["u", None], None], pa.list_(pa.dictionary(pa.int8(), pa.string()))),
        pa.array([[b"u", None], None], pa.list_(pa.binary())),
        pa.array([["w"], ["u", None], None], pa.list_(pa.string()))[1:],
        pa.array([["w"], ["u", None], None], pa.list_view(pa.string()))[1:],
        pa.array([["w", "w"], ["u", None], None], pa.list_(pa.dictionary(pa.int8(), pa.string()), 2))[1:],
    ],
)
def test_lists_of_any_form(values: pa.Array) -> None:
    read = block(text=values).columns["text"]
    assert read.type == pa.list_(pa.string())
    assert read.to_pylist() == [["u", None], None]


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.list_(pa.int8())),
        pa.list_(pa.list_(pa.float16(), 2), 1),
        pa.large_list(pa.list_view(pa.uint64())),
        pa.list_view(pa.large_list(pa.float32())),
    ],
)
def test_frames_of_any_form(kind: pa.DataType) -> None:
    number = np.float16 if "half" in str(kind) else int
    values = pa.array([[[number(1), number(2)]], None], kind)
    assert block(x=values).columns["x"].to_pylist() == [[[1.0, 2.0]], None]


def test_lists_without_values_are_of_any_type() -> None:
    assert block(text=[[], None]).columns["text"].to_pylist() == [[], None]
    assert block(x=[[[]], [None]]).columns["x"].to_pylist() == [[[]], [None]]


@pytest.mark.parametrize(
    ("name", "values", "rule"),
    [
        ("id", [1.5, None], f"field 'id' must be {NAMES}; it is of type double"),
        ("id", [["a"], []], f"field 'id' must be {NAMES}; it is of type list<item: string>"),
        ("id", [decimal.Decimal("1.5")] * 2, f"field 'id' must be {NAMES}; it is of type decimal128(2, 1)"),
        ("label", ["1", "2"], "field 'label' must be a number; it is of type string"),
        ("label", [True, None], "field 'label' must be a number; it is of type bool"),
        ("text", ["a", "b"], "field 'text' must be a list of strings, of integers of 64 bits or of booleans; "
                             "it is of type string; to cut a text into tokens, say `tokenizer: words` or another in "
                             "the spec"),
        ("x", [[1.0], []], "field 'x' must be a list of frames, each a list of numbers; it is of type "
                           "list<item: double>"),
        ("y", [[[1.0]], []], "field 'y' must be a list of numbers; it is of type list<item: list<item: double>>"),
        ("y", [["1"], []], "field 'y' must be a list of numbers; it is of type list<item: string>"),
        ("y", [{"a" * 90: 1}] * 2, f"field 'y' must be a list of numbers; it is of type struct<{'a' * 70}..."),
    ],
)  # fmt: skip
def test_a_column_of_another_type_rejects_every_row(name: str, values: list[Any], rule: str) -> None:
    read = block(**{name: values})
    assert [(r.offset, r.line, r.reason, r.rule) for r in read.rejected] == [
        (10, 0, "wrong_type", rule),
        (11, 1, "wrong_type", rule),
    ]
    assert all(len(column) == 0 for column in read.columns.values())
    assert len(read.offsets) == len(read.lines) == 0


@pytest.mark.parametrize("kind", ["binary", "string"])
def test_what_is_no_utf8_is_rejected_alone(kind: str) -> None:
    values = [str(i).encode() for i in range(100)]
    values[7] = values[64] = BAD
    ids = pa.array(values, pa.binary()) if kind == "binary" else unchecked(values)
    fields = fields_of(parse_spec("id: id\nsequences: {text: {type: tokens}}"))
    texts = pa.ListArray.from_arrays(pa.array(range(101), pa.int32()), ids)
    for columns, name in (({"id": ids, "text": [[]] * 100}, "id"), ({"id": range(100), "text": texts}, "text")):
        read = block_of_table(pa.table(columns), fields, 0)
        rule = f"field '{name}' must be valid UTF-8"
        assert [(r.offset, r.reason, r.rule) for r in read.rejected] == [
            (7, "invalid_utf8", rule),
            (64, "invalid_utf8", rule),
        ]
        assert read.columns["id"].to_pylist() == [str(i) for i in range(100) if i not in (7, 64)]
        assert read.lines.tolist() == [i for i in range(100) if i not in (7, 64)]
    assert read.rejected[0].excerpt == '{"id": 7, "text": ["\\\\xff"]}'


def test_the_first_problem_of_a_row_is_its_reason() -> None:
    read = block(id=pa.array([b"a", BAD]), label=["1", "2"])
    assert [(r.line, r.reason) for r in read.rejected] == [(0, "wrong_type"), (1, "invalid_utf8")]


TIMES = Field("t", ("t",), (pa.string(),))
NOON = datetime(2024, 5, 1, 12, 30, 1, 250_000)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (pa.timestamp("s"), "2024-05-01 12:30:01"),
        (pa.timestamp("us"), "2024-05-01 12:30:01.250000"),
        (pa.timestamp("ms", "UTC"), "2024-05-01 12:30:01.250Z"),
        (pa.timestamp("ns", "Europe/Berlin"), "2024-05-01 12:30:01.250000000Z"),
        (pa.date32(), "2024-05-01"),
        (pa.date64(), "2024-05-01"),
    ],
)
def test_times_are_text(kind: pa.DataType, text: str) -> None:
    values = pa.array([NOON, None]).cast(pa.timestamp("ns")).cast(kind, safe=False)
    read = block_of_table(pa.table({"t": values}), [TIMES], 0)
    assert read.columns["t"].to_pylist() == [text, None]
    micros, bad = parse_times(read.columns["t"], "iso8601", "UTC")
    shown = [NOON, NOON.replace(microsecond=0), datetime(2024, 5, 1)]
    assert datetime(1970, 1, 1) + timedelta(microseconds=int(micros[0])) in shown
    assert bad.tolist() == [False, True]
    lists = pa.ListArray.from_arrays([0, 2], values)
    read = block_of_table(pa.table({"t": lists}), [Field("t", ("t",), (pa.list_(pa.string()),))], 0)
    assert read.columns["t"].to_pylist() == [[text, None]]


@pytest.mark.parametrize("name", ["id", "label"])
def test_times_are_no_names_and_no_numbers(name: str) -> None:
    rule = "; it is of type timestamp[us]; where it is a time, say `iso8601` for its format"
    assert block(**{name: [NOON, None]}).rejected[0].rule.endswith(rule)


def test_paths_go_through_structs() -> None:
    meta = [{"user": {"id": 1}}, {"user": None}, None]
    read = block_of_table(pa.table({"meta": meta, "data": [{"text": ["a"]}, {"text": None}, None]}), NESTED, 0)
    assert {name: column.to_pylist() for name, column in read.columns.items()} == {
        "id": ["1", None, None],
        "text": [["a"], None, None],
    }
    assert [read.explain(i)[1] for i in (1, 2)] == [
        "field 'meta.user' must have a value; it is null",
        "field 'meta' must have a value; it is null",
    ]
    assert read.received(0) == b'{"data": {"text": ["a"]}, "meta": {"user": {"id": 1}}}'


def test_a_flat_name_may_have_dots() -> None:
    read = block_of_table(pa.table({"meta.user.id": [1], "data.text": [["a"]], "data": [1]}), NESTED, 0)
    assert [r.rule for r in read.rejected] == ["field 'data' must be an object that holds 'text'; it is of type int64"]
    read = block_of_table(pa.table({"meta.user.id": [None], "data.text": [["a"]]}), NESTED, 0)
    assert read.columns["text"].to_pylist() == [["a"]]
    assert read.explain(0) == ("missing_field", "field 'meta.user.id' must have a value; it is null")


@pytest.mark.parametrize(
    ("columns", "rule"),
    [
        ({"meat": [1]}, "field 'meta' must have a value; did you mean 'meat'?"),
        ({}, "field 'meta' must have a value; the record has no such field"),
        ({"meta": [{"users": 1}]}, "field 'meta.user' must have a value; did you mean 'users'?"),
        ({"meta": pa.nulls(1)}, "field 'meta' must have a value; it is null"),
        ({"meta": [{"user": {"key": BAD, "id": None}}]}, "field 'meta.user.id' must have a value; it is null"),
    ],
)
def test_what_is_missing_is_null_and_can_be_explained(columns: dict[str, Any], rule: str) -> None:
    read = block_of_table(pa.table({"data": [{"text": ["a"]}], **columns}), NESTED, 0)
    assert read.columns["id"].to_pylist() == [None]
    assert read.explain(0) == ("missing_field", rule)


def test_the_schema_of_the_file_knows_more_names() -> None:
    schema = pa.schema({"data": pa.struct({"text": pa.list_(pa.string()), "more": pa.int8()}), "metta": pa.int8()})
    read = block_of_table(pa.table({"data": [{"text": ["a"]}]}), NESTED, 0, schema)
    assert read.explain(0) == ("missing_field", "field 'meta' must have a value; did you mean 'metta'?")


def test_a_name_that_is_there_twice_is_an_error() -> None:
    table = pa.table([pa.array([1]), pa.array([2])], names=["id", "id"])
    with pytest.raises(DataError) as error:
        block_of_table(table, FIELDS, 0)
    assert str(error.value) == "the table has 2 columns named 'id'; names must differ; rename one of them"
    twice = pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], names=["user", "user"])
    with pytest.raises(DataError) as error:
        block_of_table(pa.table({"meta": twice}), NESTED, 0)
    assert str(error.value) == "'meta' has 2 fields named 'user'; rename one of them"


def test_anything_can_be_shown() -> None:
    odd = pa.array([2**62], pa.timestamp("s"))
    meta = pa.StructArray.from_arrays([odd, pa.array([decimal.Decimal("1.5")]), pa.array([b"\x01"])], ["id", "d", "b"])
    fields = fields_of(parse_spec("id: meta.id\nlabel: {type: number, from: n}\nsequences: {text: {type: tokens}}"))
    table = pa.table({"meta": meta, "n": [float("nan")], "text": unchecked([BAD])})
    assert block_of_table(table, fields, 0).rejected[0].excerpt == (
        '{"meta": {"b": "\\u0001", "d": "1.5", "id": "a value of type timestamp[s]"}, "n": NaN, "text": "\\\\xff"}'
    )
