"""Where blocks are very many: their segments become few large ones before shards are written.

A shard reads of every segment. Both grow with the input, so that reads grow with its square: 1 TB would be 9,700 shards
of 119,000 segments, two thousand million reads of about 1 KB. So the segments are gathered in sets, as many as the
square root of the blocks: then a shard reads of 346 files some 390 KB each. What a shard holds does not change, for
that follows from the ids of records.
"""

import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from pathlib import PurePosixPath
from typing import Any

import apache_beam as beam
import numpy as np

from pipeline.at_once import at_once
from pipeline.failure import reporting
from pipeline.job import Job
from pipeline.recording import recording
from pipeline.resuming import done
from pipeline.sharding.gathered_files import GatheredSegment, write_gathered
from pipeline.sharding.segments import INDEX_TYPE, Group, Index, Segment, groups_of, in_order, read_index
from pipeline.sharding.shards import Piece, ShardTask, order_of, read_frames, shard_tasks
from pipeline.split_facts import WrittenFacts
from pipeline.threads import ThreadedDoFn

# Up to which every shard reads of every segment: 8 GiB. Of short records, from about there on, reading the index of all
# of them for each shard takes as long as gathering them.
FEW_BLOCKS = 1_024
_PART_BYTES = 64 << 20  # held in memory at a time; Arrow needs several times as much meanwhile
_INDEX_ROWS = 4_096  # of a segment read at a time: 64 KiB


def sets_of(size: int, block_bytes: int) -> int:
    """Returns in how many sets the segments of an input are gathered; 0: they are not. A function of its bytes alone.

    Args:
      size: Bytes of the input.
      block_bytes: Size of a block.
    """
    blocks = -(-size // block_bytes)
    return math.isqrt(blocks - 1) + 1 if blocks > FEW_BLOCKS else 0


def set_of(path: str, sets: int) -> int:
    """Returns the set of a segment, in [0, sets), by its name: a block may have any number of segments."""
    return zlib.crc32(PurePosixPath(path).name.encode()) % sets


class GatherSegments(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """PCollection of `Segment` → PCollection of `GatheredSegment`; one `WrittenFacts` is a side input."""

    def __init__(self, job: Job, facts: Any) -> None:
        super().__init__()
        self._job = job
        self._facts = facts

    def expand(self, segments: beam.PCollection) -> beam.PCollection:
        """Gathers every set once all blocks are encoded."""
        keyed = segments | "Choose set" >> beam.Map(_in_set, self._job.sets)
        return keyed | "Sets" >> beam.GroupByKey() | "Gather set" >> beam.ParDo(_Gather(self._job), self._facts)


def _in_set(segment: Segment, sets: int) -> tuple[int, Segment]:
    return set_of(segment.path, sets), segment


class _Gather(ThreadedDoFn):
    def __init__(self, job: Job) -> None:
        super().__init__(job.threads)
        self._job = job

    @reporting
    def work(self, element: tuple[int, Iterable[Segment]], facts: WrittenFacts) -> Iterator[Any]:
        number, segments = element[0], sorted(element[1], key=lambda segment: segment.path)
        tasks = shard_tasks(facts.bytes, self._job.shard_bytes)
        digests = [segment.sha256 for segment in segments]
        key = done.digest_of([tasks, digests]) if self._job.key and all(digests) else ""
        path = self._job.gathered_path(number)
        types = {"GatheredSegment": GatheredSegment}
        yield from done.once(
            self._job, done.GATHERED, (number,), key, types, lambda: iter([gather(path, segments, tasks)])
        )


def gather(path: str, segments: Sequence[Segment], tasks: Sequence[ShardTask]) -> GatheredSegment:
    """Writes the records of some segments to one file, in the order of the shards.

    Args:
      path: Of the file.
      segments: Any number; the order of those whose records have the same order and bytes does not show.
      tasks: All shards, in their order.
    """
    with recording():  # which digests what is written
        return write_gathered(path, _parts(segments, tasks))


def _parts(segments: Sequence[Segment], tasks: Sequence[ShardTask]) -> Iterator[tuple[memoryview, Index]]:
    for (split, bucket), mine in groupby(tasks, key=lambda task: (task.split, task.bucket)):
        found = list(groups_of(segments, split, bucket))
        cursors = [_Cursor(segment, group) for segment, group in found]
        for some in together(list(mine), sum(group.bytes for _, group in found), _PART_BYTES):
            yield from _cut(cursors, some)


def together(tasks: Sequence[ShardTask], size: int, part_bytes: int) -> list[Sequence[ShardTask]]:
    """Returns shards of one split and bucket in runs that are held in memory at a time.

    Args:
      tasks: All of them, in order; as ranges of hashes they take about the same of any segments.
      size: Bytes that they take of these segments.
      part_bytes: Bytes of a run, about; a run has one shard at least.
    """
    some = max(1, part_bytes * len(tasks) // max(1, size))
    return [tasks[i : i + some] for i in range(0, len(tasks), some)]


def _cut(cursors: Sequence["_Cursor"], tasks: Sequence[ShardTask]) -> Iterator[tuple[memoryview, Index]]:
    """Yields what each of some neighbouring shards takes."""
    beyond = tasks[-1].beyond
    pieces = list(at_once(lambda cursor: cursor.take(beyond), cursors, cursors[0].path)) if cursors else []
    pieces = [piece for piece in pieces if len(piece.rows)]
    if not pieces:
        yield from ((memoryview(b""), np.empty(0, INDEX_TYPE)) for _ in tasks)
        return
    frames, rows = read_frames(pieces)
    order = order_of(frames, rows)
    content, rows = in_order(frames, order), rows[order]
    ends = np.concatenate([[0], np.cumsum(rows["size"], dtype=np.int64)])
    inner = np.array([task.least for task in tasks[1:]], np.uint64)
    cuts = [0, *np.searchsorted(rows["order"], inner, side="left").tolist(), len(rows)]
    for first, last in pairwise(cuts):
        yield content[int(ends[first]) : int(ends[last])], rows[first:last]


class _Cursor:
    """Goes through the records of a group of a segment, in order, and holds a few of their index rows at a time."""

    def __init__(self, segment: Segment, group: Group) -> None:
        self.path = segment.path
        self._unread = range(group.first_row, group.first_row + group.rows)
        self._byte = group.first_byte
        self._rows = np.empty(0, INDEX_TYPE)

    def take(self, beyond: int) -> Piece:
        """Returns the next records whose order is below `beyond`."""
        chunks = [self._rows]
        while self._unread and not (len(chunks[-1]) and int(chunks[-1]["order"][-1]) >= beyond):
            chunks.append(read_index(self.path, self._unread[:_INDEX_ROWS]))
            self._unread = self._unread[_INDEX_ROWS:]
        whole = Piece(self.path, np.concatenate(chunks), self._byte)
        taken = whole.between(0, beyond)
        self._rows = whole.rows[len(taken.rows) :]
        self._byte += int(taken.rows["size"].sum(dtype=np.int64))
        return taken
