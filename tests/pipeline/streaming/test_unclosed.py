"""What a start of a stream knows of files that were read before it, and are in no closed window."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline import files
from pipeline.origins import SUFFIX
from pipeline.streaming.job import StreamJob
from pipeline.streaming.sources.folder import FolderSource
from pipeline.streaming.unclosed import FILE, forget, keep
from schemas.errors import DataError, RefusedError
from schemas.spec import parse_spec
from schemas.streams.positions import Ranges
from tests.pipeline.helpers import review_records
from tests.pipeline.streaming.happenings import STREAM_SPEC, at, read, stream_job

FOLDER = "folder:/in"


@pytest.fixture
def job(tmp_path: Path) -> StreamJob:
    return stream_job(tmp_path / "out", spec_bytes=parse_spec(STREAM_SPEC).SerializeToString())


def kept(job: StreamJob, identity: str = FOLDER, **covered: list[list[int]]) -> dict[str, list[list[int]]]:
    """What is noted, where windows are closed that cover some positions of /in/NAME."""
    found = keep(job.folder, identity, {f"/in/{name}": ranges(*pairs) for name, pairs in covered.items()})
    return {source.removeprefix("/in/"): pairs.tolist() for source, pairs in found.items()}


def ranges(*pairs: list[int]) -> Ranges:
    return np.array(pairs, np.int64)


def take(job: StreamJob, name: str, start: int, *minutes: float) -> list[Path]:
    """Reads records of a file; returns where they lie."""
    found = read(job, start, at(review_records(len(minutes)), *minutes), source=f"/in/{name}")
    return [Path(ref.path) for ref in found]


def spooled(job: StreamJob) -> list[Path]:
    return list(Path(job.spool).iterdir())


def test_what_was_read_is_noted_until_windows_cover_it(job: StreamJob) -> None:
    take(job, "a", 5, 1, 11, 2, 12)
    take(job, "b", 0, 1, 1)
    assert kept(job) == {"a": [[5, 9]], "b": [[0, 2]]}
    for path in spooled(job):
        path.unlink()
    assert kept(job) == {"a": [[5, 9]], "b": [[0, 2]]}
    assert kept(job, b=[[0, 2]], a=[[5, 6], [7, 8]]) == {"a": [[6, 7], [8, 9]]}
    assert json.loads(Path(job.folder, FILE).read_text()) == {"source": FOLDER, "files": {"/in/a": [6, 9]}}
    assert kept(job, a=[[0, 9]]) == {}
    assert not Path(job.folder, FILE).exists()


def test_what_is_read_again_is_noted_once(job: StreamJob) -> None:
    take(job, "a", 5, 1, 1)
    assert kept(job) == {"a": [[5, 7]]}
    take(job, "a", 5, 1, 1, 1)
    assert kept(job) == {"a": [[5, 8]]}


def test_another_source_has_other_files(job: StreamJob) -> None:
    take(job, "a", 5, 1)
    assert kept(job, "kafka:C/t/1") == {}  # whose records are not looked for
    assert kept(job) == {"a": [[5, 6]]}
    for path in spooled(job):
        path.unlink()
    assert kept(job, "folder:/other") == {}
    assert not Path(job.folder, FILE).exists()


def test_what_is_forgotten(job: StreamJob) -> None:
    for name in "ab":
        for path in take(job, name, 5, 1):
            kept(job)
            path.with_name(path.name + SUFFIX).unlink()
    forget(job.folder, FOLDER, ["/in/a"])
    assert kept(job) == {"b": [[5, 6]]}


def test_what_a_loss_of_power_took_is_passed_over(job: StreamJob) -> None:
    take(job, "a", 5, 1)
    for path in take(job, "b", 5, 1):
        path.with_name(path.name + SUFFIX).write_bytes(b"")
    assert kept(job) == {"a": [[5, 6]]}


def test_what_is_closed_while_it_is_looked_at_is_passed_over(job: StreamJob, monkeypatch: pytest.MonkeyPatch) -> None:
    take(job, "a", 5, 1)
    [gone] = take(job, "b", 5, 1)
    listed = files.every_file(job.folder + "/spool")
    monkeypatch.setattr(files, "every_file", lambda _: listed)
    gone.with_name(gone.name + SUFFIX).unlink()
    assert kept(job) == {"a": [[5, 6]]}


@pytest.mark.parametrize("content", ["{", "[]", '{"source": "folder:/in", "files": {"a": 1}}'])
def test_a_damaged_note(job: StreamJob, content: str) -> None:
    Path(job.folder, FILE).write_text(content)
    with pytest.raises(DataError, match=rf"{FILE}: is damaged .*; delete it"):
        kept(job)


@pytest.mark.parametrize(
    ("name", "now", "is_gone"),
    [
        ("a.jsonl", 9, False),
        ("a.jsonl", 10, False),  # grown
        ("a.jsonl", 8, True),
        ("a.jsonl", None, True),
        ("a.jsonl.gz", 1, False),  # which says nothing of what it holds
        ("a.jsonl.gz", None, True),
    ],
)
def test_files_that_are_gone_or_cut_short(tmp_path: Path, name: str, now: int | None, is_gone: bool) -> None:
    path = tmp_path / name
    if now is not None:
        path.write_bytes(b"x" * now)
    unclosed = {str(path): ranges([1, 3], [6, 9])}
    assert FolderSource(str(tmp_path), allow_gap=True, name="other").gone(unclosed) == [str(path)] * is_gone
    source = FolderSource(str(tmp_path))
    assert source.gone({}) == []
    if is_gone:
        with pytest.raises(RefusedError) as raised:
            source.gone(unclosed)
        assert str(raised.value) == (
            f"{path}: gone, or cut short, with up to 5 bytes of records that were read and are in no closed window, so "
            "that they have to be read again; put back what was there, or give --allow_gap to go on without them"
        )
