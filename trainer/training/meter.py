"""What an epoch of training has come to so far, in all and by bucket.

A batch counts for the bucket of its longest example. Losses are read from the device now and then: reading each one
would make a GPU wait for the host after every step. Where steps run one after another anyway, as on CPUs, every step
is read and timed; elsewhere one in so many, by itself, so that the seconds are its own.
"""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from schemas.buckets import bounds_of, bucket_index, padding_efficiency
from schemas.manifest import length_feature
from schemas.manifest_pb2 import Bucket, Manifest
from schemas.spec import bucket_sequences

_COUNTS = ("steps", "examples", "labels", "real", "padded", "timed_real")
_SUMS = ("loss", "timed_seconds")
STEPS_BETWEEN_READINGS = 16


class NotFinite(Exception):  # noqa: N818  # a finding that the run makes an error of
    """The loss or the gradient of a step of the epoch, from 0, is not finite."""

    def __init__(self, step: int) -> None:
        super().__init__(step)
        self.step = step


class EpochMeter:
    """Adds up one epoch.

    Attributes:
      seconds: Of training, validation and checkpoints left out.
    """

    def __init__(self, manifest: Manifest, filler: bool = False, every: int | None = None) -> None:
        """Begins with nothing.

        Args:
          manifest: Of the data set.
          filler: Whether batches may have rows of filler.
          every: Steps between two readings; none: 1 where there is no GPU.
        """
        self._manifest = manifest
        self._names = sorted(manifest.spec.sequences)
        self._deciding = [length_feature(name) for name in bucket_sequences(manifest.spec)]
        self._filler = filler
        self._every = every or (STEPS_BETWEEN_READINGS if tf.config.list_physical_devices("GPU") else 1)
        buckets = len(manifest.buckets)
        self._counts = {name: np.zeros(buckets, np.int64) for name in _COUNTS}
        self._sums = {name: np.zeros(buckets, np.float64) for name in _SUMS}
        self._pending: list[tuple[int, tf.Tensor]] = []
        self._read = 0
        self._timed: float | None = None
        self.seconds = 0.0
        self._since = time.monotonic()

    @property
    def steps(self) -> int:
        """Steps so far."""
        return int(self._counts["steps"].sum())

    def start(self) -> None:
        """Begins to count seconds, again where something else was done meanwhile."""
        self._since = time.monotonic()

    def begin(self) -> None:
        """Is called before a step.

        Raises:
          NotFinite: A step before it was not.
        """
        self._timed = None
        if self.steps % self._every == 0:
            self.read()
            self._timed = time.monotonic()

    def end(self, features: Mapping[str, Any], weight: Any, loss: tf.Tensor) -> None:
        """Adds a step.

        Args:
          features: Of the batch.
          weight: Of the batch.
          loss: Of the batch, perhaps not computed yet.

        Raises:
          NotFinite: It is not, or one before it was not.
        """
        longest = max(int(np.max(features[name])) for name in self._deciding)
        bucket = int(bucket_index(np.array([longest]), self._manifest.buckets)[0])
        self._pending.append((bucket, loss))
        if self._timed is not None or len(self._pending) >= self._every:
            self.read()
        now = time.monotonic()
        real = self._count(bucket, features, weight.numpy())
        if self._timed is not None:
            self._sums["timed_seconds"][bucket] += now - self._timed
            self._counts["timed_real"][bucket] += real
        self.seconds += now - self._since
        self._since = now

    def read(self) -> None:
        """Reads the losses of all steps so far.

        Raises:
          NotFinite: One of them is not.
        """
        if not self._pending:
            return
        losses = tf.stack([loss for _, loss in self._pending]).numpy().astype(np.float64)
        for (bucket, _), loss in zip(self._pending, losses, strict=True):
            if not np.isfinite(loss):
                raise NotFinite(self._read)
            self._sums["loss"][bucket] += loss
            self._read += 1
        self._pending.clear()

    def loss(self) -> float:
        """Returns the mean of the losses that were read; over a whole epoch, the mean over its examples."""
        return float(self._sums["loss"].sum()) / max(self._read, 1)

    def rates(self) -> dict[str, float]:
        """Returns real steps a second, and real / padded steps, of all sequences."""
        real, padded = int(self._counts["real"].sum()), int(self._counts["padded"].sum())
        return {
            "real_steps_per_second": round(real / self.seconds, 1) if self.seconds else 0.0,
            "padding_efficiency": round(padding_efficiency(real, padded), 6),
        }

    def note(self) -> str:
        """Returns in a few words how it goes."""
        rates = self.rates()
        return (
            f"loss {self.loss():.4f}, {rates['real_steps_per_second']:,.0f} real steps/s, "
            f"padding efficiency {rates['padding_efficiency']:.1%}"
        )

    def by_bucket(self) -> list[dict[str, Any]]:
        """Returns of each bucket bounds and counts, and loss, speed and padding where it had steps, once all is read.

        The loss is the mean over the examples, or labelled steps, of its batches. The speed is that of its steps alone,
        without waiting for their data.
        """
        mean_labels = self._counts["labels"].sum() / max(self.steps, 1)
        return [self._of_bucket(i, bucket, mean_labels) for i, bucket in enumerate(self._manifest.buckets)]

    def to_plain(self) -> dict[str, Any]:
        """Returns the sums, once all is read, as `restore` takes them."""
        arrays = {**self._counts, **self._sums}
        return {"seconds": self.seconds, **{name: array.tolist() for name, array in arrays.items()}}

    def restore(self, plain: Mapping[str, Any]) -> None:
        """Goes on from sums that `to_plain` returned."""
        self.seconds = float(plain["seconds"])
        self._counts = {name: np.array(plain[name], np.int64) for name in _COUNTS}
        self._sums = {name: np.array(plain[name], np.float64) for name in _SUMS}
        self._read = self.steps

    def _count(self, bucket: int, features: Mapping[str, Any], weight: npt.NDArray[np.float32]) -> int:
        """Returns the real steps of a batch."""
        shapes = [features[name].shape for name in self._names]
        real = sum(int(features[length_feature(name)].numpy().sum()) for name in self._names)
        weighing = weight.reshape(len(weight), -1) != 0
        added = {
            "steps": 1,
            "examples": int(weighing.any(axis=1).sum()) if self._filler else len(weight),
            "labels": int(weighing.sum()),
            "real": real,
            "padded": sum(int(shape[0] * shape[1]) for shape in shapes),
        }
        for name, number in added.items():
            self._counts[name][bucket] += number
        return real

    def _of_bucket(self, i: int, bucket: Bucket, mean_labels: float) -> dict[str, Any]:
        count = {name: int(self._counts[name][i]) for name in _COUNTS}
        row: dict[str, Any] = {
            **bounds_of(bucket),
            "steps": count["steps"],
            "examples": count["examples"],
        }
        if count["labels"]:
            row["loss"] = float(self._sums["loss"][i]) * mean_labels / count["labels"]
        if count["steps"]:
            row["padding_efficiency"] = round(padding_efficiency(count["real"], count["padded"]), 6)
        if self._sums["timed_seconds"][i] > 0:
            row["real_steps_per_second"] = round(count["timed_real"] / float(self._sums["timed_seconds"][i]), 1)
        return row
