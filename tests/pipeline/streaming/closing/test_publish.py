"""What becomes of a closed window by what the process says that makes its span."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline import files
from pipeline.guards import lease
from pipeline.streaming.closing import closings
from pipeline.streaming.closing import publish as publishing
from pipeline.streaming.closing.closings import Closing
from pipeline.streaming.closing.publish import command, is_published, publish
from pipeline.streaming.job import StreamJob
from schemas.errors import DataError, RefusedError
from schemas.manifest import SPAN_VERSION, dump_manifest, fingerprint, load_manifest
from tests.pipeline.conftest import Written
from tests.pipeline.streaming.happenings import stream_job

NAME = "1970-01-01T0000"


class Processes:
    """Stands for the processes that make spans.

    Attributes:
      ends: Exit codes and words of them, in order.
      asked: Their commands.
      waited: Seconds between them.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *ends: tuple[int, str]) -> None:
        self.ends, self.asked, self.waited = list(ends), list[Sequence[str]](), list[float]()
        monkeypatch.setattr(publishing.subprocess, "run", self._run)
        monkeypatch.setattr(publishing.time, "sleep", self.waited.append)

    def _run(self, words: Sequence[str], **_: object) -> "subprocess.CompletedProcess[bytes]":
        self.asked.append(words)
        code, said = self.ends.pop(0)
        return subprocess.CompletedProcess(words, code, b"", said.encode())


@pytest.fixture
def job(tmp_path: Path) -> StreamJob:
    """A stream with one closed window of two files."""
    job = stream_job(tmp_path / "out", run_options=("--max_rejected", "3"))
    paths = []
    for name in ("a.jsonl", "b.jsonl"):
        path = files.join(job.window_folder(NAME), name)
        files.write(path, b"{}\n")
        paths.append(path.removeprefix(f"{job.root}/"))
    assert closings.create(job.closings, Closing(NAME, closings.WINDOW, 0, job.window, tuple(paths), 2, 6, {}))
    return job


def put_span(job: StreamJob, reviews: Written, *names: str) -> None:
    """Publishes a span of the window's name that was made of some files."""
    manifest = load_manifest(reviews.folder)
    del manifest.inputs[:]
    for name in names:
        manifest.inputs.add(path=f"/somewhere/{name}", records=1, bytes=3, digest="0" * 64, format="jsonl")
    manifest.span.name, manifest.format_version = NAME, SPAN_VERSION
    manifest.fingerprint = fingerprint(manifest)
    files.write(f"{job.root}/spans/{NAME}/manifest.json", dump_manifest(manifest))


def test_a_span_is_made_once(job: StreamJob, monkeypatch: pytest.MonkeyPatch) -> None:
    processes = Processes(monkeypatch, (0, ""))
    publish(job, NAME)
    publish(job, NAME)  # an engine that tries again
    [words] = processes.asked
    assert words[1:9] == ["-m", "pipeline", "run", "--span", NAME, "--output", job.root, "--origins"]
    assert words[9:11] == ["--max_rejected", "3"]
    assert [Path(word).name for word in words[-2:]] == ["a.jsonl", "b.jsonl"]
    assert not Path(job.window_folder(NAME)).exists()


def test_it_waits_for_who_writes_to_the_span(job: StreamJob, monkeypatch: pytest.MonkeyPatch) -> None:
    processes = Processes(monkeypatch, (75, "error: is held"), (75, "error: is held"), (0, ""))
    publish(job, NAME)
    assert len(processes.asked) == 3
    assert len(processes.waited) == 2


def test_it_waits_no_longer_than_the_stream(job: StreamJob, monkeypatch: pytest.MonkeyPatch) -> None:
    Processes(monkeypatch, (75, "error: is held"))
    monkeypatch.setattr(publishing.time, "sleep", lambda _: lease.end(job))
    with pytest.raises(DataError, match="run one is over"):
        publish(job, NAME)


def test_another_worker_was_faster(job: StreamJob, monkeypatch: pytest.MonkeyPatch) -> None:
    processes = Processes(monkeypatch)

    def run(words: Sequence[str], **_: object) -> "subprocess.CompletedProcess[bytes]":
        processes.asked.append(words)
        files.write(job.published_path(NAME), b"")
        files.delete_folder(job.window_folder(NAME))
        return subprocess.CompletedProcess(words, 2, b"", b"error: --input a.jsonl: matches no file\n")

    monkeypatch.setattr(publishing.subprocess, "run", run)
    publish(job, NAME)
    assert len(processes.asked) == 1


@pytest.mark.parametrize("code", [1, 2])
def test_what_a_run_refuses(job: StreamJob, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    own = f"1 file(s) → {job.root}/spans/{NAME}; runner: FnApiRunner\n{NAME}: takes vocabularies\n"
    said = f"{own}a:1: no label\n\nerror: 4 records are rejected, and --max_rejected allows 3; mend them\n"
    Processes(monkeypatch, (code, said))
    with pytest.raises(RefusedError) as caught:
        publish(job, NAME)
    assert str(caught.value).startswith(
        f"span {NAME}: 4 records are rejected, and --max_rejected allows 3; mend them; "
    )
    assert "nothing is lost" in str(caught.value)
    assert caught.value.details == ("a:1: no label",)
    assert Path(job.window_folder(NAME), "a.jsonl").exists()


@pytest.mark.parametrize(
    ("code", "said", "text"),
    [
        (-9, "", "was killed by signal 9; nothing of it is published"),
        (130, "error: interrupted\n", "ended with exit code 130: error: interrupted; nothing"),
        (1, "Traceback (most recent call last):\nMemoryError\n", "ended with exit code 1: MemoryError; nothing"),
        (1, "", "ended with exit code 1: it said nothing; nothing"),
    ],
)
def test_a_process_that_breaks(
    job: StreamJob, monkeypatch: pytest.MonkeyPatch, code: int, said: str, text: str
) -> None:
    Processes(monkeypatch, (code, said), (0, ""))
    with pytest.raises(DataError, match=text) as caught:
        publish(job, NAME)
    assert not isinstance(caught.value, RefusedError)  # the engine tries it again
    publish(job, NAME)


def test_records_that_are_gone(job: StreamJob, monkeypatch: pytest.MonkeyPatch) -> None:
    Processes(monkeypatch)
    Path(job.window_folder(NAME), "b.jsonl").unlink()
    with pytest.raises(DataError, match=rf"b\.jsonl: is gone, and the span {NAME} is not published; delete .*\.json"):
        publish(job, NAME)


def test_a_span_that_a_killed_worker_has_made(
    job: StreamJob, reviews: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    Processes(monkeypatch)
    put_span(job, reviews, "b.jsonl", "a.jsonl")
    publish(job, NAME)
    assert not Path(job.window_folder(NAME)).exists()


def test_a_span_of_somebody_else_is_not_taken_for_the_windows(
    job: StreamJob, reviews: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    Processes(monkeypatch)
    put_span(job, reviews, "c.jsonl")
    with pytest.raises(RefusedError, match=f"span {NAME}: was made of other records by somebody else.*; move"):
        publish(job, NAME)
    assert Path(job.window_folder(NAME), "a.jsonl").exists()


def test_a_span_that_was_removed_does_not_come_back(job: StreamJob, monkeypatch: pytest.MonkeyPatch) -> None:
    Processes(monkeypatch)
    files.write(job.published_path(NAME), b"")
    assert is_published(job, closings.load(job.closings, NAME))
    publish(job, NAME)


def test_more_files_than_a_command_can_name(job: StreamJob) -> None:
    closing = closings.load(job.closings, NAME)
    many = tuple(f"{'x' * 1000}/{i}" for i in range(2000))
    with pytest.raises(DataError, match=f"{NAME}: x+ holds 2,000 files, more than a run takes; say --window_bytes"):
        command(job, Closing(**{**vars(closing), "files": many}))


def test_records_that_are_not_what_was_written(job: StreamJob, monkeypatch: pytest.MonkeyPatch) -> None:
    Processes(monkeypatch)
    Path(job.window_folder(NAME), "b.jsonl").write_bytes(b"")  # as a loss of power may leave it
    with pytest.raises(DataError, match=r"is not what was written there, and the span .* is not published; delete "):
        publish(job, NAME)
