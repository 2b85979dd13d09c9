"""A topic of Kafka: a part for each partition, read from an offset on.

No group is joined and no offset is committed: where reading begins follows from what is published.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.streaming.sources.kafka_client import Address, Client
from pipeline.streaming.sources.source import Batch, Covered, Part
from schemas.errors import DataError, LengthwiseError, RefusedError
from schemas.streams.positions import NONE, Ranges, covers, first_uncovered

_MOST_MESSAGES = 10_000  # asked for at a time
_FIRST_MESSAGES = 100  # before anything is known of their size
_ASK_SECONDS = 2.0
_PARTITIONS_SECONDS = 60.0  # between looks at how many there are
_MILLISECOND = 1_000  # microseconds


@dataclass(frozen=True)
class KafkaSource:
    """A topic.

    Attributes:
      address: Where it is.
      properties: Of librdkafka, as for security.
      allow_gap: Whether to go on where records were deleted before they were read.
    """

    address: Address
    properties: Mapping[str, str] = field(default_factory=dict, repr=False)
    allow_gap: bool = False

    def identity(self) -> str:
        """Returns the cluster's id and the topic's, another one for a topic that was deleted and made again."""
        client = Client(self.address, self.properties)
        try:
            return f"kafka:{client.cluster()}/{self.address.topic}/{client.topic_id()}"
        finally:
            client.close()

    def parts(self, covered: Covered) -> list[Part]:
        """Returns the partitions; see `Source`."""
        client = Client(self.address, self.properties)
        try:
            count = client.partitions()
            names = [f"kafka:{self.address.topic}/{number}" for number in range(count)]
            starts = [
                self._start(name, covered.get(name, NONE), client.ends(number)) for number, name in enumerate(names)
            ]
        finally:
            client.close()
        return [Part(name, start, count) for name, start in zip(names, starts, strict=True)]

    def gone(self, unclosed: Covered) -> list[str]:
        """Returns none: what Kafka has deleted `parts` tells; see `Source`."""
        return []

    def open(self, part: Part, position: int, covered: Covered) -> "KafkaReader":
        """Opens a partition; see `Source`. No broker needs to be there."""
        return KafkaReader(self, part, position, covered.get(part.name, NONE))

    def _start(self, name: str, ranges: Ranges, ends: tuple[int, int]) -> int:
        low, high = ends
        if not len(ranges):
            return low
        first, last = int(ranges[0, 0]), int(ranges[-1, 1])
        # What stands before the first that is in a closed window may be of a window that was still open.
        start = low if low < first else first_uncovered(ranges, first)
        if last > high:
            raise DataError(
                f"{name}: has been read to offset {last:,}, and ends at {high:,}: the topic was deleted and made "
                "again, or is another one; name another --output for it"
            )
        if start < low and not self.allow_gap:
            raise deleted(name, start, low)
        return first_uncovered(ranges, max(start, low))


def deleted(name: str, position: int, low: int) -> RefusedError:
    """Returns the error of a partition whose records were deleted before they were read."""
    return RefusedError(
        f"{name}: was to be read from offset {position:,} on, and Kafka has deleted what stood before {low:,}, by the "
        f"retention of the topic; up to {low - position:,} records are lost; give --allow_gap to go on without them"
    )


class KafkaReader:
    """Reads one partition; see `Reader`. A broker that is away is waited for."""

    def __init__(self, source: KafkaSource, part: Part, position: int, covered: Ranges) -> None:
        """Makes a consumer; connects when it is first asked."""
        self.position = position
        self.note = ""
        self._source, self._part, self._covered = source, part, covered
        self._partition = int(part.name.rpartition("/")[2])
        self._client = Client(source.address, source.properties)
        self._bytes_each = 0.0
        self._looked = time.monotonic()
        self._more = ""
        self._gap = ""
        self._assign(position)

    def poll(self, seconds: float, most_bytes: int) -> list[Batch]:
        """Returns what came; see `Reader`."""
        found = _Found(self._part.name, self.position)
        end = time.monotonic() + seconds
        while found.bytes < most_bytes and (left := end - time.monotonic()) > 0:
            messages = self._client.consumer.consume(self._count(most_bytes - found.bytes), left)
            if not all(self._takes(message, found) for message in messages):
                break
        self.position = found.position
        self._bytes_each = found.bytes_each() or self._bytes_each
        return found.batches(self._covered)

    def lag(self) -> int | None:
        """Returns how many offsets are behind the last one read; see `Reader`."""
        try:
            high = self._client.ends(self._partition, _ASK_SECONDS)[1]
            self._look_for_more()
        except LengthwiseError:
            self._tell(f"{self._source.address}: no broker answers ({self._client.trouble or 'it is away'}); waiting")
            return None
        self._client.trouble = ""
        self._tell("")
        return max(high - self.position, 0)

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def _assign(self, position: int) -> None:
        from confluent_kafka import TopicPartition

        place = TopicPartition(self._source.address.topic, self._partition, position)
        self._client.consumer.assign([place])

    def _count(self, most_bytes: int) -> int:
        """Returns how many messages to ask for, so that they are about so many bytes."""
        if not self._bytes_each:
            return _FIRST_MESSAGES
        return int(min(max(most_bytes / self._bytes_each, 1), _MOST_MESSAGES))

    def _takes(self, message: Any, found: "_Found") -> bool:
        """Takes what Kafka gave, a record or an error; returns whether what comes behind it still counts."""
        from confluent_kafka import KafkaError

        error = message.error()
        if error is None:
            found.add(message)
        elif error.code() == KafkaError._PARTITION_EOF:
            found.reach(message.offset())
        elif error.code() in {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}:
            self._lose(found)
            return False
        elif error.fatal():
            raise DataError(f"{self._part.name}: cannot be read any more: {error.str()}; start the stream again")
        else:
            self._tell(f"{self._part.name}: {error.str()}; waiting")
        return True

    def _lose(self, found: "_Found") -> None:
        """Goes on behind what was deleted, where that is allowed."""
        low, high = self._client.ends(self._partition)
        if low <= found.position <= high:  # a broker that lags behind the one that was asked before
            self._assign(found.position)
            return
        if found.position > high:
            raise RefusedError(
                f"{self._part.name}: has been read to offset {found.position:,}, and ends at {high:,}: the topic was "
                "deleted and made again while it was read; name another --output for it"
            )
        if not self._source.allow_gap:
            raise deleted(self._part.name, found.position, low)
        self._gap = (
            f"{self._part.name}: {low - found.position:,} offsets before {low:,} were deleted before they were read"
        )
        found.reach(low)
        self._assign(low)

    def _look_for_more(self) -> None:
        if self._partition or time.monotonic() - self._looked < _PARTITIONS_SECONDS:
            return
        self._looked = time.monotonic()
        count = self._client.partitions(_ASK_SECONDS)
        if count > self._part.parts:
            self._more = (
                f"{self._source.address}: has {count} partitions, and had {self._part.parts} when the stream was "
                "started; those that were added are read from its next start on"
            )

    def _tell(self, trouble: str) -> None:
        self.note = "; ".join(filter(None, [self._gap, self._more, trouble]))


class _Found:
    """Records of one poll.

    Attributes:
      position: Behind the last one.
      bytes: Of them all.
    """

    def __init__(self, name: str, position: int) -> None:
        self._name = name
        self.position = position
        self.bytes = 0
        self._values: list[bytes | None] = []
        self._offsets: list[int] = []
        self._starts: list[int] = []
        self._times: list[int] = []

    def add(self, message: Any) -> None:
        """Adds a record."""
        value = message.value()
        offset = message.offset()
        self._values.append(value)
        self._offsets.append(offset)
        self._starts.append(self.position)
        self._times.append(message.timestamp()[1])
        self.position = offset + 1
        self.bytes += len(value) if value else 1

    def reach(self, offset: int) -> None:
        """Says that no record stands before an offset that has not been found."""
        self.position = max(self.position, offset)

    def bytes_each(self) -> float:
        """Returns the mean size of a record; 0 where there is none."""
        return self.bytes / len(self._values) if self._values else 0.0

    def batches(self, covered: Ranges) -> list[Batch]:
        """Returns the records that are not covered: one batch, or none."""
        places = np.array(self._offsets, np.int64)
        kept = np.flatnonzero(~covers(covered, places))
        if not len(kept):
            return []
        values = [self._values[i] for i in kept]
        starts = np.array(self._starts, np.int64)[kept]
        times = np.array(self._times, np.int64)[kept] * _MILLISECOND
        return [Batch(self._name, values, places[kept], starts, places[kept] + 1, times)]
