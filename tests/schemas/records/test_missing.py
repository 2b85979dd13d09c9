"""Missing numbers of series, filled record by record in plain Python and in whole columns."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.dataset_pb2 import Missing, SequenceFeature
from schemas.formats.fields import fields_of
from schemas.formats.jsonl import parse_jsonl
from schemas.ragged import Ragged
from schemas.records.examples import ExampleBlock
from schemas.records.missing import fill_forward, fill_from_records, fill_means, fill_missing, missing_flags
from schemas.records.validate import validate
from schemas.spec import parse_spec

FILL = "say `missing: forward`, `zero` or `mean` in the spec to fill it"
NAN = float("nan")
Record = list[list[Any] | None]

numbers = st.sampled_from([None, None, NAN, 0, -0.0, 1, 2.5, -3e38, 1e-45])


@st.composite
def records_and_dims(draw: st.DrawFn) -> tuple[list[Record], int]:
    dims = draw(st.integers(1, 3))
    frame = st.none() | st.lists(numbers, min_size=dims, max_size=dims)
    return draw(st.lists(st.lists(frame, max_size=6), min_size=1, max_size=6)), dims


def read(records: list[Record], dims: int, missing: str, more: str = "") -> ExampleBlock:
    spec = parse_spec(f"sequences: {{x: {{type: series, dims: {dims}, missing: {missing}, empty: keep{more}}}}}")
    data = b"".join(json.dumps({"x": record}).encode() + b"\n" for record in records)
    return validate(parse_jsonl(data, fields_of(spec)), spec)


def is_missing(number: Any) -> bool:
    return number is None or number != number


def whole(record: Record, dims: int) -> list[list[Any]]:
    return [[None] * dims if frame is None else frame for frame in record]


def filled(record: Record, dims: int, policy: str) -> list[list[float]]:
    """One record in plain Python: its numbers in the order in which they stand."""
    last = [0.0] * dims
    frames = []
    for frame in whole(record, dims):
        for i, number in enumerate(frame):
            if not is_missing(number):
                last[i] = float(np.float32(number))
        known = {"forward": last, "zero": [0.0] * dims, "mean": [NAN] * dims}[policy]
        frames.append([known[i] if is_missing(x) else float(np.float32(x)) for i, x in enumerate(frame)])
    return frames


def flat(frames: list[list[Any]]) -> list[Any]:
    return [number for frame in frames for number in frame]


def rows(sequence: Ragged) -> list[Any]:
    lists: list[Any] = sequence.to_arrow().to_pylist()
    return lists


@given(records_and_dims(), st.sampled_from(["forward", "zero", "mean"]))
def test_each_record_is_filled_from_its_own_numbers(drawn: tuple[list[Record], int], policy: str) -> None:
    records, dims = drawn
    block = read(records, dims, policy)
    assert not block.rejected
    expected = [flat(filled(record, dims, policy)) for record in records]
    for row, wanted in zip(rows(block.sequences["x"]), expected, strict=True):
        np.testing.assert_array_equal(row, wanted)  # which takes NaN for equal to NaN
    flags = block.beside["x/missing"]
    assert rows(flags) == [[int(is_missing(x)) for x in flat(whole(record, dims))] for record in records]
    assert (flags.dims, flags.values.type) == (dims, pa.int64())
    assert flags.lengths.tolist() == block.sequences["x"].lengths.tolist() == [len(record) for record in records]


@given(records_and_dims())
def test_an_id_is_that_of_the_content_whatever_the_policy(drawn: tuple[list[Record], int]) -> None:
    records, dims = drawn
    ids = {policy: read(records, dims, policy).ids.to_pylist() for policy in ("forward", "zero", "mean")}
    assert ids["forward"] == ids["zero"] == ids["mean"]
    contents = [
        tuple(None if is_missing(x) else np.float32(x).tobytes() for x in flat(whole(r, dims))) for r in records
    ]
    for i, content in enumerate(contents):
        assert [content == other for other in contents] == [ids["mean"][i] == other for other in ids["mean"]]
    full = [i for i, content in enumerate(contents) if None not in content]
    refusing = read([records[i] for i in full], dims, "reject")
    assert refusing.ids.to_pylist() == [ids["mean"][i] for i in full]


def test_every_nan_is_one() -> None:
    spec = parse_spec("sequences: {x: {type: series, dims: 1, missing: zero}}")
    other = np.array([0x7FFC000000000001, 0xFFF8000000000000], np.uint64).view(np.float64)
    block = parse_jsonl(b'{"x": [[1]]}\n{"x": [[1]]}\n{"x": [null]}\n', fields_of(spec))
    odd = pa.array([[[other[0]]], [[other[1]]], [[None]]], pa.list_(pa.list_(pa.float64())))
    block.columns["x"] = odd
    assert len(set(validate(block, spec).ids.to_pylist())) == 1


def test_a_frame_of_the_wrong_size_is_rejected_whatever_is_missing() -> None:
    block = read([[None, [1, None]], [[1, 2, 3]], [[None]], [[]], [[1e39, None]]], 2, "zero")
    assert [(item.line, item.reason, item.rule) for item in block.rejected] == [
        (1, "wrong_dims", "every frame of 'x' must hold 2 numbers; frame 1 of 1 holds 3"),
        (2, "wrong_dims", "every frame of 'x' must hold 2 numbers; frame 1 of 1 holds 1"),
        (3, "wrong_dims", "every frame of 'x' must hold 2 numbers; frame 1 of 1 holds 0"),
        (4, "not_finite", "every number of 'x' that is not missing must be finite as a 32-bit float"),
    ]
    assert rows(block.sequences["x"]) == [[0, 0, 1, 0]]


@pytest.mark.parametrize(
    ("policy", "values"), [("truncate_head", [[1, 3]]), ("truncate_tail", [[1, 1]]), ("split", [[1, 1], [3]])]
)
def test_records_are_filled_before_they_are_cut(policy: str, values: list[Any]) -> None:
    block = read([[[1], [None], [3]]], 1, "forward", f", max_length: 2, too_long: {policy}")
    assert rows(block.sequences["x"]) == values
    flags = {"truncate_head": [[1, 0]], "truncate_tail": [[0, 1]], "split": [[0, 1], [0]]}
    assert rows(block.beside["x/missing"]) == flags[policy]


def test_no_policy_no_flags() -> None:
    block = read([[[1, 2]], [[1, None]], [None], [[NAN, 0]]], 2, "reject")
    assert block.beside == {}
    assert [(item.line, item.reason, item.rule) for item in block.rejected] == [
        (1, "null_value", f"'x' must hold no null; {FILL}"),
        (2, "null_value", f"'x' must hold no null in place of a frame; {FILL}"),
        (3, "not_finite", "every number of 'x' must be finite as a 32-bit float"),
    ]


def test_means_are_filled_dimension_by_dimension() -> None:
    values = np.array([NAN, 1, 2, NAN, NAN, NAN], np.float32)
    assert fill_missing(values, 2, [0.1, -5]).tolist() == [np.float32(0.1), 1, 2, -5, np.float32(0.1), -5]
    assert np.isnan(values).sum() == 4
    full = np.array([1, 2], np.float32)
    assert fill_missing(full, 2, [0, 0]) is full
    assert fill_missing(values[:0], 2, [0, 0]).tolist() == []


def test_only_the_policy_mean_is_filled_with_means() -> None:
    series = Ragged(pa.array([NAN, 4], pa.float32()), np.array([0, 2]), 1)
    assert rows(fill_means(series, SequenceFeature(missing=Missing.mean), [7])) == [[7, 4]]
    assert fill_means(series, SequenceFeature(missing=Missing.forward), [7]) is series
    assert np.isnan(fill_from_records(series, SequenceFeature(missing=Missing.mean)).values.to_numpy()).tolist() == [
        True,
        False,
    ]
    assert rows(missing_flags(series)) == [[1, 0]]


def test_nothing_crosses_from_record_to_record() -> None:
    values = np.array([1, 2, NAN, NAN, NAN, 3, NAN, NAN], np.float32)
    assert fill_forward(values, np.array([0, 2, 2, 4, 8]), 2).tolist() == [1, 2, 0, 0, 0, 3, 0, 3]
    assert np.isnan(values).sum() == 5
