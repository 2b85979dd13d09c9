"""What a prediction is to read and write is judged before a model is loaded."""

from pathlib import Path

import pytest

from schemas.dataset_pb2 import Input
from schemas.errors import DataError, UsageError
from schemas.formats.rejected import Rejected
from schemas.formats.sources import FORMATS
from schemas.predictions import prediction_schema, refusals_of
from tests.schemas.test_predictions import manifest_of
from trainer.prediction.output import opened_output, plan_rows
from trainer.prediction.progress import Watched, progress_line
from trainer.prediction.remedies import rows_with_options, with_options


def raw_file(folder: Path, name: str = "raw.jsonl") -> str:
    (folder / name).write_text("{}\n")
    return str(folder / name)


@pytest.mark.parametrize("name", ["out.csv", "out", "out.jsonl.gz"])
def test_other_suffixes(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError) as error:
        plan_rows(Input(), [raw_file(tmp_path)], tmp_path / name)
    assert str(error.value) == (
        f"--output {tmp_path / name}: has the suffix '{Path(name).suffix}', which names no form of output; end "
        "the name in .jsonl or .parquet"
    )


def test_the_input_is_never_overwritten(tmp_path: Path) -> None:
    raw_file(tmp_path, "a.jsonl")
    source = raw_file(tmp_path, "b.jsonl")
    (tmp_path / "link.jsonl").symlink_to(source)
    for output in (source, str(tmp_path / "link.jsonl")):
        with pytest.raises(UsageError) as error:
            plan_rows(Input(), [str(tmp_path / "?.jsonl")], output)
        assert str(error.value) == (
            f"--output {output}: is the input; name another file, or the raw records would be lost"
        )


def test_patterns_that_match_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        plan_rows(Input(), [f"{tmp_path}/*.jsonl"], tmp_path / "out.jsonl")
    assert str(error.value) == (
        f"--input {tmp_path}/*.jsonl: matches no file; check the path, and quote a pattern for the shell"
    )


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "a: begins as avro does, and is read as jsonl; say `input: {format: avro}` in the spec, or rename the file",
            "a: begins as avro does, and is read as jsonl; say --format avro, or rename the file",
        ),
        (
            "say `input: {encoding: utf-16}` in the spec, or write it in UTF-8",
            "say --encoding utf-16, or write it in UTF-8",
        ),
        (
            "b; say `input: {compression: gzip}` in the spec, or rename the file",
            "b; rename the file, whose suffix says the compression (gzip)",
        ),
        ("c: holds no record", "c: holds no record"),
        (
            "'text' must have one step or more; say `empty: keep` or `empty: drop` in the spec to allow none",
            "'text' must have one step or more; only a model that was trained with `empty: keep` in its spec answers "
            "for none",
        ),
    ],
)
def test_remedies_are_options(message: str, expected: str) -> None:
    assert with_options(message) == expected
    refused = Rejected("a.jsonl", 0, 7, "any", message, "")
    schema = prediction_schema(manifest_of("number"))
    table = rows_with_options(refusals_of([refused], schema))
    assert table["error"].to_pylist() == [expected]
    assert table.schema == schema


def test_a_file_that_nobody_says_how_to_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        plan_rows(Input(), [raw_file(tmp_path, "a.log")], tmp_path / "out.jsonl")
    names = ", ".join(FORMATS)
    assert str(error.value) == (
        f"{tmp_path}/a.log: has the suffix '.log', which names no format; say --format …, one of {names}"
    )


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    schema = prediction_schema(manifest_of("number"))
    for name in ("out.jsonl", "out.parquet"):
        with pytest.raises(DataError, match="stop"), opened_output(tmp_path / name, schema) as write:
            write(schema.empty_table())
            raise DataError("stop")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("consumed", "size", "expected"),
    [
        (250, 1_000, "predict: 5,000 records, 25% of the input, 500 records/s, 30 s remaining"),
        (1_001, 1_000, "predict: 5,000 records, 100% of the input, 500 records/s, 0 s remaining"),
        (0, 0, "predict: 5,000 records, 100% of the input, 500 records/s, 0 s remaining"),
        (0, 1_000, "predict: 5,000 records, 0% of the input, 500 records/s"),
    ],
)
def test_progress(consumed: int, size: int, expected: str) -> None:
    assert progress_line(5_000, consumed, size, 10.0) == expected


def test_within_a_block_the_share_of_its_steps_is_told() -> None:
    told: list[tuple[int, int]] = []
    watched = Watched(lambda rows, consumed: told.append((rows, consumed)))
    watched.begin(100)
    watched.batch(3, 0.25)
    watched.batch(2, 1.0)
    watched.end(4)
    watched.begin(300)
    watched.batch(1, 0.5)
    watched.end(0)
    assert told == [(3, 25), (5, 100), (9, 100), (10, 200), (10, 300)]
