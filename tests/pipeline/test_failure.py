from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.failure import find_message, leave_message, reporting
from pipeline.job import Job
from schemas.errors import DataError, UsageError
from tests.pipeline.helpers import tree


class Step:
    """As a DoFn is: it knows its job, and its `process` yields."""

    def __init__(self, job: Job) -> None:
        self._job = job

    @reporting
    def process(self, element: Any) -> Iterator[Any]:
        yield element
        if isinstance(element, Exception):
            raise element


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(b"", (), {}, output=str(tmp_path), run="run", block_bytes=1)


def test_without_an_error_nothing_is_left(job: Job, tmp_path: Path) -> None:
    assert list(Step(job).process(1)) == [1]
    assert tree(tmp_path) == set()
    assert find_message(job.failed) is None


@pytest.mark.parametrize("kind", [DataError, UsageError])
def test_an_error_that_can_be_mended_is_left_for_the_command(job: Job, kind: type[DataError]) -> None:
    with pytest.raises(kind, match=r"^wrong: ü$"):
        list(Step(job).process(kind("wrong: ü", ["line 1", "line 2"])))
    found = find_message(job.failed)
    assert type(found) is kind
    assert (str(found), found.details) == ("wrong: ü", ("line 1", "line 2"))


def test_any_other_error_passes_through(job: Job) -> None:
    with pytest.raises(ZeroDivisionError):
        list(Step(job).process(ZeroDivisionError()))
    assert find_message(job.failed) is None


def test_of_several_messages_one_is_left(job: Job) -> None:
    leave_message(job.failed, DataError("first"))
    leave_message(job.failed, DataError("second"))
    assert str(find_message(job.failed)) == "second"
