"""The manifest: what a data set folder holds, and the only thing that its readers trust."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from schemas.dataset_pb2 import DatasetSpec, Missing, SequenceType, Take
from schemas.errors import DataError
from schemas.manifest_pb2 import Manifest, Shard, StoredFeature
from schemas.messages import canonical_json, digest, fill, nearest, printable, to_plain
from schemas.spec import (
    CLASS,
    NUMBER,
    PER_STEP_CLASS,
    category_features,
    cuts_records,
    number_features,
    series_sequences,
    states_label,
    steps_of,
)
from schemas.vocabulary import first_token_id

FORMAT_VERSION = 1
SPAN_VERSION = 2  # of a span, which a release that knows of none would take for a data set of its own
MANIFEST_NAME = "manifest.json"
# Digits of a file's SHA-256 in its name: enough that two runs never write the same name with
# different content (2^48), short enough to read.
DIGEST_DIGITS = 12
# Of an example that is a piece of a record: the record's id, and the step with which it begins.
PARENT_FEATURE, START_FEATURE = "id/parent", "id/start"
# What the data fingerprint covers: the records and what was computed from them.
_DATA_FIELDS = ("features", "vocabularies", "classes", "statistics", "moments", "buckets")


def load_manifest(folder: str | Path) -> Manifest:
    """Reads the manifest of a data set on the local disk.

    Raises:
      DataError: There is no data set, or one of another format version, or its manifest was
        changed since it was written.
    """
    path = Path(folder) / MANIFEST_NAME
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(
            f"{folder}: holds no data set (no {MANIFEST_NAME}); write one with "
            f"`python -m pipeline run --spec SPEC --input PATTERN --output {folder}`"
        ) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    return parse_manifest(content, str(path))


def parse_manifest(content: bytes, path: str) -> Manifest:
    """Reads the content of a manifest file.

    Args:
      content: As `dump_manifest` made it.
      path: Of the file, for error texts.

    Raises:
      DataError: See `load_manifest`.
    """
    values = _values(content, path)
    manifest = _filled(values, path)
    if not _is_sealed(content, values) and manifest.fingerprint != fingerprint(manifest):
        raise DataError(f"{path}: does not fit its own fingerprint: it was changed by hand; write the data set again")
    for name in named_files(manifest):
        if not _is_within(name):
            raise DataError(
                f"{path}: names the file {printable(name)!r}, which lies outside of the data set's folder; it was not "
                "written by this pipeline, so do not use it"
            )
    return manifest


def parse_fields(content: bytes, path: str, fields: Collection[str]) -> Manifest:
    """Reads some fields of a manifest file, in a small part of the time, without the check that nobody has changed it.

    Args:
      content: As `dump_manifest` made it.
      path: Of the file, for error texts.
      fields: Names of the fields.

    Raises:
      DataError: It is no manifest, of another format version, or damaged.
    """
    return _filled({name: value for name, value in _values(content, path).items() if name in fields}, path)


def _values(content: bytes, path: str) -> dict[str, Any]:
    """Returns the fields of a manifest as plain values, once its format version is known to be one that is read."""
    try:
        values: dict[str, Any] = json.loads(content)
        version = values["format_version"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise DataError(f"{path}: is no manifest; it is damaged or was not written by this pipeline") from None
    if version not in (FORMAT_VERSION, SPAN_VERSION):
        raise DataError(
            f"{path}: has format version {version!r}; this release reads {FORMAT_VERSION} and {SPAN_VERSION}; "
            "write the data set again or install the release that wrote it"
        )
    return values


def _filled(values: Mapping[str, Any], path: str) -> Manifest:
    try:
        return fill(Manifest(), values)
    except DataError as error:
        raise DataError(f"{path}: is damaged: {error}") from None


def _is_sealed(content: bytes, values: Mapping[str, Any]) -> bool:
    """Returns whether the bytes of a manifest file are those that its fingerprint was computed from.

    What `dump_manifest` makes is what `fingerprint` hashes, with one member more, so that it takes no second form of it
    to check: in a fourth of the time. Any other form of the same values (white space) is left to `fingerprint`.

    Args:
      content: Of the file.
      values: Its fields, in the order in which they stand there.
    """
    member = canonical_json({"fingerprint": values.get("fingerprint")})[1:-1] + b","
    before, found, behind = content.partition(member)
    # A value within could be the same text, but then not that of its own SHA-256.
    if not found or member in behind or list(values) != sorted(values):
        return False
    sealed = hashlib.sha256(before + behind).hexdigest()
    return bool(sealed == values["fingerprint"])


def _is_within(path: str) -> bool:
    """Returns whether a path leads to no other folder than the one that it is relative to, or one within it."""
    parts = path.replace("\\", "/").split("/")
    return bool(parts[0]) and ".." not in parts and ":" not in parts[0]


def dump_manifest(manifest: Manifest) -> bytes:
    """Returns the content of a manifest file: canonical JSON."""
    return canonical_json(to_plain(manifest))


def seal(manifest: Manifest) -> Manifest:
    """Sets the format version and both fingerprints of an otherwise finished manifest."""
    manifest.format_version = SPAN_VERSION if manifest.HasField("span") else FORMAT_VERSION
    manifest.data_fingerprint = data_fingerprint(manifest)
    manifest.fingerprint = fingerprint(manifest)
    return manifest


def fingerprint(manifest: Manifest) -> str:
    """Returns the SHA-256 over all of a manifest but its fingerprint."""
    return digest({name: value for name, value in to_plain(manifest).items() if name != "fingerprint"})


def data_fingerprint(manifest: Manifest) -> str:
    """Returns the SHA-256 over the records and what was computed from them."""
    return digest(to_plain(manifest, _DATA_FIELDS))


def stored_features(spec: DatasetSpec) -> list[StoredFeature]:
    """Returns what a parser finds in each record of a data set, sorted by name."""
    features = [_one("id", "bytes")]
    for name, feature in spec.sequences.items():
        dtype = "float" if name in series_sequences(spec) else "int64"
        features += [_many(name, dtype, steps_of(feature)), _one(length_feature(name), "int64")]
    kinds = {missing_feature: "int64", since_feature: "float", sizes_feature: "int64"}
    for stored, dims in beside_features(spec):
        name = stored.split("/")[0]
        features.append(_many(stored, next(kind for of, kind in kinds.items() if of(name) == stored), dims))
    features += [_one(name, "int64") for name in category_features(spec)]
    features += [_one(name, "float") for name in number_features(spec)]
    if cuts_records(spec):
        features += [_one(PARENT_FEATURE, "bytes"), _one(START_FEATURE, "int64")]
    if states_label(spec):
        kinds_of_label = {
            CLASS: _one("label", "int64"),
            NUMBER: _one("label", "float"),
            PER_STEP_CLASS: _many("label", "int64", 1),
        }
        features.append(kinds_of_label[spec.label.type])
    return sorted(features, key=lambda feature: feature.name)


def beside_features(spec: DatasetSpec) -> list[tuple[str, int]]:
    """Returns the stored features that say something of each step beside its values, and values a step."""
    found = []
    for name, feature in sorted(spec.sequences.items()):
        if feature.type == SequenceType.series and feature.missing != Missing.reject:
            found.append((missing_feature(name), feature.dims))
        if feature.HasField("time"):
            found.append((since_feature(name), 1))
        if feature.derive.take == Take.characters:
            found.append((sizes_feature(name), 1))
    return found


def missing_feature(series: str) -> str:
    """Returns the name of the stored feature that says which numbers of a series were missing (1) and are filled."""
    return f"{series}/missing"


def since_feature(series: str) -> str:
    """Returns the name of the stored feature that holds the seconds since the frame before."""
    return f"{series}/since"


def sizes_feature(sequence: str) -> str:
    """Returns the name of the stored feature that holds the number of characters of each token."""
    return f"{sequence}/sizes"


def length_feature(sequence: str) -> str:
    """Returns the name of the stored feature that holds the length of a sequence."""
    return f"{sequence}/length"


def shards_of(manifest: Manifest, split: str) -> list[Shard]:
    """Returns the shards of one split, sorted by bucket and index.

    Raises:
      DataError: The data set has no such split.
    """
    if split not in manifest.statistics:
        raise DataError(f"split '{split}': is not in this data set; {nearest(split, manifest.statistics)}")
    return [shard for shard in manifest.shards if shard.split == split]


def shard_path(split: str, bucket: int, index: int, count: int, sha256: str) -> str:
    """Returns the path of a shard relative to the data set's folder.

    Args:
      split: Its split.
      bucket: Its bucket, from 0.
      index: Its place among the shards of this split and bucket, from 0.
      count: Number of these shards.
      sha256: Of its content, in hexadecimal.
    """
    return f"{split}/bucket-{bucket:02d}-shard-{index:05d}-of-{count:05d}-{sha256[:DIGEST_DIGITS]}.tfrecord"


def index_path(shard: str) -> str:
    """Returns the path of the index beside a shard."""
    return f"{shard.removesuffix('.tfrecord')}.index"


def vocabulary_path(name: str, sha256: str) -> str:
    """Returns the path of a vocabulary file relative to the data set's folder."""
    return f"vocabulary/{name}-{sha256[:DIGEST_DIGITS]}.txt"


def tokenizer_path(name: str, sha256: str) -> str:
    """Returns the path of a tokenizer file relative to the data set's folder."""
    return f"vocabulary/{name}-{sha256[:DIGEST_DIGITS]}.json"


def statistics_path(name: str, sha256: str) -> str:
    """Returns the path of a file of statistics relative to the data set's folder.

    Args:
      name: Its plain name, such as statistics.json.
      sha256: Of its content, in hexadecimal.
    """
    stem, ending = name.split(".")
    return f"statistics/{stem}-{sha256[:DIGEST_DIGITS]}.{ending}"


def named_files(manifest: Manifest) -> dict[str, str]:
    """Returns every file that a manifest names, with its SHA-256."""
    files = {shard.path: shard.sha256 for shard in manifest.shards}
    files |= {shard.index_path: shard.index_sha256 for shard in manifest.shards}
    vocabularies: Iterable[Any] = [
        *manifest.vocabularies.values(),
        manifest.classes,
        *manifest.rejected_files,
        *manifest.tokenizers.values(),
        *manifest.statistics_files,
    ]
    return files | {entry.path: entry.sha256 for entry in vocabularies if entry.path}


def _one(name: str, dtype: str) -> StoredFeature:
    return StoredFeature(name=name, dtype=dtype, variable=False, dims=1)


def _many(name: str, dtype: str, dims: int) -> StoredFeature:
    return StoredFeature(name=name, dtype=dtype, variable=True, dims=dims)


def id_count(manifest: Manifest, name: str) -> int:
    """Returns how many ids a token sequence or category has, padding and those out of vocabulary included."""
    vocabulary = manifest.vocabularies[name]
    return int(first_token_id(vocabulary.oov_buckets) + vocabulary.size)
