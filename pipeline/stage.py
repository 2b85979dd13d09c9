"""Blocks of raw bytes become staged examples: read, validated, identified, counted.

A staged block is an Arrow file whose tokens are indices into a dictionary of the block's own, so
that encoding maps each different token once. It is not compressed: indices of two or four bytes are
smaller than most text, and compressing them costs more than a tenth of the whole job. Elements between
the steps are only references to such files, which keeps memory flat whatever the size of the input.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from pipeline import files
from pipeline.analysis import Analysis
from pipeline.arrow_files import write_batches
from pipeline.block_facts import BlockFacts, beside_column, context_column, sequence_column
from pipeline.blocks import Block
from pipeline.failure import reporting
from pipeline.id_files import write_ids
from pipeline.job import Job
from pipeline.read import Part, read_parts
from pipeline.recording import last_digest
from pipeline.resuming import done
from pipeline.subwords import load_tokenizers
from pipeline.threads import ThreadedDoFn
from pipeline.vocabulary.given import known_classes
from pipeline.vocabulary.token_files import write_token_counts
from schemas.buckets import Int64s
from schemas.dataset_pb2 import DatasetSpec, DuplicateIds
from schemas.formats.fields import LABEL, fields_of
from schemas.formats.rejected import Rejected, dump_rejected
from schemas.ragged import Ragged
from schemas.records.examples import ExampleBlock
from schemas.records.splits import place_examples
from schemas.records.validate import validate
from schemas.records.verdicts import Mask
from schemas.spec import TRAIN

STAGED, ANALYSES, IDS = "staged", "analyses", "ids"
# Staged columns.
SOURCE = "source"  # the file of a record
BLOCK = "block"  # of a record made of events: the block of its first one
PARENT, START = "parent", "start"  # of a piece of a record: the record's id, the step with which it begins
_SHORT_DICTIONARY = 1 << 16  # entries that uint16 tells apart


@dataclass(frozen=True)
class StagedBlock:
    """Reference to the staged examples of a part of a block.

    Attributes:
      index: Of the block.
      part: Its place in the block, from 0.
      path: Of the Arrow file.
      sha256: Of its content; empty where nobody may take it up after this run.
    """

    index: int
    part: int
    path: str
    sha256: str = ""


# What staging hands on, by name: see `pipeline.resuming.done`.
STAGED_TYPES = {"StagedBlock": StagedBlock, "Analysis": Analysis, "tuple": tuple[int, tuple[int, int]]}


@dataclass(frozen=True)
class Located:
    """Validated examples, and where the records stand that they are of.

    Attributes:
      examples: With positions in their files, and lines in their pieces.
      source: int64, (examples,); index into `paths`.
      paths: Of files.
      splits: Of each of these: the split of all its records; empty where they decide themselves.
      rejected: With file, position and line in the piece, and the index of the block.
      step: What rejected them.
      blocks: int64, (examples,); index of the block of each, where that is not the block that is staged.
    """

    examples: ExampleBlock
    source: Int64s
    paths: list[str]
    splits: list[str]
    rejected: list[tuple[int, Rejected]]
    step: str = "stage"
    blocks: Int64s | None = None


class StageBlocks(beam.PTransform):  # type: ignore[misc]
    """PCollection of `Block` → PCollections of `StagedBlock` (main) and `Analysis` (ANALYSES).

    Where ids must differ, the analysis knows only what was read and is in the main collection, too; and there
    are ids (IDS), pairs of a share and the (block, part) that wrote it. `pipeline.duplicates` does the rest.
    """

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job

    def expand(self, blocks: beam.PCollection) -> Any:
        """Stages every block."""
        other = tag_of_analyses(self._job.spec) or IDS
        return blocks | "Stage" >> beam.ParDo(_StageBlock(self._job)).with_outputs(other, main=STAGED)


class _StageBlock(ThreadedDoFn):
    def __init__(self, job: Job) -> None:
        super().__init__(job.threads)
        self._job = job

    @reporting
    def work(self, block: Block) -> Iterator[Any]:
        yield from done.once(
            self._job,
            done.BLOCK,
            (block.index,),
            done.block_key(block),
            STAGED_TYPES,
            lambda: self._stage(block),
            lambda outputs: done.is_same_input(block, outputs),
        )

    def _stage(self, block: Block) -> Iterator[Any]:
        analysis = Analysis()
        for part in read_parts(block, self._job.spec.input, fields_of(self._job.spec), self._job.block_bytes):
            located = locate_part(self._job, block, part)
            analysis.merge(Analysis(blocks={block.index: part.summary}))
            yield from stage(self._job, (block.index, part.number), part.consumed, located, analysis)
        yield analysis_output(self._job.spec, analysis)


def tag_of_analyses(spec: DatasetSpec) -> str:
    """Returns the tag of the analyses; empty where they are among the staged blocks, since ids must differ."""
    return ANALYSES if spec.duplicate_ids == DuplicateIds.keep else ""


def analysis_output(spec: DatasetSpec, analysis: Analysis) -> Any:
    """Returns an analysis as an output of a step that stages."""
    tag = tag_of_analyses(spec)
    return beam.pvalue.TaggedOutput(tag, analysis) if tag else analysis


def stage(job: Job, number: tuple[int, int], consumed: int, located: Located, analysis: Analysis) -> Iterator[Any]:
    """Writes examples with their places, and what the next step needs of them.

    Args:
      job: The run.
      number: Index of the block, or number of the partition, and the place of the part in it.
      consumed: As of `Job.staged_path`.
      located: The examples.
      analysis: What is found out about them is added to it.

    Yields:
      A `StagedBlock`, and shares of ids (IDS) where ids must differ.
    """
    spec, examples = job.spec, located.examples
    write_rejected(job, located.rejected, located.step, number[1])
    placed = place_examples(examples, spec, job.fractions)
    splits = _splits(job, located, placed.splits)
    columns = {SOURCE: _sources(located)} | staged_columns(examples)
    if located.blocks is not None:
        columns[BLOCK] = pa.array(located.blocks)
    columns |= {"split": pa.array(splits.astype(np.int16)), "order": pa.array(placed.order)}
    path = job.staged_path(*number, consumed)
    batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
    write_batches(path, batch.schema, [batch])
    staged = StagedBlock(*number, path, last_digest())
    found = Analysis(parts=Counter({staged.index: 1}), dropped=examples.dropped)
    for block, item in located.rejected:
        found.reject(block, [item])
    if spec.duplicate_ids == DuplicateIds.keep:
        found.merge(analyse_part(job, staged, batch))
    else:
        first = first_of_record(batch)
        ids = placed.records[first], batch[SOURCE].filter(pa.array(first)), examples.offsets[first]
        write_ids(job.ids_path(*number), *ids, job.id_shares)
        for share in range(job.id_shares):
            yield beam.pvalue.TaggedOutput(IDS, (share, number))
    analysis.merge(found)
    yield staged


def locate_part(job: Job, block: Block, part: Part) -> Located:
    """Returns the examples of a part of a block, with their places."""
    return locate_examples(block, part, validate(part.raw, job.spec, load_tokenizers(job), known_classes(job)))


def locate_examples(block: Block, part: Part, examples: ExampleBlock) -> Located:
    """Returns examples with their places.

    Args:
      block: The block.
      part: Of the block.
      examples: Of the part, with the lines and positions of its raw block.
    """
    source = part.places.piece_of(examples.lines)
    offsets, lines = part.places.positions(examples.offsets, examples.lines)
    paths = [piece.path for piece in block.pieces]
    rejected = [(block.index, item) for item in part.places.place(examples.rejected, paths)]
    placed = replace(examples, offsets=offsets, lines=lines)
    return Located(placed, source, paths, [piece.split for piece in block.pieces], rejected)


def analyse_part(job: Job, staged: StagedBlock, batch: pa.RecordBatch) -> Analysis:
    """Returns what the examples of a part say about the training split; leaves the counts of their tokens.

    Args:
      job: The run.
      staged: The part.
      batch: Its examples.
    """
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    facts = BlockFacts(columns, batch["split"].to_numpy() == job.splits.index(TRAIN), job.spec)
    counted = facts.count_tokens(first_of_record(batch))
    write_token_counts(job.tokens_path(staged.index, staged.part), list(counted.values()))
    found = facts.analyse()
    found.distinct = Counter({name: table.num_rows for name, table in counted.items()})
    return found


def first_of_record(batch: pa.RecordBatch) -> Mask:
    """Returns which staged examples are the first of their record, (examples,)."""
    if START not in batch.schema.names:
        return np.ones(batch.num_rows, bool)
    first: Mask = batch[START].to_numpy() == 0
    return first


def write_rejected(job: Job, rejected: Iterable[tuple[int, Rejected]], step: str, part: int) -> None:
    """Writes what a step rejected, each with the index of its block, to a file for each block."""
    by_block: dict[int, list[Rejected]] = {}
    for block, item in rejected:
        by_block.setdefault(block, []).append(item)
    for block, items in by_block.items():
        files.write(job.rejected_path(block, step, part), dump_rejected(items))


def blocks_of(staged: StagedBlock, batch: pa.RecordBatch, rows: list[int]) -> list[int]:
    """Returns the index of the block in which the record of each of these rows stands, or its first event."""
    blocks: list[int] = batch[BLOCK].take(pa.array(rows, pa.int64())).to_pylist() if BLOCK in batch.schema.names else []
    return blocks or [staged.index] * len(rows)


def step_name(step: str, staged: StagedBlock, batch: pa.RecordBatch) -> str:
    """Returns a name for what a step rejects: of its own for a partition, which has records of many blocks."""
    return f"{step}-{staged.index:05d}" if BLOCK in batch.schema.names else step


def _splits(job: Job, located: Located, own: Int64s) -> Int64s:
    """Returns the split of each record: that of its file, or else its own."""
    whole = {name: i for i, name in enumerate(job.splits) if name not in job.fractions}
    indices = np.array([whole.get(split, -1) for split in located.splits], np.int64)[located.source]
    return np.where(indices < 0, own, indices)


def _sources(located: Located) -> pa.DictionaryArray:
    """Returns the file of each record."""
    paths = pa.array(located.paths, pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(located.source.astype(np.int32)), paths)


def cut_column(name: str) -> str:
    """Returns the staged column of the steps that max_length took off a sequence."""
    return f"cut:{name}"


def staged_columns(examples: ExampleBlock) -> dict[str, pa.Array]:
    """Returns the columns of examples, as they are staged."""
    columns: dict[str, pa.Array] = {
        "id": examples.ids,
        "offset": pa.array(examples.offsets),
        "line": pa.array(examples.lines),
    }
    for name, sequence in examples.sequences.items():
        columns[sequence_column(name)] = _narrow(sequence).to_arrow()
        columns[cut_column(name)] = pa.array(examples.cut_steps[name])
    columns |= {beside_column(name): values.to_arrow() for name, values in examples.beside.items()}
    columns |= {context_column(name): _coded(column) for name, column in examples.context.items()}
    if examples.parents:
        columns |= {PARENT: examples.parents.ids, START: pa.array(examples.parents.starts)}
    label = examples.label
    if isinstance(label, Ragged):
        columns[LABEL] = _narrow(label).to_arrow()
    elif label is not None:
        columns[LABEL] = _coded(label)
    return columns


def _coded(column: pa.Array) -> pa.Array:
    """Returns names as indices into the different ones, numbers as they are."""
    return column.dictionary_encode() if pa.types.is_string(column.type) else column


def _narrow(sequence: Ragged) -> Ragged:
    """Half the bytes for each token, where the block has no more different ones than 16 bits tell apart."""
    values = sequence.values
    if not pa.types.is_dictionary(values.type) or len(values.dictionary) > _SHORT_DICTIONARY:
        return sequence
    codes = values.indices.cast(pa.uint16())
    return replace(sequence, values=pa.DictionaryArray.from_arrays(codes, values.dictionary))
