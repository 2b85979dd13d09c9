"""Records on disk: byte for byte what protobuf writes, and frames that show every damage."""

import itertools
import struct
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import DataError
from schemas.example import (
    FRAME_BYTES,
    BytesColumn,
    CodedColumn,
    Column,
    FloatColumn,
    Int64Column,
    encode_examples,
    frame,
    frame_offsets,
    one_each,
)
from schemas.example_pb2 import BytesList, Example, Feature, Features, Int64List

EDGES = [0, 1, 127, 128, 16383, 16384, 2**21 - 1, 2**21, 2**28, 2**31, 2**32 - 1, 2**32, 2**35, 2**56, 2**63 - 1]
INT64S = st.one_of(st.sampled_from([*EDGES, *(-edge for edge in EDGES), -(2**63)]), st.integers(-(2**63), 2**63 - 1))
FLOAT_BITS = st.one_of(
    st.sampled_from([0, 0x80000000, 0x7F800000, 0xFF800000, 0x7FC00000, 1, 0x7F7FFFFF, 0x3F800000]),
    st.integers(0, 2**32 - 1),
)
NAMES = st.one_of(
    st.sampled_from(["", "a", "ab", "a/length", "label", "größe", "\U0001f600", "x" * 127, "x" * 128]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
)
TABLE: list[int] = []


def offsets_of(rows: list[list[Any]], first: int = 0) -> np.ndarray:
    return np.cumsum([first, *map(len, rows)], dtype=np.int64)


def int64_column(rows: list[list[int]], before: int = 0) -> Int64Column:
    values = [7] * before + [value for row in rows for value in row]
    return Int64Column(np.array(values, np.int64), offsets_of(rows, before))


def coded_column(rows: list[list[int]], before: int = 0) -> CodedColumn:
    values = [7] * before + [value for row in rows for value in row]
    distinct = sorted({*values, 5})
    codes = pa.array([distinct.index(value) for value in values], pa.uint16())
    return CodedColumn(np.array(distinct, np.int64), codes, offsets_of(rows, before))


def float_column(rows: list[list[int]], before: int = 0) -> FloatColumn:
    """Rows of bit patterns, so that every NaN is itself."""
    bits = [7] * before + [value for row in rows for value in row]
    return FloatColumn(np.array(bits, np.uint32).view(np.float32), offsets_of(rows, before))


MAKERS: dict[str, Callable[[list[list[int]], int], Column]] = {
    "int64": int64_column,
    "coded": coded_column,
    "float": float_column,
}


def feature_of(column: Column, i: int) -> Feature:
    if isinstance(column, BytesColumn):
        return Feature(bytes_list=BytesList(value=[column.values[i].as_py()]))
    if isinstance(column, CodedColumn):
        column = Int64Column(column.distinct[column.codes.to_numpy()], column.offsets)
    values = column.values[column.offsets[i] : column.offsets[i + 1]]
    if isinstance(column, Int64Column):
        return Feature(int64_list=Int64List(value=values.tolist()))
    feature = Feature()
    feature.float_list.SetInParent()
    # As bytes: a float of Python would lose which NaN it was.
    feature.float_list.MergeFromString(b"\x0a" + varint(values.nbytes) + values.tobytes() if values.size else b"")
    return feature


def varint(number: int) -> bytes:
    encoded = b""
    while number > 127:
        encoded += bytes([number & 127 | 128])
        number >>= 7
    return encoded + bytes([number])


def by_protobuf(columns: Mapping[str, Column], i: int) -> bytes:
    # One entry at a time, because the order of map entries differs between builds of protobuf.
    entries = b"".join(
        Features(feature={name: feature_of(columns[name], i)}).SerializeToString()
        for name in sorted(columns, key=lambda name: name.encode())
    )
    return b"\x0a" + varint(len(entries)) + entries


def crc32c(data: bytes) -> int:
    if not TABLE:
        for byte in range(256):
            for _ in range(8):
                byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
            TABLE.append(byte)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def framed(data: bytes) -> bytes:
    head = struct.pack("<Q", len(data))
    return head + masked(head) + data + masked(data)


@st.composite
def column_sets(draw: st.DrawFn) -> tuple[dict[str, Column], int]:
    count = draw(st.integers(0, 5))
    columns: dict[str, Column] = {}
    for name in draw(st.sets(NAMES, min_size=1, max_size=4)):
        kind = draw(st.sampled_from(["bytes", "int64", "coded", "float"]))
        before = draw(st.integers(0, 2))
        if kind == "bytes":
            values = draw(st.lists(st.binary(max_size=200), min_size=count + before, max_size=count + before))
            columns[name] = BytesColumn(pa.array(values, pa.binary()).slice(before))
        else:
            item = FLOAT_BITS if kind == "float" else INT64S
            rows = draw(st.lists(st.lists(item, max_size=40), min_size=count, max_size=count))
            columns[name] = MAKERS[kind](rows, before)
    return columns, count


@given(column_sets())
def test_examples_are_the_bytes_of_protobuf(drawn: tuple[dict[str, Column], int]) -> None:
    columns, count = drawn
    encoded = encode_examples(columns).to_pylist()
    assert encoded == [by_protobuf(columns, i) for i in range(count)]
    for i, data in enumerate(encoded):
        assert Example.FromString(data).features == Features(
            feature={name: feature_of(column, i) for name, column in columns.items()}
        ) or contains_nan(columns)


def contains_nan(columns: Mapping[str, Column]) -> bool:
    return any(isinstance(column, FloatColumn) and np.isnan(column.values).any() for column in columns.values())


def test_the_bytes_of_one_example() -> None:
    columns: dict[str, Column] = {
        "id": BytesColumn(pa.array([b"r1"])),
        "t": int64_column([[2, 300]]),
        "t/length": int64_column([[2]]),
        "x": float_column([[0x3F800000]]),
    }
    entries = (
        b"\x0a\x0c\x0a\x02id\x12\x06\x0a\x04\x0a\x02r1"
        b"\x0a\x0c\x0a\x01t\x12\x07\x1a\x05\x0a\x03\x02\xac\x02"
        b"\x0a\x11\x0a\x08t/length\x12\x05\x1a\x03\x0a\x01\x02"
        b"\x0a\x0d\x0a\x01x\x12\x08\x12\x06\x0a\x04\x00\x00\x80\x3f"
    )
    assert encode_examples(columns).to_pylist() == [b"\x0a" + bytes([len(entries)]) + entries]


@pytest.mark.parametrize("size", [0, 1, 126, 127, 128, 129, 16380, 16383, 16384, 2**21])
def test_sizes_around_every_width_of_a_varint(size: int) -> None:
    columns: dict[str, Column] = {"b": BytesColumn(pa.array([b"", b"x" * size, b"y"]))}
    assert encode_examples(columns).to_pylist() == [by_protobuf(columns, i) for i in range(3)]
    numbers: dict[str, Column] = {"i": int64_column([[1] * size, [], [-1] * (size // 10)])}
    assert encode_examples(numbers).to_pylist() == [by_protobuf(numbers, i) for i in range(3)]


@pytest.mark.parametrize("edge", EDGES)
def test_numbers_around_every_width_of_a_varint(edge: int) -> None:
    # Each alone, because the largest number of a column decides how wide it is worked on.
    for number in {max(edge - 1, 0), edge, min(edge + 1, 2**63 - 1), -edge}:
        columns: dict[str, Column] = {"i": int64_column([[number], [0, number]])}
        assert encode_examples(columns).to_pylist() == [by_protobuf(columns, i) for i in range(2)]


def test_a_negative_number_takes_ten_bytes() -> None:
    encoded = encode_examples({"i": int64_column([[-1], [-(2**63)], [2**63 - 1]])}).to_pylist()
    assert [data[-10:] for data in encoded[:2]] == [b"\xff" * 9 + b"\x01", b"\x80" * 9 + b"\x01"]
    assert encoded[2][-9:] == b"\xff" * 8 + b"\x7f"


def test_an_empty_list_differs_from_an_empty_string() -> None:
    columns: dict[str, Column] = {
        "b": BytesColumn(pa.array([b""])),
        "f": float_column([[]]),
        "i": int64_column([[]]),
    }
    example = Example.FromString(encode_examples(columns)[0].as_py())
    assert example.features.feature["b"].bytes_list.value == [b""]
    assert example.features.feature["f"].WhichOneof("kind") == "float_list"
    assert example.features.feature["i"].WhichOneof("kind") == "int64_list"


def test_no_record_and_no_feature() -> None:
    assert encode_examples({"i": int64_column([]), "b": BytesColumn(pa.array([], pa.binary()))}).to_pylist() == []
    with pytest.raises(ValueError, match=r"^an Example needs one feature or more$"):
        encode_examples({})


def test_offsets_of_one_value_each() -> None:
    assert one_each(3).tolist() == [0, 1, 2, 3]
    assert one_each(0).tolist() == [0]


def test_the_checksum_of_the_reference() -> None:
    # The check value of CRC-32C (iSCSI) in the catalogue of parametrised CRC algorithms.
    assert crc32c(b"123456789") == 0xE3069283


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_frames_are_those_of_the_format_and_are_found_again(records: list[bytes]) -> None:
    frames = frame(pa.array([b"left out", *records], pa.binary()).slice(1)).to_pylist()
    assert frames == [framed(record) for record in records]
    content = b"".join(frames)
    offsets = frame_offsets(content, "f").tolist()
    assert offsets == offsets_of([list(data) for data in frames]).tolist()
    assert [content[start + 12 : end - 4] for start, end in itertools.pairwise(offsets)] == records
    assert [len(data) - FRAME_BYTES for data in frames] == [len(record) for record in records]


RECORDS = [b"first record", b"", b"the third"]


def damage(content: bytes) -> str:
    with pytest.raises(DataError) as raised:
        frame_offsets(content, "train/a.tfrecord")
    return str(raised.value)


def no_frame(at: int) -> str:
    return f"train/a.tfrecord, byte {at}: no TFRecord frame begins here; the file is damaged; write it again"


def no_fit(at: int) -> str:
    return f"train/a.tfrecord, byte {at}: the record does not fit its checksum; write the file again"


def test_every_flipped_bit_is_found_at_its_record() -> None:
    content = b"".join(map(framed, RECORDS))
    ends = frame_offsets(content, "f").tolist()
    for position in range(len(content)):
        start = max(end for end in ends if end <= position)
        wanted = no_frame(start) if position - start < 12 else no_fit(start)
        for bit in range(8):
            flipped = bytearray(content)
            flipped[position] ^= 1 << bit
            assert damage(bytes(flipped)) == wanted


def test_every_cut_within_a_record_is_found_at_its_record() -> None:
    content = b"".join(map(framed, RECORDS))
    ends = frame_offsets(content, "f").tolist()
    for length in range(len(content)):
        start = max(end for end in ends if end <= length)
        if length == start:  # whole records only: the manifest's count and digest tell
            assert frame_offsets(content[:length], "f").tolist() == [end for end in ends if end <= length]
        else:
            assert damage(content[:length]) == (no_frame(start) if length - start < 12 else no_fit(start))


def test_what_follows_the_last_record_is_found() -> None:
    content = framed(b"only")
    assert damage(content + b"\0") == no_frame(len(content))
    assert damage(b"not a TFRecord file") == no_frame(0)


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_no_frames(content: bytes) -> None:
    if content:
        assert damage(content) == no_frame(0)
    else:
        assert frame_offsets(content, "f").tolist() == [0]
