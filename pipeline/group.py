"""Events of all blocks become the records of their keys, partition by partition.

A block's events are written once, in partitions by a hash of their keys; then each partition, whose size is about
that of a block, is read from all of these files, sorted, and goes on as a block of records does. No process ever
holds more events than those of a partition, and nothing of the size of the data goes through a GroupByKey.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.pvalue import AsList

from pipeline.analysis import Analysis, EventCounts
from pipeline.at_once import at_once
from pipeline.blocks import Block
from pipeline.event_files import LINE, OFFSET, PIECE, EventFile, file_schema, read_events_of, write_events
from pipeline.failure import reporting
from pipeline.job import Job
from pipeline.read import Part, read_parts
from pipeline.recording import last_digest
from pipeline.resuming import done
from pipeline.spread import Spread
from pipeline.stage import (
    ANALYSES,
    IDS,
    STAGED,
    STAGED_TYPES,
    Located,
    analysis_output,
    stage,
    tag_of_analyses,
    write_rejected,
)
from pipeline.threads import ThreadedDoFn
from pipeline.vocabulary.given import known_classes
from schemas.buckets import Int64s
from schemas.formats.fields import raw_fields_of
from schemas.formats.raw import RawBlock
from schemas.formats.rejected import Rejected
from schemas.records.events import read_events
from schemas.records.examples import ExampleBlock
from schemas.records.grouping import EventTable, Grouped, group_events
from schemas.records.validate import validate


class GroupEvents(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """PCollection of `Block` → the PCollections that `StageBlocks` has, one `StagedBlock` a partition."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job

    def expand(self, blocks: beam.PCollection) -> dict[str, beam.PCollection]:
        """Reads every block, then stages every partition."""
        step = self._job.without_inputs()
        other = tag_of_analyses(self._job.spec)
        read = blocks | "Read" >> beam.ParDo(ReadEvents(step)).with_outputs(ANALYSES, main="events")
        numbers = (
            blocks.pipeline
            | "Start grouping" >> beam.Impulse()
            | "Partitions" >> beam.FlatMap(numbered_partitions, step)
        )
        spread = numbers | "Spread partitions" >> Spread()
        group = beam.ParDo(_StagePartition(self._job), AsList(read.events))
        staged = spread | "Stage" >> group.with_outputs(other or IDS, main=STAGED)
        together = ANALYSES if other else STAGED
        analyses = (read[ANALYSES], staged[together]) | "All analyses" >> beam.Flatten()
        return {STAGED: staged[STAGED], ANALYSES: analyses} if other else {STAGED: analyses, IDS: staged[IDS]}


def numbered_partitions(_: bytes, job: Job) -> list[tuple[int, int]]:
    """Returns every partition twice: as its number, and as what is to be spread."""
    return [(i, i) for i in range(job.partitions)]


class ReadEvents(ThreadedDoFn):
    """`Block` → an `EventFile` of each of its parts, and an `Analysis` (ANALYSES)."""

    def __init__(self, job: Job) -> None:
        super().__init__(job.threads)
        self._job = job

    @reporting
    def work(self, block: Block) -> Iterator[Any]:
        """Writes the events of a block in partitions of their keys, unless an earlier run has done it."""
        yield from done.once(
            self._job,
            done.EVENTS,
            (block.index,),
            done.block_key(block),
            {"EventFile": EventFile, "Analysis": Analysis},
            lambda: self._read_block(block),
            lambda outputs: done.is_same_input(block, outputs),
        )

    def _read_block(self, block: Block) -> Iterator[Any]:
        analysis = Analysis(events=EventCounts())
        for part in read_parts(block, self._job.spec.input, raw_fields_of(self._job.spec), self._job.block_bytes):
            yield self._read(block, part, analysis)
        yield beam.pvalue.TaggedOutput(ANALYSES, analysis)

    def _read(self, block: Block, part: Part, analysis: Analysis) -> EventFile:
        job = self._job
        events = read_events(part.raw, job.spec)
        rejected = part.places.place(events.rejected, [piece.path for piece in block.pieces])
        write_rejected(job, ((block.index, item) for item in rejected), "read", part.number)
        pieces = part.places.piece_of(events.lines)
        offsets, lines = part.places.positions(events.offsets, events.lines)
        path = job.events_path(block.index, part.number, part.consumed)
        write_events(path, replace(events, offsets=offsets, lines=lines), pieces, job.partitions, job.spec)
        sha256 = last_digest()
        found = Analysis(blocks={block.index: part.summary})
        found.reject_events(block.index, rejected)
        analysis.merge(found)
        return EventFile(block.index, part.number, path, sha256)


class _StagePartition(ThreadedDoFn):
    def __init__(self, job: Job) -> None:
        super().__init__(job.threads)
        self._job = job

    @reporting
    def work(self, partition: int, events: list[EventFile]) -> Iterator[Any]:
        key = self._key(events) if self._job.key else ""
        yield from done.once(
            self._job, done.PARTITION, (partition,), key, STAGED_TYPES, lambda: self._stage(partition, events)
        )

    def _key(self, events: list[EventFile]) -> str:
        """Returns the digest of what every partition is made of; empty where that of a file is unknown."""
        if not all(file.sha256 for file in events):
            return ""
        return done.digest_of([self._places, [(file.block, file.part, file.sha256) for file in sorted(events)]])

    @cached_property
    def _places(self) -> str:
        sources = self._sources
        return done.digest_of([sources.first.tolist(), sources.paths, sources.splits])

    def _stage(self, partition: int, events: list[EventFile]) -> Iterator[Any]:
        analysis = Analysis()
        yield from stage_partition(self._job, partition, events, self._sources, analysis)
        yield analysis_output(self._job.spec, analysis)

    @cached_property
    def _sources(self) -> "Sources":
        return Sources.of(self._job.blocks())


class Sources(NamedTuple):
    """The pieces of all blocks, one after another.

    Attributes:
      first: int64, (blocks,); number of the first piece of each block.
      paths: Of the file of each piece.
      splits: Of all records of each piece; empty where they decide themselves.
    """

    first: Int64s
    paths: list[str]
    splits: list[str]

    @classmethod
    def of(cls, blocks: list[Block]) -> "Sources":
        """Returns those of all blocks, in order."""
        sizes = [len(block.pieces) for block in blocks]
        pieces = [piece for block in blocks for piece in block.pieces]
        first = np.cumsum([0, *sizes[:-1]])
        return cls(first, [piece.path for piece in pieces], [piece.split for piece in pieces])


class _Places(NamedTuple):
    """Where the events of a partition stand, (events,) each.

    Attributes:
      block: Index of the block.
      source: Piece among those of all blocks.
      offset: Position in the file.
      line: In the piece, from 0.
    """

    block: Int64s
    source: Int64s
    offset: Int64s
    line: Int64s

    def place(self, rejected: Iterable[Rejected], rows: Int64s | None, paths: list[str]) -> list[tuple[int, Rejected]]:
        """Returns what was rejected with its place, and the index of its block.

        Args:
          rejected: With its number as its line.
          rows: Event of each number; None: the number is that of an event.
          paths: Of the file of each piece.
        """
        found = []
        for item in rejected:
            row = item.line if rows is None else int(rows[item.line])
            placed = replace(item, line=int(self.line[row])).placed(paths[self.source[row]], 0)
            found.append((int(self.block[row]), placed))
        return found


def stage_partition(
    job: Job, partition: int, events: Iterable[EventFile], sources: Sources, analysis: Analysis
) -> Iterator[Any]:
    """Stages the records of the keys of a partition.

    Args:
      job: The run.
      partition: Its number.
      events: Those of all blocks, in any order.
      sources: Of all blocks.
      analysis: What is found out about them is added to it.

    Yields:
      As `stage` does.
    """
    classes = known_classes(job)
    located = locate_partition(
        job, partition, events, sources, analysis, lambda raw: validate(raw, job.spec, classes=classes)
    )
    yield from stage(job, (partition, 0), consumed_by(job, partition), located, analysis)


def locate_partition(
    job: Job,
    partition: int,
    events: Iterable[EventFile],
    sources: Sources,
    analysis: Analysis,
    judge: Callable[[RawBlock], ExampleBlock],
) -> Located:
    """Returns the examples of the keys of a partition, each where the first event of its record stands.

    Args:
      job: The run.
      partition: Its number.
      events: Those of all blocks, in any order.
      sources: Of all blocks.
      analysis: What becomes of the events is added to it.
      judge: Returns the examples of raw records.
    """
    table, places = _read_partition(job, partition, sorted(events), sources)
    apart = np.unique(sources.splits, return_inverse=True)[1][places.source]
    grouped = group_events(EventTable(table, places.offset, apart), job.spec)
    rejected = places.place(grouped.rejected, None, sources.paths)
    write_rejected(job, rejected, f"events-{partition:05d}", 0)
    found = Analysis(events=EventCounts(len(grouped.first), grouped.kept, grouped.tied, dropped=grouped.dropped))
    for block, item in rejected:
        found.reject_events(block, [item])
    analysis.merge(found)
    return _locate(partition, grouped, judge(grouped.raw), places, sources)


def consumed_by(job: Job, partition: int) -> int:
    """Returns the bytes of the input that a partition stands for, for whoever watches the run."""
    size = sum(file.bytes for file in job.with_inputs().inputs)
    return size * (partition + 1) // job.partitions - size * partition // job.partitions


def _read_partition(
    job: Job, partition: int, events: list[EventFile], sources: Sources
) -> tuple[dict[str, pa.Array], _Places]:
    schema = file_schema(job.spec)
    paths = [file.path for file in events]
    batches = list(at_once(lambda path: read_events_of(path, partition, schema), paths, job.output))
    table = pa.Table.from_batches(batches, schema)
    columns = {name: table[name].combine_chunks() for name in table.column_names}
    piece, offset, line = (columns.pop(name).to_numpy() for name in (PIECE, OFFSET, LINE))
    block = np.repeat([file.block for file in events], [batch.num_rows for batch in batches])
    return columns, _Places(block, sources.first[block] + piece, offset, line)


def _locate(partition: int, grouped: Grouped, examples: ExampleBlock, places: _Places, sources: Sources) -> Located:
    rows = grouped.first[examples.lines]
    used, source = np.unique(places.source[rows], return_inverse=True)
    return Located(
        examples=replace(examples, lines=places.line[rows]),
        source=source,
        paths=[sources.paths[i] for i in used],
        splits=[sources.splits[i] for i in used],
        rejected=places.place(examples.rejected, grouped.first, sources.paths),
        step=f"stage-{partition:05d}",
        blocks=places.block[rows],
    )
