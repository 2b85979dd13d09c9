"""Runs a measure over batches of any size, as an evaluation does."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from schemas.manifest_pb2 import Bucket
from trainer.metrics import Totals
from trainer.tasks.measure import Measure

BUCKETS = [Bucket(min_length=0, max_length=3), Bucket(min_length=4, max_length=7), Bucket(min_length=8)]
SIZES = [1, 7, 64]


def measured(
    measure: Measure,
    outputs: np.ndarray,
    label: np.ndarray,
    weight: np.ndarray,
    lengths: np.ndarray,
    size: int,
    features: dict[str, np.ndarray] | None = None,
) -> Totals:
    """Returns the totals over batches of `size` examples, each padded no further than it needs."""
    totals = Totals(measure, BUCKETS)
    for start in range(0, len(label), size):
        part = slice(start, start + size)
        width = slice(None, max(1, int(lengths[part].max())))

        def cut(values: np.ndarray, part: slice = part, width: slice = width) -> Any:
            return tf.constant(values[part, width] if values.ndim > 1 and weight.ndim > 1 else values[part])

        inputs = {name: cut(values) for name, values in (features or {}).items()}
        observed = measure.observe(cut(outputs.astype(np.float32)), cut(label), cut(weight), inputs)
        totals.add([piece.numpy() for piece in observed], cut(weight).numpy(), lengths[part])
    return totals


def check_row(row: dict[str, Any], number: int, expected: dict[str, Any]) -> None:
    """A row says the bounds of its bucket and what is expected, to 12 digits."""
    bucket = BUCKETS[number]
    assert row.pop("min_length") == bucket.min_length
    assert row.pop("max_length") == (bucket.max_length or None)
    assert row == pytest.approx(expected, rel=1e-12)


def in_bucket(lengths: np.ndarray, number: int) -> np.ndarray:
    """Which examples are in a bucket."""
    return (lengths >= BUCKETS[number].min_length) & (lengths <= (BUCKETS[number].max_length or lengths.max()))
