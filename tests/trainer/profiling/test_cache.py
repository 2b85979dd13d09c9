"""Results in files: found again, and never a reason to fail."""

import json
from pathlib import Path
from typing import Any

import pytest

from trainer.profiling.cache import cache_path, read_cached, write_cached

FACTS = {"search": "largest", "settings": {"units": 64, "dropout": 0.5, "pooling": ["mean"]}, "limit": None}
RESULT = {"batch_padded_steps": 640, "examples": 64, "trials": [{"examples": 64}]}


def test_a_result_is_found_again(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = cache_path(FACTS)
    assert path.parent == tmp_path / "lengthwise"
    assert read_cached(path, FACTS) is None
    write_cached(path, FACTS, RESULT)
    assert read_cached(path, FACTS) == RESULT
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert cache_path({**FACTS, "limit": 1_000}) != path


@pytest.mark.parametrize("given", ["", "relative/folder", None])
def test_without_a_folder_of_its_own_it_is_the_home_folder(given: str | None, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if given is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", given)
    assert cache_path(FACTS).parent == tmp_path / ".cache" / "lengthwise"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[1]",
        b"[" * 100_000,
        json.dumps({"facts": {}, "result": RESULT}).encode(),
        json.dumps({"facts": FACTS}).encode(),
        json.dumps({"facts": FACTS, "result": {**RESULT, "batch_padded_steps": "640"}}).encode(),
        json.dumps({"facts": FACTS, "result": {**RESULT, "examples": 0}}).encode(),
        json.dumps({"facts": FACTS, "result": {"batch_padded_steps": 640, "examples": 64}}).encode(),
    ],
)
def test_a_damaged_file_means_measuring_again(content: bytes, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(content)
    assert read_cached(path, FACTS) is None
    assert capsys.readouterr().err == f"{path}: is damaged; measuring again\n"


def test_a_folder_in_its_place_is_damage_too(tmp_path: Path, capsys: Any) -> None:
    assert read_cached(tmp_path, FACTS) is None
    assert capsys.readouterr().err == f"{tmp_path}: is damaged; measuring again\n"


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "result.json"
    write_cached(path, FACTS, RESULT)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{path}: cannot be written (")
    assert line.endswith("); the next search measures again")
