"""Blocks of raw bytes become staged examples: read, validated, identified, counted.

A staged block is an Arrow file whose tokens are indices into a dictionary of the block's own, so
that encoding maps each different token once. It is not compressed: indices of two or four bytes are
smaller than most text, and compressing them costs more than a tenth of the whole job. Elements between
the steps are only references to such files, which keeps memory flat whatever the size of the input.
"""

from collections import Counter
from collections.abc import Iterator
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
from schemas.records.identity import assign_splits, places
from schemas.records.ragged import Ragged
from schemas.records.rejected import dump_rejected
from schemas.records.validate import validate
from schemas.spec import TRAIN

ANALYSES = "analyses"
# Staged columns.
SOURCE = "source"  # the file of a record
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


class StageBlocks(beam.PTransform):  # type: ignore[misc]
    """PCollection of `Block` → PCollections of `StagedBlock` (main) and `Analysis` (ANALYSES)."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job

    def expand(self, blocks: beam.PCollection) -> Any:
        """Stages every block."""
        return blocks | "Stage" >> beam.ParDo(_StageBlock(self._job)).with_outputs(ANALYSES, main="staged")


class _StageBlock(ThreadedDoFn):
    def __init__(self, job: Job) -> None:
        super().__init__(job.threads)
        self._job = job

    @reporting
    def work(self, block: Block) -> Iterator[Any]:
        analysis = Analysis()
        for part in read_parts(block, self._job.spec):
            yield self._stage(block, part, analysis)
        yield beam.pvalue.TaggedOutput(ANALYSES, analysis)

    def _stage(self, block: Block, part: Part, analysis: Analysis) -> StagedBlock:
        """Stages a part of a block, and adds what is found out about it to the block's analysis."""
        job, spec = self._job, self._job.spec
        examples, source = validate_part(part, spec)
        rejected = part.places.place(examples.rejected, [piece.path for piece in block.pieces])
        if rejected:
            files.write(job.rejected_path(block.index, "stage", part.number), dump_rejected(rejected))
        deciding = examples.parents.ids if examples.parents else examples.ids
        splits = _splits(job, block, source, places(deciding, spec.split.salt).share)
        columns = {SOURCE: _sources(block, source)} | staged_columns(examples)
        order = places(examples.ids, spec.split.salt).order
        columns |= {"split": pa.array(splits.astype(np.int16)), "order": pa.array(order)}
        path = job.staged_path(block.index, part.number, part.consumed)
        batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
        write_batches(path, batch.schema, [batch])
        facts = BlockFacts(examples, columns, splits == job.splits.index(TRAIN), spec)
        counted = facts.count_tokens()
        write_token_counts(job.tokens_path(block.index, part.number), list(counted.values()))
        found = facts.analyse()
        found.distinct = Counter({name: table.num_rows for name, table in counted.items()})
        found.blocks[block.index] = part.summary
        found.parts[block.index] = 1
        found.reject(block.index, rejected)
        analysis.merge(found)
        return StagedBlock(block.index, part.number, path)


def validate_part(part: Part, spec: DatasetSpec) -> tuple[ExampleBlock, Int64s]:
    """Returns the examples of a part with their positions and lines in the files, and the piece of each.

    What was rejected keeps the lines of the raw block.
    """
    examples = validate(part.raw, spec)
    source = part.places.piece_of(examples.lines)
    offsets, lines = part.places.positions(examples.offsets, examples.lines)
    return replace(examples, offsets=offsets, lines=lines), source


def _splits(job: Job, block: Block, source: Int64s, share: Any) -> Int64s:
    """Returns the split of each record; `source` is its piece."""
    whole = {name: i for i, name in enumerate(job.splits) if name not in job.fractions}
    indices = np.array([whole.get(piece.split, -1) for piece in block.pieces])[source]
    return np.where(indices < 0, assign_splits(share, job.fractions), indices)


def _sources(block: Block, source: Int64s) -> pa.DictionaryArray:
    """Returns the file of each record."""
    paths = pa.array([piece.path for piece in block.pieces], pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(source.astype(np.int16)), paths)


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
