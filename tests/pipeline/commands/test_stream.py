"""The command `stream`: what it says, and how it ends, with an engine that a test stands for."""

import json
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main
from pipeline.guards import lease
from pipeline.guards.locks import holding
from pipeline.streaming import progress, status
from pipeline.streaming import run as running
from pipeline.streaming.job import StreamJob
from pipeline.streaming.status import Status
from schemas.errors import DataError
from tests.pipeline.conftest import Written
from tests.pipeline.helpers import quiet, review_records, tree
from tests.pipeline.streaming.happenings import STREAM_SPEC, at, read

Said = pytest.CaptureFixture[str]
Engine = list[Callable[[StreamJob], None]]


class Stream:
    """A command that can be given."""

    def __init__(self, folder: Path, base: Path) -> None:
        self.folder, self.root, self.source = folder, folder / "out", folder / "in"
        self.source.mkdir()
        (folder / "spec.yaml").write_text(STREAM_SPEC)
        self.words = {
            "--base": str(base),
            "--source": str(self.source),
            "--window": "10m",
            "--output": str(self.root),
            "--spec": str(folder / "spec.yaml"),
            "--runner": "PrismRunner",
        }

    def __call__(self, *more: str, **changed: str) -> int:
        words = {**self.words, **{f"--{name}": value for name, value in changed.items()}}
        return main(["stream", *(f"{name}={value}" for name, value in words.items()), *more])

    def refused(self, said: Said, *more: str, **changed: str) -> str:
        """The one line that it says, which has changed nothing."""
        assert self(*more, **changed) == 2
        captured = said.readouterr()
        assert captured.out == ""
        assert not self.root.exists()
        [line] = captured.err.splitlines()
        return line.removeprefix("error: ")

    def say(self, lag: int | None = 0, records: int = 3) -> None:
        """The part of the folder says how far it is."""
        status.dump(str(self.root), Status(f"folder:{self.source}", 9, lag, 0, records, 9, time.time()))


@pytest.fixture
def stream(tmp_path: Path, reviews: Written) -> Stream:
    return Stream(tmp_path, reviews.folder)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Takes what an engine does with a job that it is given."""
    does: Engine = []

    def execute(job: StreamJob, _graph: Any, _options: Any, show: Any, console: Any, *_: object, **__: object) -> None:
        with show(console, ""):
            does[0](job)

    monkeypatch.setattr(running, "execute", execute)
    monkeypatch.setattr(running, "check_runner", lambda *_: [])
    monkeypatch.setattr(progress, "_LOOK_SECONDS", 0.01)
    return does


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def until_stopped(job: StreamJob) -> None:
    until(lambda: Path(job.stop_path).exists())


@pytest.mark.parametrize(
    ("option", "value", "text"),
    [
        ("window", "7m", "--window 7m: does not divide a day"),
        ("window", "0", "--window '0': is no length of time"),
        ("window", "0s", "--window 0s: is no time at all; write 1s or more"),
        ("delay", "x", "--delay 'x': is no length of time"),
        ("allowed_lateness", "1", "--allowed_lateness '1': is no length of time"),
        ("idle", "-1", "--idle -1: is no number of seconds; say 0 or more"),
        ("flush", "0", "--flush 0: is no number of seconds; say more than 0"),
        ("checkpoint", "0", "--checkpoint 0: is no number of seconds; say more than 0"),
        ("settle", "soon", "--settle soon: is no number of seconds"),
        ("poll", "0", "--poll 0: is no number of seconds; say more than 0"),
        ("window_bytes", "1e9", "--window_bytes 1e9: is no number of bytes; write a whole number, with K, M, G or T"),
        ("window_bytes", "0G", "--window_bytes 0G: is no number of bytes"),
        ("max_rejected", "101%", "--max_rejected 101%: is no limit"),
        ("metrics", "/nowhere/x", "--metrics /nowhere/x: there is no such folder"),
        ("kafka_config", "/nowhere/x", "--kafka_config /nowhere/x: cannot be read"),
        ("source", "", "--source: is empty; name a folder, or kafka://HOST:PORT/TOPIC"),
        ("source", "/nowhere", "--source /nowhere: is no folder"),
        ("source", "s3://bucket/x", "--source s3://bucket/x: is no folder of this machine"),
        ("base", "/nowhere", "--base /nowhere: holds no manifest.json"),
        ("spec", "/nowhere", "spec /nowhere: no such file"),
        ("output", "", "--output '': is empty; name the folder of all spans"),
        ("name", "*.parquet", "--name '*.parquet': means files of parquet, and a stream reads .jsonl"),
        ("runner", "DirectRunner", "--runner=DirectRunner: cannot stream"),
        ("runner", "FnApiRunner", "--runner=FnApiRunner: cannot stream"),
        ("windowbytes", "1G", "--windowbytes=1G: is no option of this command or of Beam; did you mean"),
    ],
)
def test_what_is_refused(stream: Stream, capsys: Said, option: str, value: str, text: str) -> None:
    assert stream.refused(capsys, **{option: value}).startswith(text)


def test_what_is_no_prism_is_refused_before_anything_is_written(stream: Stream, capsys: Said) -> None:
    said = f"--prism_location={stream.source}: is no file; name Prism's binary"
    assert stream.refused(capsys, prism_location=str(stream.source)).startswith(said)


@pytest.mark.parametrize("length", ["0", "0s", "0h"])
def test_no_delay_and_no_lateness(stream: Stream, engine: Engine, length: str) -> None:
    lengths = []

    def work(job: StreamJob) -> None:
        lengths.append(job.lateness)
        stream.say()
        until_stopped(job)

    engine.append(work)
    assert stream("--once", delay=length, allowed_lateness=length) == 0
    assert lengths == [0]


def test_options_of_the_other_source(stream: Stream, capsys: Said) -> None:
    properties = stream.folder / "properties"
    properties.write_text("client.id=x\n")
    said = stream.refused(capsys, kafka_config=str(properties))
    assert said.startswith("--kafka_config: is for a source that is Kafka; leave it out")
    said = stream.refused(capsys, source="kafka://localhost:1/t", name="*.jsonl")
    assert said.startswith("--name: is for a source that is a folder; leave it out")


def test_another_stream_writes_there(stream: Stream, capsys: Said) -> None:
    codes = []
    with holding(str(stream.root / ".stream"), "stream", quiet()):
        thread = threading.Thread(target=lambda: codes.append(stream()))
        thread.start()
        thread.join()
    assert codes == [75]
    assert ".stream" in capsys.readouterr().err.splitlines()[-1]


def test_a_watch_does_not_write_where_a_stream_does(stream: Stream, capsys: Said) -> None:
    (stream.root / ".stream").mkdir(parents=True)
    code = main(["watch", str(stream.source), "--spec", stream.words["--spec"], "--output", str(stream.root), "--once"])
    assert code == 2
    assert "is filled by `stream`, whose spans are windows of time; name another folder" in capsys.readouterr().err


def test_it_ends_once_all_is_read(stream: Stream, capsys: Said, engine: Engine) -> None:
    def work(job: StreamJob) -> None:
        for lag in (5, None, 0):
            time.sleep(0.05)
            assert not Path(job.stop_path).exists()
            stream.say(lag)
        until_stopped(job)

    engine.append(work)
    assert stream("--once", f"--metrics={stream.folder}/figures") == 0
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    assert (told["stopped"], told["records"], told["spans"], told["closed_until"]) == ("all was read", 3, 0, None)
    first, second, third = captured.err.splitlines()
    assert first.startswith(f"1 part(s) of the source → {stream.root}: 0 span(s) of it there; runner: PrismRunner, ")
    assert (second[:15], third) == ("to end in order", "all that is there has been read")
    assert "stream_records_read" in (stream.folder / "figures").read_text()
    assert tree(stream.folder) == {"in", "spec.yaml", "figures"}  # nothing was closed, so nothing is left


@pytest.mark.parametrize(("more", "text"), [((), "read again at the next start"), (("--close_all",), "published as")])
def test_one_signal_drains(stream: Stream, capsys: Said, engine: Engine, more: tuple[str, ...], text: str) -> None:
    def work(job: StreamJob) -> None:
        stream.say(lag=7)
        signal.raise_signal(signal.SIGTERM)
        until_stopped(job)
        assert lease.goes_on(job)

    engine.append(work)
    before = signal.getsignal(signal.SIGTERM)
    assert stream(*more) == 0
    assert signal.getsignal(signal.SIGTERM) is before
    captured = capsys.readouterr()
    assert json.loads(captured.out)["stopped"] == "asked to"
    assert f"windows that are not over are {text}" in captured.err.splitlines()[-1]


def test_a_second_signal_breaks_off(stream: Stream, capsys: Said, engine: Engine) -> None:
    jobs = []

    def work(job: StreamJob) -> None:
        jobs.append(job)
        signal.raise_signal(signal.SIGINT)
        until_stopped(job)
        signal.raise_signal(signal.SIGTERM)

    engine.append(work)
    assert stream() == 130
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1] == "error: interrupted"
    assert not lease.goes_on(jobs[0])  # so that nothing more is closed or published
    assert not stream.root.exists()


def test_a_file_that_is_gone_before_its_windows_are_closed(stream: Stream, capsys: Said, engine: Engine) -> None:
    path = stream.source / "a.jsonl"
    path.write_bytes(b"x" * 9)

    def work(job: StreamJob) -> None:
        if path.exists():
            read(job, 3, at(review_records(2), 1), source=str(path))
        stream.say()
        until_stopped(job)

    engine.append(work)
    for _ in range(2):  # the file is read again each time
        assert stream("--once") == 0
    path.unlink()
    capsys.readouterr()
    for _ in range(2):
        assert stream("--once") == 1
        captured = capsys.readouterr()
        assert captured.out == ""
        [line] = captured.err.splitlines()
        assert line.startswith(f"error: {path}: gone, or cut short, with up to 2 bytes of records that were read and")
    assert stream("--once", "--allow_gap") == 0
    assert f"warning: {path}: gone, or cut short, before" in capsys.readouterr().err
    assert stream("--once") == 0  # told once
    assert "warning" not in capsys.readouterr().err
    assert not (stream.root / ".stream" / "unclosed.json").exists()


def test_an_engine_that_does_not_end_its_job_is_told_to(
    stream: Stream, capsys: Said, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(job: StreamJob) -> None:
        stream.say()
        until_stopped(job)
        Path(job.drained_path).write_text("")
        until(lambda: False)

    engine.append(work)
    monkeypatch.setattr(running, "kind_of", lambda _: "flink")
    assert stream("--once") == 0
    assert json.loads(capsys.readouterr().out)["stopped"] == "all was read"


def test_an_engine_that_fails(stream: Stream, capsys: Said, engine: Engine) -> None:
    def work(_: StreamJob) -> None:
        raise DataError("window 1970-01-01T0000: holds too much")

    engine.append(work)
    assert stream() == 1
    captured = capsys.readouterr()
    assert (captured.out, captured.err.splitlines()[-1]) == ("", "error: window 1970-01-01T0000: holds too much")
    assert not stream.root.exists()
