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
from pipeline.block_facts import BlockFacts, context_column, sequence_column
from pipeline.blocks import Block
from pipeline.failure import reporting
from pipeline.job import Job
from pipeline.read import Part, read_parts
from pipeline.threads import ThreadedDoFn
from pipeline.token_files import write_token_counts
from schemas.buckets import Int64s
from schemas.dataset_pb2 import DatasetSpec
from schemas.records.examples import ExampleBlock
from schemas.records.fields import LABEL
from schemas.records.ragged import Ragged
from schemas.records.rejected import Rejected, dump_rejected
from schemas.records.splits import place_examples
from schemas.records.validate import validate
from schemas.spec import TRAIN

STAGED, ANALYSES = "staged", "analyses"
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
    """

    index: int
    part: int
    path: str


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
    """PCollection of `Block` → PCollections of `StagedBlock` (main) and `Analysis` (ANALYSES)."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job

    def expand(self, blocks: beam.PCollection) -> Any:
        """Stages every block."""
        return blocks | "Stage" >> beam.ParDo(_StageBlock(self._job)).with_outputs(ANALYSES, main=STAGED)


class _StageBlock(ThreadedDoFn):
    def __init__(self, job: Job) -> None:
        super().__init__(job.threads)
        self._job = job

    @reporting
    def work(self, block: Block) -> Iterator[Any]:
        analysis = Analysis()
        for part in read_parts(block, self._job.spec):
            located = locate_part(self._job, block, part)
            staged, found = stage(self._job, block.index, part.number, part.consumed, located)
            found.blocks[block.index] = part.summary
            analysis.merge(found)
            yield staged
        yield beam.pvalue.TaggedOutput(ANALYSES, analysis)


def stage(job: Job, index: int, part: int, consumed: int, located: Located) -> tuple[StagedBlock, Analysis]:
    """Writes examples with their places and token counts.

    Args:
      job: The run.
      index: Of the block, or number of the partition.
      part: Its place in the block.
      consumed: As of `Job.staged_path`.
      located: The examples.

    Returns:
      What was staged, and what is found out about it, without the summary of the block.
    """
    spec, examples = job.spec, located.examples
    write_rejected(job, located.rejected, located.step, part)
    placed = place_examples(examples, spec, job.fractions)
    splits = _splits(job, located, placed.splits)
    columns = {SOURCE: _sources(located)} | staged_columns(examples)
    if located.blocks is not None:
        columns[BLOCK] = pa.array(located.blocks)
    columns |= {"split": pa.array(splits.astype(np.int16)), "order": pa.array(placed.order)}
    path = job.staged_path(index, part, consumed)
    batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
    write_batches(path, batch.schema, [batch])
    facts = BlockFacts(examples, columns, splits == job.splits.index(TRAIN), spec)
    counted = facts.count_tokens()
    write_token_counts(job.tokens_path(index, part), list(counted.values()))
    found = facts.analyse()
    found.distinct = Counter({name: table.num_rows for name, table in counted.items()})
    found.parts[index] = 1
    for block, item in located.rejected:
        found.reject(block, [item])
    return StagedBlock(index, part, path), found


def locate_part(job: Job, block: Block, part: Part) -> Located:
    """Returns the examples of a part of a block, with their places."""
    examples, source = validate_part(part, job.spec)
    paths = [piece.path for piece in block.pieces]
    rejected = [(block.index, item) for item in part.places.place(examples.rejected, paths)]
    return Located(examples, source, paths, [piece.split for piece in block.pieces], rejected)


def validate_part(part: Part, spec: DatasetSpec) -> tuple[ExampleBlock, Int64s]:
    """Returns the examples of a part with their positions and lines in the files, and the piece of each.

    What was rejected keeps the lines of the raw block.
    """
    examples = validate(part.raw, spec)
    source = part.places.piece_of(examples.lines)
    offsets, lines = part.places.positions(examples.offsets, examples.lines)
    return replace(examples, offsets=offsets, lines=lines), source


def write_rejected(job: Job, rejected: Iterable[tuple[int, Rejected]], step: str, part: int) -> None:
    """Writes what a step rejected, each with the index of its block, to a file for each block."""
    by_block: dict[int, list[Rejected]] = {}
    for block, item in rejected:
        by_block.setdefault(block, []).append(item)
    for block, items in by_block.items():
        files.write(job.rejected_path(block, step, part), dump_rejected(items))


def _splits(job: Job, located: Located, own: Int64s) -> Int64s:
    """Returns the split of each record: that of its file, or else its own."""
    whole = {name: i for i, name in enumerate(job.splits) if name not in job.fractions}
    indices = np.array([whole.get(split, -1) for split in located.splits])[located.source]
    return np.where(indices < 0, own, indices)


def _sources(located: Located) -> pa.DictionaryArray:
    """Returns the file of each record."""
    paths = pa.array(located.paths, pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(located.source.astype(np.int32)), paths)


def cut_column(name: str) -> str:
    """Returns the staged column of the steps that max_length took off a sequence."""
    return f"cut:{name}"


def beside_column(name: str) -> str:
    """Returns the staged column of what is known of steps beside their values, such as frames/missing."""
    return f"beside:{name}"


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
