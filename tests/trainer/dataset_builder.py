"""Small data sets on disk, made of the contract's own parts and nothing of the pipeline's."""

import hashlib
import io
import json
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf

from schemas.buckets import bucket_index, plan_buckets
from schemas.contract import read_classes, read_vocabularies
from schemas.dataset_pb2 import DatasetSpec, StoredAs
from schemas.example import BytesColumn, Column, FloatColumn, Int64Column, encode_examples, frame, one_each
from schemas.formats.fields import fields_of
from schemas.formats.jsonl import parse_jsonl
from schemas.manifest import (
    MANIFEST_NAME,
    dump_manifest,
    index_path,
    length_feature,
    load_manifest,
    seal,
    shard_path,
    sizes_feature,
    stored_features,
    vocabulary_path,
)
from schemas.manifest_pb2 import Bucket, LengthStatistics, Manifest, Moments, Shard, Span, SplitStatistics
from schemas.manifest_pb2 import Vocabulary as VocabularyFile
from schemas.ragged import Ragged
from schemas.records.examples import ExampleBlock
from schemas.records.missing import fill_means
from schemas.records.validate import validate
from schemas.shard_index import POSITION
from schemas.spans.names import span_path
from schemas.spec import (
    CLASS,
    NUMBER,
    PER_STEP_CLASS,
    bucket_sequences,
    category_features,
    number_features,
    parse_spec,
    series_sequences,
    token_sequences,
    vocabulary_options,
)
from schemas.vocabulary import Vocabulary, as_tokens, dump_tokens, ranked

Records = Mapping[str, list[dict[str, Any]] | ExampleBlock]


def build_dataset(
    folder: Path,
    spec_text: str,
    records: Records,
    bounds: list[int] | None = None,
    shards: int = 2,
    base: Path | None = None,
    span: Span | None = None,
) -> Manifest:
    """Writes a data set.

    Args:
      folder: Where to; must not exist.
      spec_text: The spec, YAML.
      records: Raw records by split, or examples as `tests.trainer.example_blocks` makes them.
      bounds: max_length of every bucket but the last; none means the planned ones.
      shards: Shards of each split and bucket.
      base: Folder of a data set whose vocabularies, moments and buckets it takes.
      span: What the manifest says of it as a span; one that extends adds new tokens and classes behind the base's.

    Returns:
      Its manifest.
    """
    spec = parse_spec(spec_text)
    blocks = {split: _block(spec, items) for split, items in records.items()}
    manifest = Manifest(spec=spec, features=stored_features(spec))
    if span is not None:
        manifest.span.CopyFrom(span)
    vocabularies = _write_vocabularies(folder, spec, blocks.get("train"), manifest, base)
    if base is None:
        _add_moments(spec, blocks["train"], manifest)
    else:
        for name, moments in load_manifest(base).moments.items():
            manifest.moments[name].CopyFrom(moments)
    for block in blocks.values():
        _fill_means(spec, block, manifest)
    _add_statistics(spec, blocks, manifest)
    of_base = None if base is None else load_manifest(base).buckets
    manifest.buckets.extend(of_base or _buckets(manifest.statistics["train"], spec.buckets.count, bounds))
    for split in sorted(blocks):
        _write_split(folder, split, blocks[split], vocabularies, manifest, shards)
    (folder / MANIFEST_NAME).write_bytes(dump_manifest(seal(manifest)))
    return manifest


def build_span(
    root: Path,
    name: str,
    spec_text: str,
    records: Records,
    base: str = "",
    extends: bool = False,
    bounds: list[int] | None = None,
) -> Manifest:
    """Writes a data set as a span of a root; see `build_dataset`."""
    folder = None if not base else root / span_path(base)
    before = Manifest() if folder is None else load_manifest(folder)
    span = Span(
        name=name,
        base=base,
        base_fingerprint=before.fingerprint,
        extends=extends,
        generation=before.span.generation + int(extends),
    )
    return build_dataset(root / span_path(name), spec_text, records, bounds, base=folder, span=span)


def _block(spec: DatasetSpec, records: list[dict[str, Any]] | ExampleBlock) -> ExampleBlock:
    if isinstance(records, ExampleBlock):
        return records
    data = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    block = validate(parse_jsonl(data, fields_of(spec)), spec)
    assert not block.rejected, block.rejected[0]
    return block


def _write_vocabularies(
    folder: Path, spec: DatasetSpec, train: ExampleBlock | None, manifest: Manifest, base: Path | None
) -> dict[str, Vocabulary]:
    vocabularies = {}
    before = {} if base is None else read_vocabularies(base, load_manifest(base))
    if base is not None:
        before |= {"label": Vocabulary(pa.array(read_classes(base, load_manifest(base)), pa.string()), 0)}
    for name in (*token_sequences(spec), *category_features(spec)):
        options = vocabulary_options(spec, name)
        tokens = _merged(before.get(name), _ranked(train, name, options), manifest.span)
        manifest.vocabularies[name].CopyFrom(_write_tokens(folder, name, tokens, options.oov_buckets))
        vocabularies[name] = Vocabulary(tokens, 1 + options.oov_buckets)
    if spec.label.type in (CLASS, PER_STEP_CLASS):
        classes = _merged(before.get("label"), _classes(train), manifest.span)
        manifest.classes.CopyFrom(_write_tokens(folder, "label", classes, 0))
        vocabularies["label"] = Vocabulary(classes, 0)
    return vocabularies


def _ranked(train: ExampleBlock | None, name: str, options: Any) -> pa.StringArray:
    if train is None:
        return pa.array([], pa.string())
    values = train.context[name] if name in train.context else train.sequences[name].values.dictionary_decode()
    counts = pc.value_counts(values)
    table = pa.table({"token": counts.field("values"), "count": counts.field("counts")})
    return as_tokens(ranked(table, options.top_k, options.min_frequency)["token"], name)


def _classes(train: ExampleBlock | None) -> pa.StringArray:
    if train is None:
        return pa.array([], pa.string())
    label = train.label.values.dictionary_decode() if isinstance(train.label, Ragged) else train.label
    return pc.unique(label).sort()


def _merged(before: Vocabulary | None, found: pa.StringArray, span: Span) -> pa.StringArray:
    """Returns the entries of a base, and behind them new ones where they are added."""
    if before is None:
        return found
    new = found.filter(pc.invert(pc.is_in(found, before.tokens)))
    return pa.concat_arrays([before.tokens, new]) if span.extends else before.tokens


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
    columns |= {
        name: train.context[name].to_numpy(zero_copy_only=False).reshape(-1, 1) for name in number_features(spec)
    }
    for name, column in columns.items():
        values = column.astype(np.float64)
        if f"{name}/missing" in train.beside:
            missing = train.beside[f"{name}/missing"].values.to_numpy().reshape(values.shape)
            values = np.where(missing, np.nan, values)
        mean, variance = np.nanmean(values, axis=0).tolist(), np.nanvar(values, axis=0).tolist()
        manifest.moments[name].CopyFrom(Moments(count=len(values), mean=mean, variance=variance))


def _fill_means(spec: DatasetSpec, block: ExampleBlock, manifest: Manifest) -> None:
    for name in series_sequences(spec):
        means = manifest.moments[name].mean
        block.sequences[name] = fill_means(block.sequences[name], spec.sequences[name], means)


def _add_statistics(spec: DatasetSpec, blocks: Mapping[str, ExampleBlock], manifest: Manifest) -> None:
    for split, block in blocks.items():
        statistics = SplitStatistics(records=len(block), bucket_length=_length_statistics(_lengths(spec, block)))
        for name, lengths in _lengths_by_name(block).items():
            statistics.lengths[name].CopyFrom(_length_statistics(lengths))
        manifest.statistics[split].CopyFrom(statistics)


def _length_statistics(lengths: np.ndarray) -> LengthStatistics:
    counts = sorted(Counter(lengths.tolist()).items())
    return LengthStatistics(
        lengths=[length for length, _ in counts], counts=[count for _, count in counts], steps=int(lengths.sum())
    )


def _lengths(spec: DatasetSpec, block: ExampleBlock) -> np.ndarray:
    lengths = _lengths_by_name(block)
    return np.max([lengths[name] for name in bucket_sequences(spec)], axis=0)


def _lengths_by_name(block: ExampleBlock) -> dict[str, np.ndarray]:
    """Steps of each sequence; of characters: tokens."""
    return {name: block.beside.get(sizes_feature(name), sequence).lengths for name, sequence in block.sequences.items()}


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
    columns = _columns(block, vocabularies)
    assert sorted(columns) == [feature.name for feature in manifest.features]
    is_sequence_example = manifest.spec.stored_as == StoredAs.sequence_example
    records = _sequence_examples(columns, manifest) if is_sequence_example else encode_examples(columns)
    bucket_of = bucket_index(lengths, manifest.buckets)
    for bucket in range(len(manifest.buckets)):
        rows = np.flatnonzero(bucket_of == bucket)
        for index, part in enumerate(np.array_split(rows, count)):
            if len(part):
                manifest.shards.append(_write_shard(folder, split, (bucket, index, count), records, part, lengths))


def _columns(block: ExampleBlock, vocabularies: Mapping[str, Vocabulary]) -> dict[str, Column]:
    columns: dict[str, Column] = {"id": BytesColumn(block.ids.cast(pa.binary()))}
    for name, sequence in block.sequences.items():
        columns[length_feature(name)] = Int64Column(_lengths_by_name(block)[name], one_each(len(block)))
        if name in vocabularies:
            columns[name] = Int64Column(vocabularies[name].encode(sequence.values), sequence.offsets)
        else:
            columns[name] = FloatColumn(sequence.values.to_numpy(zero_copy_only=False), sequence.offsets)
    columns |= {name: _plain(steps.values, steps.offsets) for name, steps in block.beside.items()}
    for name, values in block.context.items():
        ids = pa.array(vocabularies[name].encode(values)) if name in vocabularies else values
        columns[name] = _plain(ids, one_each(len(block)))
    if block.parents is not None:
        columns["id/parent"] = BytesColumn(block.parents.ids.cast(pa.binary()))
        columns["id/start"] = Int64Column(block.parents.starts, one_each(len(block)))
    if isinstance(block.label, Ragged):
        columns["label"] = Int64Column(vocabularies["label"].encode(block.label.values), block.label.offsets)
    elif block.label is not None and "label" in vocabularies:
        columns["label"] = Int64Column(vocabularies["label"].encode(block.label), one_each(len(block)))
    elif block.label is not None:
        numbers = block.label.to_numpy(zero_copy_only=False).astype(np.float32)
        columns["label"] = FloatColumn(numbers, one_each(len(block)))
    return columns


def _plain(values: pa.Array, offsets: np.ndarray) -> Column:
    kind = FloatColumn if pa.types.is_floating(values.type) else Int64Column
    return kind(values.to_numpy(zero_copy_only=False), offsets)


def _sequence_examples(columns: Mapping[str, Column], manifest: Manifest) -> pa.BinaryArray:
    """One `tf.train.SequenceExample` per record, made by TensorFlow."""
    stored = {feature.name: feature for feature in manifest.features}
    sizes = {name.removesuffix("/sizes"): column for name, column in columns.items() if name.endswith("/sizes")}
    records = []
    for i in range(len(columns["id"].values)):
        record = tf.train.SequenceExample()
        for name, column in columns.items():
            values = _values_of(column, i)
            if not stored[name].variable:
                record.context.feature[name].CopyFrom(_feature(stored[name].dtype, values))
                continue
            dims = stored[name].dims
            cuts = np.cumsum(_values_of(sizes[name], i)) if name in sizes else range(dims, len(values) + 1, dims)
            steps = record.feature_lists.feature_list[name]
            for start, end in pairwise([0, *cuts]):
                steps.feature.append(_feature(stored[name].dtype, values[start:end]))
        records.append(record.SerializeToString(deterministic=True))
    return pa.array(records, pa.binary())


def _values_of(column: Any, i: int) -> list[Any]:
    if isinstance(column, BytesColumn):
        return [column.values[i].as_py()]
    return column.values[column.offsets[i] : column.offsets[i + 1]].tolist()


def _feature(dtype: str, values: list[Any]) -> Any:
    if dtype == "bytes":
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if dtype == "float":
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def _write_shard(
    folder: Path, split: str, place: tuple[int, int, int], records: pa.BinaryArray, rows: Any, lengths: Any
) -> Shard:
    bucket, index, count = place
    frames = frame(records.take(pa.array(rows))).to_pylist()
    content = b"".join(frames)
    sha256 = hashlib.sha256(content).hexdigest()
    path = shard_path(split, bucket, index, count, sha256)
    _write(folder / path, content)
    table = np.zeros(len(rows), POSITION)
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
