"""What two that publish the same span make of it: whoever comes second finds it there, and its records gone."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline import files
from pipeline.spans.published import span_folder
from pipeline.streaming import closings
from pipeline.streaming.closings import WINDOW, Closing
from pipeline.streaming.job import StreamJob
from pipeline.streaming.publish import publish
from schemas.errors import DataError, HeldError, RefusedError
from schemas.manifest import MANIFEST_NAME
from tests.pipeline.streaming.happenings import stream_job

NAME = "2024-03-01T1000"
GONE = (2, "error: --input x.jsonl: matches no file; check the path")


def closed(root: Path) -> StreamJob:
    """A stream with a closed window whose records lie there."""
    job = stream_job(root)
    path = f".stream/windows/{NAME}/x.jsonl"
    files.write(str(root / path), b"{}\n")
    positions = {"kafka:events/0": np.array([[0, 1]])}
    assert closings.create(job.closings, Closing(NAME, WINDOW, 0, job.window, (path,), 1, 3, positions))
    return job


def publish_elsewhere(job: StreamJob) -> None:
    files.write(f"{span_folder(job.root, NAME)}/{MANIFEST_NAME}", b"")
    files.delete_folder(job.window_folder(NAME))


def answers(monkeypatch: pytest.MonkeyPatch, *said: tuple[int, str], meanwhile: Callable[[], None]) -> list[int]:
    """Has the process that makes a span answer so, the last time after something has happened; returns its codes."""
    left, given = list(said), []

    def run(job: StreamJob, closing: Closing) -> tuple[int, str]:
        answer = left.pop(0)
        if not left:
            meanwhile()
        given.append(answer[0])
        return answer

    monkeypatch.setattr("pipeline.streaming.publish._run", run)
    monkeypatch.setattr("pipeline.streaming.publish._AGAIN_SECONDS", 0.0)
    return given


@pytest.mark.parametrize("said", [(GONE,), ((HeldError.exit_code, ""), GONE), ((-9, ""),)])
def test_a_span_that_another_one_has_made_meanwhile_is_published(
    said: tuple[tuple[int, str], ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = closed(tmp_path)
    codes = answers(monkeypatch, *said, meanwhile=lambda: publish_elsewhere(job))
    publish(job, NAME)
    assert codes == [code for code, _ in said]
    assert files.exists(job.published_path(NAME))


def test_records_that_are_deleted_once_their_span_is_there_are_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = closed(tmp_path)
    monkeypatch.setattr("pipeline.streaming.publish.check_there", lambda *_: publish_elsewhere(job) or _gone())
    publish(job, NAME)
    assert files.exists(job.published_path(NAME))


def _gone() -> None:
    raise DataError("is gone")


def test_records_that_are_gone_without_a_span_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = closed(tmp_path)
    answers(monkeypatch, GONE, meanwhile=lambda: None)
    with pytest.raises(RefusedError, match="matches no file"):
        publish(job, NAME)
    files.delete_folder(job.window_folder(NAME))
    with pytest.raises(DataError, match="is gone, and the span"):
        publish(job, NAME)
