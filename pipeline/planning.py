"""The one step in the middle: from the analysis of all blocks to the plan of the data set."""

from collections.abc import Iterator
from typing import Any

import apache_beam as beam

from pipeline.analysis import Analysis
from pipeline.failure import reporting
from pipeline.job import Job
from pipeline.plan import plan_dataset
from pipeline.publish import judge_rejected
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
        judge_rejected(self._job, analysis)
        plan = plan_dataset(analysis, load_candidates(counted), self._job.spec, load_given(self._job))
        yield write_plan(plan, self._job.output)
