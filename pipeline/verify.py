"""Checks a published data set against its manifest, byte by byte."""

import hashlib
import io
from typing import Any

import numpy as np

from pipeline import files
from schemas.buckets import bucket_index
from schemas.errors import DataError
from schemas.example import frame_offsets
from schemas.manifest import MANIFEST_NAME, named_files, parse_manifest
from schemas.manifest_pb2 import Manifest, Shard
from schemas.vocabulary import parse_tokens


def verify(folder: str) -> dict[str, Any]:
    """Recomputes the digests and counts of a data set.

    Returns:
      What was checked, and under "problems" one line for each file that differs.

    Raises:
      DataError: There is no readable manifest.
    """
    path = files.join(folder, MANIFEST_NAME)
    if not files.exists(path):
        raise DataError(f"{folder}: holds no data set (no {MANIFEST_NAME}); check the path")
    manifest = parse_manifest(files.read(path), path)
    problems: list[str] = []
    for name, sha256 in sorted(named_files(manifest).items()):
        problems += _check_file(folder, name, sha256)
    if not problems:
        problems = _check_contents(folder, manifest)
    return {
        "folder": folder,
        "fingerprint": manifest.fingerprint,
        "files": len(named_files(manifest)),
        "records": sum(shard.records for shard in manifest.shards),
        "problems": problems,
    }


def _check_file(folder: str, name: str, sha256: str) -> list[str]:
    path = files.join(folder, name)
    if not files.exists(path):
        return [f"{path}: is missing; write the data set again"]
    found = hashlib.sha256(files.read(path)).hexdigest()
    if found == sha256:
        return []
    return [
        f"{path}: has SHA-256 {found[:12]}…, the manifest says {sha256[:12]}…; it was changed; write the data set again"
    ]


def _check_contents(folder: str, manifest: Manifest) -> list[str]:
    """What digests cannot show: that the manifest itself was right."""
    problems = []
    for shard in manifest.shards:
        try:
            problems += _check_shard(folder, shard, manifest)
        except DataError as error:
            problems.append(str(error))
    for name, statistics in manifest.statistics.items():
        records = sum(shard.records for shard in manifest.shards if shard.split == name)
        if records != statistics.records:
            problems.append(f"split {name}: {records} records in shards, the manifest says {statistics.records}")
    for entry in [*manifest.vocabularies.values(), *([manifest.classes] if manifest.classes.path else [])]:
        size = len(parse_tokens(files.read(files.join(folder, entry.path)), entry.path))
        if size != entry.size:
            problems.append(f"{entry.path}: has {size} entries, the manifest says {entry.size}")
    return problems


def _check_shard(folder: str, shard: Shard, manifest: Manifest) -> list[str]:
    offsets = frame_offsets(files.read(files.join(folder, shard.path)), shard.path)
    index = np.load(io.BytesIO(files.read(files.join(folder, shard.index_path))), allow_pickle=False)
    problems = []
    if len(offsets) - 1 != shard.records:
        problems.append(f"{shard.path}: holds {len(offsets) - 1} records, the manifest says {shard.records}")
    elif len(index) != shard.records or not np.array_equal(index["offset"], offsets[:-1]):
        problems.append(f"{shard.index_path}: does not point at the records of its shard")
    elif (bucket_index(index["length"], manifest.buckets) != shard.bucket).any():
        problems.append(f"{shard.path}: holds a record of a length that is not of bucket {shard.bucket}")
    elif int(index["length"].sum(dtype=np.int64)) != shard.steps:
        problems.append(f"{shard.path}: holds {index['length'].sum()} steps, the manifest says {shard.steps}")
    return problems
