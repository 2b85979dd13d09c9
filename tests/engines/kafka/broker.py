"""A Kafka broker on this machine: one process that is broker and controller (KRaft), without any other service."""

import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from tests.engines.processes import Child, Children, free_port, listens, wait_until

_START_SECONDS = 180.0
_STOP_SECONDS = 30.0
_ASK_SECONDS = 20.0
_MEMORY = "-Xmx384m"


class Broker:
    """A broker; its process ends with the group that it is started in, its data and its port stay the same.

    Attributes:
      address: Where clients find it.
      child: Its process, once it is started.
    """

    child: Child

    def __init__(self, group: Children, libraries: Path, folder: Path, settings: Mapping[str, str] | None = None):
        """Formats its storage.

        Args:
          group: Ends it.
          libraries: Folder of Kafka's jars.
          folder: For its data and settings.
          settings: Added to its settings, or in place of them.
        """
        self._group, self._libraries, self._folder = group, libraries, folder
        self._partitions: dict[str, int] = {}
        port = free_port()
        self.address = f"localhost:{port}"
        folder.mkdir(parents=True)
        stated = {**self._settings(port, free_port()), **(settings or {})}
        (folder / "server.properties").write_text("".join(f"{name}={value}\n" for name, value in stated.items()))
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # Its id may begin with "-", as an option does.
        command = self._command("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "--config")
        subprocess.run([*command, str(folder / "server.properties")], capture_output=True, check=True)

    def start(self) -> None:
        """Starts it, or starts it again, and waits until it answers."""
        command = self._command("kafka.Kafka", str(self._folder / "server.properties"))
        self.child = self._group.start("kafka", command)
        wait_until(self._answers, _START_SECONDS, "Kafka's broker", self.child)
        for topic in self._partitions:
            self._wait_for(topic)

    def kill(self) -> None:
        """Kills it, as the loss of its machine does."""
        self.child.kill()
        self.child.wait(_STOP_SECONDS)

    def create(self, topic: str, partitions: int = 1, **settings: str) -> None:
        """Makes a topic, and waits until it can be used; names of settings have _ for the dots of Kafka's."""
        config = {name.replace("_", "."): value for name, value in settings.items()}
        admin = self._admin()  # what it was asked for ends with it
        admin.create_topics([NewTopic(topic, partitions, 1, config=config)])[topic].result(_ASK_SECONDS)
        self._partitions[topic] = partitions
        self._wait_for(topic)

    def add_partitions(self, topic: str, total: int) -> None:
        """Gives a topic more partitions."""
        admin = self._admin()
        admin.create_partitions([NewPartitions(topic, total)])[topic].result(_ASK_SECONDS)
        self._partitions[topic] = total
        self._wait_for(topic)

    def delete(self, topic: str) -> None:
        """Deletes a topic, and waits until it is gone."""
        admin = self._admin()
        admin.delete_topics([topic])[topic].result(_ASK_SECONDS)
        del self._partitions[topic]
        wait_until(
            lambda: topic not in admin.list_topics(timeout=_ASK_SECONDS).topics, _ASK_SECONDS, "its end", self.child
        )

    def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """Deletes the records of a partition before an offset, as retention does."""
        place = TopicPartition(topic, partition, offset)
        admin = self._admin()
        admin.delete_records([place])[place].result(_ASK_SECONDS)

    def produce(self, topic: str, values: Iterable[bytes | None], partition: int = 0) -> None:
        """Appends records to a partition, and waits until they are there."""
        producer = Producer({"bootstrap.servers": self.address, "linger.ms": 5, "enable.idempotence": True})
        for value in values:
            while True:
                try:
                    producer.produce(topic, value, partition=partition)
                    break
                except BufferError:
                    producer.poll(0.1)
        if producer.flush(_ASK_SECONDS):
            raise TimeoutError(f"Kafka did not take all records of {topic}")

    def produce_in_transaction(self, topic: str, values: Sequence[bytes], commit: bool) -> None:
        """Appends records to partition 0 in a transaction, which is committed or aborted."""
        producer = Producer({"bootstrap.servers": self.address, "transactional.id": uuid.uuid4().hex})
        producer.init_transactions(_ASK_SECONDS)
        end = self.ends(topic)[1] + len(values) + 1
        producer.begin_transaction()
        for value in values:
            producer.produce(topic, value, partition=0)
        producer.flush(_ASK_SECONDS)
        if commit:
            producer.commit_transaction(_ASK_SECONDS)
        else:
            producer.abort_transaction(_ASK_SECONDS)
        # Kafka answers before the mark of its end is there, which another record could overtake.
        wait_until(lambda: self.ends(topic)[1] == end, _ASK_SECONDS, "end of the transaction", self.child)

    def ends(self, topic: str, partition: int = 0) -> tuple[int, int]:
        """Returns the first offset that is there, and the one behind the last."""
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": "ends"})
        try:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), _ASK_SECONDS)
        finally:
            consumer.close()
        return int(low), int(high)

    def _wait_for(self, topic: str) -> None:
        """Waits until each partition of a topic has a leader, without which clients fail now and then."""

        def is_led() -> bool:
            try:
                return all(self.ends(topic, number)[0] >= 0 for number in range(self._partitions[topic]))
            except KafkaException:
                return False

        wait_until(is_led, _START_SECONDS, f"leader of {topic}", self.child)

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.address, "log_level": 0})

    def _answers(self) -> bool:
        if not listens(int(self.address.rpartition(":")[2])):
            return False
        try:
            return bool(self._admin().list_topics(timeout=1).brokers)
        except KafkaException:
            return False

    def _command(self, name: str, *arguments: str) -> list[str]:
        return ["java", _MEMORY, "-cp", f"{self._libraries}/*", name, *arguments]

    def _settings(self, port: int, controller: int) -> dict[str, str]:
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@localhost:{controller}",
            "listeners": f"PLAINTEXT://localhost:{port},CONTROLLER://localhost:{controller}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(self._folder / "data"),
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "1",
            "offsets.topic.num.partitions": "1",
            # One that was killed must not wait until its own session has ended.
            "broker.session.timeout.ms": "2000",
            "broker.heartbeat.interval.ms": "500",
            "log.flush.start.offset.checkpoint.interval.ms": "500",
            "log.retention.check.interval.ms": "1000",
            "log.segment.delete.delay.ms": "0",
        }
