"""Output folders that lead elsewhere."""

import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.guards.folders import check_folder, is_behind_link
from pipeline.publish import sweep
from schemas.errors import UsageError
from tests.pipeline.helpers import REVIEW_SPEC, make_job, published_tree, review_records, run_job, tree, write_jsonl

SHARD = "bucket-00-shard-00000-of-00001-0123456789ab.tfrecord"


def refused(output: Path, within: str = "") -> str:
    with pytest.raises(UsageError) as caught:
        check_folder(str(output), within)
    return str(caught.value)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / SHARD).write_text("mine")
    return tmp_path / "elsewhere"


def test_what_is_not_there_yet_or_on_no_disk(tmp_path: Path) -> None:
    check_folder(str(tmp_path / "new"), str(tmp_path))
    check_folder("gs://bucket/data")


def test_a_link_out_of_the_folder_is_refused_and_never_followed(tmp_path: Path, elsewhere: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/train").symlink_to(elsewhere)
    assert refused(tmp_path / "data") == (
        f"{tmp_path}/data/train: is a link to {elsewhere}, out of {tmp_path}/data; remove it, or name another folder"
    )
    source = write_jsonl(tmp_path / "in.jsonl", review_records(20))
    with pytest.raises(UsageError, match=re.escape(f"is a link to {elsewhere}")):
        run_job(make_job(REVIEW_SPEC, source, tmp_path / "data"))
    sweep(str(tmp_path / "data"), None)
    assert tree(elsewhere) == {SHARD}
    assert is_behind_link(str(tmp_path / "data"), f"{tmp_path}/data/train/{SHARD}")


def test_a_span_that_is_a_link_is_refused(tmp_path: Path, elsewhere: Path) -> None:
    (tmp_path / "root/spans").mkdir(parents=True)
    (tmp_path / "root/spans/a").symlink_to(elsewhere)
    root = str(tmp_path / "root")
    assert refused(tmp_path / "root/spans/a", root) == (
        f"{root}/spans/a: is a link to {elsewhere}, out of {root}; remove it, or name the folder itself"
    )
    (tmp_path / "other").mkdir()
    (tmp_path / "other/spans").symlink_to(elsewhere)
    assert refused(tmp_path / "other/spans/b", str(tmp_path / "other")).startswith(f"{tmp_path}/other/spans: is a link")


def test_the_folder_itself_and_links_within_it_may_be_links(tmp_path: Path) -> None:
    (tmp_path / "data/real").mkdir(parents=True)
    (tmp_path / "data/train").symlink_to("real")
    (tmp_path / "data/notes.txt").symlink_to(tmp_path / "nothing")
    (tmp_path / "link").symlink_to(tmp_path / "data")
    check_folder(str(tmp_path / "link"))
    assert not is_behind_link(str(tmp_path / "link"), f"{tmp_path}/link/train/{SHARD}")


def test_a_folder_of_another_filesystem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data/train").mkdir(parents=True)
    stat = Path.stat

    def mounted(self: Path, **options: Any) -> Any:
        found = stat(self, **options)
        return SimpleNamespace(st_dev=-1, st_mode=found.st_mode) if self.name == "train" else found

    monkeypatch.setattr(Path, "stat", mounted)
    assert refused(tmp_path / "data") == (
        f"{tmp_path}/data/train: lies on another filesystem than {tmp_path}/data, and finished files can be moved "
        "within one only; unmount it, or name a folder below it"
    )


def test_permission_that_is_lost_meanwhile_is_one_line_and_the_next_run_finishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the renames into the folder of the training split: root may write anywhere."""
    source = write_jsonl(tmp_path / "in.jsonl", review_records(40))
    rename = os.rename

    def denied(path: Any, target: Any, **options: Any) -> None:
        if "/train/" in str(target):
            raise PermissionError(13, "Permission denied", str(target))
        rename(path, target, **options)

    job = make_job(REVIEW_SPEC, source, tmp_path / "data")
    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", denied)
        with pytest.raises(Exception, match=r"cannot be written: .*Permission denied") as caught:
            run_job(job)
    assert len(str(caught.value).splitlines()) == 1
    assert tree(tmp_path / "data") == {f"failed/{job.run}/error.json", "train"}  # an empty folder
    manifest = run_job(make_job(REVIEW_SPEC, source, tmp_path / "data"))
    assert tree(tmp_path / "data") == published_tree(manifest) | {f"failed/{job.run}/error.json"}


def test_staging_that_is_a_link_is_refused_wherever_it_leads(tmp_path: Path) -> None:
    """What no marker names is deleted there, and that would be the data set."""
    (tmp_path / "data/train").mkdir(parents=True)
    (tmp_path / "data/.staging").symlink_to("train")
    assert refused(tmp_path / "data") == (
        f"{tmp_path}/data/.staging: is a link to {tmp_path}/data/train, and all in it would be deleted; remove it"
    )
