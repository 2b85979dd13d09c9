"""Somebody who sends messages to Kafka in fast motion, and who reads them back."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka import Message as KafkaMessage

from tests.engines.kafka.broker import Broker
from tests.engines.messages import Message
from tests.engines.processes import wait_until
from tests.engines.streamed import Placed, Truth

PARTITIONS = 3
_SEND_SECONDS = 0.25
_FLUSH_SECONDS = 120.0
_READ_SECONDS = 120.0


class Hold(NamedTuple):
    """Where a sender stops for a while.

    Attributes:
      seconds: Event time of the first message that waits, since the first one of all.
      until: What it waits for.
    """

    seconds: float
    until: Callable[[], bool]


class Sender:
    """Context in which a thread sends messages to a topic; a broker that is away is waited for, and none sent twice.

    A broker that starts again forgets producers whose newest message is a day old by its timestamp (Kafka's
    `ProducerStateManager.isProducerExpired`), and then takes what one of them sends again for something new. So the
    timestamps are those of the clock, but for messages of which no other time can be read.
    """

    def __init__(
        self, broker: Broker, topic: str, given: list[Message], speed: float, hold: Hold | None = None
    ) -> None:
        """Sends nothing yet.

        Args:
          broker: Where the topic is.
          topic: Of `PARTITIONS` partitions.
          given: What is sent.
          speed: Seconds of event time in one of the clock.
          hold: Where it waits; None: nowhere.
        """
        self._topic, self._given, self._speed, self._hold = topic, given, speed, hold
        settings = {"enable.idempotence": True, "linger.ms": 20, "log_level": 0}
        self._producer = Producer({"bootstrap.servers": broker.address, **settings})
        self._taken = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)

    def __enter__(self) -> "Sender":
        """Begins."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Waits until all is sent; where something has failed it is broken off.

        Raises:
          TimeoutError: The broker has not taken all of it.
        """
        if error is not None:
            self._stop.set()
        self._thread.join()
        if error is None and self._taken < len(self._given):
            raise TimeoutError(f"Kafka took {self._taken} of {len(self._given)} messages of {self._topic}")

    def _send(self) -> None:
        began, hold = time.monotonic(), self._hold
        for i, message in enumerate(self._given):
            if hold and message.seconds >= hold.seconds:
                if not self._wait_until(hold.until):
                    return
                began, hold = time.monotonic() - message.seconds / self._speed, None
            due = began + message.seconds / self._speed
            if not self._wait_until(lambda due=due: time.monotonic() >= due):
                return
            when = message.at.timestamp() if message.is_bad else time.time()
            to = {"partition": i % PARTITIONS, "timestamp": round(when * 1_000), "on_delivery": self._note}
            self._producer.produce(self._topic, message.value, **to)
            self._producer.poll(0)
        self._producer.flush(_FLUSH_SECONDS)

    def _wait_until(self, condition: Callable[[], bool]) -> bool:
        """Returns whether a condition has come true; it has not where all is broken off."""
        while not condition():
            if self._stop.wait(_SEND_SECONDS):
                return False
        return True

    def _note(self, error: KafkaError | None, message: KafkaMessage) -> None:
        if error is None:
            self._taken += 1


def read_back(broker: Broker, topic: str) -> Truth:
    """Returns what a topic holds."""
    return {f"kafka:{topic}/{number}": _partition(broker, topic, number) for number in range(PARTITIONS)}


def _partition(broker: Broker, topic: str, number: int) -> list[Placed]:
    end = broker.ends(topic, number)[1]
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "truth", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, number, 0)])
    found: list[Placed] = []

    def has_all() -> bool:
        for message in consumer.consume(10_000, 1.0):
            assert message.error() is None, message.error()
            found.append(Placed(message.offset(), message.offset() + 1, message.value()))
        return bool(found) and found[-1].end >= end

    try:
        wait_until(has_all, _READ_SECONDS, f"message {end - 1} of {topic}/{number}", broker.child)
    finally:
        consumer.close()
    return found
