"""Streams on Flink with two task managers, of messages of a Kafka broker. `python -m tests.engines.flink` runs these.

An hour of messages in fast motion, while parts of Flink and the broker are killed: each message is in one span or one
rejected row, and the spans hold what one run makes of all of them.
"""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.runners.streaming import streaming_options
from pipeline.streaming import status
from tests.engines.commands import Ended, ended, start_command
from tests.engines.fetching import CACHE
from tests.engines.flink.cluster import Cluster
from tests.engines.flink.parts import Parts
from tests.engines.flink.samples import Samples
from tests.engines.flink.sender import PARTITIONS, Hold, Sender, read_back
from tests.engines.kafka.broker import Broker
from tests.engines.messages import BEGIN, TOO_LATE_SECONDS, good_lines, messages
from tests.engines.processes import Child, Children, children, wait_until
from tests.engines.streamed import (
    assert_as_batch,
    assert_each_once,
    assert_nothing_left,
    changed,
    make_base,
    miscounted,
    published,
)
from tests.engines.told import FLINK, KAFKA

LOGS = CACHE / "flink-stream-logs"
TABLE = CACHE / "flink-stream.txt"
_SECONDS = 600.0  # to wait at most for anything on a busy machine
_SOON_SECONDS = 180.0  # for one element
_MOST_GROWTH = 1.25  # of the memory of Python from one half of the time to the other
_MOST_SECONDS_BEHIND = 10.0  # what is not read yet, in the time in which it was sent
_OPTIONS = ["--window=5m", "--allowed_lateness=10m", "--checkpoint=10", "--max_rejected=50%", "--no_report"]
_OPTIONS += [f"--idle={_SECONDS:.0f}"]  # while nothing is sent, time stands still


class Scale(NamedTuple):
    """How much is streamed.

    Attributes:
      name: In words.
      count: Of messages.
      hour: Seconds of event time.
      speed: Seconds of event time in one of the clock.
      kills: How many spans are published when a host is killed.
      broker: How many are when the broker is killed.
    """

    name: str
    count: int
    hour: float
    speed: float
    kills: tuple[int, ...]
    broker: int


SHORT = Scale("short", 12_000, 1_800.0, 30.0, (1,), 2)
HOUR = Scale("hour", 120_000, 3_600.0, 15.0, (2, 8), 5)


class Streams(NamedTuple):
    """What streams run on.

    Attributes:
      group: Ends what is started.
      cluster: Flink.
      broker: Kafka.
      base: Data set that all begin with.
    """

    group: Children
    cluster: Cluster
    broker: Broker
    base: Path

    def start(self, root: Path, topic: str, *options: str) -> Child:
        """Starts a stream, or goes on with it; nothing tells any more how far it had come."""
        shutil.rmtree(root / ".stream" / "status", ignore_errors=True)
        source = f"kafka://{self.broker.address}/{topic}"
        given = ["--base", str(self.base), "--source", source, "--output", str(root), *_OPTIONS, *options]
        metrics = f"--metrics={root.parent / 'figures.prom'}"
        return start_command(self.group, ["stream", *given, metrics, *self.cluster.flags], name=root.name)

    def stop(self, root: Path, topic: str, command: Child) -> Ended:
        """Waits until all that is there is read, then asks a stream to end."""
        ends = {f"kafka:{topic}/{number}": self.broker.ends(topic, number)[1] for number in range(PARTITIONS)}

        def is_read() -> bool:
            return {part.part: part.position for part in status.load_all(str(root))} == ends

        wait_until(is_read, _SECONDS, "end of the topic", command)
        os.kill(command.pid, signal.SIGTERM)
        return ended(command, _SECONDS)

    def lose_host(self, number: int) -> None:
        """Kills a task manager with its workers, as the loss of a machine would, and starts another one."""
        self.cluster.hosts[number].tasks.kill()
        self.cluster.hosts[number].pool.child.kill()
        self.cluster.replace(number, idle=False)


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Streams]:
    """Flink, Kafka and a base; where a test fails, the logs of all processes are kept."""
    folder = tmp_path_factory.mktemp("streams")
    base = make_base(folder / "base", good_lines(3_000, 600.0))
    before, is_well = request.session.testsfailed, False
    try:
        with children(folder / "logs") as group:
            cluster = Cluster(group, Parts.of_stated(json.loads(os.environ[FLINK])), folder / "cluster")
            cluster.start(hosts=2)
            broker = Broker(group, Path(os.environ[KAFKA]), folder / "broker")
            broker.start()
            yield Streams(group, cluster, broker, base)
            is_well = request.session.testsfailed == before
    finally:
        if not is_well:
            shutil.rmtree(LOGS, ignore_errors=True)
            shutil.copytree(folder / "logs", LOGS)


def _spans(root: Path) -> int:
    return len(list(root.glob("spans/*/manifest.json")))


def _wait_for_spans(root: Path, count: int, command: Child) -> None:
    wait_until(lambda: _spans(root) >= count, _SECONDS, f"{count} spans", command)


@pytest.mark.parametrize("scale", [SHORT, HOUR], ids=lambda scale: scale.name)
def test_every_message_is_in_one_place(
    streams: Streams, scale: Scale, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, topic = tmp_path / scale.name, scale.name
    streams.broker.create(topic, PARTITIONS, retention_ms="-1")  # some are old
    command = streams.start(root, topic, "--close_all")
    wait_until(lambda: len(status.load_all(str(root))) == PARTITIONS, _SECONDS, "first look", command)
    # Else, where a host dies before the first one, nothing is gone on with.
    wait_until(lambda: streams.cluster.checkpoints().completed > 0, _SECONDS, "checkpoint", command)
    given = list(messages(scale.count, scale.hour))
    with (
        Samples(streams.cluster, command, tmp_path / "figures.prom") as samples,
        Sender(streams.broker, topic, given, scale.speed, _before_what_is_too_late(root)),
    ):
        for kind, number, count in _losses(scale):
            _wait_for_spans(root, count, command)
            if kind == "broker":
                streams.broker.kill()
                streams.broker.start()
            else:
                streams.lose_host(number)
    restored, again = streams.cluster.checkpoints().restored, streams.cluster.work().again
    end = streams.stop(root, topic, command)
    assert end.code == 0, end.stderr

    truth = read_back(streams.broker, topic)
    assert miscounted([one.value for rows in truth.values() for one in rows], [one.value for one in given]) == {}
    fates = assert_each_once(root, truth)
    assert fates.kept + fates.rejected + fates.too_late == scale.count
    assert min(fates[:4]) > 0
    assert_as_batch(root, truth, streams.base, tmp_path / "batch")
    assert again > 0
    assert restored >= len(scale.kills)

    before = published(root)
    end = streams.stop(root, topic, streams.start(root, topic, "--close_all"))
    assert end.code == 0, end.stderr
    assert_nothing_left(root)
    assert changed(before, published(root)) == []
    _show(f"{scale}\n{fates}, restored {restored} times\n{samples.table()}", scale is HOUR, capsys)
    if scale is HOUR:
        growth = samples.growth()
        assert max(growth.workers, growth.command) < _MOST_GROWTH, growth
        assert growth.lag < _MOST_SECONDS_BEHIND * scale.count * scale.speed / scale.hour, growth


def _before_what_is_too_late(root: Path) -> Hold:
    """Has messages wait that are too late only for a stream that has come far enough, however long that takes."""
    closing = root / ".stream" / "closings" / f"{BEGIN + timedelta(seconds=600):%Y-%m-%dT%H%M}.json"
    return Hold(TOO_LATE_SECONDS, closing.exists)


def _losses(scale: Scale) -> list[tuple[str, int, int]]:
    """Returns what is lost when: kind, number of the host, spans that are published by then."""
    hosts = [("host", 2 - i % 2, count) for i, count in enumerate(scale.kills)]  # the second kill hits the other one
    return sorted([*hosts, ("broker", 0, scale.broker)], key=lambda loss: loss[2])


def _show(text: str, is_shown: bool, capsys: pytest.CaptureFixture[str]) -> None:
    if is_shown:
        TABLE.write_text(f"{text}\n")
        with capsys.disabled():
            print(f"\n{text}")


def test_a_stream_whose_command_is_killed_goes_on(streams: Streams, tmp_path: Path) -> None:
    root, topic = tmp_path / "killed", "killed"
    streams.broker.create(topic, PARTITIONS, retention_ms="-1")  # some are old
    command = streams.start(root, topic, "--close_all")
    with Sender(streams.broker, topic, list(messages(12_000, 1_800.0)), speed=30.0):
        _wait_for_spans(root, 2, command)
        command.kill()
        streams.cluster.cancel()
        before = published(root)
        command = streams.start(root, topic, "--close_all")
    end = streams.stop(root, topic, command)
    assert end.code == 0, end.stderr
    truth = read_back(streams.broker, topic)
    assert_each_once(root, truth)
    assert changed(before, published(root), may_grow=True) == []
    assert_as_batch(root, truth, streams.base, tmp_path / "batch")
    assert_nothing_left(root)


def test_a_checkpoint_holds_nothing_back(streams: Streams, tmp_path: Path) -> None:
    came = tmp_path / "came"
    told = streaming_options(streams.cluster.flags, checkpoint_seconds=0.5)._flags
    endless = "--max_bundle_time_mills=600000"  # nothing but a checkpoint ends a bundle
    pipeline = beam.Pipeline(options=PipelineOptions([*told, "--streaming", endless]))
    only = pipeline | beam.Create([str(came)], reshuffle=False)  # no other element pushes it on
    _ = only | beam.Reshuffle() | beam.Map(lambda path: Path(path).touch())
    pipeline.run()
    try:
        wait_until(came.exists, _SOON_SECONDS, "sign of the only element")
    finally:
        streams.cluster.cancel()  # or the next one would share its pools
