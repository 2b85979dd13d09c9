"""The command itself, on files that really come into a folder, killed and stopped as a machine would."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main
from pipeline.spans.published import published_spans
from pipeline.watching.scan import looking
from tests.pipeline.helpers import REVIEW_SPEC, review_records, write_jsonl

ROOT = Path(__file__).resolve().parents[3]
MOST_SECONDS = 120.0  # on a busy machine


class Watched:
    """A folder, and a watch of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "in"
        self.folder.mkdir()
        self.output = folder / "out"
        self.spec = folder / "spec.yaml"
        self.spec.write_text(REVIEW_SPEC)

    def put(self, name: str, start: int = 0, *bad: bytes) -> str:
        """A file of 20 records appears at once, as old as an hour."""
        hidden = write_jsonl(self.folder / f".{name}", [*review_records(20 + start)[start:], *bad])
        os.utime(hidden, (time.time() - 3_600,) * 2)
        return str(Path(hidden).rename(self.folder / name))

    def arguments(self, *more: str) -> list[str]:
        known = ["watch", str(self.folder), "--spec", str(self.spec), "--output", str(self.output)]
        return [*known, "--settle", "0.2", "--poll", "0.1", "--no_report", *more]

    def start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "pipeline", *self.arguments()]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=ROOT)

    def inputs(self) -> list[list[str]]:
        """Names of the files of each span."""
        return [[Path(file.path).name for file in one.inputs] for one in published_spans(str(self.output)).values()]


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def wait_for(happened: Callable[[], Any]) -> None:
    limit = time.monotonic() + MOST_SECONDS
    while not happened():
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_a_killed_watch_goes_on_and_reads_each_file_once(watched: Watched) -> None:
    watched.put("a.jsonl")
    watched.put("b.jsonl", 20)
    first = watched.start()
    wait_for(lambda: list(watched.output.glob("spans/*/.staging")) or watched.inputs())
    first.kill()
    first.communicate()
    second = watched.start()
    wait_for(watched.inputs)
    watched.put("c.jsonl", 40)
    wait_for(lambda: len(watched.inputs()) == 2)
    second.kill()  # after the span was published, maybe before its intent is dropped
    second.communicate()
    third = watched.start()
    assert third.stderr is not None
    line = third.stderr.readline()
    while "watching" not in line:
        line = third.stderr.readline()
    wait_for(lambda: not (watched.output / ".watch" / "intent.json").exists())
    third.send_signal(signal.SIGTERM)
    out, _ = third.communicate(timeout=MOST_SECONDS)
    assert third.returncode == 0
    assert line == (
        f"watching {watched.folder} → {watched.output}: 3 file(s) there are read already, 2 span(s); a look every "
        "0.1 s, finished after 0.2 s without a change\n"
    )
    assert {**json.loads(out), "seconds": 0} == {
        "folder": str(watched.folder),
        "output": str(watched.output),
        "spans": 0,
        "last_span": None,
        "files": 0,
        "failed": 0,
        "seconds": 0,
    }
    assert watched.inputs() == [["a.jsonl", "b.jsonl"], ["c.jsonl"]]


def test_a_stop_ends_the_run_of_a_span_and_another_watch_finishes_it(watched: Watched) -> None:
    watched.put("a.jsonl")
    first = watched.start()
    wait_for(lambda: list(watched.output.glob(".watch/intent.json")))
    intent = json.loads((watched.output / ".watch" / "intent.json").read_text())
    first.send_signal(signal.SIGTERM)
    out, _ = first.communicate(timeout=MOST_SECONDS)
    assert (first.returncode, json.loads(out)["spans"]) == (0, 0)
    assert watched.inputs() == []
    assert main(watched.arguments("--once")) == 0
    assert list(published_spans(str(watched.output))) == [intent["span"]]


def test_a_bad_file_is_found_and_the_others_are_read(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    bad = watched.put("bad.jsonl", 0, b"{")
    watched.put("good.jsonl", 20)
    assert main(watched.arguments("--once")) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["spans"], told["files"], told["failed"]) == (1, 1, 1)
    assert watched.inputs() == [["good.jsonl"]]
    [line] = (watched.output / ".watch" / "failed.jsonl").read_text().splitlines()
    entry = json.loads(line)
    state = Path(bad).stat()
    assert (entry["file"], entry["bytes"], entry["mtime_ns"]) == (bad, state.st_size, state.st_mtime_ns)
    assert entry["error"].startswith("1 of 21 records rejected (invalid_json 1), --max_rejected allows 0;")
    assert main(watched.arguments("--once")) == 0  # neither is tried again
    left = {path.name for path in watched.output.glob("spans/*/failed/*/*")}
    assert left == {"error.json", "rejected.jsonl"}
    assert not list(watched.output.glob("spans/*/.staging"))  # names of spans that failed are not used again
    capsys.readouterr()
    assert main(["verify", str(watched.output)]) == 0
    unnamed = json.loads(capsys.readouterr().out)["unnamed"]
    assert unnamed
    assert all("/failed/" in path for path in unnamed)
    (watched.output / ".watch" / "intent.json.0123456789ab.tmp").touch()
    assert main(["clean", str(watched.output)]) == 0
    cleaned = json.loads(capsys.readouterr().out)
    assert (cleaned["files"], cleaned["not_ours"]) == (4, [])
    assert main(watched.arguments("--once")) == 0  # it still knows what it knew
    assert watched.inputs() == [["good.jsonl"]]
    assert sorted(path.name for path in (watched.output / ".watch").iterdir()) == ["failed.jsonl", "run.lock"]


def refused(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> tuple[int, str]:
    return main(arguments), capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("more", "error"),
    [
        (["--settle", "x"], "--settle x: is no number of seconds; say 0 or more"),
        (["--poll", "0"], "--poll 0: is no number of seconds; say more than 0"),
        (["--span", "x"], "--span: is set by `watch` for each span; leave it out"),
        (["--input=x"], "--input=x: is set by `watch` for each span; leave it out"),
        (["--at_least_files", "0"], "--at_least_files 0: is no number of files; say 1 or more"),
        (["--at_most_wait", "5"], "--at_most_wait: says nothing without --at_least_files N; add it, or leave it out"),
        (
            ["--once", "--at_least_files", "5"],
            "--once: reads what is finished now; leave --at_least_files and --at_most_wait out",
        ),
        (
            ["--max_rejectd", "5"],
            "--max_rejectd: is no option of this command or of Beam; did you mean '--max_rejected'?",
        ),
    ],
)
def test_wrong_usage_is_told_at_once(
    watched: Watched, capsys: pytest.CaptureFixture[str], more: list[str], error: str
) -> None:
    assert refused(capsys, watched.arguments(*more)) == (2, f"error: {error}")
    assert not watched.output.exists()


def test_spans_do_not_come_into_the_folder_that_is_watched(
    watched: Watched, capsys: pytest.CaptureFixture[str]
) -> None:
    watched.output = watched.folder / "out"
    code, line = refused(capsys, watched.arguments("--once"))
    assert code == 2
    assert line == (
        f"error: --output {watched.output}: lies in the folder that is watched, or that lies in it; name a folder "
        f"beside {watched.folder}"
    )


def test_spans_do_not_come_beside_a_data_set(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    watched.output.mkdir()
    (watched.output / "manifest.json").write_text("{}")
    code, line = refused(capsys, watched.arguments("--once"))
    assert (code, line) == (
        2,
        f"error: {watched.output}: holds a data set of its own, so that spans do not belong there; name another folder",
    )
    assert [path.name for path in watched.output.iterdir()] == ["manifest.json"]


def test_a_folder_that_is_gone_is_told_once_and_waited_for(tmp_path: Path) -> None:
    folder, lines = tmp_path / "in", list[str]()
    look = looking(str(folder), "", lines.append)
    for there in (False, False, True, True, False):
        if there and not folder.exists():
            folder.mkdir()
            (folder / "a").touch()
        elif not there and folder.exists():
            shutil.rmtree(folder)
        assert list(look()) == ([str(folder / "a")] if there else [])
    gone = f"{folder}: is gone; waiting for it to come back"
    assert lines == [gone, f"{folder}: is there again", gone]


def test_one_watch_writes_to_a_folder_of_spans(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    first = watched.start()
    wait_for(lambda: (watched.output / ".watch" / ".lock").exists())
    code, line = refused(capsys, watched.arguments("--once"))
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=MOST_SECONDS)
    assert (code, first.returncode) == (75, 0)
    assert line.startswith(f"error: {watched.output}/.watch: another run writes there: pid {first.pid} on host ")
