from pathlib import Path

import apache_beam as beam
import pytest

from pipeline import CountTokens, MergeAnalyses, PlanDataset, StageBlocks
from pipeline.failure import find_message
from pipeline.job import Job
from pipeline.stage import ANALYSES
from tests.pipeline.helpers import make_job, tree, write_jsonl

SPEC = "sequences: {text: {type: tokens, tokenizer: words}}\nsplit: {fractions: {train: 1.0}}"


def plan(job: Job, plans: Path) -> None:
    """The first half of the graph in a pipeline of one's own."""
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        staged = pipeline | beam.Create(job.blocks()) | StageBlocks(job)
        merged = staged[ANALYSES] | beam.CombineGlobally(MergeAnalyses())
        counted = beam.pvalue.AsList(merged | CountTokens(job))
        _ = merged | PlanDataset(job, counted) | beam.Map(lambda plan: plans.write_text(repr(sorted(plan.tokens))))


def test_one_plan_is_made_of_all_blocks(tmp_path: Path) -> None:
    records = [{"text": f"a {'b ' * i}"} for i in range(20)]
    job = make_job(SPEC, write_jsonl(tmp_path / "in.jsonl", records), tmp_path / "out", block_bytes=50)
    plan(job, tmp_path / "plan")
    assert (tmp_path / "plan").read_text() == "['text']"
    [vocabulary] = tree(tmp_path / "out" / "vocabulary")
    assert (tmp_path / "out" / "vocabulary" / vocabulary).read_text() == "b\na\n"


def test_too_many_rejected_records_stop_the_run_before_it_encodes(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", [{"text": "a"}, {"txt": "a"}])
    job = make_job(SPEC, source, tmp_path / "out")
    with pytest.raises(Exception, match="1 of 2 records rejected"):
        plan(job, tmp_path / "plan")
    assert str(find_message(job.failed)).startswith("1 of 2 records rejected (missing_field 1)")
    assert not (tmp_path / "plan").exists()
    assert not (tmp_path / "out" / "vocabulary").exists()
