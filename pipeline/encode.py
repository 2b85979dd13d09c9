"""Staged examples become records on disk: ids for tokens, a bucket for a length, bytes for a record."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import files
from pipeline.analysis import first_offenders
from pipeline.block_facts import beside_column, bucket_lengths, context_column, sequence_column
from pipeline.failure import reporting
from pipeline.job import Job
from pipeline.resuming import done
from pipeline.sharding.segments import INDEX_TYPE, Index, Segment, write_segment
from pipeline.split_facts import SequenceFacts, SplitFacts, WrittenFacts, length_counts
from pipeline.stage import (
    PARENT,
    SOURCE,
    START,
    StagedBlock,
    blocks_of,
    cut_column,
    first_of_record,
    step_name,
    write_rejected,
)
from pipeline.statistics.encoded_facts import EncodedFacts
from pipeline.threads import ThreadedDoFn
from pipeline.vocabulary.written import PlanFiles, load_vocabulary
from schemas.buckets import Int64s, bucket_index
from schemas.dataset_pb2 import DatasetSpec, StoredAs, UnknownLabel
from schemas.example import (
    BytesColumn,
    CodedColumn,
    Column,
    FloatColumn,
    Int64Column,
    encode_examples,
    frame,
    one_each,
    records_digest,
)
from schemas.formats.fields import LABEL
from schemas.formats.rejected import Rejected, excerpt
from schemas.manifest import (
    PARENT_FEATURE,
    START_FEATURE,
    beside_features,
    length_feature,
    sizes_feature,
    stored_features,
)
from schemas.manifest_pb2 import Bucket, Moments
from schemas.messages import canonical_json
from schemas.ragged import Ragged, count_in_rows, from_lists
from schemas.records.labels import UNKNOWN_LABEL
from schemas.records.missing import fill_means
from schemas.sequence_example import encode_sequence_examples, of_equal_steps, of_unequal_steps
from schemas.spec import series_sequences, steps_of
from schemas.vocabulary import Vocabulary

Mask = npt.NDArray[np.bool_]

FACTS = "facts"
_TYPES = {"Segment": Segment, "WrittenFacts": WrittenFacts}


@dataclass(frozen=True)
class EncodedBlock:
    """The records of a block, in the order of the input.

    Attributes:
      frames: TFRecord frames, binary, (records,).
      splits: Index of the split of each, int64, (records,).
      buckets: Bucket of each, int64, (records,).
      index: INDEX_TYPE, (records,).
      facts: By name of the split.
    """

    frames: pa.BinaryArray
    splits: Int64s
    buckets: Int64s
    index: Index
    facts: dict[str, SplitFacts]


class EncodeBlocks(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """PCollection of `StagedBlock` → PCollections of `Segment` (main) and `WrittenFacts` (FACTS)."""

    def __init__(self, job: Job, plan: Any) -> None:
        super().__init__()
        self._job = job
        self._plan = plan

    def expand(self, staged: beam.PCollection) -> Any:
        """Encodes every block by the plan, a side input."""
        return staged | "Encode" >> beam.ParDo(_EncodeBlock(self._job), self._plan).with_outputs(FACTS, main="segments")


class _EncodeBlock(ThreadedDoFn):
    def __init__(self, job: Job) -> None:
        super().__init__(job.threads)
        self._job = job

    @reporting
    def work(self, staged: StagedBlock, plan: PlanFiles) -> Iterator[Any]:
        key = done.digest_of([staged, plan]) if staged.sha256 and self._job.key else ""
        number = staged.index, staged.part
        yield from done.once(self._job, done.SEGMENT, number, key, _TYPES, lambda: self._encode(staged, plan))

    def _encode(self, staged: StagedBlock, plan: PlanFiles) -> Iterator[Any]:
        job = self._job
        batch = _load(files.read(staged.path))
        vocabularies = {name: load_vocabulary(*where) for name, where in plan.locations(job.output).items()}
        facts = WrittenFacts()
        refuses = job.spec.label.unknown == UnknownLabel.reject
        known = _known_labels(batch, vocabularies.get(LABEL) if refuses else None)
        if not known.all():
            batch = self._reject_unknown(staged, batch, known, vocabularies[LABEL], facts)
        if batch.num_rows:
            frequent = plan.frequent_ids()
            encoded = encode_block(batch, job.spec, vocabularies, plan.buckets, job.splits, plan.moments, frequent)
            facts.splits, facts.kept = encoded.facts, int(first_of_record(batch).sum())
            path = job.segment_path(staged.index, staged.part)
            segment = write_segment(path, encoded.frames, encoded.splits, encoded.buckets, encoded.index, job.splits)
            for group in segment.groups:
                facts.bytes[group.split, group.bucket] += group.bytes
            yield segment
        yield beam.pvalue.TaggedOutput(FACTS, facts)

    def _reject_unknown(
        self, staged: StagedBlock, batch: pa.RecordBatch, known: Mask, classes: Vocabulary, facts: WrittenFacts
    ) -> pa.RecordBatch:
        """Rejects records with all of their examples where any of these has a label that is not known."""
        first = first_of_record(batch)
        record = np.cumsum(first) - 1
        unknown = np.bincount(record, weights=~known).astype(bool)
        names = set(classes.tokens.to_pylist())
        places = np.flatnonzero(~known)
        rows = places[np.unique(record[places], return_index=True)[1]].tolist()  # the first one of each record
        rejected = [_reject_label(batch, i, names) for i in rows]
        found = list(zip(blocks_of(staged, batch, rows), rejected, strict=True))
        write_rejected(self._job, found, step_name("encode", staged, batch), staged.part)
        facts.rejected = Counter(item.reason for item in rejected)
        facts.offenders = {UNKNOWN_LABEL: first_offenders(found)}
        return batch.filter(pa.array(~unknown[record]))


def encode_block(
    batch: pa.RecordBatch,
    spec: DatasetSpec,
    vocabularies: Mapping[str, Vocabulary],
    buckets: Sequence[Bucket],
    split_names: list[str],
    moments: Mapping[str, Moments],
    frequent: Mapping[str, Sequence[int]],
) -> EncodedBlock:
    """Encodes staged examples; a class that is none of the known ones becomes -1.

    Args:
      batch: Columns as `StageBlocks` wrote them.
      spec: A resolved spec.
      vocabularies: By name of the token sequence, and "label" for classes.
      buckets: In rising order of length.
      split_names: What the column "split" is an index into.
      moments: By name of the series; their means fill missing numbers where the spec says so.
      frequent: By name of the token sequence or category: ids of the most frequent tokens, to be counted.
    """
    columns = _EncodedColumns(batch, spec, vocabularies, moments)
    features = columns.features(batch["id"])
    stored = spec.stored_as == StoredAs.sequence_example
    records = columns.sequence_examples(features) if stored else encode_examples(features)
    frames = frame(records)
    index = np.empty(batch.num_rows, INDEX_TYPE)
    index["order"] = batch["order"].to_numpy()
    index["length"] = columns.bucket_length
    index["size"] = pc.binary_length(frames).to_numpy(zero_copy_only=False)
    splits = batch["split"].to_numpy().astype(np.int64)
    facts, details = {}, EncodedFacts(features, columns.cut, columns.unknown, spec, vocabularies, frequent)
    for i in np.unique(splits):
        inside = splits == i
        own = records if inside.all() else records.filter(pa.array(inside))
        facts[split_names[i]] = columns.facts(inside)
        facts[split_names[i]].digest = records_digest(own.to_pylist())
        facts[split_names[i]].details = details.of(inside)
    return EncodedBlock(frames, splits, bucket_index(columns.bucket_length, buckets), index, facts)


class _EncodedColumns:
    """The columns of a block as numbers."""

    def __init__(
        self,
        batch: pa.RecordBatch,
        spec: DatasetSpec,
        vocabularies: Mapping[str, Vocabulary],
        moments: Mapping[str, Moments],
    ) -> None:
        sequences = {
            name: from_lists(batch[sequence_column(name)], steps_of(spec.sequences[name]))
            for name in sorted(spec.sequences)
        }
        for name in series_sequences(spec):
            sequences[name] = fill_means(sequences[name], spec.sequences[name], moments[name].mean)
        self.sequences = {name: _column(sequence, vocabularies.get(name)) for name, sequence in sequences.items()}
        self.lengths = {name: _lengths(batch, name, sequence) for name, sequence in sequences.items()}
        self.unknown = {
            name: _unknown_steps(column, vocabularies[name])
            for name, column in self.sequences.items()
            if isinstance(column, CodedColumn)
        }
        self.bucket_length = bucket_lengths(self.lengths, spec)
        self.cut = {name: batch[cut_column(name)].to_numpy() for name in self.sequences}
        self.beside = {
            name: _plain_column(from_lists(batch[beside_column(name)], dims)) for name, dims in beside_features(spec)
        }
        self.context = {
            name: _context_column(batch[context_column(name)], vocabularies.get(name)) for name in sorted(spec.context)
        }
        self.parents = _parents(batch) if PARENT in batch.schema.names else {}
        self.label = _label(batch, vocabularies.get(LABEL)) if LABEL in batch.schema.names else None
        self._has_classes = LABEL in vocabularies
        self._stored = stored_features(spec)

    def features(self, ids: pa.Array) -> dict[str, Column]:
        """Returns the stored features, as `schemas.manifest.stored_features` lists them."""
        features: dict[str, Column] = {"id": BytesColumn(ids)}
        features |= self.sequences | self.beside | self.context | self.parents
        for name, lengths in self.lengths.items():
            features[length_feature(name)] = Int64Column(lengths, one_each(len(lengths)))
        if self.label is not None:
            features[LABEL] = _plain_column(self.label)
        return features

    def sequence_examples(self, features: Mapping[str, Column]) -> pa.BinaryArray:
        """Returns the same features as `SequenceExample` messages, binary, (records,)."""
        steps = {}
        for stored in self._stored:
            column = features[stored.name]
            if not stored.variable or isinstance(column, BytesColumn):
                continue
            sizes = features.get(sizes_feature(stored.name))
            if isinstance(column, CodedColumn) and isinstance(sizes, Int64Column):
                steps[stored.name] = of_unequal_steps(column, sizes)
            else:
                steps[stored.name] = of_equal_steps(column, stored.dims)
        context = {name: column for name, column in features.items() if name not in steps}
        return encode_sequence_examples(context, steps)

    def facts(self, inside: Mask) -> SplitFacts:
        """Returns the facts of some of the records."""
        facts = SplitFacts(records=int(inside.sum()))
        facts.bucket_length.lengths = length_counts(self.bucket_length[inside])
        for name, lengths in self.lengths.items():
            cut, unknown = self.cut[name][inside], self.unknown.get(name)
            facts.sequences[name] = SequenceFacts(
                lengths=length_counts(lengths[inside]),
                cut_records=int((cut > 0).sum()),
                cut_steps=int(cut.sum()),
                oov_steps=0 if unknown is None else int(unknown[inside].sum()),
            )
        if self._has_classes and self.label is not None:
            facts.classes = length_counts(self.label.filter(inside).values.to_numpy())
        return facts


def _load(content: bytes) -> pa.RecordBatch:
    return pa.ipc.open_file(pa.py_buffer(content)).get_batch(0)


def _known_labels(batch: pa.RecordBatch, classes: Vocabulary | None) -> Mask:
    """Which records have only labels that the training split has, too."""
    if classes is None:
        return np.ones(batch.num_rows, bool)
    label = _label(batch, classes)
    return cast("Mask", count_in_rows(label.values.to_numpy() < 0, label.offsets) == 0)


def _reject_label(batch: pa.RecordBatch, i: int, known: Collection[str]) -> Rejected:
    label = batch[LABEL][i].as_py()
    unknown = sorted({name for name in (label if isinstance(label, list) else [label]) if name not in known})
    rule = (
        f"a label must occur in the training split, and {excerpt(canonical_json(unknown))} does not; "
        "give more training records, say label.unknown: keep, or allow it with --max_rejected"
    )
    received = canonical_json(label)
    path, offset, line = (batch[name][i].as_py() for name in (SOURCE, "offset", "line"))
    return Rejected(path, offset, line, UNKNOWN_LABEL, rule, excerpt(received)).placed(path, 0)


def _label(batch: pa.RecordBatch, classes: Vocabulary | None) -> Ragged:
    column = batch[LABEL]
    if not pa.types.is_list(column.type):
        values = column if classes is None else pa.array(classes.encode(column))
        return Ragged(values, one_each(len(column)))
    lists = from_lists(column)
    return lists if classes is None else replace(lists, values=pa.array(classes.encode(lists.values)))


def _column(sequence: Ragged, vocabulary: Vocabulary | None) -> Column:
    if vocabulary is None:
        return _plain_column(sequence)
    return CodedColumn(vocabulary.encode(sequence.values.dictionary), sequence.values.indices, sequence.offsets)


def _plain_column(sequence: Ragged) -> Column:
    values = sequence.values.to_numpy(zero_copy_only=False)
    if pa.types.is_integer(sequence.values.type):
        return Int64Column(values, sequence.offsets)
    return FloatColumn(values.astype(np.float32, copy=False), sequence.offsets)


def _lengths(batch: pa.RecordBatch, name: str, sequence: Ragged) -> Int64s:
    """Returns the steps of each record; where steps hold several values, their sizes say how many steps there are."""
    sizes = beside_column(sizes_feature(name))
    return from_lists(batch[sizes]).lengths if sizes in batch.schema.names else sequence.lengths


def _context_column(column: pa.Array, vocabulary: Vocabulary | None) -> Column:
    values = column if vocabulary is None else pa.array(vocabulary.encode(column))
    return _plain_column(Ragged(values, one_each(len(column))))


def _parents(batch: pa.RecordBatch) -> dict[str, Column]:
    starts = batch[START].to_numpy()
    return {PARENT_FEATURE: BytesColumn(batch[PARENT]), START_FEATURE: Int64Column(starts, one_each(len(starts)))}


def _unknown_steps(column: CodedColumn, vocabulary: Vocabulary) -> Int64s:
    """Returns how many tokens of each record are out of vocabulary, int64, (records,)."""
    unknown = vocabulary.is_unknown(column.distinct).take(column.codes.to_numpy())
    return count_in_rows(unknown, column.offsets)
