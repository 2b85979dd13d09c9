"""What is said where a broker cannot be had; the broker itself is `make kafka-test`."""

import subprocess
from pathlib import Path

import pytest

from tests.engines import fetching
from tests.engines.kafka import __main__ as command
from tests.engines.kafka import parts


@pytest.mark.parametrize(("options", "code"), [([], 2), (["--where_possible"], 0)])
def test_a_machine_without_java_is_told_so(
    options: list[str], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "missing_tools", lambda engine: [f"java: not found; {engine} needs it"])
    assert command.main(options) == code
    assert capsys.readouterr().out == "java: not found; Kafka needs it\nnot run on Kafka\n"


@pytest.mark.parametrize(("options", "code"), [([], 2), (["--where_possible"], 0)])
def test_what_cannot_be_fetched_is_told_and_leaves_nothing(
    options: list[str], code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "missing_tools", lambda engine: [])
    monkeypatch.setattr(parts, "CACHE", tmp_path / "cache")
    failed = subprocess.CompletedProcess([], 1, "[ERROR] Unable to find artifact a:b:1", "")
    monkeypatch.setattr(fetching.subprocess, "run", lambda *_, **__: failed)
    assert command.main(options) == code
    said = capsys.readouterr().out
    assert "Kafka cannot be had: Kafka 3.9.0: cannot be had: Unable to find artifact a:b:1\nnot run on Kafka\n" in said
    assert list((tmp_path / "cache").iterdir()) == []
