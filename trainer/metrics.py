"""Metrics over a whole split, exact: sums in float64 and counts, whatever the batches were."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.buckets import bounds_of, bucket_index
from schemas.manifest_pb2 import Bucket
from trainer.tasks.measure import Array, Measure, Tally


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
        self._tallies = [measure.tally() for _ in buckets]

    def add(self, observed: Sequence[Array], weight: Array, lengths: npt.NDArray[np.integer]) -> None:
        """Adds a batch.

        Args:
          observed: What the measure observed of it.
          weight: As `open_dataset` gives it outside training.
          lengths: The length that the buckets go by, (batch,).
        """
        index = bucket_index(lengths, self._buckets)
        for bucket in np.unique(index):
            rows = index == bucket
            self._tallies[bucket].add([part[rows] for part in observed], weight[rows])
        self._counts += np.bincount(index, minlength=len(self._buckets))

    @property
    def examples(self) -> int:
        """Examples so far."""
        return int(self._counts.sum())

    @property
    def total(self) -> Tally:
        """The tally over all examples."""
        total = self._measure.tally()
        for tally in self._tallies:
            total.merge(tally)
        return total

    def metrics(self) -> dict[str, float]:
        """Returns the metrics over all examples."""
        return self.total.report()

    def by_bucket(self) -> list[dict[str, Any]]:
        """Returns bounds, examples, labels and metrics of each bucket; no metrics where it has no labels."""
        return [
            {
                **bounds_of(bucket),
                "examples": int(count),
                "labels": tally.labels,
                **tally.report(),
            }
            for bucket, count, tally in zip(self._buckets, self._counts, self._tallies, strict=True)
        ]
