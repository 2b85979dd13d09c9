"""Splits by group, field and time, from the files to the data set."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.verify import verify
from schemas.errors import UsageError
from tests.pipeline.helpers import make_job, prepare, read_dataset, write_jsonl

SPEC = "id: id\nsequences: {text: {type: tokens, tokenizer: whitespace}}\nsplit: "
BY_FIELD = SPEC + "{by: field, from: part, names: {a: train, b: test}}"
BY_TIME = SPEC + '{by: time, from: day, time_format: iso8601, zone: UTC, before: {train: "2024-01-01"}}'
BY_GROUP = SPEC + "{by: group, from: user, fractions: {train: 0.6, validation: 0.4}}"


def records(count: int, first: int = 0) -> list[dict[str, Any]]:
    return [
        {"id": f"r{i}", "text": "a b c", "part": "ab"[i % 2], "day": f"20{20 + i % 8}-06-01", "user": i // 5}
        for i in range(first, first + count)
    ]


def splits_of(folder: Path) -> dict[str, str]:
    return {record.id: record.split for record in read_dataset(folder)}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (BY_FIELD, lambda i: "ab"[i % 2] == "a"),
        (BY_TIME, lambda i: i % 8 < 4),
    ],
)
def test_records_say_their_split(tmp_path: Path, spec: str, expected: Any) -> None:
    manifest = prepare(spec, write_jsonl(tmp_path / "in.jsonl", records(40)), tmp_path / "data")
    assert splits_of(tmp_path / "data") == {f"r{i}": "train" if expected(i) else "test" for i in range(40)}
    assert {name: split.records for name, split in manifest.statistics.items()} == {"train": 20, "test": 20}


@pytest.mark.parametrize("spec", [BY_FIELD, BY_TIME, BY_GROUP])
def test_a_split_stays_whatever_else_is_in_the_data(tmp_path: Path, spec: str) -> None:
    one = write_jsonl(tmp_path / "one.jsonl", records(40))
    prepare(spec, one, tmp_path / "first")
    write_jsonl(tmp_path / "more.jsonl", list(reversed(records(60, first=20))))
    write_jsonl(tmp_path / "few.jsonl", records(20))
    prepare(spec, [str(tmp_path / "more.jsonl"), str(tmp_path / "few.jsonl")], tmp_path / "second", block_bytes=300)
    first, second = splits_of(tmp_path / "first"), splits_of(tmp_path / "second")
    assert len(second) == 80
    assert {name: split for name, split in second.items() if name in first} == first
    if spec == BY_GROUP:
        assert len({(int(name[1:]) // 5, split) for name, split in second.items()}) == 16


@pytest.mark.parametrize(("spec", "named"), [(BY_FIELD, "extra"), (BY_TIME, "extra"), (BY_FIELD, "train")])
def test_the_split_of_an_input_is_that_of_all_its_records(tmp_path: Path, spec: str, named: str) -> None:
    one = write_jsonl(tmp_path / "one.jsonl", records(20))
    other = write_jsonl(tmp_path / "other.jsonl", records(20, first=20))
    prepare(spec, [one, f"{named}={other}"], tmp_path / "data")
    found = splits_of(tmp_path / "data")
    assert {found[f"r{i}"] for i in range(20)} == {"train", "test"}
    assert {found[f"r{i}"] for i in range(20, 40)} == {named}


@pytest.mark.parametrize(
    ("spec", "field"),
    [(BY_FIELD, "split.names"), (BY_TIME, "split.before or split.otherwise")],
)
def test_an_input_and_the_spec_must_not_both_say_a_split(tmp_path: Path, spec: str, field: str) -> None:
    path = write_jsonl(tmp_path / "in.jsonl", records(4))
    with pytest.raises(UsageError) as raised:
        make_job(spec, f"test={path}", tmp_path / "data")
    assert str(raised.value) == f"split 'test' comes from --input test= and from {field} in the spec; remove one"


@pytest.mark.parametrize("unknown", ["keep", "reject"])
def test_a_class_that_training_does_not_have(tmp_path: Path, unknown: str) -> None:
    spec = f"{BY_FIELD}\nlabel: {{from: kind, type: class, unknown: {unknown}}}"
    kinds = [("a", "x"), ("a", "y"), ("b", "z"), ("b", "x"), ("b", "w")]
    rows = [{"id": f"r{i}", "text": "a", "part": part, "kind": kind} for i, (part, kind) in enumerate(kinds)]
    manifest = prepare(spec, write_jsonl(tmp_path / "in.jsonl", rows), tmp_path / "data", max_rejected=9)
    labels = {record.id: record.values["label"] for record in read_dataset(tmp_path / "data")}
    known = {"r0": [0], "r1": [1], "r3": [0]}
    assert labels == (known if unknown == "reject" else known | {"r2": [-1], "r4": [-1]})
    assert manifest.statistics["test"].unknown_labels == (2 if unknown == "keep" else 0)
    assert list(manifest.statistics["test"].classes) == [1, 0]
    assert manifest.statistics["train"].unknown_labels == 0
    assert dict(manifest.counts.rejected) == ({"unknown_label": 2} if unknown == "reject" else {})
    assert verify(str(tmp_path / "data"))["problems"] == []


def test_classes_of_steps_that_training_does_not_have(tmp_path: Path) -> None:
    spec = f"{BY_FIELD}\nlabel: {{from: tags, type: per_step_class, unknown: keep}}"
    rows = [
        {"id": "r0", "text": "a b", "part": "a", "tags": ["x", "y"]},
        {"id": "r1", "text": "a b c", "part": "b", "tags": ["z", "x", "w"]},
    ]
    manifest = prepare(spec, write_jsonl(tmp_path / "in.jsonl", rows), tmp_path / "data")
    assert {record.id: record.values["label"] for record in read_dataset(tmp_path / "data")} == {
        "r0": [0, 1],
        "r1": [-1, 0, -1],
    }
    assert manifest.statistics["test"].unknown_labels == 2
