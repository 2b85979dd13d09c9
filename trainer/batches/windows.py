"""What is read for the batches of a bucket, one window after another: which bytes of which shards."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from schemas.errors import DataError
from schemas.manifest_pb2 import Shard
from schemas.shard_index import open_index
from trainer.batches.order import BlockOrder, Int64s
from trainer.batches.plan import EpochPlan, Segment


@dataclass(frozen=True)
class Windows:
    """What is read one after another: blocks, and the windows that they make up.

    Attributes:
      shard: Of each block: its place among the shards of the split, (blocks,).
      offset: Of each block in its shard, in bytes, (blocks,).
      bytes: Of each block, (blocks,).
      records: Of each block, (blocks,).
      total: Records of each window, (windows,).
      seed: Of the order in each window, (windows,); 0 where there is none.
      first: Of this order: where what is wanted begins, (windows,).
      last: And ends, exclusive, (windows,).
    """

    shard: Int64s
    offset: Int64s
    bytes: Int64s
    records: Int64s
    total: Int64s
    seed: Int64s
    first: Int64s
    last: Int64s

    def arrays(self) -> list[Int64s]:
        """Returns all attributes in their order."""
        return [getattr(self, entry.name) for entry in fields(self)]


class BlockPlaces:
    """Where the blocks of the shards of a split begin; each index is looked at once, when it is first needed."""

    def __init__(self, folder: Path, shards: Sequence[Shard]) -> None:
        """Looks at nothing yet.

        Args:
          folder: Of the data set.
          shards: Of the split.
        """
        self._folder = folder
        self._shards = shards
        self._known: dict[tuple[int, int], _Places] = {}

    def windows(self, plan: EpochPlan, segments: Sequence[Segment]) -> Windows:
        """Returns what is read for segments of a plan, one after another, of which there must be some.

        Raises:
          DataError: The index of a shard is missing or damaged.
        """
        parts = [self._windows(plan.orders[segment.bucket], segment).arrays() for segment in segments]
        return Windows(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _windows(self, order: BlockOrder, segment: Segment) -> Windows:
        windows = order.windows(segment.start, segment.stop)
        inside = slice(order.blocks(windows[0]).start, order.blocks(windows[-1]).stop)
        places = self._places(segment.bucket, order.block_records)
        block = places.before[order.shard[inside]] + order.first[inside] // order.block_records
        starts = order.starts[windows.start : windows.stop + 1]
        seeds = np.zeros(len(windows), np.int64) if order.seeds is None else order.seeds[windows.start : windows.stop]
        return Windows(
            shard=places.shards[order.shard[inside]],
            offset=places.offset[block],
            bytes=places.bytes[block],
            records=order.records[inside],
            total=np.diff(starts),
            seed=seeds,
            first=np.maximum(segment.start - starts[:-1], 0),
            last=np.minimum(segment.stop, starts[1:]) - starts[:-1],
        )

    def _places(self, bucket: int, block_records: int) -> "_Places":
        key = bucket, block_records
        if key not in self._known:
            inside = [number for number, shard in enumerate(self._shards) if shard.bucket == bucket]
            ends = [self._block_ends(self._shards[number], block_records) for number in inside]
            counts = np.array([len(of) - 1 for of in ends], np.int64)
            offset, size = (
                np.concatenate(column) for column in ([of[:-1] for of in ends], [np.diff(of) for of in ends])
            )
            self._known[key] = _Places(np.array(inside), np.cumsum(counts) - counts, offset, size)
        return self._known[key]

    def _block_ends(self, shard: Shard, block_records: int) -> Int64s:
        """Returns where the first block begins, and where each one ends, (blocks + 1,)."""
        offsets = open_index(self._folder, shard)["offset"][::block_records].astype(np.int64)
        ends = np.append(offsets, shard.bytes)
        if ends[0] < 0 or (np.diff(ends) <= 0).any():
            path = self._folder / shard.index_path
            raise DataError(f"{path}: is damaged (its offsets do not rise); write the data set again")
        return ends


@dataclass(frozen=True)
class _Places:
    """The blocks of one bucket, shard after shard.

    Attributes:
      shards: Of each shard of the bucket: its place among those of the split, (shards,).
      before: Of each shard of the bucket: blocks of those before it, (shards,).
      offset: Of each block in its shard, (blocks,).
      bytes: Of each block, (blocks,).
    """

    shards: Int64s
    before: Int64s
    offset: Int64s
    bytes: Int64s
