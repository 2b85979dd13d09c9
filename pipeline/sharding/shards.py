"""Shards: each is one range of the order of a split and bucket, gathered from all segments.

Which records a shard holds and in which order follows from their ids alone, so that any runner,
any number of workers and any retry writes the same bytes under the same name.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import files
from pipeline.at_once import at_once
from pipeline.failure import reporting
from pipeline.job import Job
from pipeline.plan import plan_shards, shard_starts
from pipeline.recording import pieces_digest, recording
from pipeline.resuming import done
from pipeline.sharding.gathered_files import GatheredSegment, read_gathered
from pipeline.sharding.segments import Group, Index, Segment, groups_of, in_order, npy, read_rows, rows_between
from pipeline.split_facts import WrittenFacts
from pipeline.spread import Spread
from pipeline.threads import ThreadedDoFn
from schemas.binary import binary_column
from schemas.buckets import Int64s
from schemas.manifest import index_path, shard_path
from schemas.manifest_pb2 import Shard
from schemas.shard_index import POSITION

_PART_BYTES = 2 << 20  # of a shard, held in memory at a time
_LEAST_READ = 16 << 10  # of one segment for a part, on average: opening a file costs as much
_LEAST_READ_GATHERED = 128 << 10  # of gathered ones, which may lie on a shared disk
# Where each read is a request that takes as long as some hundred KiB, and is paid for.
_REMOTE_PART_BYTES = 16 << 20
_REMOTE_LEAST_READ = 256 << 10

AnySegment = Segment | GatheredSegment
_Source = tuple[AnySegment, Group | None]  # a group where a segment has one for each split and bucket


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


@dataclass(frozen=True)
class Piece:
    """What a shard takes of one segment.

    Attributes:
      path: Of the segment.
      rows: INDEX_TYPE, (records,), sorted by order.
      start: Byte at which the first frame begins; the others follow.
    """

    path: str
    rows: Index
    start: int

    def between(self, least: int, beyond: int) -> "Piece":
        """Returns the records with least <= order < beyond."""
        first, last = rows_between(self.rows, least, beyond)
        return Piece(self.path, self.rows[first:last], self.start + int(self.rows["size"][:first].sum(dtype=np.int64)))


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
    def work(self, task: ShardTask, segments: list[AnySegment]) -> Iterator[Shard]:
        key = _key(task, segments) if self._job.key else ""
        yield from done.once(
            self._job, done.SHARD, (task.number,), key, {"Shard": Shard}, lambda: self._write_shard(task, segments)
        )

    def _write_shard(self, task: ShardTask, segments: list[AnySegment]) -> Iterator[Shard]:
        pieces = find_pieces(task, segments)
        if not pieces:
            return
        gathered = any(isinstance(segment, GatheredSegment) for segment in segments)
        part_bytes = part_bytes_of(len(pieces), gathered, files.is_local(self._job.output))
        path, sha256, rows = self._write(task, pieces, part_bytes)
        positions = np.empty(len(rows), POSITION)
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

    def _write(self, task: ShardTask, pieces: list[Piece], part_bytes: int) -> tuple[str, str, Index]:
        """Writes the records of a shard in order; returns its path, its SHA-256 and all index rows."""
        written: list[Index] = []

        def parts() -> Iterator[memoryview]:
            for least, beyond in pairwise([task.least, *part_starts(pieces, part_bytes), task.beyond]):
                frames, rows = read_part(pieces, least, beyond)
                order = order_of(frames, rows)
                written.append(rows[order])
                yield in_order(frames, order)

        def path() -> str:
            return shard_path(task.split, task.bucket, task.index, task.count, pieces_digest())

        job = self._job
        with recording() as whole:  # which digests what is written
            files.write_pieces(job.unfinished_path(task.number), parts(), lambda: files.join(job.output, path()))
        return path(), whole[0].sha256, np.concatenate(written)


def _key(task: ShardTask, segments: Iterable[AnySegment]) -> str:
    """Returns the digest of what a shard is made of; empty where the digest of a segment is unknown."""
    of = sorted(segment.sha256 for segment, _ in _sources(task, segments))
    return done.digest_of([task, of]) if all(of) else ""


def find_pieces(task: ShardTask, segments: Iterable[AnySegment]) -> list[Piece]:
    """Returns what a shard takes of each segment that holds any of it."""

    def piece_of(source: _Source) -> Piece:
        segment, group = source
        if isinstance(segment, GatheredSegment):
            return Piece(segment.path, *read_gathered(segment, task.number))
        return Piece(segment.path, *read_rows(segment, cast("Group", group), task.least, task.beyond))

    sources = list(_sources(task, segments))
    found = at_once(piece_of, sources, sources[0][0].path) if sources else []
    return [piece for piece in found if len(piece.rows)]


def _sources(task: ShardTask, segments: Iterable[AnySegment]) -> Iterator[_Source]:
    """Yields the segments that may hold records of a shard, and where."""
    for segment in segments:
        if isinstance(segment, GatheredSegment):
            yield segment, None
        else:
            yield from groups_of([segment], task.split, task.bucket)


def part_bytes_of(pieces: int, gathered: bool, local: bool) -> int:
    """Returns the bytes of a part of a shard: little memory, but not so little that the reads get too small.

    Args:
      pieces: Segments of which the shard takes records.
      gathered: Whether they are gathered ones.
      local: Whether they lie on the local disk.
    """
    if not local:
        return max(_REMOTE_PART_BYTES, _REMOTE_LEAST_READ * pieces)
    return max(_PART_BYTES, (_LEAST_READ_GATHERED if gathered else _LEAST_READ) * pieces)


def part_starts(pieces: Sequence[Piece], part_bytes: int) -> list[int]:
    """Returns the orders at which a shard is cut into parts, each of which is held in memory whole.

    Records of one order are never cut apart.

    Args:
      pieces: Of the shard, in any order.
      part_bytes: Bytes of a part; it holds fewer, but for its last record and those of the same order.
    """
    rows = np.concatenate([piece.rows for piece in pieces])
    rows = rows[np.argsort(rows["order"], kind="stable")]
    orders = rows["order"]
    ends = np.cumsum(rows["size"], dtype=np.int64)
    last = np.searchsorted(ends, np.arange(part_bytes, int(ends[-1]), part_bytes), side="left")
    beyond = np.searchsorted(orders, orders[last], side="right")
    return [int(start) for start in np.unique(orders[beyond[beyond < len(rows)]])]


def read_part(pieces: Iterable[Piece], least: int, beyond: int) -> tuple[pa.BinaryArray, Index]:
    """Returns the frames with least <= order < beyond and their index rows, piece after piece."""
    return read_frames([piece.between(least, beyond) for piece in pieces])


def read_frames(pieces: Sequence[Piece]) -> tuple[pa.BinaryArray, Index]:
    """Returns the frames of pieces, one or more, and their index rows, piece after piece."""
    rows = np.concatenate([piece.rows for piece in pieces])
    ends = np.concatenate([[0], np.cumsum(rows["size"], dtype=np.int64)])
    data = np.empty(int(ends[-1]), np.uint8)
    starts = ends[np.cumsum([0, *(len(piece.rows) for piece in pieces)])].tolist()
    wanted = [(piece, start, end) for piece, (start, end) in zip(pieces, pairwise(starts), strict=True) if end > start]

    def read(range_: tuple[Piece, int, int]) -> None:
        piece, start, end = range_
        files.read_into(piece.path, piece.start, data.data[start:end])

    list(at_once(read, wanted, pieces[0].path))
    return binary_column(data, ends), rows


def order_of(frames: pa.BinaryArray, rows: Index) -> Int64s:
    """Returns the places of all records sorted by order; of records of one order, by their bytes."""
    order = np.argsort(rows["order"], kind="stable")
    if (np.diff(rows["order"][order]) == 0).any():
        keys = pa.table({"order": rows["order"], "frame": frames})
        order = pc.sort_indices(keys, sort_keys=[("order", "ascending"), ("frame", "ascending")]).to_numpy()
    return order.astype(np.int64)
