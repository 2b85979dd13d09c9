"""Standard error as JSON lines."""

import datetime
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from pipeline import cli
from pipeline.logs import JsonLines, json_lines, level_of, log_entry, note, wants_json
from tests.pipeline.helpers import REVIEW_SPEC, review_records, write_jsonl

ROOT = Path(__file__).resolve().parents[2]
NOON = datetime.datetime(2026, 11, 20, 12, 0, 0, 1_000, datetime.UTC)


def test_a_line() -> None:
    facts = {"command": "run", "run": "", "span": "2026-11-20"}
    assert log_entry("error: no", NOON, facts) == {
        "time": "2026-11-20T12:00:00.001Z",
        "level": "error",
        "message": "error: no",
        "command": "run",
        "span": "2026-11-20",
    }


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("error: x", "error"),
        ("errors: 3", "info"),
        ("warning: drift", "warning"),
        ("WARNING:root:x", "info"),
        ("/a/b.py:3: UserWarning: old", "warning"),
        ("3 file(s)", "info"),
    ],
)
def test_levels(line: str, level: str) -> None:
    assert level_of(line) == level


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["run", "--log_format", "json"], True),
        (["run", "--log_format=json"], True),
        (["run", "--log_format=text"], False),
        (["run", "json", "--log_format"], False),
        ([], False),
    ],
)
def test_what_asks_for_json(arguments: list[str], wanted: bool) -> None:
    assert wants_json(arguments) is wanted


def test_lines_in_pieces_and_facts_that_become_known() -> None:
    target = io.StringIO()
    stream = JsonLines(target, "run")
    console = Console(file=stream)
    stream.write("one\n\n  \ntw")
    assert [json.loads(line)["message"] for line in target.getvalue().splitlines()] == ["one"]
    note(console, run="r1", span="")
    stream.write("o\n10 %\r20 %\nthree")
    stream.finish()
    entries = [json.loads(line) for line in target.getvalue().splitlines()]
    assert [entry["message"] for entry in entries] == ["one", "two", "20 %", "three"]
    assert [entry.get("run") for entry in entries] == [None, "r1", "r1", "r1"]
    assert not any("span" in entry for entry in entries)
    note(Console(file=io.StringIO()), run="of no stream that could tell it")


def test_warnings_of_libraries_and_the_console_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    with json_lines(sys.stderr, "run"):
        print("past the console", file=sys.stderr)
    assert cli.main(["verify", "--log_format=json"]) == 2
    entries = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert entries[0]["message"] == "past the console"
    assert (entries[1]["level"], entries[1]["command"]) == ("error", "verify")
    assert entries[1]["message"].startswith("error: python -m pipeline verify: the following arguments are required")


NOISY = """
import os, subprocess, sys, warnings
from pipeline.logs import logging_console
with logging_console(["run", "--log_format", "json"]) as console:
    console.print("first")
    warnings.warn("old")
    os.write(2, b"native code \\xff\\n")
    subprocess.run(["sh", "-c", "echo child >&2"])
    sys.stderr.write("no end")
    if sys.argv[1:]:
        raise ValueError("ours")
print("plain again", file=sys.stderr)
"""


def noisy(*arguments: str) -> tuple[int, list[str]]:
    command = [sys.executable, "-c", NOISY, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    return result.returncode, result.stderr.splitlines()


def test_nothing_bypasses_it() -> None:
    code, lines = noisy()
    messages = [json.loads(line)["message"] for line in lines[:-1]]
    assert (code, lines[-1]) == (0, "plain again")
    assert {"first", "native code \\xff", "child", "no end"} < set(messages)
    assert any(message.endswith("UserWarning: old") for message in messages)


def test_an_error_of_ours_is_json_too() -> None:
    code, lines = noisy("fail")
    assert code == 1
    assert "ValueError: ours" in [json.loads(line)["message"] for line in lines]


@pytest.mark.parametrize("more", [[], ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]])
def test_a_run_of_its_own_process(tmp_path: Path, more: list[str]) -> None:
    (tmp_path / "spec.yaml").write_text(REVIEW_SPEC)
    source = write_jsonl(tmp_path / "in.jsonl", review_records(40))
    options = ["--spec", str(tmp_path / "spec.yaml"), "--input", source, "--output", str(tmp_path / "out"), *more]
    command = [sys.executable, "-m", "pipeline", "run", *options, "--log_format", "json"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert result.returncode == 0, result.stderr
    entries = [json.loads(line) for line in result.stderr.splitlines()]
    assert {entry["command"] for entry in entries} == {"run"}
    assert entries[0]["message"].startswith("1 file(s), ")
    run = json.loads((tmp_path / "out/run.json").read_text())["run"]
    assert [entry["run"] for entry in entries] == [run] * len(entries)
    assert json.loads(result.stdout)["counts"]["kept"] == 40
