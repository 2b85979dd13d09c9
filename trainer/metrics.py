"""Metrics over a whole split, exact: sums in float64 over examples, whatever the batches were."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from schemas.buckets import bucket_index
from schemas.manifest_pb2 import Bucket

Floats = npt.NDArray[np.float64]
# Below this a float32 probability loses digits; its logarithm is about -87.
_LEAST_PROBABILITY = float(np.finfo(np.float32).tiny)


class _Measure(Protocol):
    """Numbers of each example, and what their means over examples say."""

    def of_examples(self, labels: npt.NDArray[Any], outputs: npt.NDArray[Any]) -> list[Floats]: ...

    def from_means(self, means: Sequence[float]) -> dict[str, float]: ...


class ClassMeasure:
    """Cross entropy in nats, and the share of examples whose most probable class is right.

    A class that the model does not know counts as wrong, and has no probability and so no loss.
    """

    def of_examples(self, labels: npt.NDArray[Any], outputs: npt.NDArray[Any]) -> list[Floats]:
        """Returns loss, hit and whether the class is known of each example, (batch,) each.

        Args:
          labels: Class ids, (batch,); -1 for a class that the model does not know.
          outputs: Probabilities, (batch, classes).
        """
        known = labels >= 0
        probability = outputs[np.arange(len(labels)), np.maximum(labels, 0)].astype(np.float64)
        loss = np.where(known, -np.log(np.maximum(probability, _LEAST_PROBABILITY)), 0.0)
        hit = outputs.argmax(axis=1) == labels
        return [loss, hit.astype(np.float64), known.astype(np.float64)]

    def from_means(self, means: Sequence[float]) -> dict[str, float]:
        """Returns the metrics; no loss where no class is known."""
        loss, accuracy, known = means
        return ({"loss": loss / known} if known else {}) | {"accuracy": accuracy}


class NumberMeasure:
    """Squared error / variance of the training labels; mean and root mean square error in the label's units."""

    def __init__(self, variance: float) -> None:
        """Sets the variance of the label in the training split; 0 counts as 1."""
        self._variance = variance or 1.0

    def of_examples(self, labels: npt.NDArray[Any], outputs: npt.NDArray[Any]) -> list[Floats]:
        """Returns squared and absolute error of each example, (batch,) each, from (batch,) numbers."""
        error = outputs.astype(np.float64) - labels.astype(np.float64)
        return [error**2, np.abs(error)]

    def from_means(self, means: Sequence[float]) -> dict[str, float]:
        """Returns the metrics."""
        squared, absolute = means
        return {"loss": squared / self._variance, "mae": absolute, "rmse": squared**0.5}


def measure_of(target: Mapping[str, Any]) -> _Measure:
    """Returns what is measured for the target of a `SequenceModel`."""
    return ClassMeasure() if "classes" in target else NumberMeasure(float(target["variance"][0]))


class Totals:
    """Collects metrics over batches, in all and by bucket."""

    def __init__(self, measure: _Measure, buckets: Sequence[Bucket]) -> None:
        """Begins with no examples.

        Args:
          measure: What to measure.
          buckets: Of the data set.
        """
        self._measure = measure
        self._buckets = buckets
        self._counts = np.zeros(len(buckets), np.int64)
        self._sums: list[Floats] | None = None

    def add(self, labels: npt.NDArray[Any], outputs: npt.NDArray[Any], lengths: npt.NDArray[np.integer]) -> None:
        """Adds a batch.

        Args:
          labels: (batch,).
          outputs: Of the model, (batch, ...).
          lengths: The length that the buckets go by, (batch,).
        """
        index = bucket_index(lengths, self._buckets)
        size = len(self._buckets)
        values = self._measure.of_examples(labels, outputs)
        sums: list[Floats] = [np.bincount(index, weights=value, minlength=size).astype(np.float64) for value in values]
        self._sums = sums if self._sums is None else [old + new for old, new in zip(self._sums, sums, strict=True)]
        self._counts += np.bincount(index, minlength=size)

    @property
    def examples(self) -> int:
        """Examples so far."""
        return int(self._counts.sum())

    def metrics(self) -> dict[str, float]:
        """Returns the metrics over all examples, of which there must be some."""
        assert self._sums is not None
        return self._measure.from_means([float(total.sum()) / self.examples for total in self._sums])

    def by_bucket(self) -> list[dict[str, Any]]:
        """Returns bounds, examples and metrics of each bucket; no metrics where it has no examples."""
        rows = []
        for i, bucket in enumerate(self._buckets):
            row: dict[str, Any] = {
                "min_length": bucket.min_length,
                "max_length": bucket.max_length if bucket.HasField("max_length") else None,
                "examples": int(self._counts[i]),
            }
            if self._counts[i] and self._sums is not None:
                row |= self._measure.from_means([float(total[i] / self._counts[i]) for total in self._sums])
            rows.append(row)
        return rows
