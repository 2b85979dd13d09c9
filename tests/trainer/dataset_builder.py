"""Small data sets on disk, made of the contract's own parts and nothing of the pipeline's."""

import hashlib
import io
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.buckets import bucket_index, plan_buckets
from schemas.dataset_pb2 import DatasetSpec
from schemas.example import BytesColumn, Column, FloatColumn, Int64Column, encode_examples, frame, one_each
from schemas.manifest import (
    MANIFEST_NAME,
    dump_manifest,
    index_path,
    length_feature,
    seal,
    shard_path,
    stored_features,
    vocabulary_path,
)
from schemas.manifest_pb2 import Bucket, LengthStatistics, Manifest, Moments, Shard, SplitStatistics
from schemas.manifest_pb2 import Vocabulary as VocabularyFile
from schemas.records.examples import ExampleBlock
from schemas.records.fields import fields_of
from schemas.records.jsonl import parse_jsonl
from schemas.records.ragged import Ragged
from schemas.records.validate import validate
from schemas.spec import CLASS, NUMBER, PER_STEP_CLASS, parse_spec, series_sequences, token_sequences
from schemas.vocabulary import Vocabulary, as_tokens, dump_tokens, ranked

Records = Mapping[str, list[dict[str, Any]]]


def build_dataset(
    folder: Path, spec_text: str, records: Records, bounds: list[int] | None = None, shards: int = 2
) -> Manifest:
    """Writes a data set.

    Args:
      folder: Where to; must not exist.
      spec_text: The spec, YAML.
      records: Raw records by split.
      bounds: max_length of every bucket but the last; none means the planned ones.
      shards: Shards of each split and bucket.

    Returns:
      Its manifest.
    """
    spec = parse_spec(spec_text)
    blocks = {split: _block(spec, items) for split, items in records.items()}
    manifest = Manifest(spec=spec, features=stored_features(spec))
    vocabularies = _write_vocabularies(folder, spec, blocks["train"], manifest)
    _add_moments(spec, blocks["train"], manifest)
    _add_statistics(spec, blocks, manifest)
    manifest.buckets.extend(_buckets(manifest.statistics["train"], spec.buckets.count, bounds))
    for split in sorted(blocks):
        _write_split(folder, split, blocks[split], vocabularies, manifest, shards)
    (folder / MANIFEST_NAME).write_bytes(dump_manifest(seal(manifest)))
    return manifest


def _block(spec: DatasetSpec, records: list[dict[str, Any]]) -> ExampleBlock:
    data = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    block = validate(parse_jsonl(data, fields_of(spec)), spec)
    assert not block.rejected, block.rejected[0]
    return block


def _write_vocabularies(
    folder: Path, spec: DatasetSpec, train: ExampleBlock, manifest: Manifest
) -> dict[str, Vocabulary]:
    vocabularies = {}
    for name in token_sequences(spec):
        options = spec.sequences[name].vocabulary
        counts = pc.value_counts(train.sequences[name].values.dictionary_decode())
        table = pa.table({"token": counts.field("values"), "count": counts.field("counts")})
        tokens = as_tokens(ranked(table, options.top_k, options.min_frequency)["token"], name)
        manifest.vocabularies[name].CopyFrom(_write_tokens(folder, name, tokens, options.oov_buckets))
        vocabularies[name] = Vocabulary(tokens, 1 + options.oov_buckets)
    if spec.label.type in (CLASS, PER_STEP_CLASS):
        label = train.label.values.dictionary_decode() if isinstance(train.label, Ragged) else train.label
        classes = pc.unique(label).sort()
        manifest.classes.CopyFrom(_write_tokens(folder, "label", classes, 0))
        vocabularies["label"] = Vocabulary(classes, 0)
    return vocabularies


def _write_tokens(folder: Path, name: str, tokens: pa.StringArray, oov_buckets: int) -> VocabularyFile:
    content = dump_tokens(tokens)
    sha256 = hashlib.sha256(content).hexdigest()
    path = vocabulary_path(name, sha256)
    _write(folder / path, content)
    return VocabularyFile(path=path, sha256=sha256, size=len(tokens), oov_buckets=oov_buckets)


def _add_moments(spec: DatasetSpec, train: ExampleBlock, manifest: Manifest) -> None:
    columns = {
        name: train.sequences[name].values.to_numpy(zero_copy_only=False).reshape(-1, spec.sequences[name].dims)
        for name in series_sequences(spec)
    }
    if spec.label.type == NUMBER:
        columns["label"] = train.label.to_numpy(zero_copy_only=False).reshape(-1, 1)
    for name, column in columns.items():
        values = column.astype(np.float64)
        manifest.moments[name].CopyFrom(
            Moments(count=len(values), mean=values.mean(axis=0).tolist(), variance=values.var(axis=0).tolist())
        )


def _add_statistics(spec: DatasetSpec, blocks: Mapping[str, ExampleBlock], manifest: Manifest) -> None:
    for split, block in blocks.items():
        statistics = SplitStatistics(records=len(block), bucket_length=_length_statistics(_lengths(spec, block)))
        for name, sequence in block.sequences.items():
            statistics.lengths[name].CopyFrom(_length_statistics(sequence.lengths))
        manifest.statistics[split].CopyFrom(statistics)


def _length_statistics(lengths: np.ndarray) -> LengthStatistics:
    counts = sorted(Counter(lengths.tolist()).items())
    return LengthStatistics(
        lengths=[length for length, _ in counts], counts=[count for _, count in counts], steps=int(lengths.sum())
    )


def _lengths(spec: DatasetSpec, block: ExampleBlock) -> np.ndarray:
    names = [spec.buckets.by] if spec.buckets.by else sorted(block.sequences)
    return np.max([block.sequences[name].lengths for name in names], axis=0)


def _buckets(train: SplitStatistics, count: int, bounds: list[int] | None) -> list[Bucket]:
    if bounds is None:
        histogram = train.bucket_length
        return plan_buckets(np.array(histogram.lengths), np.array(histogram.counts), count)
    starts = [0, *(bound + 1 for bound in bounds)]
    closed = [Bucket(min_length=low, max_length=high) for low, high in zip(starts, bounds, strict=False)]
    return [*closed, Bucket(min_length=starts[-1])]


def _write_split(
    folder: Path,
    split: str,
    block: ExampleBlock,
    vocabularies: Mapping[str, Vocabulary],
    manifest: Manifest,
    count: int,
) -> None:
    lengths = _lengths(manifest.spec, block)
    records = encode_examples(_columns(block, vocabularies))
    bucket_of = bucket_index(lengths, manifest.buckets)
    for bucket in range(len(manifest.buckets)):
        rows = np.flatnonzero(bucket_of == bucket)
        for index, part in enumerate(np.array_split(rows, count)):
            if len(part):
                manifest.shards.append(_write_shard(folder, split, (bucket, index, count), records, part, lengths))


def _columns(block: ExampleBlock, vocabularies: Mapping[str, Vocabulary]) -> dict[str, Column]:
    columns: dict[str, Column] = {"id": BytesColumn(block.ids.cast(pa.binary()))}
    for name, sequence in block.sequences.items():
        columns[length_feature(name)] = Int64Column(sequence.lengths, one_each(len(block)))
        if name in vocabularies:
            columns[name] = Int64Column(vocabularies[name].encode(sequence.values), sequence.offsets)
        else:
            columns[name] = FloatColumn(sequence.values.to_numpy(zero_copy_only=False), sequence.offsets)
    if isinstance(block.label, Ragged):
        columns["label"] = Int64Column(vocabularies["label"].encode(block.label.values), block.label.offsets)
    elif block.label is not None and "label" in vocabularies:
        columns["label"] = Int64Column(vocabularies["label"].encode(block.label), one_each(len(block)))
    elif block.label is not None:
        numbers = block.label.to_numpy(zero_copy_only=False).astype(np.float32)
        columns["label"] = FloatColumn(numbers, one_each(len(block)))
    return columns


def _write_shard(
    folder: Path, split: str, place: tuple[int, int, int], records: pa.BinaryArray, rows: Any, lengths: Any
) -> Shard:
    bucket, index, count = place
    frames = frame(records.take(pa.array(rows))).to_pylist()
    content = b"".join(frames)
    sha256 = hashlib.sha256(content).hexdigest()
    path = shard_path(split, bucket, index, count, sha256)
    _write(folder / path, content)
    table = np.zeros(len(rows), [("offset", "<i8"), ("length", "<i4")])
    table["offset"] = np.cumsum([0, *(len(item) for item in frames[:-1])])
    table["length"] = lengths[rows]
    buffer = io.BytesIO()
    np.save(buffer, table, allow_pickle=False)
    _write(folder / index_path(path), buffer.getvalue())
    return Shard(
        split=split,
        bucket=bucket,
        index=index,
        path=path,
        sha256=sha256,
        bytes=len(content),
        records=len(rows),
        steps=int(lengths[rows].sum()),
        min_length=int(lengths[rows].min()),
        max_length=int(lengths[rows].max()),
        index_path=index_path(path),
        index_sha256=hashlib.sha256(buffer.getvalue()).hexdigest(),
    )


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
