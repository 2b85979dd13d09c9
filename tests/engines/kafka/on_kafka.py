"""What is read of a real broker: every record once, whatever becomes of the broker. See `__main__`."""

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pytest

from pipeline.streaming.sources.choose import make_source
from pipeline.streaming.sources.source import Batch, Covered, Reader, Source, SourceSettings
from schemas.errors import DataError, UsageError
from schemas.streams.positions import runs, union
from tests.engines.fetching import CACHE
from tests.engines.kafka.broker import Broker
from tests.engines.processes import children, free_port, wait_until
from tests.engines.told import KAFKA

LOGS = CACHE / "kafka-logs"
_SECONDS = 60.0
_AFTER_START_SECONDS = 240.0  # of the broker
_MOST = 1 << 20


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Broker]:
    """A broker; where a test fails, its log is kept."""
    folder = tmp_path_factory.mktemp("kafka")
    before, is_well = request.session.testsfailed, False
    try:
        with children(folder / "logs") as group:
            broker = Broker(group, Path(os.environ[KAFKA]), folder / "broker")
            broker.start()
            yield broker
            is_well = request.session.testsfailed == before
    finally:
        if not is_well:
            shutil.rmtree(LOGS, ignore_errors=True)
            shutil.copytree(folder / "logs", LOGS)


@pytest.fixture
def topic(request: pytest.FixtureRequest) -> str:
    """A name that no other test has."""
    return "".join(letter if letter.isalnum() else "-" for letter in request.node.name)


def source_of(broker: Broker, topic: str, **settings: object) -> Source:
    return make_source(f"kafka://{broker.address}/{topic}", SourceSettings(**settings))  # type: ignore[arg-type]


def numbers(start: int, end: int) -> list[bytes]:
    return [b'{"n":%d}' % i for i in range(start, end)]


def read_all(reader: Reader, count: int, seconds: float = _SECONDS) -> list[Batch]:
    """Reads until so many records have come, or so many seconds have passed, which is a failure."""
    found: list[Batch] = []

    def enough() -> bool:
        found.extend(reader.poll(0.5, _MOST))
        return sum(len(batch.values) for batch in found) >= count

    wait_until(enough, seconds, f"{count} records")
    return found + reader.poll(1.0, _MOST)


def values(batches: list[Batch]) -> list[bytes | None]:
    return [value for batch in batches for value in batch.values]


def assert_read(batches: list[Batch], wanted: list[bytes]) -> None:
    """Checks what was read; of what differs the first few are told, with their numbers."""
    found = values(batches)
    pairs = enumerate(zip_longest(found, wanted))
    wrong = [(i, one, other) for i, (one, other) in pairs if one != other][:5]
    assert not wrong, (len(found), len(wanted), wrong)


def covered_by(batches: list[Batch]) -> Covered:
    names = {batch.source for batch in batches}
    return {name: union(runs(batch.starts, batch.ends) for batch in batches if batch.source == name) for name in names}


def test_every_record_of_every_partition_is_read_from_where_it_begins(broker: Broker, topic: str) -> None:
    broker.create(topic, partitions=3)
    for partition in range(3):
        broker.produce(topic, numbers(partition * 10_000, (partition + 1) * 10_000), partition)
    source = source_of(broker, topic)
    covered = {f"kafka:{topic}/1": np.array([[0, 7_000], [8_000, 9_000]])}
    parts = source.parts(covered)
    assert [(part.name, part.start, part.parts) for part in parts] == [
        (f"kafka:{topic}/0", 0, 3),
        (f"kafka:{topic}/1", 7_000, 3),
        (f"kafka:{topic}/2", 0, 3),
    ]
    expected = [numbers(0, 10_000), numbers(17_000, 18_000) + numbers(19_000, 20_000), numbers(20_000, 30_000)]
    for part, wanted in zip(parts, expected, strict=True):
        reader = source.open(part, part.start, covered)
        found = read_all(reader, len(wanted))
        assert_read(found, wanted)
        assert {batch.source for batch in found} == {part.name}
        assert [batch.places.tolist() for batch in found] == [(batch.ends - 1).tolist() for batch in found]
        assert (reader.position, reader.lag(), reader.note) == (10_000, 0, "")
        assert all((batch.fallback > 1_600_000_000_000_000).all() for batch in found)
        reader.close()


def test_a_batch_is_not_much_larger_than_what_is_asked_for(broker: Broker, topic: str) -> None:
    broker.create(topic)
    broker.produce(topic, [b"x" * 10_000] * 2_000)
    source = source_of(broker, topic)
    [part] = source.parts({})
    reader = source.open(part, 0, {})
    sizes = [sum(map(len, values(reader.poll(5.0, 1 << 20)))) for _ in range(20)]  # type: ignore[arg-type]
    assert sum(sizes) == 20_000_000
    assert max(sizes) < 3 << 20
    reader.close()


def test_a_broker_that_is_killed_and_comes_back_loses_and_doubles_nothing(broker: Broker, topic: str) -> None:
    broker.create(topic)
    broker.produce(topic, numbers(0, 5_000))
    source = source_of(broker, topic)
    [part] = source.parts({})
    reader = source.open(part, 0, {})
    found = read_all(reader, 1)
    broker.kill()
    found += reader.poll(2.0, _MOST)
    assert reader.lag() is None  # so that nobody takes the silence for the end
    assert "no broker answers" in reader.note

    left = 10_000 - sum(len(batch.values) for batch in found)
    with ThreadPoolExecutor() as pool:
        rest = pool.submit(read_all, reader, left, _AFTER_START_SECONDS)
        broker.start()  # by this thread: it ends with the one that started it
        broker.produce(topic, numbers(5_000, 10_000))
        found += rest.result()
    assert_read(found, numbers(0, 10_000))
    assert covered_by(found)[part.name].tolist() == [[0, 10_000]]
    assert (reader.lag(), reader.note) == (0, "")
    reader.close()


def test_a_reader_that_is_opened_while_the_broker_is_away_waits_for_it(broker: Broker, topic: str) -> None:
    broker.create(topic)
    broker.produce(topic, numbers(0, 10))
    source = source_of(broker, topic)
    [part] = source.parts({})
    broker.kill()
    reader = source.open(part, 4, {})
    assert (reader.poll(1.0, _MOST), reader.lag()) == ([], None)
    broker.start()
    assert values(read_all(reader, 6)) == numbers(4, 10)
    reader.close()


def test_records_that_were_deleted_before_they_were_read_are_told(broker: Broker, topic: str) -> None:
    broker.create(topic)
    broker.produce(topic, numbers(0, 100))
    name, source = f"kafka:{topic}/0", source_of(broker, topic)
    [part] = source.parts({})
    broker.delete_before(topic, 0, 40)
    lost = f"{name}: was to be read from offset 30 on, and Kafka has deleted what stood before 40"
    with pytest.raises(DataError) as raised:
        source.parts({name: np.array([[0, 30], [50, 60]])})
    assert str(raised.value).startswith(lost)
    assert str(raised.value).endswith("up to 10 records are lost; give --allow_gap to go on without them")
    reader = source.open(part, 30, {})
    with pytest.raises(DataError) as raised:
        read_all(reader, 1)
    assert str(raised.value).startswith(lost)
    reader.close()
    # What was read before it was deleted is no loss, and a source that is read for the first time begins where it does.
    assert [part.start for part in source.parts({name: np.array([[0, 45]])})] == [45]
    assert [part.start for part in source.parts({})] == [40]


def test_a_gap_that_is_allowed_is_told_and_passed_over(broker: Broker, topic: str) -> None:
    broker.create(topic)
    broker.produce(topic, numbers(0, 100))
    name, source = f"kafka:{topic}/0", source_of(broker, topic, allow_gap=True)
    broker.delete_before(topic, 0, 40)
    [part] = source.parts({name: np.array([[0, 30], [40, 50]])})
    assert part.start == 50
    reader = source.open(part, 30, {})
    found = read_all(reader, 60)
    assert values(found) == numbers(40, 100)
    assert reader.lag() == 0
    assert reader.note == f"{name}: 10 offsets before 40 were deleted before they were read"
    assert covered_by(found)[name].tolist() == [[40, 100]]
    reader.close()


def test_a_topic_that_was_made_again_is_told(broker: Broker, topic: str) -> None:
    broker.create(topic)
    broker.produce(topic, numbers(0, 10))
    with pytest.raises(DataError, match="has been read to offset 20, and ends at 10: the topic was deleted and made"):
        source_of(broker, topic).parts({f"kafka:{topic}/0": np.array([[0, 20]])})


def test_a_topic_that_was_made_again_is_another_source(broker: Broker, topic: str) -> None:
    broker.create(topic)
    source = source_of(broker, topic)
    before = source.identity()
    assert before == source.identity()
    broker.delete(topic)
    broker.create(topic)
    assert source.identity() != before
    assert f"/{topic}/" in before


def test_nulls_and_blanks_are_records(broker: Broker, topic: str) -> None:
    broker.create(topic)
    broker.produce(topic, [None, b"", b" ", b"\n", b'{"a":\n1}', b"\xff"])
    source = source_of(broker, topic)
    reader = source.open(source.parts({})[0], 0, {})
    assert values(read_all(reader, 6)) == [None, b"", b" ", b"\n", b'{"a":\n1}', b"\xff"]
    reader.close()


def test_records_of_transactions_are_read_once_they_are_committed(broker: Broker, topic: str) -> None:
    broker.create(topic)
    broker.produce(topic, numbers(0, 2))
    broker.produce_in_transaction(topic, numbers(2, 4), commit=False)
    broker.produce_in_transaction(topic, numbers(4, 6), commit=True)
    broker.produce(topic, numbers(6, 8))
    broker.produce_in_transaction(topic, numbers(8, 10), commit=False)
    source, name = source_of(broker, topic), f"kafka:{topic}/0"
    reader = source.open(source.parts({})[0], 0, {})
    found = read_all(reader, 6)
    assert values(found) == numbers(0, 2) + numbers(4, 8)
    # 2 records, 2 aborted and their mark, 2 committed and their mark, 2 records, 2 aborted and their mark
    assert (reader.position, reader.lag()) == (13, 0)
    assert covered_by(found)[name].tolist() == [[0, 10]]  # without holes where no record is
    reader.close()
    assert [part.start for part in source.parts(covered_by(found))] == [10]


def test_partitions_that_are_added_are_told(broker: Broker, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.streaming.sources.kafka._PARTITIONS_SECONDS", 0.0)
    broker.create(topic)
    source = source_of(broker, topic)
    reader = source.open(source.parts({})[0], 0, {})
    assert (reader.poll(1.0, _MOST), reader.lag(), reader.note) == ([], 0, "")
    broker.add_partitions(topic, 3)

    def told() -> bool:
        reader.lag()
        return "has 3 partitions, and had 1 when the stream was started" in reader.note

    wait_until(told, _SECONDS, "word of the new partitions")
    assert len(source.parts({})) == 3
    reader.close()


def test_a_topic_that_is_not_there_is_told(broker: Broker) -> None:
    with pytest.raises(UsageError) as raised:
        source_of(broker, "not-there").parts({})
    assert str(raised.value).startswith(f"kafka://{broker.address}/not-there: there is no such topic")


def test_where_no_broker_is_that_is_told_in_one_line() -> None:
    source = make_source(f"kafka://localhost:{free_port()}/t", SourceSettings())
    with pytest.raises(DataError, match=r"no broker answers within 10 s .*Connection refused.*; check host and port"):
        source.parts({})


def test_a_broker_that_wants_no_password_is_told_of_one_without_telling_it(broker: Broker) -> None:
    secret = "hush-hush"
    given = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": "me"}
    source = source_of(broker, "t", kafka={**given, "sasl.password": secret})
    assert secret not in repr(source)
    with pytest.raises(UsageError) as raised:
        source.parts({})
    assert secret not in str(raised.value)
    assert str(raised.value).startswith(f"kafka://{broker.address}/t: ")
    assert "--kafka_config" in str(raised.value)


def test_nothing_is_read_where_all_is_covered(broker: Broker, topic: str) -> None:
    broker.create(topic)
    broker.produce(topic, numbers(0, 10))
    source = source_of(broker, topic)
    covered = {f"kafka:{topic}/0": np.array([[0, 10]])}
    [part] = source.parts(covered)
    reader = source.open(part, part.start, covered)
    assert (part.start, reader.poll(1.0, _MOST), reader.lag()) == (10, [], 0)
    reader.close()
