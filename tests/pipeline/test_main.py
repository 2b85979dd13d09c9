"""The process of a command: what its threads print."""

import os
import shlex
import signal
import subprocess
import sys
import threading
from pathlib import Path

import grpc
import pytest

from pipeline.__main__ import _tell_of_thread
from tests.engines.processes import wait_until

ROOT = Path(__file__).resolve().parents[2]
INTERRUPTED_COMMAND = """
import subprocess, sys
from pipeline import __main__ as command

def interrupted():
    child = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL)
    print(child.pid, flush=True)
    return 130

command.cli.main = interrupted
sys.exit(command.main())
"""
FAILED_COMMAND = """
import sys, threading
from pipeline import __main__ as command

def failed():
    threading.Thread(target=lambda: (ended.wait(), print("Traceback of a worker", file=sys.stderr))).start()
    print("error: why", file=sys.stderr)
    return 1

ended = threading.Event()
command.cli.main = failed
code = command.main()
ended.set()
sys.exit(code)
"""


class Ended(grpc.RpcError):  # type: ignore[misc]  # gRPC has no types
    pass


Ended.__module__ = "grpc._channel"


def _is_over(pid: int) -> bool:
    """Returns whether a process has ended, though perhaps nobody has waited for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize(("kind", "told"), [(Ended, False), (ZeroDivisionError, True)])
def test_the_end_of_an_engine_is_no_news(kind: type[Exception], told: bool, capsys: pytest.CaptureFixture[str]) -> None:
    _tell_of_thread(threading.ExceptHookArgs((kind, kind("why"), None, threading.current_thread())))
    assert ("why" in capsys.readouterr().err) == told


def test_workers_that_end_behind_the_error_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "failed.py").write_text(FAILED_COMMAND)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, tmp_path / "failed.py"], capture_output=True, text=True, env=env, check=False
    )
    assert (done.returncode, done.stderr) == (1, "error: why\n")


def test_only_processes_that_the_command_started_end_with_it(tmp_path: Path) -> None:
    """A shell that becomes this process by `exec` has children, which are not ours."""
    (tmp_path / "interrupted.py").write_text(INTERRUPTED_COMMAND)
    shell = f"sleep 60 & echo $!; exec {shlex.quote(sys.executable)} {tmp_path}/interrupted.py"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(["sh", "-c", shell], stdout=subprocess.PIPE, text=True, env=env) as command:
        assert command.stdout is not None
        of_shell, ours = (int(command.stdout.readline()) for _ in range(2))
        try:
            assert command.wait(60) == 130
            assert Path(f"/proc/{of_shell}/stat").read_text().split()[2] == "S"
            wait_until(lambda: _is_over(ours), 30, "end of what the command started")
        finally:
            os.kill(of_shell, signal.SIGKILL)
