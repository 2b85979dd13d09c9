"""What holds for every typed format: the same records are the same columns, and damage is never a traceback."""

import io
from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import DataError
from schemas.formats.avro_file import read_avro
from schemas.formats.fields import Field
from schemas.formats.jsonl import parse_jsonl
from schemas.formats.parquet_file import read_parquet
from schemas.formats.raw import RawBlock
from schemas.formats.tfrecord_file import read_tfrecord
from schemas.records.validate import validate
from tests.schemas.formats.typed_files import (
    COMPRESS,
    FIELDS,
    RECORDS,
    SPEC,
    WITHOUT_FRAMES,
    avro,
    columns,
    example,
    jsonl,
    parquet,
    sequence_example,
    tfrecord,
    types,
)

Reader = Callable[[bytes, list[Field]], Iterator[RawBlock]]
WHOLE = 1 << 40
NULLS = [{"id": "only", "label": None, "text": None, "tags": None, "x": None, "y": None, "other": ""}]


def of_parquet(data: bytes, fields: list[Field]) -> Iterator[RawBlock]:
    return read_parquet(io.BytesIO(data), 0, WHOLE, fields, 500)


def of_avro(data: bytes, fields: list[Field]) -> Iterator[RawBlock]:
    return read_avro(io.BytesIO(data), 0, WHOLE, fields, 500)


def of_examples(data: bytes, fields: list[Field]) -> Iterator[RawBlock]:
    return read_tfrecord(io.BytesIO(data), fields, False, 500)


def of_sequence_examples(data: bytes, fields: list[Field]) -> Iterator[RawBlock]:
    return read_tfrecord(io.BytesIO(data), fields, True, 500)


def of_messages(read: Reader) -> Reader:
    """Returns a reader of pieces of the data as messages, each in a frame that fits its checksums."""

    def read_pieces(data: bytes, fields: list[Field]) -> Iterator[RawBlock]:
        return read(tfrecord(data[at : at + 100] for at in range(0, len(data), 100)), fields)

    return read_pieces


EXAMPLE = example(RECORDS[4])
SEQUENCE = sequence_example(RECORDS[6])
FORMATS: list[tuple[Reader, bytes, list[Field]]] = [
    (of_parquet, parquet(), FIELDS),
    (of_avro, avro(), FIELDS),
    (of_examples, tfrecord(map(example, RECORDS)), WITHOUT_FRAMES),
    (of_sequence_examples, tfrecord(map(sequence_example, RECORDS)), FIELDS),
]
DAMAGED: list[tuple[Reader, bytes, list[Field]]] = [
    (of_parquet, parquet(RECORDS[:6], 3, compression="none"), FIELDS),
    (of_parquet, parquet(RECORDS[:6], 3, compression="snappy", data_page_version="2.0", use_dictionary=False), FIELDS),
    *((of_avro, avro(RECORDS[:6], 3, codec), FIELDS) for codec in COMPRESS),
    (of_examples, tfrecord(map(example, RECORDS[:5])), WITHOUT_FRAMES),
    (of_sequence_examples, tfrecord(map(sequence_example, RECORDS[:5])), FIELDS),
    (of_messages(of_examples), EXAMPLE, WITHOUT_FRAMES),
    (of_messages(of_sequence_examples), SEQUENCE, FIELDS),
]


@pytest.mark.parametrize(("read", "data", "fields"), FORMATS)
def test_the_same_records_are_the_same_columns(read: Reader, data: bytes, fields: list[Field]) -> None:
    wanted = parse_jsonl(jsonl(), fields)
    blocks = list(read(data, fields))
    assert len(blocks) > 2
    assert columns(blocks) == columns([wanted])
    assert {name: values for name, values in columns(blocks).items() if name == "label"} == {
        "label": [str(i % 3) for i in range(17)]
    }
    assert all(types(block) == types(wanted) for block in blocks)
    assert sum(block.line_count for block in blocks) == 17


@pytest.mark.parametrize(
    ("read", "data"),
    [
        (of_parquet, parquet(NULLS)),
        (of_avro, avro(NULLS)),
        (of_examples, tfrecord(map(example, NULLS))),
        (of_sequence_examples, tfrecord([sequence_example(NULLS[0]), sequence_example(NULLS[0], ())])),
    ],
    ids=["parquet", "avro", "examples", "sequence examples"],  # not the bytes, whose order of features differs
)
def test_a_value_that_is_not_there_is_null(read: Reader, data: bytes) -> None:
    for block in read(data, FIELDS):
        assert [set(block.columns[name].to_pylist()) for name in ("label", "text", "tags", "x", "y")] == [{None}] * 5
        assert set(block.columns["id"].to_pylist()) == {"only"}
        assert block.rejected == []
        assert types(block) == types(parse_jsonl(b"", FIELDS))


@pytest.mark.parametrize(
    ("read", "data"),
    [
        (of_parquet, parquet(RECORDS[:0], schema=pa.schema({"id": pa.string()}))),
        (of_avro, avro([])),
        (of_examples, b""),
        (of_sequence_examples, b""),
    ],
)
def test_no_records_are_no_blocks(read: Reader, data: bytes) -> None:
    assert list(read(data, FIELDS)) == []


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """Bytes with a few of them changed, cut out or put in."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        new = draw(st.binary(max_size=4) | st.sampled_from([b"\0", b"\x01", b"\x7f", b"\x80", b"\xff"]))
        data = data[:at] + new + data[at + draw(st.sampled_from([0, 1, 1, 1, 4, 40, len(data)])) :]
    return data


@pytest.mark.parametrize(("read", "data", "fields"), DAMAGED)
def test_damage_is_an_error_or_a_rejected_record(read: Reader, data: bytes, fields: list[Field]) -> None:
    @given(damaged(data))
    def check(content: bytes) -> None:
        try:
            look_at(read(content, fields), fields)
        except DataError as error:
            assert str(error)

    check()


def look_at(blocks: Iterable[RawBlock], fields: list[Field]) -> None:
    for block in blocks:
        for i in range(len(block.lines)):
            assert block.received(i)
            assert block.explain(i)[0] == "missing_field"
        assert len(block.rejected) + len(block.lines) == block.line_count
        if fields is FIELDS:
            validate(block, SPEC)


@given(st.integers(0, len(DAMAGED) - 1), st.binary(max_size=60))
def test_any_bytes_are_an_error_or_rejected(which: int, content: bytes) -> None:
    read, _, fields = DAMAGED[which]
    try:
        look_at(read(content, fields), fields)
    except DataError as error:
        assert str(error)
