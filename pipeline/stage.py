"""Blocks of raw bytes become staged examples: read, validated, identified, counted.

A staged block is an Arrow file, lz4-compressed, whose tokens are indices into a dictionary of the
block's own, so that encoding maps each different token once. Elements between the steps are only
references to such files, which keeps memory flat whatever the size of the input.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline import files
from pipeline.analysis import Analysis, BlockSummary
from pipeline.blocks import Block, Piece
from pipeline.failure import reporting
from pipeline.job import Job
from pipeline.moments import moments_of
from pipeline.split_facts import length_counts
from pipeline.threads import ThreadedDoFn
from pipeline.token_counts import count_indices
from schemas.buckets import Int64s
from schemas.dataset_pb2 import DatasetSpec
from schemas.errors import DataError
from schemas.records.blocks import WholeLines, read_whole_lines
from schemas.records.fields import LABEL, fields_of
from schemas.records.identity import assign_splits, places
from schemas.records.joined import join_lines
from schemas.records.jsonl import parse_jsonl
from schemas.records.ragged import Ragged
from schemas.records.rejected import dump_rejected
from schemas.records.validate import ExampleBlock, validate
from schemas.spec import TRAIN, bucket_sequences

ANALYSES = "analyses"
SOURCE = "source"  # staged column: the file of a record
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
        spec = self._job.spec
        pieces = [_read(piece) for piece in block.pieces]
        joined = join_lines(pieces)
        raw = parse_jsonl(joined.data, fields_of(spec), joined.base_offset)
        examples = validate(raw, spec)
        source = joined.piece_of(examples.lines)
        offsets, lines = joined.positions(examples.offsets, examples.lines)
        rejected = joined.place(examples.rejected, [piece.path for piece in block.pieces])
        examples = replace(examples, offsets=offsets, lines=lines, rejected=rejected)
        record_places = places(examples.ids, spec.split.salt)
        splits = _splits(self._job, block, source, record_places.share)
        path = self._job.staged_path(block.index)
        columns = {SOURCE: _sources(block, source)} | _columns(examples)
        columns |= {"split": pa.array(splits.astype(np.int16)), "order": pa.array(record_places.order)}
        files.write(path, _arrow_file(columns))
        if rejected:
            content = dump_rejected(rejected)
            files.write(self._job.rejected_path(block.index, "stage"), content)
        yield StagedBlock(block.index, path)
        analysis = _analyse(examples, spec, splits == self._job.splits.index(TRAIN), columns)
        digests = tuple(piece.digest for piece in pieces)
        analysis.blocks[block.index] = BlockSummary(joined.lines_of(raw), joined.records_of(raw), digests)
        analysis.reject(block.index, rejected)
        yield beam.pvalue.TaggedOutput(ANALYSES, analysis)


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


def bucket_lengths(lengths: dict[str, Int64s], spec: DatasetSpec) -> Int64s:
    """Returns the length that the buckets go by, int64, (records,).

    Args:
      lengths: By name of the sequence, each int64, (records,).
      spec: A resolved spec.
    """
    longest: Int64s = np.max(np.stack([lengths[name] for name in bucket_sequences(spec)]), axis=0)
    return longest


def sequence_column(name: str) -> str:
    """Returns the staged column of a sequence."""
    return f"sequence:{name}"


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
        columns[sequence_column(name)] = _with_dictionary(sequence)
        columns[cut_column(name)] = pa.array(examples.cut_steps[name])
    label = examples.label
    if isinstance(label, Ragged):
        columns[LABEL] = _with_dictionary(label)
    elif label is not None:
        columns[LABEL] = label.dictionary_encode() if pa.types.is_string(label.type) else label
    return columns


def _with_dictionary(sequence: Ragged) -> pa.ListArray:
    if pa.types.is_string(sequence.values.type):
        sequence = replace(sequence, values=sequence.values.dictionary_encode())
    return sequence.to_arrow()


def _arrow_file(columns: dict[str, pa.Array]) -> bytes:
    batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def _analyse(examples: ExampleBlock, spec: DatasetSpec, train: Mask, columns: dict[str, pa.Array]) -> Analysis:
    """Returns the facts of a block; `train` tells the records of the training split."""
    analysis = Analysis(dropped=examples.dropped, train_records=int(train.sum()))
    lengths = {name: sequence.lengths for name, sequence in examples.sequences.items()}
    analysis.bucket_lengths = length_counts(bucket_lengths(lengths, spec)[train])
    counted = {sequence_column(name): name for name in spec.sequences} | {LABEL: LABEL}
    for column, name in counted.items():
        if column in columns:
            _analyse_column(analysis, name, columns[column], train, spec)
    return analysis


def _analyse_column(analysis: Analysis, name: str, column: pa.Array, train: Mask, spec: DatasetSpec) -> None:
    values, inside = column, train
    if pa.types.is_list(column.type):
        values, inside = column.values, np.repeat(train, np.diff(column.offsets.to_numpy()))
    if pa.types.is_dictionary(values.type):
        analysis.tokens[name] = count_indices(values.dictionary, values.indices.to_numpy()[inside])
    else:
        dims = spec.sequences[name].dims if name in spec.sequences else 1
        analysis.moments[name] = moments_of(values.to_numpy(zero_copy_only=False)[inside].reshape(-1, dims))
