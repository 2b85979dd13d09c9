from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.fit import check_fit
from schemas.errors import DataError
from tests.pipeline.helpers import REVIEW_SPEC, make_job, review_records, write_jsonl


def job(tmp_path: Path, records: list[object], *more: list[object], **settings: object) -> object:
    patterns = [write_jsonl(tmp_path / f"{i}.jsonl", rows) for i, rows in enumerate([records, *more])]
    return make_job(REVIEW_SPEC, patterns, tmp_path / "out", **settings)


def refusal(of: object) -> DataError:
    with pytest.raises(DataError) as caught:
        check_fit(of)  # type: ignore[arg-type]
    return caught.value


def test_records_that_fit(tmp_path: Path) -> None:
    check_fit(job(tmp_path, review_records(20)))  # type: ignore[arg-type]
    check_fit(job(tmp_path, [b"oops", *review_records(1)]))  # type: ignore[arg-type]
    check_fit(job(tmp_path, [b""]))  # type: ignore[arg-type]


def test_no_record_fits(tmp_path: Path) -> None:
    error = refusal(job(tmp_path, [{"id": str(i), "txt": "a", "stars": 1} for i in range(5)]))
    first = f"{tmp_path}/0.jsonl, line 1 (byte 0): missing_field: field 'text' must have a value; did you mean 'txt'?"
    assert str(error).startswith(
        "all of the first 5 records are rejected: the spec does not fit the data; correct it, or propose one with "
        f"`python -m pipeline infer {tmp_path}/0.jsonl`; first: {first}"
    )


def test_events_that_do_not_fit(tmp_path: Path) -> None:
    spec = "sequences: {w: {type: tokens}}\ngroup: {by: who, order_by: at}\n"
    good = {"who": "a", "at": 1, "w": "x"}
    source = write_jsonl(tmp_path / "in.jsonl", [{**good, "w": ["x"]}, {**good, "at": "now"}])
    error = refusal(make_job(spec, source, tmp_path / "out"))
    assert str(error).startswith("all of the first 2 events are rejected: the spec does not fit the data; correct it")
    assert "line 1 (byte 0): wrong_type: field 'w' must be a string" in str(error)
    write_jsonl(tmp_path / "in.jsonl", [good, {**good, "at": "now"}])
    check_fit(make_job(spec, source, tmp_path / "out"))


def test_the_only_record_does_not_fit(tmp_path: Path) -> None:
    assert str(refusal(job(tmp_path, [b"oops"]))).startswith("the first record is rejected: the spec does not fit")


def test_the_first_file_that_is_not_empty_is_read(tmp_path: Path) -> None:
    assert f"first: {tmp_path}/1.jsonl, line 2 " in str(refusal(job(tmp_path, [], [b"", b"oops"])))
    check_fit(job(tmp_path, [], review_records(2), [b"oops"]))  # type: ignore[arg-type]


def test_what_the_limit_may_allow_is_left_to_the_run(tmp_path: Path) -> None:
    bad = [b"oops"] * 3
    check_fit(job(tmp_path, bad, max_rejected=3))  # type: ignore[arg-type]
    refusal(job(tmp_path, bad, max_rejected=2))
    # 3 of 300 are bad in all, though all of the first file are.
    check_fit(job(tmp_path, bad, review_records(297), max_rejected=0.01))  # type: ignore[arg-type]
    refusal(job(tmp_path, bad, review_records(297), max_rejected=0.0))
    refusal(job(tmp_path, bad, max_rejected=0.1))


def test_the_proposed_command_says_what_the_spec_says_of_the_input(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"caf\xe9")
    spec = "sequences: {words: {type: tokens, tokenizer: words}}\ninput: {format: text_files, encoding: latin-1}\n"
    error = str(refusal(make_job(spec, str(tmp_path / "a.txt"), tmp_path / "out")))
    assert f"`python -m pipeline infer --format text_files --encoding latin-1 {tmp_path}/a.txt`" in error
    assert f"first: {tmp_path}/a.txt: missing_field: " in error


def test_a_row_of_parquet_is_called_so(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "in.parquet")
    error = str(refusal(make_job(REVIEW_SPEC, str(tmp_path / "in.parquet"), tmp_path / "out")))
    assert f"first: {tmp_path}/in.parquet, row 1: missing_field: " in error
