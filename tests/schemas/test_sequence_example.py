"""The columnar encoder of SequenceExamples, byte for byte against protobuf."""

from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from schemas.example import BytesColumn, CodedColumn, FloatColumn, Int64Column, one_each
from schemas.example_pb2 import Feature, SequenceExample
from schemas.sequence_example import StepColumn, encode_sequence_examples, of_equal_steps, of_unequal_steps

tokens = st.lists(st.integers(-(2**40), 2**40), max_size=5)
frames = st.lists(st.tuples(*[st.floats(width=32, allow_nan=False)] * 2), max_size=4)
characters = st.lists(st.lists(st.integers(0, 300), max_size=3), max_size=4)
records = st.lists(st.tuples(st.text(max_size=4), tokens, frames, characters), min_size=1, max_size=6)


def offsets(rows: list[Any]) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.cumsum([0, *map(len, rows)], dtype=np.int64)


def columns(rows: list[Any]) -> dict[str, StepColumn]:
    ids = [row[1] for row in rows]
    values = np.array([value for row in ids for value in row], np.int64)
    distinct, codes = np.unique(values, return_inverse=True)
    numbers = np.array([value for row in rows for frame in row[2] for value in frame], np.float32)
    letters = [[letter for step in row[3] for letter in step] for row in rows]
    sizes = [[len(step) for step in row[3]] for row in rows]
    flat = np.array([letter for row in letters for letter in row], np.int64)
    coded = np.unique(flat, return_inverse=True)
    return {
        "ids": of_equal_steps(Int64Column(values, offsets(ids)), 1),
        "ids coded": of_equal_steps(CodedColumn(distinct, pa.array(codes, pa.int32()), offsets(ids)), 1),
        "frames": of_equal_steps(FloatColumn(numbers, offsets([row[2] for row in rows]) * 2), 2),
        "letters": of_unequal_steps(
            CodedColumn(coded[0], pa.array(coded[1], pa.int32()), offsets(letters)),
            Int64Column(np.array([size for row in sizes for size in row], np.int64), offsets(sizes)),
        ),
    }


def message(row: Any) -> bytes:
    """What protobuf makes of one record, of which each map has its names in order."""
    name, ids, numbers, letters = row
    example = SequenceExample()
    example.context.feature["id"].bytes_list.value.append(name.encode())
    whole = example.SerializeToString()
    lists = {
        "frames": [feature("float_list", frame) for frame in numbers],
        "ids": [feature("int64_list", [value]) for value in ids],
        "ids coded": [feature("int64_list", [value]) for value in ids],
        "letters": [feature("int64_list", step) for step in letters],
    }
    merged = b""
    for key in sorted(lists):
        one = SequenceExample()
        one.feature_lists.feature_list[key].feature.extend(lists[key])
        merged += one.feature_lists.SerializeToString()
    parsed = SequenceExample.FromString(whole)
    parsed.feature_lists.MergeFromString(merged)
    return whole + b"\x12" + varint(len(merged)) + merged


def feature(kind: str, values: Any) -> Feature:
    made = Feature()
    getattr(made, kind).SetInParent()
    getattr(made, kind).value.extend(values)
    return made


def varint(number: int) -> bytes:
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


@given(records)
def test_byte_for_byte(rows: list[Any]) -> None:
    context = {"id": BytesColumn(pa.array([row[0].encode() for row in rows], pa.binary()))}
    encoded = encode_sequence_examples(context, columns(rows))
    assert encoded.to_pylist() == [message(row) for row in rows]


def test_a_record_without_lists() -> None:
    encoded = encode_sequence_examples({"n": Int64Column(np.array([7]), one_each(1))}, {})
    example = SequenceExample.FromString(encoded[0].as_py())
    assert example.context.feature["n"].int64_list.value == [7]
    assert not example.HasField("feature_lists")
