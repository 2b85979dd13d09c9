"""Rejected records that are told by where they came from before they were written to the input files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.cli import main
from pipeline.inputs import match_inputs
from pipeline.origins import SUFFIX, Origin, Origins
from schemas.errors import DataError, UsageError
from schemas.manifest import load_manifest
from tests.pipeline.helpers import REVIEW_SPEC, make_job, prepare, review_records, run_job, write_jsonl

EVENTS_SPEC = """
group: {by: user, order_by: t, duplicates: reject}
sequences: {x: {type: series, dims: 1}}
split: {fractions: {train: 1.0}}
"""


def write_from(path: str, origins: Sequence[tuple[str, int]], coded: bool = True) -> None:
    sources = pa.array([source for source, _ in origins], pa.string())
    columns = [sources.dictionary_encode() if coded else sources, pa.array([place for _, place in origins], pa.int64())]
    table = pa.table(columns, names=["source", "position"])
    with pa.ipc.new_file(path + SUFFIX, table.schema) as writer:
        writer.write_table(table)


def write_input(path: Path, records: Sequence[Any], source: str = "kafka:events/3", start: int = 1_000) -> str:
    written = write_jsonl(path, records)
    write_from(written, [(source, start + 7 * i) for i in range(len(records))])
    return written


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in folder.rglob("rejected*.jsonl") for line in path.read_bytes().splitlines()]


def test_rejected_records_stand_where_they_came_from(tmp_path: Path) -> None:
    records: list[Any] = list(review_records(60))
    records[7] = {"id": "bad", "stars": 1}
    records[40] = b"{"
    more: list[Any] = [*review_records(3, seed=1), b"[]"]
    more = [record | {"id": f"more-{i}"} if isinstance(record, dict) else record for i, record in enumerate(more)]
    inputs = [write_input(tmp_path / "b.jsonl", records), write_input(tmp_path / "c.jsonl", more, "kafka:events/1", 5)]
    manifest = prepare(REVIEW_SPEC, inputs, tmp_path / "out", max_rejected=9, origins=True)
    rows = rows_of(tmp_path / "out" / "rejected")
    assert [(row["file"], row["line"], row["offset"], row["reason"]) for row in rows] == [
        ("kafka:events/1", 0, 26, "not_an_object"),
        ("kafka:events/3", 0, 1_049, "missing_field"),
        ("kafka:events/3", 0, 1_280, "invalid_json"),
    ]
    assert [file.path for file in manifest.inputs] == inputs
    same = prepare(REVIEW_SPEC, inputs, tmp_path / "plain", max_rejected=9)
    assert same.data_fingerprint == manifest.data_fingerprint
    assert [row["line"] for row in rows_of(tmp_path / "plain" / "rejected")] == [8, 41, 4]


def test_errors_tell_of_origins(tmp_path: Path) -> None:
    records: list[Any] = list(review_records(60))
    records[40] = {"id": "bad", "stars": 1}
    source = write_input(tmp_path / "a.jsonl", records)
    with pytest.raises(DataError) as raised:
        prepare(REVIEW_SPEC, source, tmp_path / "out", origins=True)
    assert "; first: kafka:events/3 (offset 1280): missing_field: " in str(raised.value)
    assert [(row["file"], row["offset"]) for row in rows_of(tmp_path / "out" / "failed")] == [("kafka:events/3", 1_280)]
    nothing = write_input(tmp_path / "b.jsonl", [{"other": 1}, {"other": 2}])
    with pytest.raises(DataError) as raised:
        prepare(REVIEW_SPEC, nothing, tmp_path / "none", origins=True)
    assert "; first: kafka:events/3 (offset 1000): missing_field: " in str(raised.value)


def test_ids_that_occur_again_are_told_by_both_origins(tmp_path: Path) -> None:
    spec = REVIEW_SPEC + "duplicate_ids: reject\n"
    records = review_records(60)
    again = [record | {"stars": 2} for record in records[5:7]]
    inputs = [write_input(tmp_path / "a.jsonl", records), write_input(tmp_path / "b.jsonl", again, "in/x.jsonl", 0)]
    prepare(spec, inputs, tmp_path / "out", max_rejected=9, origins=True)
    rows = rows_of(tmp_path / "out" / "rejected")
    assert [(row["file"], row["line"], row["offset"], row["reason"]) for row in rows] == [
        ("in/x.jsonl", 0, 0, "duplicate_id"),
        ("in/x.jsonl", 0, 7, "duplicate_id"),
    ]
    assert [row["rule"].split("; ")[0] for row in rows] == [
        f"an id must occur once, and the record at position {place} of kafka:events/3 has the same"
        for place in (1_035, 1_042)
    ]


def test_rejected_events_stand_where_they_came_from(tmp_path: Path) -> None:
    events: list[Any] = [{"user": f"u{i % 5}", "t": i, "x": [i]} for i in range(50)]
    events[11] = {"user": "u1", "x": [3]}
    events[30] = events[20]
    source = write_input(tmp_path / "a.jsonl", events)
    prepare(EVENTS_SPEC, source, tmp_path / "out", max_rejected=9, origins=True)
    assert [(row["file"], row["line"], row["offset"], row["reason"]) for row in rows_of(tmp_path / "out")] == [
        ("kafka:events/3", 0, 1_077, "missing_field"),
        ("kafka:events/3", 0, 1_210, "duplicate_event"),
    ]


def test_only_files_with_rejected_records_are_asked(tmp_path: Path) -> None:
    good = write_jsonl(tmp_path / "a.jsonl", review_records(30))
    bad = write_input(tmp_path / "b.jsonl", [{"id": "x"}])
    prepare(REVIEW_SPEC, [good, bad], tmp_path / "out", max_rejected=1, origins=True)
    with pytest.raises(DataError) as raised:
        Origins().of_line(good, 1)
    assert str(raised.value) == (
        f"{good}.from.arrow: is missing, and --origins says that it tells where the lines of {good} came from; write "
        "it, or leave --origins out"
    )


def test_a_file_of_origins_that_lacks_something(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", [{}, {}, {}])
    write_from(path, [("s", 1), ("s", 2)], coded=False)
    assert Origins().of_line(path, 2) == Origins().of_offset(path, 3) == Origin("s", 2)
    with pytest.raises(DataError, match=r": has 2 rows, and \S+a.jsonl has a line 3; write a row for each line$"):
        Origins().of_line(path, 3)
    table = pa.table({"source": ["s", None], "position": [1, 2]})
    for broken, why in (
        (table, r"has a row without source or position; write it again$"),
        (table.drop_columns("source"), r"is no Arrow file with the columns source \(string\) and position \(int64\): "),
        (pa.table({"source": ["s"], "position": ["x"]}), r"is no Arrow file with the columns"),
    ):
        with pa.ipc.new_file(path + SUFFIX, broken.schema) as writer:
            writer.write_table(broken)
        with pytest.raises(DataError, match=f"from.arrow: {why}"):
            Origins().of_line(path, 1)
    Path(path + SUFFIX).write_bytes(b"no Arrow")
    with pytest.raises(DataError, match=r"is no Arrow file with the columns"):
        Origins().of_line(path, 1)


def test_files_of_origins_are_no_input(tmp_path: Path) -> None:
    source = write_input(tmp_path / "in" / "a.jsonl", review_records(3))
    assert [file.path for file in match_inputs([str(tmp_path / "in")], origins=True)] == [source]
    assert [file.path for file in match_inputs([f"{tmp_path}/in/*"], origins=True)] == [source]
    with pytest.raises(UsageError, match=r"from\.arrow"):
        match_inputs([f"{tmp_path}/in/*"])


def test_files_that_have_no_lines_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text,stars\n1,a,1\n")
    with pytest.raises(UsageError) as raised:
        make_job(REVIEW_SPEC, str(tmp_path / "a.csv"), tmp_path / "out", origins=True)
    assert str(raised.value) == (
        f"--origins: {tmp_path}/a.csv is read as csv, and only lines of plain jsonl or lines files have origins; leave "
        "--origins out, or write such files"
    )


def test_the_option(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records: list[Any] = list(review_records(60))
    records[40] = {"id": "bad", "stars": 1}
    source = write_input(tmp_path / "a.jsonl", records)
    (spec := tmp_path / "spec.yaml").write_text(REVIEW_SPEC)
    run = ["run", "--spec", str(spec), "--input", source, "--output", str(tmp_path / "out"), "--origins"]
    assert main([*run, "--max_rejected", "1"]) == 0
    assert load_manifest(tmp_path / "out").counts.rejected == {"missing_field": 1}
    capsys.readouterr()
    page = (tmp_path / "out" / "report.html").read_text()
    assert "kafka:events/3 (offset 1280)" in page
    assert "line 0" not in page
    assert run_job(make_job(REVIEW_SPEC, source, tmp_path / "again", max_rejected=1)).counts.read == 60
