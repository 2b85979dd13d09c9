"""The one step in the middle: from the analysis of all blocks to the plan of the data set."""

from collections.abc import Iterator
from typing import Any

import apache_beam as beam

from pipeline.analysis import Analysis
from pipeline.failure import reporting
from pipeline.job import Job
from pipeline.plan import plan_dataset
from pipeline.publish import judge_rejected
from pipeline.spans.base import load_base
from pipeline.vocabulary.counting import CountedTokens, load_candidates
from pipeline.vocabulary.given import load_given
from pipeline.vocabulary.written import PlanFiles, write_plan


class PlanDataset(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """PCollection of one `Analysis` → PCollection of one `PlanFiles`; the `CountedTokens` are a side input."""

    def __init__(self, job: Job, counted: Any) -> None:
        super().__init__()
        self._job = job
        self._counted = counted

    def expand(self, analysis: beam.PCollection) -> beam.PCollection:
        """Plans once, after all blocks."""
        return analysis | "Plan" >> beam.ParDo(_Plan(self._job), self._counted)


class _Plan(beam.DoFn):  # type: ignore[misc]
    def __init__(self, job: Job) -> None:
        self._job = job

    @reporting
    def process(self, analysis: Analysis, counted: list[CountedTokens]) -> Iterator[PlanFiles]:
        # Before anything is encoded, so that bad input costs half a run.
        job = self._job
        judge_rejected(job, analysis)
        base, more = load_base(job), job.span.extend if job.span else 0
        plan = plan_dataset(analysis, load_candidates(counted), job.spec, load_given(job), base, more)
        yield write_plan(plan, job.output, base)
