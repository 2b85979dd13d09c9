"""Blocks of raw records, or of events, become examples that a model can predict for."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import AsList

from pipeline.analysis import Analysis
from pipeline.blocks import Block
from pipeline.event_files import EventFile
from pipeline.failure import reporting
from pipeline.group import ReadEvents, Sources, consumed_by, locate_partition, numbered_partitions
from pipeline.job import Job
from pipeline.read import Part, read_parts
from pipeline.spread import Spread
from pipeline.stage import ANALYSES, Located, locate_examples, write_rejected
from pipeline.subwords import load_tokenizers
from schemas.formats.fields import fields_of
from schemas.records.unlabelled import validate_unlabelled

EXAMPLES = "examples"


@dataclass(frozen=True)
class ExamplePart:
    """The examples of a part of a block, or of a partition of events: what a model is asked about at a time.

    To RunInference it is a batch, whose size is its number of examples.

    Attributes:
      block: Number of the block or partition.
      part: Its place in the block.
      consumed: As of `Job.staged_path`.
      located: The examples, and where their records stand.
    """

    block: int
    part: int
    consumed: int
    located: Located

    def __len__(self) -> int:
        """Returns the number of examples."""
        return len(self.located.examples)

    @property
    def nbytes(self) -> int:
        """Bytes of their sequences."""
        sequences = self.located.examples.sequences.values()
        return sum(int(sequence.values.nbytes) + sequence.offsets.nbytes for sequence in sequences)


class ReadExamples(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """PCollection of `Block` → PCollections of `ExamplePart` (EXAMPLES) and `Analysis` (ANALYSES).

    A part goes on as soon as it is read, so that a worker holds one at a time, however large a file is.
    """

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job

    def expand(self, blocks: beam.PCollection) -> Any:
        """Reads every block; where the spec groups events, every partition of their keys after that."""
        step = self._job.without_inputs()
        if not self._job.partitions:
            read = blocks | "Read" >> beam.ParDo(_ReadBlock(step)).with_outputs(ANALYSES, main=EXAMPLES)
            return {EXAMPLES: read[EXAMPLES], ANALYSES: read[ANALYSES]}
        events = blocks | "Read events" >> beam.ParDo(ReadEvents(step)).with_outputs(ANALYSES, main="events")
        numbers = blocks.pipeline | "Start" >> beam.Impulse() | "Partitions" >> beam.FlatMap(numbered_partitions, step)
        group = beam.ParDo(_ReadPartition(self._job), AsList(events["events"]))
        read = numbers | "Spread partitions" >> Spread() | "Group" >> group.with_outputs(ANALYSES, main=EXAMPLES)
        analyses = (events[ANALYSES], read[ANALYSES]) | "All analyses" >> beam.Flatten()
        return {EXAMPLES: read[EXAMPLES], ANALYSES: analyses}


class _ReadBlock(beam.DoFn):  # type: ignore[misc]
    def __init__(self, job: Job) -> None:
        self._job = job

    @reporting
    def process(self, block: Block) -> Iterator[Any]:
        job, analysis = self._job, Analysis()
        for part in read_parts(block, job.spec.input, fields_of(job.spec, for_training=False), job.block_bytes):
            located = _locate_part(job, block, part)
            write_rejected(job, located.rejected, located.step, part.number)
            analysis.merge(_analysis_of(located, Analysis(blocks={block.index: part.summary})))
            yield ExamplePart(block.index, part.number, part.consumed, located)
        yield beam.pvalue.TaggedOutput(ANALYSES, analysis)


class _ReadPartition(beam.DoFn):  # type: ignore[misc]
    def __init__(self, job: Job) -> None:
        self._job = job

    @reporting
    def process(self, partition: int, events: list[EventFile]) -> Iterator[Any]:
        job, analysis = self._job, Analysis()
        located = locate_partition(
            job, partition, events, self._sources, analysis, lambda raw: validate_unlabelled(raw, job.spec)
        )
        write_rejected(job, located.rejected, located.step, 0)
        yield ExamplePart(partition, 0, consumed_by(job, partition), located)
        yield beam.pvalue.TaggedOutput(ANALYSES, _analysis_of(located, analysis))

    @cached_property
    def _sources(self) -> Sources:
        return Sources.of(self._job.blocks())


def _locate_part(job: Job, block: Block, part: Part) -> Located:
    examples = validate_unlabelled(part.raw, job.spec, load_tokenizers(job))
    return replace(locate_examples(block, part, examples), step="read")


def _analysis_of(located: Located, analysis: Analysis) -> Analysis:
    """Adds the rejected records to an analysis; returns it."""
    for block, item in located.rejected:
        analysis.reject(block, [item])
    return analysis
