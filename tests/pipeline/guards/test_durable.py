"""What is synced before it is published, and in which order."""

import errno
import os
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.guards import durable
from schemas.errors import DataError
from tests.pipeline.conftest import Written
from tests.pipeline.helpers import REVIEW_SPEC, prepare, tree


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Lists what is synced and what gets its name, as it happens."""
    made: list[tuple[str, str]] = []
    fsync, rename, replace = os.fsync, os.rename, os.replace

    def note(kind: str, path: str, original: Any, *args: Any, **options: Any) -> None:
        original(*args, **options)
        made.append((kind, re.sub(r"\.[0-9a-f]{12}\.tmp$", ".tmp", path)))

    monkeypatch.setattr(os, "fsync", lambda n: note("sync", str(Path(f"/proc/self/fd/{n}").readlink()), fsync, n))
    monkeypatch.setattr(os, "rename", lambda a, b, **options: note("name", str(b), rename, a, b, **options))
    monkeypatch.setattr(os, "replace", lambda a, b, **options: note("name", str(b), replace, a, b, **options))
    return made


def test_a_file_is_synced_before_it_gets_its_name_and_its_folder_after(
    tmp_path: Path, calls: list[tuple[str, str]]
) -> None:
    path = tmp_path / "new" / "file"
    durable.write(str(path), b"one")
    assert path.read_bytes() == b"one"
    assert calls == [("sync", f"{path}.tmp"), ("name", str(path)), ("sync", str(path.parent))]


def test_everything_named_is_synced_before_the_manifest(
    reviews: Written, tmp_path: Path, calls: list[tuple[str, str]]
) -> None:
    from schemas.manifest import named_files

    manifest = prepare(REVIEW_SPEC, reviews.source, tmp_path / "data")
    path = f"{tmp_path}/data/manifest.json"
    before = calls[: calls.index(("name", path))]
    synced = {synced for kind, synced in before if kind == "sync"}
    assert {f"{tmp_path}/data/{name}" for name in named_files(manifest)} <= synced
    assert {f"{tmp_path}/data/{split}" for split in manifest.statistics} <= synced
    assert before[-1] == ("sync", f"{path}.tmp")
    assert ("sync", f"{tmp_path}/data") in calls[len(before) :]


def test_a_disk_that_cannot_keep_it_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def broken(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(DataError, match=r"file.*: cannot be written to the disk: Input/output error$"):
        durable.write(str(path), b"new")
    assert path.read_bytes() == b"old"
    assert tree(tmp_path) == {"file"}


def test_what_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"^{tmp_path}/gone: cannot be written to the disk: No such file"):
        durable.sync([f"{tmp_path}/gone"])
    durable.sync(["gs://bucket/data"])
