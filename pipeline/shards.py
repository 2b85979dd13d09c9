"""Shards: each is one range of the order of a split and bucket, gathered from all segments.

Which records a shard holds and in which order follows from their ids alone, so that any runner,
any number of workers and any retry writes the same bytes under the same name.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import files
from pipeline.failure import reporting
from pipeline.job import Job
from pipeline.plan import plan_shards, shard_starts
from pipeline.segments import INDEX_TYPE, Index, Segment, groups_of, joined, npy, read_rows
from pipeline.split_facts import WrittenFacts
from pipeline.spread import Spread
from pipeline.threads import ThreadedDoFn
from schemas.binary import binary_column
from schemas.buckets import Int64s
from schemas.manifest import index_path, shard_path
from schemas.manifest_pb2 import Shard

_PIECE_BYTES = 1 << 20
_POSITION = np.dtype([("offset", "<i8"), ("length", "<i4")])


@dataclass(frozen=True)
class ShardTask:
    """A shard to write.

    Attributes:
      number: Its place among all shards.
      split: Its split.
      bucket: Its bucket.
      index: Its place among the shards of this split and bucket.
      count: Number of these.
      least: Least order of its records.
      beyond: Least order that is beyond it.
    """

    number: int
    split: str
    bucket: int
    index: int
    count: int
    least: int
    beyond: int


def shard_tasks(group_bytes: Mapping[tuple[str, int], int], shard_bytes: int) -> list[ShardTask]:
    """Returns the shards to write, sorted.

    Args:
      group_bytes: Bytes of all records of each split and bucket.
      shard_bytes: Most bytes of a shard, on average over those of a split and bucket.
    """
    tasks: list[ShardTask] = []
    for (split, bucket), total in sorted(group_bytes.items()):
        starts = [*shard_starts(plan_shards(total, shard_bytes)), 1 << 64]
        count = len(starts) - 1
        first = len(tasks)
        tasks += [ShardTask(first + i, split, bucket, i, count, starts[i], starts[i + 1]) for i in range(count)]
    return tasks


class WriteShards(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """PCollection of one `WrittenFacts` → PCollection of `Shard`; the segments are a side input."""

    def __init__(self, job: Job, segments: Any) -> None:
        super().__init__()
        self._job = job
        self._segments = segments

    def expand(self, facts: beam.PCollection) -> beam.PCollection:
        """Writes every shard whole."""
        shard_bytes = self._job.shard_bytes
        return (
            facts
            | "Plan shards" >> beam.FlatMap(_numbered_tasks, shard_bytes)
            | "Spread shards" >> Spread()
            | "Write shard" >> beam.ParDo(_WriteShard(self._job), self._segments)
        )


def _numbered_tasks(facts: WrittenFacts, shard_bytes: int) -> list[tuple[int, ShardTask]]:
    return [(task.number, task) for task in shard_tasks(facts.bytes, shard_bytes)]


class _WriteShard(ThreadedDoFn):
    def __init__(self, job: Job) -> None:
        super().__init__(job.threads)
        self._job = job

    @reporting
    def work(self, task: ShardTask, segments: list[Segment]) -> Iterator[Shard]:
        frames, rows = read_frames(task, segments)
        if not len(frames):
            return
        order = _order(frames, rows)
        rows = rows[order]
        path, sha256 = self._write(task, frames, order, rows)
        positions = np.empty(len(rows), _POSITION)
        positions["offset"] = np.cumsum(rows["size"], dtype=np.int64) - rows["size"]
        positions["length"] = rows["length"]
        index = npy(positions)
        files.write(files.join(self._job.output, index_path(path)), index)
        yield Shard(
            split=task.split,
            bucket=task.bucket,
            index=task.index,
            path=path,
            sha256=sha256,
            bytes=int(rows["size"].sum(dtype=np.int64)),
            records=len(rows),
            steps=int(rows["length"].sum(dtype=np.int64)),
            min_length=int(rows["length"].min()),
            max_length=int(rows["length"].max()),
            index_path=index_path(path),
            index_sha256=hashlib.sha256(index).hexdigest(),
        )

    def _write(self, task: ShardTask, frames: pa.BinaryArray, order: Int64s, rows: Index) -> tuple[str, str]:
        """Writes the frames in order; returns path and SHA-256 of the shard."""
        digest = hashlib.sha256()

        def pieces() -> Iterator[memoryview]:
            for part in _parts(rows):
                piece = joined(frames.take(pa.array(order[part])))
                digest.update(piece)
                yield piece

        def path() -> str:
            return shard_path(task.split, task.bucket, task.index, task.count, digest.hexdigest())

        job = self._job
        files.write_pieces(job.unfinished_path(task.number), pieces(), lambda: files.join(job.output, path()))
        return path(), digest.hexdigest()


def _parts(rows: Index) -> list[slice]:
    """Returns the rows of each piece that is copied at a time."""
    ends = np.cumsum(rows["size"], dtype=np.int64)
    cuts = np.unique(np.searchsorted(ends, np.arange(0, int(ends[-1]), _PIECE_BYTES)))
    return [slice(start, end) for start, end in pairwise([*cuts.tolist(), len(rows)])]


def read_frames(task: ShardTask, segments: Iterable[Segment]) -> tuple[pa.BinaryArray, Index]:
    """Returns the frames that a shard holds and their index rows, segment after segment."""
    pieces = [
        (segment.path, *read_rows(segment, group, task.least, task.beyond))
        for segment, group in groups_of(segments, task.split, task.bucket)
    ]
    rows = np.concatenate([np.empty(0, INDEX_TYPE), *(rows for _, rows, _ in pieces)])
    ends = np.concatenate([[0], np.cumsum(rows["size"], dtype=np.int64)])
    # Read to where they belong: a shard is the largest thing that a worker holds.
    data = np.empty(int(ends[-1]), np.uint8)
    at = 0
    for path, some, start in pieces:
        size = int(some["size"].sum(dtype=np.int64))
        files.read_into(path, start, data.data[at : at + size])
        at += size
    return binary_column(data, ends), rows


def _order(frames: pa.BinaryArray, rows: Index) -> Int64s:
    """Returns the places of all records sorted by order; of records of one order, by their bytes."""
    order = np.argsort(rows["order"], kind="stable")
    if (np.diff(rows["order"][order]) == 0).any():
        keys = pa.table({"order": rows["order"], "frame": frames})
        order = pc.sort_indices(keys, sort_keys=[("order", "ascending"), ("frame", "ascending")]).to_numpy()
    return order.astype(np.int64)
