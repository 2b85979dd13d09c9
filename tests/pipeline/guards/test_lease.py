"""Workers of a run that is over: they do nothing more, and publish nothing."""

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.failure import find_message, reporting
from pipeline.guards import lease
from pipeline.job import Job
from schemas.errors import DataError, RefusedError
from tests.pipeline.helpers import tree


class Step:
    """As a DoFn is; what it is given is called in the middle of its work."""

    def __init__(self, job: Job) -> None:
        self._job = job

    @reporting
    def process(self, element: Any) -> Iterator[Any]:
        yield element()


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(b"", (), {}, output=str(tmp_path), run="run-1", block_bytes=1, key="0123456789abcdef", leased=True)


def fail() -> None:
    raise DataError("a staged file is gone")


def test_a_run_goes_on_from_its_beginning_to_its_end(job: Job) -> None:
    assert not lease.goes_on(job)
    lease.begin(job)
    lease.check(job)
    lease.end(job)
    with pytest.raises(DataError, match="run run-1 is over, for it was refused, interrupted or killed"):
        lease.check(job)


def test_another_run_of_the_same_staging_folder_is_none_of_it(job: Job) -> None:
    lease.begin(dataclasses.replace(job, run="run-2"))
    assert not lease.goes_on(job)


def test_nobody_asks_for_a_run_in_a_pipeline_of_somebodys_own(job: Job) -> None:
    assert lease.goes_on(dataclasses.replace(job, leased=False))


def test_a_worker_begins_nothing_for_a_run_that_is_over(job: Job, tmp_path: Path) -> None:
    called: list[int] = []
    with pytest.raises(DataError, match="is over"):
        list(Step(job).process(lambda: called.append(1)))
    assert called == []
    assert tree(tmp_path) == set()  # not even a message, which nobody would read


def test_what_fails_after_the_end_leaves_no_message(job: Job) -> None:
    lease.begin(job)

    def end_and_fail() -> None:
        lease.end(job)
        fail()

    with pytest.raises(DataError, match="is gone"):
        list(Step(job).process(end_and_fail))
    assert find_message(job.failed) is None
    lease.begin(job)
    with pytest.raises(DataError, match="is gone"):
        list(Step(job).process(fail))
    assert str(find_message(job.failed)) == "a staged file is gone"


def test_a_refusal_ends_the_run_so_that_to_try_again_reads_nothing(job: Job) -> None:
    called: list[int] = []
    lease.begin(job)

    def refuse() -> None:
        called.append(1)
        raise RefusedError("1 of 2 records rejected")

    for said in ("1 of 2 records rejected", "is over", "is over"):
        with pytest.raises(DataError, match=said):
            list(Step(job).process(refuse))
    assert called == [1]
    assert str(find_message(job.failed)) == "1 of 2 records rejected"


def test_what_may_go_better_the_next_time_does_not_end_the_run(job: Job) -> None:
    lease.begin(job)
    with pytest.raises(DataError, match="is gone"):
        list(Step(job).process(fail))
    assert lease.goes_on(job)


def test_an_object_store_is_asked_once_in_a_while(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    there = [True]
    remote = dataclasses.replace(job, output="s3://bucket/data")

    def exists(path: str) -> bool:
        asked.append(path)
        return there[0]

    monkeypatch.setattr(lease.files, "exists", exists)
    for _ in range(3):
        lease.check_now_and_then(remote)
    assert len(asked) == 1
    there[0] = False
    with pytest.raises(DataError, match="is over"):  # before the manifest it is asked in any case
        lease.check(remote)
    monkeypatch.setattr(lease.time, "monotonic", lambda: float("inf"))
    with pytest.raises(DataError, match="is over"):
        lease.check_now_and_then(remote)


def test_a_folder_that_only_a_cache_says_is_missing_is_asked_for_once_more(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As NFS has it: what lies in a folder is known anew once that is opened."""
    lease.begin(job)
    opened: list[str] = []

    def opens(path: str) -> bool:
        opened.append(path)
        return path != job.lease_path or job.staging in opened

    monkeypatch.setattr(lease, "_can_open", opens)
    assert lease.goes_on(job)
    assert opened[0] == opened[-1] == job.lease_path
    assert opened[1] == "/"


def test_a_file_that_may_not_be_read_is_there(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(lease.os, "open", refuse)
    assert lease.goes_on(job)


def test_a_staging_folder_that_somebody_deleted_ends_the_run(job: Job) -> None:
    lease.begin(job)
    shutil.rmtree(job.staging)
    with pytest.raises(DataError, match="or its staging folder was deleted; nothing more is done"):
        lease.check_now_and_then(job)
