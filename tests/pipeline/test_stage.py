import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline.analysis import Analysis
from pipeline.block_facts import bucket_lengths
from pipeline.job import Job
from pipeline.stage import StagedBlock, _StageBlock
from pipeline.vocabulary.token_files import PARTITIONS, read_token_counts
from schemas.errors import DataError
from schemas.spec import parse_spec
from tests.pipeline.helpers import make_job, staged_files, with_all_ids, write_jsonl

SPEC = """
id: id
sequences:
  text: {type: tokens, tokenizer: whitespace, max_length: 3}
  frames: {type: series, dims: 2, empty: keep}
label: {from: tag, type: class}
"""
RECORDS: list[Any] = [
    {"id": "a", "text": "x y x y", "frames": [[1, 2]], "tag": True},
    b"",
    b"oops",
    {"id": "b", "text": "y", "frames": [], "tag": "true"},
]


def stage(job: Job, index: int = 0) -> tuple[StagedBlock, Analysis]:
    staged, tagged = _StageBlock(with_all_ids(job)).work(job.blocks()[index])
    return staged, tagged.value


def batch(staged: StagedBlock) -> pa.RecordBatch:
    return pa.ipc.open_file(pa.py_buffer(Path(staged.path).read_bytes())).get_batch(0)


def test_a_block_is_staged_by_columns(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", RECORDS)
    job = make_job(SPEC, f"train={source}", tmp_path / "out", block_bytes=1 << 20)
    staged, _ = stage(job)
    assert staged == StagedBlock(0, 0, job.staged_path(0, 0, len(Path(source).read_bytes())))
    columns = batch(staged).to_pydict()
    lines = Path(source).read_bytes().split(b"\n")
    assert columns["id"] == ["a", "b"]
    assert columns["source"] == [source, source]
    assert columns["offset"] == [0, sum(len(line) + 1 for line in lines[:3])]
    assert columns["line"] == [0, 3]
    assert columns["sequence:text"] == [["x", "y", "x"], ["y"]]
    assert columns["cut:text"] == [1, 0]
    assert columns["sequence:frames"] == [[1, 2], []]
    assert columns["label"] == ["true", "true"]
    assert set(columns["split"]) <= {0, 1}
    assert staged_files(job) == {
        f"blocks/block-0000000-00000-{len(Path(source).read_bytes())}.arrow",
        "tokens/block-0000000-00000.arrow",
        "rejected/block-0000000-00000-stage.jsonl",
    }


@pytest.mark.parametrize(("distinct", "width"), [(3, "uint16"), (4, "uint16"), (5, "int32")])
def test_few_different_tokens_take_two_bytes_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, distinct: int, width: str
) -> None:
    monkeypatch.setattr("pipeline.stage._SHORT_DICTIONARY", 4)
    record = {"id": "a", "text": " ".join(f"t{i}" for i in range(distinct)), "frames": [], "tag": "true"}
    job = make_job(SPEC.replace(", max_length: 3", ""), write_jsonl(tmp_path / "in.jsonl", [record]), tmp_path / "out")
    staged, _ = stage(job)
    column = batch(staged)["sequence:text"]
    assert str(column.type.value_type.index_type) == width
    assert column.to_pylist() == [[f"t{i}" for i in range(distinct)]]


def test_what_is_found_out_about_a_block(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", RECORDS)
    job = make_job(SPEC + "split: {fractions: {train: 1.0}}", source, tmp_path / "out", block_bytes=1 << 20)
    _, analysis = stage(job)
    assert (analysis.read, analysis.examples, analysis.train_records) == (3, 2, 2)
    assert analysis.blocks[0].line_counts == (4,)
    assert analysis.rejected == Counter(invalid_json=1)
    [(block, offender)] = analysis.offenders["invalid_json"]
    assert (block, offender.path, offender.line) == (0, source, 3)
    assert analysis.bucket_lengths == Counter({3: 1, 1: 1})
    assert analysis.distinct == Counter(text=2, label=1)
    [text, label] = [read_token_counts(job.tokens_path(0), column, range(PARTITIONS)) for column in (0, 1)]
    assert dict(zip(*text.to_pydict().values(), strict=True)) == {"x": 2, "y": 2}
    assert label.to_pydict() == {"token": ["true"], "count": [2]}
    assert [float(moment.mean()) for moment in analysis.moments["frames"]] == [1, 2]


def test_of_a_file_for_testing_only_totals_are_kept(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", RECORDS)
    other = write_jsonl(tmp_path / "other.jsonl", RECORDS)
    inputs = [f"test={source}", f"train={other}"]
    job = make_job(SPEC, inputs, tmp_path / "out", block_bytes=Path(source).stat().st_size)
    staged, analysis = stage(job)
    assert set(batch(staged).to_pydict()["split"]) == {job.splits.index("test")}
    assert (analysis.read, analysis.train_records, analysis.bucket_lengths) == (3, 0, Counter())
    assert analysis.distinct == {"text": 0, "label": 0}
    assert read_token_counts(job.tokens_path(0), 0, range(PARTITIONS)).num_rows == 0
    assert analysis.moments["frames"][0].count == 0


def test_a_block_in_which_no_line_begins(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", RECORDS)
    job = make_job(SPEC, source, tmp_path / "out", block_bytes=8)
    staged, analysis = stage(job, 1)
    assert batch(staged).num_rows == 0
    assert (analysis.read, analysis.blocks[1].line_counts, analysis.train_records) == (0, (0,), 0)


def test_files_that_share_a_block(tmp_path: Path) -> None:
    sources = [write_jsonl(tmp_path / f"{i}.jsonl", RECORDS[i:]) for i in range(3)]
    patterns = [f"{split}={source}" for split, source in zip(("train", "test", "more"), sources, strict=True)]
    spec = SPEC + "split: {fractions: {train: 1.0}}"
    job = make_job(spec, patterns, tmp_path / "out", block_bytes=1 << 20)
    staged, analysis = stage(job)
    columns = batch(staged).to_pydict()
    assert columns["source"] == [sources[0], *sources]
    assert columns["line"] == [0, 3, 2, 1]
    assert [job.splits[i] for i in columns["split"]] == ["train", "train", "test", "more"]
    summary = analysis.blocks[0]
    assert (summary.line_counts, summary.records) == ((4, 3, 2), (3, 2, 2))
    assert summary.digests == tuple(hashlib.sha256(Path(source).read_bytes()).digest() for source in sources)
    assert (analysis.read, analysis.train_records) == (7, 2)
    offenders = [(block, item.path, item.line) for block, item in analysis.offenders["invalid_json"]]
    assert offenders == [(0, source, 3 - i) for i, source in enumerate(sources)]


def test_a_file_that_became_shorter_is_named(tmp_path: Path) -> None:
    sources = [write_jsonl(tmp_path / f"{i}.jsonl", RECORDS) for i in range(3)]
    job = make_job(SPEC, sources, tmp_path / "out", block_bytes=1 << 20)
    content = Path(sources[1]).read_bytes()
    Path(sources[1]).write_bytes(content[:-1])
    with pytest.raises(DataError) as caught:
        stage(job)
    assert str(caught.value) == (f"{sources[1]}: became shorter while it was read; run again when nobody writes to it")


def test_the_length_that_buckets_go_by() -> None:
    lengths = {"a": np.array([1, 5, 0]), "b": np.array([2, 3, 0])}
    sequences = "sequences: {a: {type: tokens}, b: {type: tokens}}\n"
    assert bucket_lengths(lengths, parse_spec(sequences)).tolist() == [2, 5, 0]
    assert bucket_lengths(lengths, parse_spec(sequences + "buckets: {by: b}")).tolist() == [2, 3, 0]
