"""The shapes of batches: rows of filler, shares of replicas, widths that do not depend on the records.

A row of filler has the length 0 and the weight 0: it is there so that all replicas have as many
rows, or so that a batch has the one shape of its bucket.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from schemas.dataset_pb2 import Take
from schemas.errors import UsageError
from schemas.manifest_pb2 import Manifest
from schemas.spec import bucket_sequences, leaders

_Sizes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Layout:
    """The shapes of the batches of an epoch.

    Attributes:
      replicas: Rows of a batch are a multiple of it.
      replica: Whose share is wanted, from 0; none: the whole batch.
      sizes: Rows of the batches of each bucket, (buckets,), where all of them have as many; else empty.
      widths: By name of a sequence with a length of its own: steps that batches of each bucket are padded to,
        (buckets,); without the name: the longest of the batch.
    """

    replicas: int = 1
    replica: int | None = None
    sizes: Sequence[int] = ()
    widths: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuses a replica that is not there."""
        if self.replicas < 1:
            raise UsageError(f"replicas: {self.replicas} is out of range; it must be 1 or more")
        if self.replica is not None and not 0 <= self.replica < self.replicas:
            raise UsageError(f"replica: {self.replica} is none of {self.replicas} replicas; they are counted from 0")

    @property
    def shares(self) -> int:
        """Parts that a batch is cut into."""
        return 1 if self.replica is None else self.replicas

    def rows(self, records: tf.Tensor, bucket: tf.Tensor) -> tf.Tensor:
        """Returns the rows of a batch of some records with its filler, int64, over all replicas."""
        if len(self.sizes):
            records = tf.gather(tf.constant(self.sizes, tf.int64), bucket)
        return -(-records // self.replicas) * self.replicas

    def of_replica(self, records: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        """Returns the share of the replica in the records of a batch of `rows`."""
        if self.replica is None:
            return records
        share = rows // self.replicas
        return records[self.replica * share : (self.replica + 1) * share]

    def width(self, name: str, lengths: tf.Tensor, bucket: tf.Tensor) -> tf.Tensor:
        """Returns the steps that a sequence of some lengths is padded to, int64."""
        if name in self.widths:
            return tf.gather(tf.constant(self.widths[name], tf.int64), bucket)
        return tf.maximum(tf.reduce_max(lengths), 1)


PLAIN = Layout()


def static_bounds(manifest: Manifest, longest: Sequence[int]) -> list[int]:
    """Returns the greatest length of each bucket, and never more than the longest of the split."""
    most = max(longest, default=0)
    return [min(bucket.max_length, most) if bucket.HasField("max_length") else most for bucket in manifest.buckets]


def static_widths(manifest: Manifest, split: str, longest: Sequence[int]) -> dict[str, Any]:
    """Returns the steps that sequences are padded to so that all batches of a bucket have one shape.

    Args:
      manifest: Of the data set.
      split: Whose records.
      longest: Of the length that buckets go by, in each bucket of the split, (buckets,).

    Raises:
      UsageError: The longest token of `take: characters` is not known.
    """
    spec = manifest.spec
    for name, sequence in spec.sequences.items():
        if sequence.derive.take == Take.characters:
            raise UsageError(
                f"static_shapes: sequence '{name}' takes characters, and how many the longest token has is not "
                "known; leave static_shapes off"
            )
    return bucket_widths(manifest, split, static_bounds(manifest, longest))


def bucket_widths(manifest: Manifest, split: str, bounds: Sequence[int]) -> dict[str, list[int]]:
    """Returns the most steps of each sequence with a length of its own in each bucket, (buckets,), 1 or more.

    Args:
      manifest: Of the data set.
      split: Whose records.
      bounds: Most of the length that buckets go by, in each bucket, (buckets,).
    """
    spec, widths = manifest.spec, {}
    decide = {spec.sequences[name].aligned_with or name for name in bucket_sequences(spec)}
    for name in leaders(spec):
        most = max(manifest.statistics[split].lengths[name].lengths, default=0)
        own = [min(bound, most) if name in decide else most for bound in bounds]
        widths[name] = [max(1, steps) for steps in own]
    return widths
