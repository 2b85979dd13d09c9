"""What is said where Prism is not to be had; with Prism itself see `on_prism.py`, which `make prism-test` runs."""

import os
import sys
from pathlib import Path

import pytest

from tests.engines import prism

GO = """#!/bin/sh
echo "go: downloading" >&2
echo "go: proxy.example: no such host" >&2
exit 1
"""


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No Prism, and a PATH on which nothing is."""
    monkeypatch.setattr(prism, "_FOLDER", tmp_path / ".engines")
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}/bin")
    monkeypatch.setattr(prism.pytest, "main", lambda _: pytest.fail("there is nothing to run"))


def started(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["prism", *arguments])
    return prism.main()


def test_without_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}/bin")
    assert started(monkeypatch) == 2
    said = capsys.readouterr().err
    assert said.startswith("not run on Prism: Go is not installed, which builds Prism; install it (https://go.dev/")
    assert len(said.splitlines()) == 1
    assert started(monkeypatch, "--where_possible") == 0
    assert capsys.readouterr().err == said


def test_where_go_cannot_fetch_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bin" / "go").write_text(GO)
    (tmp_path / "bin" / "go").chmod(0o755)
    assert started(monkeypatch) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.endswith("fails; it needs the Go module proxy (GOPROXY) and says: go: proxy.example: no such host")
    assert [path.name for path in (tmp_path / ".engines").iterdir()] == []  # nothing of the attempt is left


def test_a_binary_that_is_there_is_taken(tmp_path: Path) -> None:
    binary = tmp_path / ".engines" / f"prism-{prism.beam_version}" / "prism"
    binary.parent.mkdir(parents=True)
    binary.touch()
    assert prism.prism() == binary
