"""What is said of a broker is checked without telling anything that may be secret; a real one is `make kafka-test`."""

import importlib.util
import pickle
from pathlib import Path

import numpy as np
import pytest
from confluent_kafka import KafkaError

from pipeline.streaming.sources.choose import make_source
from pipeline.streaming.sources.kafka import KafkaSource
from pipeline.streaming.sources.kafka_client import Address, Client, read_properties
from pipeline.streaming.sources.source import SourceSettings
from schemas.errors import DataError, UsageError

SECRET = "hush-hush"
ADDRESS = Address("localhost:1", "t")


def test_properties_are_lines_of_keys_and_values(tmp_path: Path) -> None:
    path = tmp_path / "kafka.properties"
    path.write_text("# of the cluster\n\nsecurity.protocol = SASL_SSL\nsasl.password=a=b#c \n")
    assert read_properties(str(path)) == {"security.protocol": "SASL_SSL", "sasl.password": "a=b#c"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"a=1\n{SECRET}\n", "line 2 is no KEY=VALUE; write one such as sasl.username=reader"),
        (f"={SECRET}\n", "line 1 is no KEY=VALUE"),
        (f"bootstrap.servers={SECRET}", "line 1 states bootstrap.servers, which the stream states itself; remove it"),
        (f"enable.auto.commit={SECRET}", "line 1 states enable.auto.commit"),
        (f"isolation.level={SECRET}", "line 1 states isolation.level"),
        (b"\xff" + SECRET.encode(), "cannot be read: it is no UTF-8"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_what_is_no_property_is_told_by_its_line_alone(tmp_path: Path, content: str | bytes | None, said: str) -> None:
    path = tmp_path / "kafka.properties"
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UsageError) as raised:
        read_properties(str(path))
    assert str(raised.value).startswith(f"--kafka_config {path}: {said}")
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"sasl.jass.config": SECRET}, "librdkafka does not take sasl.jass.config; "),
        ({"sasl.jaas.config": SECRET, "debug": "all"}, "librdkafka does not take one of debug, sasl.jaas.config; "),
        ({"security.protocol": SECRET}, "librdkafka does not take the value of security.protocol; "),
        ({"ssl.ca.location": f"/{SECRET}", "security.protocol": "ssl"}, "librdkafka does not take "),
    ],
)
def test_what_librdkafka_does_not_take_is_told_without_the_value(properties: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        Client(ADDRESS, properties)
    assert said in str(raised.value)
    assert SECRET not in str(raised.value)


def test_a_topic_needs_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError) as raised:
        KafkaSource(ADDRESS).parts({})
    assert str(raised.value) == (
        "kafka://localhost:1/t: to read it needs confluent-kafka, which is not installed; install the extra `kafka`: "
        "pip install 'lengthwise[kafka]'"
    )


def test_a_topic_is_sent_to_workers_with_all_that_is_said_of_it() -> None:
    settings = SourceSettings(kafka={"sasl.password": SECRET}, allow_gap=True)
    source = make_source("kafka://one:9092,[::1]:9093/events.of-all", settings)
    assert source == KafkaSource(Address("one:9092,[::1]:9093", "events.of-all"), {"sasl.password": SECRET}, True)
    assert pickle.loads(pickle.dumps(source)) == source
    assert SECRET not in repr(source) + repr(settings)


@pytest.mark.parametrize(
    ("ranges", "ends", "start"),
    [
        ([], (5, 9), 5),
        ([[0, 7]], (0, 9), 7),
        ([[2, 3], [4, 7]], (0, 9), 0),  # 0 and 1 are of a window that was still open
        ([[2, 3], [4, 7]], (2, 9), 3),
        ([[0, 9]], (9, 9), 9),
        ([[0, 6], [8, 9]], (6, 9), 6),
    ],
)
def test_reading_begins_at_the_first_position_that_is_not_covered(
    ranges: list[list[int]], ends: tuple[int, int], start: int
) -> None:
    assert KafkaSource(ADDRESS)._start("kafka:t/0", np.array(ranges, np.int64).reshape(-1, 2), ends) == start


def test_positions_that_cannot_be_read_any_more_are_told_unless_gaps_are_allowed() -> None:
    read = np.array([[0, 3], [7, 8]])
    with pytest.raises(DataError, match="from offset 3 on, and Kafka has deleted what stood before 7"):
        KafkaSource(ADDRESS)._start("kafka:t/0", read, (7, 9))
    assert KafkaSource(ADDRESS, allow_gap=True)._start("kafka:t/0", read, (7, 9)) == 8
    with pytest.raises(DataError, match="has been read to offset 8, and ends at 2: the topic was deleted"):
        KafkaSource(ADDRESS)._start("kafka:t/0", read, (0, 2))


def test_why_a_broker_cannot_be_reached_is_not_forgotten_for_how_many_cannot() -> None:
    client = Client(ADDRESS, {})
    down = KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down")
    client._hear(down)
    assert client.trouble == "1/1 brokers are down"
    client._hear(KafkaError(KafkaError._TRANSPORT, "Connect to ipv4#127.0.0.1:1 failed:  Connection refused"))
    client._hear(down)
    assert client.trouble == "Connect to ipv4#127.0.0.1:1 failed: Connection refused"
