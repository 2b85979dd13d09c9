"""Who may write to a folder, and what everybody else is told."""

import errno
import fcntl
import io
import json
import os
import platform
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipeline.guards import locks
from pipeline.guards.locks import LOCK_NAME, Holder, holding, is_held, name_run
from schemas.errors import HeldError, UsageError
from tests.pipeline.helpers import tree

ROOT = Path(__file__).resolve().parents[3]
HOLD = """
import sys
from pathlib import Path
from rich.console import Console
from pipeline.guards.locks import holding, name_run
with holding(sys.argv[1], "run", Console(file=sys.stderr)):
    name_run(sys.argv[1], "20261120T030012-abcdef")
    print("held", flush=True)
    sys.stdin.read()
"""

# Ends when its child runs, and has closed what it must not hold.
FORK = """
    import os, time
    ready, tell = os.pipe()
    if os.fork():
        os.read(ready, 1)
        os._exit(0)
    os.write(tell, b"x")
    time.sleep(30)
"""


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def console(said: io.StringIO) -> Console:
    return Console(file=said, soft_wrap=True, markup=False)


def hold(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def leave(folder: Path, **values: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    content = {"run": "r", "host": "h", "pid": 7, "since": 0.0, "command": "run"} | values
    (folder / LOCK_NAME).write_text(json.dumps(content))


def test_a_lock_is_held_and_given_back(tmp_path: Path, console: Console, said: io.StringIO) -> None:
    folder = tmp_path / "a" / "b"
    with holding(str(folder), "run", console):
        assert is_held(str(folder))
        name_run(str(folder), "one")
        content = json.loads((folder / LOCK_NAME).read_text())
        assert (content["run"], content["pid"], content["host"]) == ("one", os.getpid(), platform.node())
        with holding(str(folder), "run", console):  # of the same thread
            assert is_held(str(folder))
        assert (folder / LOCK_NAME).exists()
    assert not is_held(str(folder))
    assert tree(tmp_path) == set()
    assert said.getvalue() == ""


def test_folders_that_were_there_or_hold_something_stay(tmp_path: Path, console: Console) -> None:
    (tmp_path / "there").mkdir()
    with holding(str(tmp_path / "there"), "run", console), holding(str(tmp_path / "new"), "run", console):
        (tmp_path / "new" / "file").write_text("x")
    assert tree(tmp_path) == {"there", "new/file"}


def test_another_process_is_told_whom_to_wait_for(tmp_path: Path, console: Console, said: io.StringIO) -> None:
    holder = hold(tmp_path / "data")
    try:
        with pytest.raises(HeldError) as caught, holding(str(tmp_path / "data"), "run", console):
            pass
        assert caught.value.exit_code == 75
        text = str(caught.value)
        assert text.startswith(
            f"{tmp_path}/data: another run writes there: run 20261120T030012-abcdef, pid {holder.pid}"
        )
        assert f"on host {platform.node()}, since 2" in text
        assert text.endswith(" s); wait for it, or stop it")
    finally:
        holder.kill()
        holder.wait()
    with holding(str(tmp_path / "data"), "run", console):
        pass
    line = f"taking over from a run that was killed: run 20261120T030012-abcdef, pid {holder.pid} on host "
    assert said.getvalue().startswith(f"{tmp_path}/data: {line}")
    assert tree(tmp_path) == {"data"}


def test_another_thread_is_another_run(tmp_path: Path, console: Console) -> None:
    found: list[str] = []

    def other() -> None:
        try:
            with holding(str(tmp_path), "run", console):
                found.append("held")
        except HeldError as error:
            found.append(str(error))

    with holding(str(tmp_path), "run", console):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(found) == 1
    assert found[0].startswith(f"{tmp_path}: another run writes there: pid {os.getpid()} on host ")


def test_a_forked_process_does_not_keep_the_lock_alive(tmp_path: Path, console: Console) -> None:
    script = HOLD.replace("sys.stdin.read()", FORK)
    process = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, stdout=subprocess.DEVNULL)
    assert process.returncode == 0
    with holding(str(tmp_path), "run", console):
        assert is_held(str(tmp_path))


def test_a_file_that_its_holder_deletes_meanwhile_is_made_again(
    tmp_path: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, flock, calls = tmp_path / LOCK_NAME, fcntl.flock, []

    def late(descriptor: int, how: int) -> None:
        if not calls:
            path.unlink()
        calls.append(how)
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with holding(str(tmp_path), "run", console):
        assert len(calls) == 2
        assert path.exists()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_without_locks_it_warns_and_goes_on(
    tmp_path: Path, console: Console, said: io.StringIO, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def none(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", none)
    with holding(str(tmp_path), "run", console):
        assert not is_held(str(tmp_path))
    assert said.getvalue() == (
        f"{tmp_path}: its filesystem has no locks ({os.strerror(number)}); let one run at a time write there\n"
    )
    assert tree(tmp_path) == set()


def test_a_folder_that_cannot_be_written_to(tmp_path: Path, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write anywhere, so the refusal is the system's only in name."""

    def denied(*_: Any, **__: Any) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", denied)
    message = rf"^--output: {tmp_path}/.lock: cannot be written: Permission denied; name another folder$"
    with pytest.raises(UsageError, match=message), holding(str(tmp_path), "run", console):
        pass


def test_a_link_is_no_lock(tmp_path: Path, console: Console) -> None:
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / LOCK_NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="cannot be written"), holding(str(tmp_path), "run", console):
        pass
    assert (tmp_path / "elsewhere").read_text() == "mine"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"run": 1}', '{"pid": "x"}'])
def test_content_that_says_nothing(tmp_path: Path, console: Console, said: io.StringIO, content: str) -> None:
    (tmp_path / LOCK_NAME).write_text(content)
    with holding(str(tmp_path), "run", console):
        assert is_held(str(tmp_path))
    assert said.getvalue() == ""


@pytest.mark.parametrize("since", [4e9, 1e300, float("nan"), -1e300])
def test_nothing_depends_on_the_clock(tmp_path: Path, console: Console, said: io.StringIO, since: float) -> None:
    leave(tmp_path, since=since)
    with holding(str(tmp_path), "run", console):
        pass
    assert said.getvalue().startswith(
        f"{tmp_path}: taking over from a run that was killed: run r, pid 7 on host h, since "
    )


@pytest.mark.parametrize(
    ("seconds", "age"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (7980, "2 h 13 min"), (200_000, "2 d 7 h"), (-5, "")],
)
def test_ages(seconds: int, age: str) -> None:
    holder = Holder("r", "h", 7, 1_795_143_612.0, "run")
    told = "run r, pid 7 on host h, since 2026-11-20 03:00:12 UTC"
    assert holder.told(holder.since + seconds) == told + (f" ({age})" if age else "")
    assert holder.told() == told


def test_what_is_on_no_local_disk_has_no_lock(console: Console) -> None:
    with holding("gs://bucket/data", "run", console):
        assert not is_held("gs://bucket/data")
    assert locks._held == {}
