"""Specs, batches and sources of tests of streams."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.streaming.sources.source import Batch
from schemas.dataset_pb2 import DatasetSpec
from schemas.spec import parse_spec

SPEC = """
sequences:
  - name: text
    text: {}
event_time:
  from: at
  format: unix_seconds
"""


def spec_of(text: str = SPEC) -> DatasetSpec:
    return parse_spec(text)


def batch_of(values: Sequence[bytes | None], source: str = "kafka:t/0", start: int = 0, **columns: Any) -> Batch:
    places = np.arange(start, start + len(values), dtype=np.int64)
    fallback = np.zeros(len(values), np.int64)
    return Batch(source, values, places, places, places + 1, fallback)._replace(**columns)
