"""What a command costs, and how its failure is told."""

import re
import subprocess
import sys
from pathlib import Path

import measure
import pytest
from environments import prepare_environment
from measure import CommandFailedError, Cost, last_error, median_cost, run


def test_time_and_memory_of_a_command_and_its_children(tmp_path: Path) -> None:
    child = "import time; block = bytearray(b'1' * 80_000_000); time.sleep(1)"
    code = f"import subprocess, sys; print('done'); subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    # From a small process: a child counts what its parent held before it became a program of its own.
    outer = f"import measure, pathlib; print(measure.run({[sys.executable, '-c', code]!r}, pathlib.Path('log'), 60))"
    environment = {"PYTHONPATH": str(Path(measure.__file__).parent)}
    done = subprocess.run(
        [sys.executable, "-c", outer], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    seconds, cpu_seconds, peak_bytes = re.findall(r"=([0-9.]+)", done.stdout)
    cost = Cost(float(seconds), float(cpu_seconds), int(peak_bytes))
    assert 1 <= cost.seconds < 30
    assert 0 < cost.cpu_seconds < 30
    assert 80_000_000 <= cost.peak_bytes < 400_000_000
    assert (tmp_path / "log").read_text() == "done\n"


def test_a_failure_is_told_by_its_last_line_of_error(tmp_path: Path) -> None:
    code = "import atexit; atexit.register(print, 'closing'); raise ValueError('no such thing')"
    with pytest.raises(CommandFailedError, match=r"^ValueError: no such thing$"):
        run([sys.executable, "-c", code], tmp_path / "log", timeout=60)


def test_a_command_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    code = "import subprocess; subprocess.run(['sleep', '60'])"
    with pytest.raises(CommandFailedError, match=r"^ended after 0\.5 seconds$"):
        run([sys.executable, "-c", code], tmp_path / "log", timeout=0.5)


def test_last_error_without_any_error_line() -> None:
    assert last_error("one\n\ntwo\n", 3) == "two"
    assert last_error("", 3) == "exit code 3, without a word"


def test_medians_are_taken_part_by_part() -> None:
    assert median_cost([Cost(1, 9, 5), Cost(3, 7, 6), Cost(2, 8, 4)]) == Cost(2, 8, 5)


def test_a_package_that_cannot_be_installed_is_an_error(tmp_path: Path) -> None:
    python = tmp_path / "environment" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho 'ERROR: No matching distribution found for x' >&2\necho notice >&2\nexit 1\n")
    python.chmod(0o755)
    with pytest.raises(CommandFailedError, match=r"^ERROR: No matching distribution found for x$"):
        prepare_environment(tmp_path / "environment", ["x"])
    assert not (tmp_path / "environment" / "installed.json").exists()


def test_an_environment_that_holds_its_packages_is_used_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "installed.json").write_text('["x", "y"]')
    assert prepare_environment(tmp_path, ["x", "y"]) == tmp_path / "bin" / "python"
