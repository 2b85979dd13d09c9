"""One split of a data set on disk: its shards, what its buckets hold, and what goes wrong in reading them.

The manifest says which files there are, how many records each holds and where the buckets lie, so
that the number of steps is known before the first one.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf

from schemas.errors import DataError
from schemas.manifest import shards_of
from schemas.manifest_pb2 import Manifest, Shard
from schemas.spans.folder import explained
from schemas.spec import bucket_sequences, leaders
from trainer.batches.reasons import guarded
from trainer.batches.sizes import BucketLoad


class SplitSource:
    """One split of a data set on disk, its files checked to be there."""

    def __init__(self, folder: str | Path, manifest: Manifest, split: str) -> None:
        """Looks for every shard of a split.

        Args:
          folder: Of the data set.
          manifest: Of the data set.
          split: A split of it.

        Raises:
          DataError: No such split, or a shard that is missing or has another size than written.
        """
        self.folder = Path(folder)
        self.manifest = manifest
        self.split = split
        self.shards = [shard for shard in shards_of(manifest, split) if shard.records]
        for shard in self.shards:
            with explained(self.folder, self.manifest):
                _check_shard(self.folder, shard)

    @property
    def records(self) -> int:
        """Records of the split."""
        return sum(shard.records for shard in self.shards)

    @property
    def paths(self) -> list[str]:
        """The path of each of `shards`."""
        return [str(self.folder / shard.path) for shard in self.shards]

    def loads(self) -> list[BucketLoad]:
        """Returns what each bucket of this split holds."""
        loads = []
        # Where the buckets go by one sequence, another may be longer; how long is known of the split.
        others = self._longest_beside_buckets()
        for i in range(len(self.manifest.buckets)):
            inside = [shard for shard in self.shards if shard.bucket == i]
            longest = max([others, *(shard.max_length for shard in inside)]) if inside else 0
            loads.append(BucketLoad(sum(shard.records for shard in inside), longest))
        return loads

    def _longest_beside_buckets(self) -> int:
        spec, lengths = self.manifest.spec, self.manifest.statistics[self.split].lengths
        # An aligned sequence is as long as its leader, record by record.
        decide = {spec.sequences[name].aligned_with or name for name in bucket_sequences(spec)}
        others = set(leaders(spec)) - decide
        return max((max(lengths[name].lengths, default=0) for name in others), default=0)

    def iterate(self, dataset: tf.data.Dataset) -> Iterator[Any]:
        """Returns the batches of a dataset of this split, one after another.

        Raises:
          DataError: A file is damaged, or holds other records than the manifest says.
        """
        with explained(self.folder, self.manifest):
            yield from guarded(
                dataset,
                lambda reason: (
                    f"{self.folder}: the records of split '{self.split}' do not fit the manifest: {reason}; "
                    f"`python -m pipeline verify {self.folder}` says which file, then write the data set again"
                ),
            )


def _check_shard(folder: Path, shard: Shard) -> None:
    path = folder / shard.path
    try:
        size = path.stat().st_size
    except OSError:
        raise DataError(f"{path}: is missing though the manifest names it; write the data set again") from None
    if size != shard.bytes:
        raise DataError(f"{path}: has {size} bytes where the manifest says {shard.bytes}; write the data set again")
