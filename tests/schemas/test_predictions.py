"""Predictions as tables and lines: what a model said of each example stands with it, in every task."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.formats.rejected import Rejected
from schemas.manifest_pb2 import Manifest
from schemas.prediction_lines import prediction_lines
from schemas.predictions import (
    answers_of,
    cuts_steps,
    examples_with_room,
    failures_of,
    heads_of,
    in_order,
    placed,
    prediction_schema,
    refusals_of,
    together,
)
from schemas.records.examples import ExampleBlock, Parents
from schemas.spec import parse_spec

TOKENS = "sequences: {text: {type: tokens}}\n"
LABELS = {
    "number": "label: {from: size, type: number}",
    "class": "label: {from: mood, type: class}",
    "per_step_class": "label: {from: tags, type: per_step_class}",
    "next token": "label: {type: next_step, end: true}",
    "forecast": "label: {type: next_step, horizon: 2}",
}
FLOATS = st.floats(width=32)
TEXT = st.text(max_size=5)


def predicted(block: ExampleBlock, outputs: Any, manifest: Manifest, classes: list[str]) -> pa.Table:
    """Heads and answers of examples side by side."""
    heads, answers = heads_of(block, manifest.spec), answers_of(outputs, manifest, classes)
    return together(heads, answers, prediction_schema(manifest))


def manifest_of(task: str, more: str = "") -> Manifest:
    sequences = "sequences: {waves: {type: series, dims: 3}}\n" if task == "forecast" else TOKENS
    return Manifest(spec=parse_spec(f"{sequences}{LABELS[task]}\n{more}"))


def block_of(ids: list[str], parents: Parents | None = None, cut: list[int] | None = None) -> ExampleBlock:
    rows = np.arange(len(ids))
    return ExampleBlock(
        ids=pa.array(ids, pa.string()),
        offsets=rows,
        lines=rows,
        sequences={},
        beside={},
        context={},
        label=None,
        cut_steps={} if cut is None else {"text": np.array(cut)},
        split_by=None,
        parents=parents,
        records=len(ids),
        rejected=[],
    )


def floats(draw: Any, *shape: int) -> Any:
    size = int(np.prod(shape))
    return np.array(draw(st.lists(FLOATS, min_size=size, max_size=size)), np.float32).reshape(shape)


def strings(draw: Any, *shape: int) -> Any:
    size = int(np.prod(shape))
    found = np.empty(size, object)
    found[:] = [text.encode() for text in draw(st.lists(TEXT, min_size=size, max_size=size))]
    return found.reshape(shape)


def outputs_of(draw: Any, task: str, count: int, classes: list[str]) -> dict[str, Any]:
    """Outputs of a batch, as TensorFlow gives them."""
    if task == "number":
        return {"prediction": floats(draw, count)}
    if task == "forecast":
        return {"prediction": floats(draw, count, 2, 3)}
    if task == "class":
        return {"prediction": strings(draw, count), "probabilities": floats(draw, count, len(classes))}
    if task == "per_step_class":
        length = np.array(draw(st.lists(st.integers(0, 4), min_size=count, max_size=count)), np.int32)
        width = max(1, length.max())
        said = {"prediction": strings(draw, count, width), "probabilities": floats(draw, count, width)}
        real = np.arange(width) < length[:, None]
        said["probabilities"][~real], said["prediction"][~real] = 0, b""
        return said | {"length": length}
    tokens = np.empty((count, 3), object)
    tokens[:] = [text.encode() for text in draw(st.lists(TEXT, min_size=3, max_size=3, unique=True))]
    ends = np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    said = {"prediction": strings(draw, count), "ends": ends, "tokens": tokens}
    return said | {name: floats(draw, count, *more) for name, more in ALONE.items()}


ALONE: dict[str, tuple[int, ...]] = {"probabilities": (3,), "out_of_vocabulary": (), "end": ()}


@st.composite
def batches(draw: Any, task: str, classes: list[str]) -> list[tuple[Any, dict[str, Any]]]:
    order = np.array(draw(st.permutations(range(draw(st.integers(1, 7))))))
    cuts = np.sort(draw(st.lists(st.integers(1, len(order)), max_size=2)))
    return [(rows, outputs_of(draw, task, len(rows), classes)) for rows in np.split(order, cuts) if len(rows)]


def plainly(task: str, said: dict[str, Any], i: int, classes: list[str]) -> dict[str, Any]:
    """What is said of an example of a batch, put together one by one."""
    prediction = said["prediction"][i]
    if task in ("number", "forecast"):
        return {"prediction": prediction.tolist()}
    if task == "class":
        return {"prediction": prediction.decode(), "probabilities": named(classes, said["probabilities"][i])}
    if task == "per_step_class":
        real = slice(int(said["length"][i]))
        words = [word.decode() for word in prediction[real]]
        return {"prediction": words, "probabilities": said["probabilities"][i][real].tolist()}
    return {
        "prediction": None if said["ends"][i] else prediction.decode(),
        "probabilities": named([name.decode() for name in said["tokens"][i]], said["probabilities"][i]),
        "out_of_vocabulary": said["out_of_vocabulary"][i],
        "end": said["end"][i],
    }


def named(names: list[str], numbers: Any) -> dict[str, Any]:
    return dict(zip(names, numbers, strict=True))


def numbers_in(value: Any) -> list[float]:
    if isinstance(value, dict | list):
        return [n for part in (value.values() if isinstance(value, dict) else value) for n in numbers_in(part)]
    return [] if value is None or isinstance(value, str) else [float(value)]


def as_float32(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: as_float32(part) for name, part in value.items()}
    if isinstance(value, list):
        return [as_float32(part) for part in value]
    return value if value is None or isinstance(value, str) else np.float32(value)


@pytest.mark.parametrize("task", LABELS)
@given(data=st.data())
def test_a_table_and_its_lines_say_what_the_model_said(task: str, data: Any) -> None:
    manifest, classes = manifest_of(task), data.draw(st.lists(TEXT, min_size=1, max_size=3, unique=True))
    said = data.draw(batches(task, classes))
    count = sum(len(rows) for rows, _ in said)
    ids = data.draw(st.lists(TEXT, min_size=count, max_size=count))
    table = predicted(block_of(ids), in_order(said), manifest, classes)
    table.validate(full=True)
    assert table.schema == prediction_schema(manifest)
    entries = [json.loads(line) for line in prediction_lines(table).split(b"\n")[:-1]]
    assert len(entries) == count
    for rows, outputs in said:
        for i, row in enumerate(rows):
            expected = plainly(task, outputs, i, classes)
            finite = np.isfinite(numbers_in(expected)).all()
            problem = {"error": "the model's answer is no finite number", "reason": "not_finite"}
            expected = {"id": ids[row]} | (as_float32(expected) if finite else problem)
            assert as_float32(entries[row]) == expected
            assert as_float32(row_of(table, row)) == expected


def row_of(table: pa.Table, i: int) -> dict[str, Any]:
    """A row of a table as the entry that a line has of it."""
    row = table.slice(i, 1).to_pylist(maps_as_pydicts="strict")[0]
    absent = {name for name, value in row.items() if value is None}
    return {
        name: value
        for name, value in row.items()
        if name not in absent - ({"prediction"} if not row["reason"] else set())
    }


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_a_number_has_the_digits_that_tell_it_from_its_neighbours(numbers: list[float]) -> None:
    schema = prediction_schema(manifest_of("number"))
    columns = {"id": ["a"] * len(numbers), "prediction": numbers}
    table = pa.table([columns.get(kind.name, [None] * len(numbers)) for kind in schema], schema=schema)
    for line, number in zip(prediction_lines(table).splitlines(), numbers, strict=True):
        text = line.decode().removeprefix('{"id": "a", "prediction": ').removesuffix("}")
        assert isinstance(json.loads(text), float)
        assert np.float32(text) == np.float32(number)
        assert len(text.split("e")[0].lstrip("-").replace(".", "").strip("0")) <= 9


def test_lines_of_parts_of_a_table_are_parts_of_its_lines() -> None:
    manifest = manifest_of("class")
    said = {
        "prediction": np.array([b"a", b"b", b"a"], object),
        "probabilities": np.array([[1, 0], [np.nan, 1], [1, 0.5]], np.float32),
    }
    table = predicted(block_of(["x", 'y"\n', "z"]), said, manifest, ["a", "b"])
    assert prediction_lines(table) == (
        b'{"id": "x", "prediction": "a", "probabilities": {"a": 1.0, "b": 0.0}}\n'
        b'{"id": "y\\"\\n", "error": "the model\'s answer is no finite number", "reason": "not_finite"}\n'
        b'{"id": "z", "prediction": "a", "probabilities": {"a": 1.0, "b": 0.5}}\n'
    )
    parts = [table.slice(i, 1) for i in range(3)]
    assert (
        b"".join(map(prediction_lines, parts)) == prediction_lines(table) == prediction_lines(pa.concat_tables(parts))
    )
    assert prediction_lines(table.slice(0, 0)) == b""


def test_records_without_an_example_say_where_they_stand_and_why() -> None:
    manifest = manifest_of("number", "window: {length: 2, of: text}\n")
    refused = [
        Rejected("a.jsonl", 17, 3, "wrong_type", "'text' must be a list", "5"),
        Rejected("", 0, 1, "too_long", "'text' must have at most 3 steps", "[]"),
    ]
    table = refusals_of(refused, prediction_schema(manifest))
    assert table.schema == prediction_schema(manifest)
    assert prediction_lines(table) == (
        b'{"id": null, "file": "a.jsonl", "line": 3, "error": "\'text\' must be a list", "reason": "wrong_type"}\n'
        b'{"id": null, "line": 1, "error": "\'text\' must have at most 3 steps", "reason": "too_long"}\n'
    )


def test_pieces_say_of_which_record_they_are_and_what_was_left_out() -> None:
    manifest = manifest_of("number", "window: {length: 2, rest: drop}\n")
    parents = Parents(pa.array(["r", "r"]), np.array([0, 2]))
    heads = heads_of(block_of(["r#0", "r#1"], parents, [0, 1]), manifest.spec)
    answers = answers_of({"prediction": np.array([1, 0.25], np.float32)}, manifest, [])
    assert prediction_lines(together(heads, answers, prediction_schema(manifest))) == (
        b'{"id": "r#0", "parent": "r", "start": 0, "prediction": 1.0, "cut_steps": 0}\n'
        b'{"id": "r#1", "parent": "r", "start": 2, "prediction": 0.25, "cut_steps": 1}\n'
    )


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("number", "id file line prediction error reason"),
        ("class", "id file line prediction probabilities error reason"),
        ("next token", "id file line prediction probabilities out_of_vocabulary end error reason"),
    ],
)
def test_columns(task: str, expected: str) -> None:
    assert prediction_schema(manifest_of(task)).names == expected.split()


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("", False),
        (", max_length: 3, too_long: reject", False),
        (", max_length: 3, too_long: drop", False),
        (", max_length: 3, too_long: split", False),
        (", max_length: 3, too_long: truncate_tail", True),
        (", max_length: 3, too_long: truncate_head", True),
        (", max_length: 3, too_long: truncate_both", True),
    ],
)
def test_which_policies_leave_out_steps(policy: str, expected: bool) -> None:
    assert cuts_steps(parse_spec(f"sequences: {{text: {{type: tokens{policy}}}}}\n{LABELS['class']}")) is expected


@pytest.mark.parametrize(("rest", "expected"), [("keep", False), ("drop", True)])
def test_which_windows_leave_out_steps(rest: str, expected: bool) -> None:
    assert cuts_steps(manifest_of("class", f"window: {{length: 2, rest: {rest}}}\n").spec) is expected


def test_examples_without_an_answer_say_where_they_stand() -> None:
    manifest = manifest_of("number")
    said = {"prediction": np.array([1, np.nan, np.inf], np.float32)}
    table = predicted(block_of(["a", "b", "c"]), said, manifest, [])
    told = placed(table, ["x.csv", ""], np.array([0, 0, 1]), np.array([1, 2, 7]))
    assert told.schema == table.schema
    assert told.select(["file", "line"]).to_pylist() == [
        {"file": None, "line": None},
        {"file": "x.csv", "line": 2},
        {"file": None, "line": 7},
    ]
    good = table.slice(0, 1)
    assert placed(good, ["x.csv"], np.array([0]), np.array([1])) is good


def test_examples_that_no_model_was_asked_about() -> None:
    manifest = manifest_of("number", "window: {length: 2, rest: drop}\n")
    heads = heads_of(block_of(["r#0"], Parents(pa.array(["r"]), np.array([0])), [3]), manifest.spec)
    assert prediction_lines(failures_of(heads, ["too much"], "out_of_memory", prediction_schema(manifest))) == (
        b'{"id": "r#0", "parent": "r", "start": 0, "cut_steps": 3, "error": "too much", "reason": "out_of_memory"}\n'
    )


@given(st.lists(TEXT, min_size=1, max_size=50, unique=True), st.integers(1, 20_000))
def test_a_table_is_never_too_large(classes: list[str], repeated: int) -> None:
    names = classes * repeated
    count = examples_with_room(manifest_of("class"), names)
    assert count * len(names) <= 2**22 or count == 1
    assert count * sum(len(name.encode()) for name in names) <= 2**28 or count == 1
    assert (count + 1) * max(len(names), 1) > 2**22 or (count + 1) * sum(len(n.encode()) for n in names) > 2**28


@pytest.mark.parametrize(("task", "expected"), [("number", 2**22), ("forecast", 2**22 // 6)])
def test_how_many_examples_make_a_table(task: str, expected: int) -> None:
    assert examples_with_room(manifest_of(task), []) == expected
