"""Workers of a run that is over: they do nothing more, and publish nothing."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.failure import find_message, reporting
from pipeline.guards import lease
from pipeline.job import Job
from schemas.errors import DataError
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
    with pytest.raises(DataError, match="run run-1 is over, for it was interrupted or killed"):
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
