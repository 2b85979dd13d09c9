"""What is wrong with files of others is said in one line, with the file and the number of the record."""

from pathlib import Path
from typing import Any

import pytest

from schemas.errors import DataError
from tests.trainer.foreign.foreign_files import example, sequence_example, write
from trainer import TFRecordFiles
from trainer.foreign.faults import record_fault
from trainer.foreign.spec import record_spec_from

TOKENS: dict[str, Any] = {"features": {"ids": {"type": "tokens"}}, "boundaries": [5], "longest": 9}
GOOD = example({"ids": [1, 2, 3]})
MANY = 150  # more records than are looked at before the first batch


def failure(pattern: Path, features: dict[str, Any]) -> str:
    """Returns the one line with which an epoch over files ends."""
    with pytest.raises(DataError) as error:
        source = TFRecordFiles(pattern, features)
        for _ in source.iterate(source.open()):
            pass
    return str(error.value)


def test_a_pattern_that_matches_nothing(tmp_path: Path) -> None:
    expected = f"{tmp_path}/*.tfrecord: matches no file; give the path or a pattern of TFRecord files"
    (tmp_path / "folder.tfrecord").mkdir()
    assert failure(tmp_path / "*.tfrecord", TOKENS) == expected


def test_files_without_records(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tfrecord", [])
    assert failure(path, TOKENS) == f"{path}: holds no record, nor does any file after it; give files of records"


@pytest.mark.parametrize(
    ("written", "said", "end"),
    [
        ("GZIP", "none", "is compressed by gzip, and compression says none; say compression: gzip"),
        ("ZLIB", "none", "is compressed by zlib, and compression says none; say compression: zlib"),
        ("ZLIB", "gzip", "is compressed by zlib, and compression says gzip; say compression: zlib"),
    ],
)
def test_a_file_of_another_compression(tmp_path: Path, written: str, said: str, end: str) -> None:
    path = write(tmp_path / "a.tfrecord", [GOOD] * 3, written)
    assert failure(path, {**TOKENS, "compression": said}) == f"{path}: {end}"


@pytest.mark.parametrize("said", ["gzip", "zlib"])
def test_a_file_that_is_not_compressed(tmp_path: Path, said: str) -> None:
    path = write(tmp_path / "a.tfrecord", [GOOD] * 3)
    found = failure(path, {**TOKENS, "compression": said})
    assert found.startswith(f"{path}: is not compressed by {said}, or damaged at its beginning (")
    assert found.endswith("); say compression: none")


def test_a_file_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.tfrecord"
    path.write_text("id,text\n1,hello\n" * 10)
    found = failure(path, TOKENS)
    assert found.startswith(f"{path}: cannot be read after record 0: corrupted record at 0")
    assert found.endswith("; it is damaged or cut off, or no TFRecord file")


def test_a_file_that_is_cut_off(tmp_path: Path) -> None:
    write(tmp_path / "a.tfrecord", [GOOD] * MANY)
    path = write(tmp_path / "b.tfrecord", [GOOD] * 3)
    path.write_bytes(path.read_bytes()[:-1])
    found = failure(tmp_path / "*", TOKENS)
    assert found.startswith(f"{path}: cannot be read after record 2: truncated record at ")
    assert found.endswith("; it is damaged or cut off, or no TFRecord file")


@pytest.mark.parametrize("compression", ["gzip", "zlib"])
def test_a_compressed_file_that_is_cut_off(tmp_path: Path, compression: str) -> None:
    write(tmp_path / "a.tfrecord", [GOOD] * MANY, compression.upper())
    path = write(
        tmp_path / "b.tfrecord", [example({"ids": list(range(i, 400 + i))}) for i in range(30)], compression.upper()
    )
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = failure(tmp_path / "*", {**TOKENS, "compression": compression})
    assert found.startswith(f"{path}: cannot be read after record ")


def test_a_damaged_record(tmp_path: Path) -> None:
    write(tmp_path / "a.tfrecord", [GOOD] * MANY)
    path = write(tmp_path / "b.tfrecord", [GOOD] * 3)
    content = bytearray(path.read_bytes())
    content[-8] ^= 0xFF
    path.write_bytes(content)
    assert failure(tmp_path / "*", TOKENS).startswith(f"{path}: cannot be read after record 2: corrupted record at ")


@pytest.mark.parametrize(
    ("record", "fault"),
    [
        (example({"ids": [0.5]}), "'ids' holds float values; the spec reads it as int64"),
        (example({"ids": ["a"]}), "'ids' holds bytes values; the spec reads it as int64"),
        (example({"ids": [2**40]}), f"'ids' has the id {2**40}; an id must fit 32 bits"),
        (b"\xff\xff", "is no tf.train.Example"),
    ],
)
def test_a_record_that_does_not_fit_is_named_by_its_number(tmp_path: Path, record: bytes, fault: str) -> None:
    write(tmp_path / "a.tfrecord", [GOOD] * MANY)
    path = write(tmp_path / "b.tfrecord", [GOOD, record, GOOD])
    assert failure(tmp_path / "*", TOKENS) == f"{path}: record 2: {fault}"


def test_a_sequence_that_none_of_the_first_records_has(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tfrecord", [example({"idz": [1, 2]})] * 2)
    assert failure(path, TOKENS) == f"{path}: none of the first 2 records has a sequence 'ids'; did you mean 'idz'?"


def test_a_sequence_may_be_missing_where_it_is_empty(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tfrecord", [example({}), GOOD, example({"ids": []})])
    source = TFRecordFiles(path, TOKENS)
    ((batch),) = source.iterate(source.open())
    assert batch["ids/length"].numpy().tolist() == [0, 3, 0]


SPEC: dict[str, Any] = {
    "features": {
        "ids": {"type": "tokens", "length": "n"},
        "wave": {"type": "series", "dims": 2},
        "age": {"type": "number"},
    },
    "label": {"feature": "tags", "type": "per_step_class", "of": "wave"},
}
VALUES: dict[str, list[Any]] = {"ids": [1, 2], "n": [2], "wave": [0.5, 1.5], "age": [0.5], "tags": [1]}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({}, None),
        ({"wave": [0.5, 1.5, 2.5]}, "'wave' has 3 values; it must have 2 for each step"),
        ({"age": [0.5, 1.5]}, "'age' has 2 values; it must have exactly one"),
        ({"age": []}, "'age' has 0 values; it must have exactly one"),
        ({"age": None, "aeg": [0.5]}, "has no feature 'age'; did you mean 'aeg'?"),
        ({"n": [-1]}, "'ids' has 2 steps, and 'n' says -1; they must agree"),
        ({"tags": [1, 2]}, "'tags' has 2 classes for 1 steps of 'wave'"),
    ],
)
def test_faults_of_an_example(change: dict[str, Any], fault: str | None) -> None:
    values = {name: items for name, items in {**VALUES, **change}.items() if items is not None}
    assert record_fault(example(values), record_spec_from(SPEC)) == fault


LISTS: dict[str, Any] = {"ids": [[1], [2]], "wave": [[0.5, 1.5]], "tags": [[1]]}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({}, None),
        ({"wave": [[0.5]]}, "'wave' has a step of 1 values; each must have 2"),
        ({"ids": [[1, 2]]}, "'ids' has a step of 2 values; each must have 1"),
        ({"tags": [[1, 2]]}, "'tags' has 2 classes for 1 steps of 'wave'"),
    ],
)
def test_faults_of_a_sequence_example(change: dict[str, Any], fault: str | None) -> None:
    record = sequence_example({"n": [2], "age": [0.5]}, {**LISTS, **change})
    assert record_fault(record, record_spec_from({**SPEC, "stored_as": "sequence_example"})) == fault


def test_the_other_message_is_recognised() -> None:
    lists = sequence_example({"n": [2], "age": [0.5]}, LISTS)
    assert record_fault(lists, record_spec_from(SPEC)) == (
        "'ids' is a feature list, so that the record is no Example; say stored_as: sequence_example"
    )
    assert record_fault(example(VALUES), record_spec_from({**SPEC, "stored_as": "sequence_example"})) == (
        "'ids' is in the context of the record and no feature list; say stored_as: example"
    )
