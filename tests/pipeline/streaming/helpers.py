"""Specs, batches and sources of tests of streams."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.streaming.sources.source import Batch, Covered, Part
from schemas.dataset_pb2 import DatasetSpec
from schemas.errors import DataError
from schemas.spec import parse_spec
from schemas.streams.positions import NONE, Ranges, covers, first_uncovered

SPEC = """
sequences: {text: {type: tokens}}
event_time: {from: at, format: unix_seconds}
"""


def spec_of(text: str = SPEC) -> DatasetSpec:
    return parse_spec(text)


def batch_of(values: Sequence[bytes | None], source: str = "kafka:t/0", start: int = 0, **columns: Any) -> Batch:
    places = np.arange(start, start + len(values), dtype=np.int64)
    fallback = np.zeros(len(values), np.int64)
    return Batch(source, values, places, places, places + 1, fallback)._replace(**columns)


@dataclass(frozen=True)
class Made:
    """A source of partitions that hold some values, and ask to stop once all is read.

    Attributes:
      values: Of each partition.
      stop: File that asks a stream to stop; written when every partition has been read.
      log: File that tells of what was done, a line each.
      fail_at: Position of partition 0 at which reading fails with an error a person can mend; -1: nowhere.
      kind: Of that error.
    """

    values: Sequence[Sequence[bytes | None]]
    stop: str
    log: str
    fail_at: int = -1
    kind: type[DataError] = DataError

    def parts(self, covered: Covered) -> list[Part]:
        names = [f"kafka:t/{number}" for number in range(len(self.values))]
        return [Part(name, first_uncovered(covered.get(name, NONE), 0), len(names)) for name in names]

    def open(self, part: Part, position: int, covered: Covered) -> "MadeReader":
        return MadeReader(self, part.name, position, covered.get(part.name, NONE))

    def tell(self, line: str) -> None:
        with Path(self.log).open("a") as stream:
            stream.write(f"{line}\n")

    def told(self) -> list[str]:
        return Path(self.log).read_text().splitlines()


class MadeReader:
    """Gives two records at most with each poll, and never waits."""

    def __init__(self, source: Made, name: str, position: int, covered: Ranges) -> None:
        self._source, self._name, self._covered = source, name, covered
        self._values = source.values[int(name.rpartition("/")[2])]
        self.position = position
        source.tell(f"open {name} at {position}")

    @property
    def note(self) -> str:
        return f"{self._name} is read"

    def poll(self, seconds: float, most_bytes: int) -> list[Batch]:
        if self._name.endswith("/0") and self.position == self._source.fail_at:
            raise self._source.kind(f"{self._name}: is broken; mend it")
        start = self.position
        self.position = min(start + 2, len(self._values))
        if self.position == len(self._values) and f"end {self._name}" not in self._source.told():
            self._source.tell(f"end {self._name}")
            if sum(line.startswith("end") for line in self._source.told()) == len(self._source.values):
                Path(self._source.stop).write_text("")
        places = np.arange(start, self.position)
        kept = places[~covers(self._covered, places)]
        if not len(kept):
            return []
        batch = batch_of([self._values[i] for i in kept], self._name)
        return [batch._replace(places=kept, starts=kept, ends=kept + 1)]

    def lag(self) -> int | None:
        return len(self._values) - self.position

    def close(self) -> None:
        self._source.tell(f"close {self._name}")
