"""Checks a published data set against its manifest, byte by byte."""

import hashlib
import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline import files
from pipeline.plain_files import check_plain_files, is_behind, unnamed_files
from schemas.buckets import bucket_index
from schemas.errors import DataError
from schemas.example import DIGEST_MODULUS, frame_contents, frame_offsets, records_digest
from schemas.manifest import MANIFEST_NAME, data_fingerprint, dump_manifest, named_files, parse_manifest
from schemas.manifest_pb2 import Counts, EventCounts, Manifest, Shard, SplitStatistics
from schemas.spec import cuts_records
from schemas.vocabulary import parse_tokens


@dataclass
class _SplitContent:
    """What the shards of a split hold together."""

    lengths: Counter[int] = field(default_factory=Counter)
    digest: int = 0


def verify(folder: str) -> dict[str, Any]:
    """Recomputes the digests and counts of a data set.

    Returns:
      What was checked; under "problems" one line for each file that differs; under "unnamed" files in the folder
      that are no part of the data set, which is no problem; under "unfinished" whether what is written after the
      manifest is still that of the data set before, which the next run there puts right.

    Raises:
      DataError: There is no readable manifest.
    """
    path = files.join(folder, MANIFEST_NAME)
    if not files.exists(path):
        raise DataError(f"{folder}: holds no data set (no {MANIFEST_NAME}) and no spans; check the path")
    content = files.read(path)
    manifest = parse_manifest(content, path)
    whole = _Files(folder, named_files(manifest))
    wrong = _check_contents(whole, manifest)
    for name in sorted(whole.unread):
        whole.read(name)
    problems = [whole.changed[name] for name in sorted(whole.changed)]
    if not problems:
        problems = [*wrong, *check_plain_files(folder, manifest)]
    if dump_manifest(manifest) != content:
        problems.append(f"{path}: is not in canonical form; it was changed by hand; write the data set again")
    return {
        "folder": folder,
        "fingerprint": manifest.fingerprint,
        "files": len(named_files(manifest)),
        "records": sum(shard.records for shard in manifest.shards),
        "unnamed": unnamed_files(folder, manifest),
        "unfinished": is_behind(folder, manifest),
        "problems": problems,
    }


class _Files:
    """The files of a data set, each of which is read once, to look at its digest and at what it holds.

    Attributes:
      unread: Names of those that nobody has read.
      changed: A line, by name, for each that is not what the manifest says.
    """

    def __init__(self, folder: str, stated: Mapping[str, str]) -> None:
        self._folder, self._stated = folder, stated
        self.unread = set(stated)
        self.changed: dict[str, str] = {}

    def read(self, name: str) -> bytes | None:
        """Returns the content of a file; None where it is missing or not what the manifest says."""
        self.unread.discard(name)
        path, sha256 = files.join(self._folder, name), self._stated[name]
        try:
            content = files.read(path)
        except DataError:
            if files.exists(path):
                raise
            self.changed[name] = f"{path}: is missing; write the data set again"
            return None
        found = hashlib.sha256(content).hexdigest()
        if found == sha256:
            return content
        self.changed[name] = (
            f"{path}: has SHA-256 {found[:12]}…, the manifest says {sha256[:12]}…; it was changed; "
            "write the data set again"
        )
        return None


def _check_contents(whole: _Files, manifest: Manifest) -> list[str]:
    """What digests cannot show: that the manifest itself is right. Means nothing where a file was changed."""
    problems = []
    found: dict[str, _SplitContent] = {name: _SplitContent() for name in sorted(manifest.statistics)}
    for shard in manifest.shards:
        data, index = whole.read(shard.path), whole.read(shard.index_path)
        if data is None or index is None:
            continue
        try:
            problems += _check_shard(data, index, shard, manifest, found[shard.split])
        except DataError as error:
            problems.append(str(error))
    for name, content in found.items():
        problems += _check_split(name, content, manifest.statistics[name])
    problems += _check_counts(manifest)
    for entry in [*manifest.vocabularies.values(), *([manifest.classes] if manifest.classes.path else [])]:
        tokens = whole.read(entry.path)
        if tokens is not None:
            problems += _differs(f"{entry.path}: entries", len(parse_tokens(tokens, entry.path)), entry.size)
    for file in manifest.rejected_files:
        lines = whole.read(file.path)
        if lines is not None:
            problems += _differs(f"{file.path}: records", lines.count(b"\n"), file.records)
    return problems


def _check_counts(manifest: Manifest) -> list[str]:
    counts, events = manifest.counts, manifest.counts.events
    rejected = sum(counts.rejected.values()) + sum(events.rejected.values())
    grouped = manifest.spec.HasField("group")
    return [
        *_differs("data_fingerprint", data_fingerprint(manifest), manifest.data_fingerprint),
        *_differs("records kept, rejected and dropped", _accounted(counts), counts.read),
        *_differs("events kept, rejected and dropped", _accounted(events), events.read),
        *_differs("examples", sum(split.records for split in manifest.statistics.values()), counts.examples),
        *([] if cuts_records(manifest.spec) else _differs("records kept", counts.examples, counts.kept)),
        *_differs("records rejected", sum(file.records for file in manifest.rejected_files), rejected),
        *_differs(
            "events of all inputs" if grouped else "records of all inputs",
            sum(file.records for file in manifest.inputs),
            events.read if grouped else counts.read,
        ),
    ]


def _accounted(counts: Counts | EventCounts) -> int:
    return counts.kept + sum(counts.rejected.values()) + sum(counts.dropped.values())


def _check_split(name: str, content: _SplitContent, statistics: SplitStatistics) -> list[str]:
    histogram = statistics.bucket_length
    stated = dict(zip(histogram.lengths, histogram.counts, strict=False))
    return [
        *_differs(f"split {name}: records", content.lengths.total(), statistics.records),
        *_differs(f"split {name}: lengths and their counts", dict(content.lengths), stated),
        *_differs(f"split {name}: digest of the records", f"{content.digest:064x}", statistics.records_digest),
    ]


def _check_shard(data: bytes, index_data: bytes, shard: Shard, manifest: Manifest, content: _SplitContent) -> list[str]:
    offsets = frame_offsets(data, shard.path)
    index = np.load(io.BytesIO(index_data), allow_pickle=False)
    if len(index) != len(offsets) - 1 or not np.array_equal(index["offset"], offsets[:-1]):
        return [f"{shard.index_path}: does not point at the records of its shard; write the data set again"]
    lengths = index["length"]
    content.lengths.update(lengths.tolist())
    content.digest = (content.digest + records_digest(frame_contents(data, offsets))) % DIGEST_MODULUS
    if (bucket_index(lengths, manifest.buckets) != shard.bucket).any():
        return [f"{shard.path}: holds a record of a length that is not of bucket {shard.bucket}"]
    return [
        *_differs(f"{shard.path}: bytes", len(data), shard.bytes),
        *_differs(f"{shard.path}: records", len(lengths), shard.records),
        *_differs(f"{shard.path}: steps", int(lengths.sum(dtype=np.int64)), shard.steps),
        *_differs(f"{shard.path}: shortest", int(lengths.min(initial=2**31 - 1)), shard.min_length),
        *_differs(f"{shard.path}: longest", int(lengths.max(initial=0)), shard.max_length),
    ]


def _differs(what: str, found: object, stated: object) -> list[str]:
    return [] if found == stated else [f"{what}: {found} found, the manifest says {stated}; write the data set again"]
