"""Blocks of raw bytes become staged examples: read, validated, identified, counted.

A staged block is an Arrow file whose tokens are indices into a dictionary of the block's own, so
that encoding maps each different token once. It is not compressed: indices of two or four bytes are
smaller than most text, and compressing them costs more than a tenth of the whole job. Elements between
the steps are only references to such files, which keeps memory flat whatever the size of the input.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline import files
from pipeline.analysis import BlockSummary
from pipeline.arrow_files import write_batches
from pipeline.block_facts import BlockFacts, sequence_column
from pipeline.blocks import Block, Piece
from pipeline.failure import reporting
from pipeline.job import Job
from pipeline.threads import ThreadedDoFn
from pipeline.token_files import write_token_counts
from schemas.buckets import Int64s
from schemas.dataset_pb2 import DatasetSpec
from schemas.errors import DataError
from schemas.records.blocks import WholeLines, read_whole_lines
from schemas.records.examples import ExampleBlock
from schemas.records.fields import LABEL, fields_of
from schemas.records.identity import assign_splits, places
from schemas.records.joined import join_lines
from schemas.records.jsonl import parse_jsonl
from schemas.records.ragged import Ragged
from schemas.records.rejected import Rejected, dump_rejected
from schemas.records.validate import validate
from schemas.spec import TRAIN

ANALYSES = "analyses"
SOURCE = "source"  # staged column: the file of a record
_SHORT_DICTIONARY = 1 << 16  # entries that uint16 tells apart
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class StagedBlock:
    """Reference to the staged examples of a block.

    Attributes:
      index: Of the block.
      path: Of the Arrow file.
    """

    index: int
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
        job = self._job
        spec = job.spec
        found = _read_block(block, spec)
        record_places = places(found.examples.ids, spec.split.salt)
        splits = _splits(job, block, found.source, record_places.share)
        columns = {SOURCE: _sources(block, found.source)} | _columns(found.examples)
        columns |= {"split": pa.array(splits.astype(np.int16)), "order": pa.array(record_places.order)}
        path = job.staged_path(block.index)
        batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
        write_batches(path, batch.schema, [batch])
        if found.rejected:
            files.write(job.rejected_path(block.index, "stage"), dump_rejected(found.rejected))
        yield StagedBlock(block.index, path)
        facts = BlockFacts(found.examples, columns, splits == job.splits.index(TRAIN), spec)
        counted = facts.count_tokens()
        write_token_counts(job.tokens_path(block.index), list(counted.values()))
        analysis = facts.analyse()
        analysis.distinct = Counter({name: table.num_rows for name, table in counted.items()})
        analysis.blocks[block.index] = found.summary
        analysis.reject(block.index, found.rejected)
        yield beam.pvalue.TaggedOutput(ANALYSES, analysis)


class _ReadBlock(NamedTuple):
    """The examples of a block; `source` is the piece of each, and positions are those in its file."""

    examples: ExampleBlock
    source: Int64s
    rejected: list[Rejected]
    summary: BlockSummary


def _read_block(block: Block, spec: DatasetSpec) -> _ReadBlock:
    pieces = [_read(piece) for piece in block.pieces]
    joined = join_lines(pieces)
    raw = parse_jsonl(joined.data, fields_of(spec), joined.base_offset)
    examples = validate(raw, spec)
    source = joined.piece_of(examples.lines)
    offsets, lines = joined.positions(examples.offsets, examples.lines)
    rejected = joined.place(examples.rejected, [piece.path for piece in block.pieces])
    summary = BlockSummary(joined.lines_of(raw), joined.records_of(raw), tuple(piece.digest for piece in pieces))
    return _ReadBlock(replace(examples, offsets=offsets, lines=lines), source, rejected, summary)


def _read(piece: Piece) -> WholeLines:
    with files.reading(piece.path) as stream:
        lines = read_whole_lines(stream, piece.start, piece.end)
    if lines.range_bytes < piece.bytes:
        raise DataError(f"{piece.path}: became shorter while it was read; run again when nobody writes to it")
    return lines


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


def _columns(examples: ExampleBlock) -> dict[str, pa.Array]:
    columns: dict[str, pa.Array] = {
        "id": examples.ids,
        "offset": pa.array(examples.offsets),
        "line": pa.array(examples.lines),
    }
    for name, sequence in examples.sequences.items():
        columns[sequence_column(name)] = _narrow(sequence).to_arrow()
        columns[cut_column(name)] = pa.array(examples.cut_steps[name])
    label = examples.label
    if isinstance(label, Ragged):
        columns[LABEL] = _narrow(label).to_arrow()
    elif label is not None:
        columns[LABEL] = label.dictionary_encode() if pa.types.is_string(label.type) else label
    return columns


def _narrow(sequence: Ragged) -> Ragged:
    """Half the bytes for each token, where the block has no more different ones than 16 bits tell apart."""
    values = sequence.values
    if not pa.types.is_dictionary(values.type) or len(values.dictionary) > _SHORT_DICTIONARY:
        return sequence
    codes = values.indices.cast(pa.uint16())
    return replace(sequence, values=pa.DictionaryArray.from_arrays(codes, values.dictionary))
