import tempfile
from pathlib import Path

import pytest
from apache_beam.internal import pickler
from hypothesis import given
from hypothesis import strategies as st

from pipeline.blocks import InputFile
from pipeline.input_list import dump_inputs, parse_inputs
from pipeline.job import Job
from schemas.errors import DataError
from schemas.formats.reading import AVRO, CSV, JSONL, Reading
from schemas.manifest import dump_manifest
from tests.pipeline.helpers import REVIEW_SPEC, make_job, review_records, run_job, write_jsonl

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
readings = st.builds(Reading, st.sampled_from([JSONL, CSV, AVRO]), st.sampled_from(["none", "gzip"]), names)
numbers = st.integers(0, 2**62)
starts = st.lists(numbers, max_size=3).map(tuple)
input_files = st.builds(InputFile, names, numbers, names, readings, starts, st.floats(0, 2e9))


def job_of(folder: str, inputs: tuple[InputFile, ...]) -> Job:
    return Job(spec_bytes=b"", inputs=inputs, fractions={}, output=folder, run="run", block_bytes=1 << 20)


@given(st.lists(input_files, max_size=5).map(tuple))
def test_a_list_is_read_as_it_was_written(inputs: tuple[InputFile, ...]) -> None:
    assert parse_inputs(dump_inputs(inputs)) == inputs


def test_a_list_of_several_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.input_list._ROWS", 3)
    inputs = tuple(InputFile(f"{i}", i, "train" if i % 2 else "") for i in range(10))
    assert parse_inputs(dump_inputs(inputs)) == inputs


def test_many_inputs_are_not_in_the_graph(tmp_path: Path) -> None:
    inputs = tuple(InputFile(f"{hash((i,)):x}.jsonl", i, "") for i in range(1_001))
    job = job_of(str(tmp_path), inputs)
    listed = job.listed()
    assert len(pickler.dumps(listed)) < 1_000 < 10_000 < len(pickler.dumps(job))
    assert listed.inputs == ()
    assert listed.with_inputs() == job
    assert listed.blocks() == job.blocks()
    assert listed.without_inputs() == job.without_inputs()


def test_few_inputs_are_told_as_they_are() -> None:
    with tempfile.TemporaryDirectory() as folder:
        job = job_of(folder, (InputFile("a.jsonl", 1, ""),) * 1_000)
        assert job.listed() is job
        assert job.with_inputs() is job
        assert list(Path(folder).iterdir()) == []


def test_a_list_that_somebody_changed_is_refused(tmp_path: Path) -> None:
    job = job_of(str(tmp_path), tuple(InputFile(f"{i}", i, "") for i in range(1_001))).listed()
    Path(job.inputs_path).write_bytes(b"changed")
    with pytest.raises(DataError, match=r"inputs-[0-9a-f]{16}\.arrow: is not what was written; .*; run again"):
        job.with_inputs()


def test_a_data_set_is_the_same_whether_its_inputs_are_in_the_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [*review_records(60), {"id": "r60", "text": 7, "stars": 1}]
    source = [write_jsonl(tmp_path / f"{i}.jsonl", records[i::3]) for i in range(3)]
    wanted = run_job(make_job(REVIEW_SPEC, source, tmp_path / "a", max_rejected=1))
    monkeypatch.setattr("pipeline.job.FEW_INPUTS", 2)
    found = run_job(make_job(REVIEW_SPEC, source, tmp_path / "b", max_rejected=1))
    assert dump_manifest(found) == dump_manifest(wanted)
    assert sum(found.counts.rejected.values()) == 1


def test_bad_records_are_told_of_with_their_place_where_inputs_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.job.FEW_INPUTS", 1)
    source = [write_jsonl(tmp_path / f"{i}.jsonl", [{"id": f"{i}", "text": i, "stars": 1}]) for i in range(2)]
    with pytest.raises(DataError, match=r"0\.jsonl, line 1"):
        run_job(make_job(REVIEW_SPEC, source, tmp_path / "out"))
