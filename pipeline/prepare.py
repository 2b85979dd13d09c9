"""The whole graph on one screen."""

from collections.abc import Sequence

import apache_beam as beam
from apache_beam.pvalue import AsList, AsSingleton

from pipeline.analysis import MergeAnalyses
from pipeline.duplicates import LeaveOutDuplicates
from pipeline.encode import FACTS, EncodeBlocks
from pipeline.group import GroupEvents
from pipeline.inputs import plan_job
from pipeline.job import Job, numbered_blocks
from pipeline.planning import PlanDataset
from pipeline.publish import PublishDataset
from pipeline.sharding.gathering import GatherSegments
from pipeline.sharding.shards import WriteShards
from pipeline.split_facts import MergeWrittenFacts
from pipeline.spread import Spread
from pipeline.stage import ANALYSES, IDS, STAGED, StageBlocks
from pipeline.vocabulary.counting import CountTokens
from schemas.dataset_pb2 import DatasetSpec, DuplicateIds


class PrepareDataset(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """Raw records → a published data set: PBegin → PCollection of one `Manifest`.

    Example:
      with beam.Pipeline(runner="FnApiRunner") as p:
          manifest = p | PrepareDataset(load_spec("spec.yaml"), inputs=["reviews/*.jsonl"], output="dataset")

    Composes with a pipeline of yours. What it stages under `output/.staging` is deleted by the
    `run` command; in a pipeline of your own delete it afterwards with `transform.job.staging`.

    Attributes:
      job: The run, with its inputs matched when the transform was made.
    """

    def __init__(
        self,
        spec: DatasetSpec | None = None,
        *,
        inputs: Sequence[str] = (),
        output: str = "",
        replace: bool = False,
        max_rejected: int | float = 0,
        job: Job | None = None,
    ) -> None:
        """Matches the inputs and checks the output.

        Args:
          spec: As `schemas.spec.load_spec` returns it.
          inputs: Patterns, each `PATTERN` or `SPLIT=PATTERN`.
          output: Folder of the data set.
          replace: Whether a data set that is there may be replaced.
          max_rejected: Rejected records allowed: a count, or as a float a share.
          job: A run that is planned already, in place of all the others.

        Raises:
          UsageError: A pattern matches nothing, or the output holds a data set.
        """
        super().__init__()
        if job is None:
            if spec is None:
                raise TypeError("PrepareDataset needs a spec")
            job = plan_job(spec, inputs, output, replace=replace, max_rejected=max_rejected)
        self.job = job

    def expand(self, pbegin: beam.Pipeline) -> beam.PCollection:
        """Wires the steps."""
        job, step = self.job.listed(), self.job.without_inputs()
        blocks = pbegin | "Start" >> beam.Impulse() | "Blocks" >> beam.FlatMap(numbered_blocks, job)
        stage = "Group events" >> GroupEvents(job) if job.partitions else "Stage blocks" >> StageBlocks(step)
        staged = blocks | "Spread blocks" >> Spread() | stage
        if job.spec.duplicate_ids != DuplicateIds.keep:
            staged = (staged[STAGED], staged[IDS]) | "Leave out duplicates" >> LeaveOutDuplicates(step)
        merged = staged[ANALYSES] | "Merge analyses" >> beam.CombineGlobally(MergeAnalyses()).without_defaults()
        analysis = AsSingleton(merged)
        counted = AsList(merged | "Count tokens" >> CountTokens(step))
        plan = AsSingleton(merged | "Plan data set" >> PlanDataset(job, counted))
        encoded = staged[STAGED] | "Encode blocks" >> EncodeBlocks(step, plan)
        facts = encoded[FACTS] | "Merge facts" >> beam.CombineGlobally(MergeWrittenFacts()).without_defaults()
        segments = encoded.segments
        if job.sets:
            segments = segments | "Gather segments" >> GatherSegments(step, AsSingleton(facts))
        shards = facts | "Write shards" >> WriteShards(step, AsList(segments))
        return facts | "Publish data set" >> PublishDataset(job, AsList(shards), analysis, plan)
