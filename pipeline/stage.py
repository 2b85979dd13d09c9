"""Blocks of raw bytes become staged examples: read, validated, identified, counted.

A staged block is an Arrow file whose tokens are indices into a dictionary of the block's own, so
that encoding maps each different token once. It is not compressed: indices of two or four bytes are
smaller than most text, and compressing them costs more than a tenth of the whole job. Elements between
the steps are only references to such files, which keeps memory flat whatever the size of the input.
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
from pipeline.token_files import occurring, token_columns, write_token_counts
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
        train = splits == self._job.splits.index(TRAIN)
        analysis = _analyse(examples, spec, train, columns)
        counted = _count_tokens(train, columns, spec)
        write_token_counts(self._job.tokens_path(block.index), list(counted.values()))
        analysis.distinct.update({name: table.num_rows for name, table in counted.items()})
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


def _arrow_file(columns: dict[str, pa.Array]) -> memoryview:
    batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return memoryview(sink.getvalue())


def _analyse(examples: ExampleBlock, spec: DatasetSpec, train: Mask, columns: dict[str, pa.Array]) -> Analysis:
    """Returns the facts of a block; `train` tells the records of the training split."""
    analysis = Analysis(dropped=examples.dropped, train_records=int(train.sum()))
    lengths = {name: sequence.lengths for name, sequence in examples.sequences.items()}
    analysis.bucket_lengths = length_counts(bucket_lengths(lengths, spec)[train])
    for name, column in _valued(columns, spec).items():
        values, inside = _values(column, train)
        if not pa.types.is_dictionary(values.type):
            dims = spec.sequences[name].dims if name in spec.sequences else 1
            numbers = _within(values.to_numpy(zero_copy_only=False), inside)
            analysis.moments[name] = moments_of(numbers.reshape(-1, dims))
    return analysis


def _count_tokens(train: Mask, columns: dict[str, pa.Array], spec: DatasetSpec) -> dict[str, pa.Table]:
    """Returns the token counts of a block, by token column, as `occurring` does."""
    valued, counts = _valued(columns, spec), {}
    for name in token_columns(spec):
        values, inside = _values(valued[name], train)
        counts[name] = occurring(values.dictionary, _within(values.indices.to_numpy(), inside))
    return counts


def _valued(columns: dict[str, pa.Array], spec: DatasetSpec) -> dict[str, pa.Array]:
    """Returns the columns of sequences and label by their names in the spec."""
    named = {name: columns[sequence_column(name)] for name in spec.sequences}
    return named | ({LABEL: columns[LABEL]} if LABEL in columns else {})


def _values(column: pa.Array, train: Mask) -> tuple[pa.Array, Mask]:
    """Returns the values of all records, and which of them are those of the training split."""
    if not pa.types.is_list(column.type):
        return column, train
    return column.values, np.repeat(train, np.diff(column.offsets.to_numpy()))


def _within(values: npt.NDArray[Any], inside: Mask) -> npt.NDArray[Any]:
    return values if inside.all() else np.compress(inside, values)
