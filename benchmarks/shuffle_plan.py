"""How shards are read together, counted from the functions that plan it: requests, and bytes of each."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.sharding import gathering, shards
from pipeline.sharding.segments import INDEX_TYPE
from pipeline.sharding.shards import ShardTask

_ROW = INDEX_TYPE.itemsize
_Group = tuple[str, int]


@dataclass(frozen=True)
class Reads:
    """What all shards together ask of the filesystem.

    Attributes:
      requests: Ranges of files that are read.
      bytes: Of all of these.
      sources: Files that one shard reads of.
      shard_requests: Of one shard, on average.
      shard_bytes: Of one request for frames by a shard.
      part_bytes: Of a shard or set, held in memory at a time, before Arrow's copies.
    """

    requests: int
    bytes: int
    sources: int
    shard_requests: int
    shard_bytes: int
    part_bytes: int


def direct(group_bytes: Mapping[_Group, int], tasks: list[ShardTask], segments: int, record_bytes: int) -> Reads:
    """Returns what shards read where each reads of every segment.

    Args:
      group_bytes: Encoded bytes of each split and bucket.
      tasks: The shards.
      segments: Their number; each holds some of every split and bucket.
      record_bytes: Encoded bytes of a record.
    """
    requests = total = 0
    part = max(shards._PART_BYTES, shards._LEAST_READ * segments)
    for task in tasks:
        whole = group_bytes[task.split, task.bucket]
        frames = whole // task.count
        requests += segments * (1 + math.ceil(frames / part))
        total += frames + whole // record_bytes * _ROW  # it reads the index of the whole group, and looks for its range
    mean = sum(group_bytes.values()) // len(tasks)
    reads = math.ceil(mean / part)
    return Reads(requests, total, segments, requests // len(tasks), mean // segments // reads, min(part, mean))


def gathered(
    group_bytes: Mapping[_Group, int], tasks: list[ShardTask], segments: int, sets: int, record_bytes: int
) -> Reads:
    """Returns what gathering and shards read together; see `direct`."""
    requests = total = 0
    of_a_set = math.ceil(segments / sets)
    for group, whole in group_bytes.items():
        mine = [task for task in tasks if (task.split, task.bucket) == group]
        runs = gathering.together(mine, whole // sets, gathering._PART_BYTES)
        index = math.ceil(whole // record_bytes / segments / gathering._INDEX_ROWS)
        requests += sets * of_a_set * (len(runs) + index)
        total += whole + whole // record_bytes * _ROW
    part = max(shards._PART_BYTES, shards._LEAST_READ_GATHERED * sets)
    mean = sum(group_bytes.values()) // len(tasks)
    parts = math.ceil(mean / part)
    of_a_shard = sets * (2 + parts)  # positions, index rows, frames
    total += sum(group_bytes.values()) + sum(group_bytes.values()) // record_bytes * _ROW
    return Reads(
        requests + len(tasks) * of_a_shard,
        total,
        sets,
        of_a_shard,
        mean // sets // parts,
        max(gathering._PART_BYTES, min(part, mean)),
    )
