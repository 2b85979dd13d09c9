"""A consumer of Kafka, and what goes wrong with one in words a person can act on.

confluent-kafka is not imported until a topic is read, for it is in an extra of its own.
"""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from schemas.errors import DataError, LengthwiseError, UsageError
from schemas.messages import printable

OPTION = "--kafka_config"
START_SECONDS = 10.0
_QUEUED_KILOBYTES = 16 << 10  # of what is fetched ahead, for each partition
# Positions are kept by what is published; Kafka keeps none, and decides on none.
_OURS = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "isolation.level": "read_committed",
    "enable.partition.eof": True,
    "allow.auto.create.topics": False,
}
_DEFAULTS = {
    "group.id": "lengthwise",  # has to be named, and is never joined
    "queued.max.messages.kbytes": _QUEUED_KILOBYTES,
    "check.crcs": True,
    "log_level": 2,  # what else it has to say comes as errors
}


class Address(NamedTuple):
    """Where a topic is.

    Attributes:
      servers: HOST:PORT of one broker or more, with commas.
      topic: Its name.
    """

    servers: str
    topic: str

    def __str__(self) -> str:
        return f"kafka://{self.servers}/{self.topic}"


class Client:
    """A consumer that belongs to no group.

    Attributes:
      consumer: As confluent-kafka has it.
      trouble: What it said last of a broker that cannot be reached; empty: nothing since it was forgotten.
    """

    def __init__(self, address: Address, properties: Mapping[str, str]) -> None:
        """Makes one; connects to nothing yet.

        Raises:
          UsageError: confluent-kafka is not installed, or librdkafka does not take a property.
        """
        check_installed(str(address))
        from confluent_kafka import Consumer, KafkaException

        self._address = address
        self.trouble = ""
        self._denied = ""
        stated = {**_DEFAULTS, **properties, **_OURS, "bootstrap.servers": address.servers, "error_cb": self._hear}
        self._admin = {**properties, "bootstrap.servers": address.servers}
        try:
            self.consumer: Any = Consumer(stated)
        except (KafkaException, TypeError, ValueError) as error:
            raise UsageError(_refused(str(error), properties)) from None

    def partitions(self, seconds: float = START_SECONDS) -> int:
        """Returns how many partitions the topic has.

        Raises:
          UsageError: There is no such topic, or it may not be read.
          DataError: No broker answers within so many seconds.
        """
        from confluent_kafka import KafkaError, KafkaException

        try:
            found = self.consumer.list_topics(self._address.topic, seconds).topics[self._address.topic]
        except KafkaException as error:
            raise self._unreachable(error) from None
        if found.error is None:
            return len(found.partitions)
        if found.error.code() in {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED}:
            raise UsageError(
                f"{self._address}: may not be read by this user; let it describe and read the topic, or name another "
                f"user in {OPTION}"
            )
        raise UsageError(f"{self._address}: there is no such topic ({found.error.str()}); make it, or correct its name")

    def cluster(self, seconds: float = START_SECONDS) -> str:
        """Returns the id of the cluster; empty: it has none.

        Raises:
          DataError: No broker answers within so many seconds.
        """
        from confluent_kafka import KafkaException

        try:
            return self.consumer.list_topics(self._address.topic, seconds).cluster_id or ""
        except KafkaException as error:
            raise self._unreachable(error) from None

    def topic_id(self, seconds: float = START_SECONDS) -> str:
        """Returns the id of the topic, as brokers since 2.8 give each; empty where nobody says one."""
        from confluent_kafka import KafkaException, TopicCollection
        from confluent_kafka.admin import AdminClient

        topics = TopicCollection([self._address.topic])
        client = AdminClient(self._admin)  # which must be there until the answer is
        try:
            asked = client.describe_topics(topics, request_timeout=seconds)
            return str(asked[self._address.topic].result(seconds).topic_id)
        except (KafkaException, TimeoutError):  # a right that reading does not need
            return ""

    def ends(self, partition: int, seconds: float = START_SECONDS) -> tuple[int, int]:
        """Returns the first offset of a partition that is there, and the one behind the last that is committed.

        Raises:
          DataError: No broker answers within so many seconds.
        """
        from confluent_kafka import KafkaException, TopicPartition

        try:
            low, high = self.consumer.get_watermark_offsets(TopicPartition(self._address.topic, partition), seconds)
        except KafkaException as error:
            raise self._unreachable(error) from None
        return int(low), int(high)

    def close(self) -> None:
        """Closes its connections."""
        self.consumer.close()

    def _hear(self, error: Any) -> None:
        from confluent_kafka import KafkaError

        if self.trouble and error.code() == KafkaError._ALL_BROKERS_DOWN:
            return  # which says how many there are, and no longer why
        self.trouble = " ".join(error.str().split())
        if error.code() in {KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED, KafkaError._SSL}:
            self._denied = self.trouble

    def _unreachable(self, error: Any) -> LengthwiseError:
        self.consumer.poll(0)  # hears what it has to say
        if self._denied:
            return UsageError(
                f"{self._address}: the broker does not let us in ({self._denied}); correct what {OPTION} says of "
                "security.protocol, user and certificates"
            )
        said = self.trouble or error.args[0].str()
        return DataError(  # which may be other tomorrow, with the same command
            f"{self._address}: no broker answers within {START_SECONDS:.0f} s ({said}); check host and port, and that "
            f"the broker runs; where it wants TLS or a user, say so in {OPTION}"
        )


def check_installed(what: str) -> None:
    """Checks that topics can be read.

    Args:
      what: To read, for the line.

    Raises:
      UsageError: They cannot.
    """
    if importlib.util.find_spec("confluent_kafka") is None:
        raise UsageError(
            f"{what}: to read it needs confluent-kafka, which is not installed; install the extra `kafka`: "
            "pip install 'lengthwise[kafka]'"
        )


def read_properties(path: str) -> dict[str, str]:
    """Returns the properties of librdkafka that a file states, a line KEY=VALUE each; # begins a comment.

    Raises:
      UsageError: It cannot be read, or a line states none, or one that the stream states itself. Values are never
        told, for they may be secret.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or "it is no UTF-8"
        raise UsageError(f"{OPTION} {path}: cannot be read: {said}") from None
    found = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not key:
            raise UsageError(f"{OPTION} {path}: line {number} is no KEY=VALUE; write one such as sasl.username=reader")
        if key in {*_OURS, "bootstrap.servers"}:
            raise UsageError(
                f"{OPTION} {path}: line {number} states {printable(key)}, which the stream states itself; remove it"
            )
        found[key] = value
    return found


def _refused(said: str, properties: Mapping[str, str]) -> str:
    """Returns what is wrong with a property; librdkafka's own words may hold its value."""
    stated = sorted(map(printable, properties))
    named = [key for key in stated if f'"{key}"' in said]
    if not named:
        what = "one of " + ", ".join(stated)
    elif "No such configuration" in said:
        what = named[0]
    else:
        what = f"the value of {named[0]}"
    return (
        f"{OPTION}: librdkafka does not take {what}; its properties, which are not those of Kafka's Java clients, are "
        "in its CONFIGURATION.md"
    )
