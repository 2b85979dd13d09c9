"""Metrics over a whole split, exact: sums in float64 over examples, whatever the batches were."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.buckets import bucket_index
from schemas.manifest_pb2 import Bucket
from trainer.tasks.measure import Array, Floats, Measure


class Totals:
    """Collects metrics over batches, in all and by bucket."""

    def __init__(self, measure: Measure, buckets: Sequence[Bucket]) -> None:
        """Begins with no examples.

        Args:
          measure: What to measure.
          buckets: Of the data set.
        """
        self._measure = measure
        self._buckets = buckets
        self._counts = np.zeros(len(buckets), np.int64)
        self._sums: Floats | None = None

    def add(self, observed: Sequence[Array], weight: Array, lengths: npt.NDArray[np.integer]) -> None:
        """Adds a batch.

        Args:
          observed: What the measure observed of it.
          weight: As `open_dataset` gives it outside training.
          lengths: The length that the buckets go by, (batch,).
        """
        columns = self._measure.columns(observed, weight)
        index = bucket_index(lengths, self._buckets)
        if self._sums is None:
            self._sums = np.zeros((len(self._buckets), columns.shape[1]))
        np.add.at(self._sums, index, columns)
        self._counts += np.bincount(index, minlength=len(self._buckets))

    @property
    def examples(self) -> int:
        """Examples so far."""
        return int(self._counts.sum())

    def metrics(self) -> dict[str, float]:
        """Returns the metrics over all examples, of which there must be some."""
        assert self._sums is not None
        return dict(self._measure.report(self._sums.sum(axis=0)))

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
                row |= self._measure.report(self._sums[i])
            rows.append(row)
        return rows
