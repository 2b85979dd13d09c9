"""How much disk a run needs, and what happens where there is less."""

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from apache_beam.io.localfilesystem import LocalFileSystem

from pipeline import run
from pipeline.disk import Need, check_space, estimate, with_need
from pipeline.job import Job
from schemas.errors import DataError, UsageError
from schemas.manifest import load_manifest
from tests.pipeline.conftest import Written
from tests.pipeline.helpers import (
    REVIEW_SPEC,
    failures,
    make_job,
    prepare,
    published_tree,
    review_records,
    run_job,
    tree,
    write_jsonl,
)

BLOCK_BYTES = 1 << 20
ALL = "\nsplit: {fractions: {train: 1.0}}"
KINDS: dict[str, tuple[str, list[Any]]] = {
    "words": (REVIEW_SPEC, review_records(2_000)),
    "characters": (
        "sequences: {text: {type: tokens, tokenizer: characters}}" + ALL,
        [{"text": "abcdefghij" * (i % 30 + 1)} for i in range(2_000)],
    ),
    "short texts": (
        "sequences: {text: {type: tokens, tokenizer: words}}" + ALL,
        [{"text": "ab"[i % 2]} for i in range(5_000)],
    ),
    "token list": (
        "sequences: {text: {type: tokens}}" + ALL,
        [{"text": [i % 7] * (i % 90 + 1)} for i in range(2_000)],
    ),
    "tokens seen once": (
        "sequences: {text: {type: tokens}}" + ALL,
        [{"text": [f"{i}-{j}" for j in range(50)]} for i in range(1_000)],
    ),
    "labels of steps": (
        "sequences: {text: {type: tokens}}\nlabel: {from: tags, type: per_step_class}" + ALL,
        [{"text": [i % 9] * 40, "tags": ["N", "V"] * 20} for i in range(1_000)],
    ),
    "series": (
        "sequences: {x: {type: series, dims: 2}}" + ALL,
        [{"x": [[i * 0.25, -1]] * (i % 50 + 1)} for i in range(1_000)],
    ),
    "series of digits": (
        "sequences: {x: {type: series, dims: 2, layout: flat}}" + ALL,
        [{"x": [i % 10] * 100} for i in range(1_000)],
    ),
    "events in any order": (
        "sequences: {w: {type: tokens}, x: {type: series, dims: 2, aligned_with: w}}\n"
        "group: {by: who, order_by: at}" + ALL,
        [{"who": f"u{i * 7919 % 400}", "at": i, "w": f"w{i % 50}", "x": [i, 0.5]} for i in range(20_000)],
    ),
    "events sorted by key": (
        "sequences: {w: {type: tokens}}\ngroup: {by: who, order_by: at}" + ALL,
        [{"who": f"u{i // 5}", "at": i, "w": f"w{i % 50}"} for i in range(20_000)],
    ),
}


class Space(NamedTuple):
    total: int
    used: int
    free: int


def with_free(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Space(free, 0, free))


def bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", KINDS)
def test_the_estimate_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    spec, records = KINDS[kind]
    job = make_job(spec, write_jsonl(tmp_path / "in.jsonl", records), tmp_path / "out", block_bytes=BLOCK_BYTES)
    need = estimate(job)
    seen = []
    delete = run.delete_staging
    monkeypatch.setattr(run, "delete_staging", lambda *of: (seen.append(bytes_in(tmp_path / "out")), delete(*of)))
    run_job(job)
    [used] = seen
    assert used < need.most
    assert used > need.likely / 3  # nor is anybody sent away for nothing
    assert need.most == int(1.5 * need.likely)


@pytest.mark.parametrize("few", [1, 1_024])
def test_the_estimate_holds_where_segments_are_gathered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr("pipeline.sharding.gathering.FEW_BLOCKS", few)
    spec, records = "sequences: {x: {type: series, dims: 1}}\nsplit: {fractions: {train: 1.0}}", [{"x": [[0.5]] * 50}]
    source = write_jsonl(tmp_path / "in.jsonl", records * 2_000)
    job = make_job(spec, source, tmp_path / "out", block_bytes=1 << 16)
    assert (job.sets > 0) == (few == 1)
    seen, delete = [], run.delete_staging
    monkeypatch.setattr(run, "delete_staging", lambda *of: (seen.append(bytes_in(tmp_path / "out")), delete(*of)))
    run_job(job)
    assert estimate(job).likely == pytest.approx(seen[0], rel=0.3)


def test_the_estimate_looks_at_all_parts_of_the_input(tmp_path: Path) -> None:
    short, long = [{"text": "a"}] * 5_000, [{"text": "a" * 387}] * 175  # 70 kB each
    spec = "sequences: {text: {type: tokens, tokenizer: characters}}" + ALL
    write_jsonl(tmp_path / "a.jsonl", short)
    write_jsonl(tmp_path / "b.jsonl", long)
    write_jsonl(tmp_path / "both.jsonl", short + long)
    jobs = [make_job(spec, str(tmp_path / f"{name}.jsonl"), tmp_path, block_bytes=1 << 12) for name in ("a", "b")]
    apart = sum(estimate(job).likely for job in jobs)
    both = estimate(make_job(spec, str(tmp_path / "both.jsonl"), tmp_path, block_bytes=1 << 12)).likely
    assert both == pytest.approx(apart, rel=0.2)


def test_the_estimate_of_many_small_files(tmp_path: Path) -> None:
    records = review_records(400)
    one = write_jsonl(tmp_path / "one.jsonl", records)
    for i in range(100):
        write_jsonl(tmp_path / "many" / f"{i}.jsonl", records[4 * i : 4 * i + 4])
    whole, parts = (make_job(REVIEW_SPEC, path, tmp_path / "out") for path in (one, str(tmp_path / "many" / "*")))
    assert estimate(parts).likely == pytest.approx(estimate(whole).likely, rel=0.1)


def test_records_that_are_all_bad_need_nothing(tmp_path: Path) -> None:
    job = make_job(REVIEW_SPEC, write_jsonl(tmp_path / "in.jsonl", [b"oops"] * 9), tmp_path / "out")
    assert estimate(job) == Need(0, 0)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(b"", (), {}, output=str(tmp_path / "not" / "there"), run="run", block_bytes=1)


def test_enough_space(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    with_free(monkeypatch, 41_230_000_000)
    assert check_space(job, Need(100_000_000, 150_000_000)) == "disk: about 100.0 MB, at most 150.0 MB, of 41.2 GB free"


def test_space_that_may_be_too_little(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    with_free(monkeypatch, 100_000_000)
    assert check_space(job, Need(100_000_000, 150_000_000)) == (
        "disk: about 100.0 MB, at most 150.0 MB, of 100.0 MB free; this may be too little"
    )


def test_too_little_space(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    with_free(monkeypatch, 99_000_000)
    with pytest.raises(UsageError) as caught:
        check_space(job, Need(100_000_000, 150_000_000))
    assert str(caught.value) == (
        f"--output {job.output}: 99.0 MB are free on its disk, and staging and output need about 100.0 MB; "
        "free some space, or name a folder on another disk"
    )


def test_the_disk_is_that_of_the_output(job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: (asked.append(path), Space(9, 0, 9))[1])
    assert check_space(job, Need(1, 2)).endswith("of 0.0 MB free")
    assert asked == [tmp_path]
    remote = Job(b"", (), {}, output="s3://bucket/out", run="run", block_bytes=1)
    assert check_space(remote, Need(10**18, 10**18)) == ""


def test_a_disk_that_cannot_be_asked(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(shutil, "disk_usage", refuse)
    assert check_space(job, Need(10**18, 10**18)) == ""


def test_only_a_full_disk_is_told_with_the_need() -> None:
    error = DataError("a: became shorter", ["a detail"])
    assert with_need(error, Need(1, 2)) is error
    full = with_need(DataError("a: cannot be written: No space left on device", ["a detail"]), Need(10**6, 10**9))
    assert str(full) == (
        "a: cannot be written: No space left on device; the run needs about 1.0 MB, at most 1.0 GB, at a time; "
        "free some space, or name a folder on another disk as --output"
    )
    assert full.details == ("a detail",)


def test_a_run_without_space_touches_nothing(reviews: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_free(monkeypatch, 1_000)
    with pytest.raises(UsageError, match=r"0\.0 MB are free on its disk, and staging and output need about 0\.1 MB"):
        run_job(make_job(REVIEW_SPEC, reviews.source, tmp_path / "data"))
    assert tree(tmp_path) == set()


class _Disk:
    """A disk that is full from the first file on whose path holds `where`."""

    def __init__(self, where: str, message: bool) -> None:
        self.where = where
        self.message = message
        self.full = False
        self.create = LocalFileSystem.create

    def __call__(self, path: str, **settings: Any) -> Any:
        stream = self.create(LocalFileSystem(None), path, **settings)
        self.full |= self.where in path
        if self.full and not (self.message and "/failed/" in path):
            stream.write = self.refuse
        return stream

    def refuse(self, _: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture(params=[True, False], ids=["room for the message", "no room at all"])
def message(request: pytest.FixtureRequest) -> Iterator[bool]:
    yield request.param


@pytest.mark.parametrize("where", ["/blocks/block-0000003", "/segments/block-0000002", "/train/bucket-01"])
def test_a_disk_that_fills_during_a_run(
    reviews: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, message: bool
) -> None:
    output = tmp_path / "data"
    before = prepare(REVIEW_SPEC, write_jsonl(tmp_path / "old.jsonl", review_records(20)), output)
    job = make_job(REVIEW_SPEC, reviews.source, output, replace=True, threads=2)
    disk = _Disk(where, message)
    monkeypatch.setattr(LocalFileSystem, "create", lambda _, path, **settings: disk(path, **settings))
    with pytest.raises(DataError) as caught:
        run_job(job)
    monkeypatch.undo()
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    path, rest = text.split(": ", 1)
    # Another thread may meet the full disk first.
    assert path.startswith(str(output))
    assert "/failed/" not in path
    assert rest.startswith("cannot be written: No space left on device")
    assert "; the run needs about 0.1 MB, at most 0.1 MB, at a time; free some space, " in rest
    # Staging is gone, and the data set that was there is as it was.
    assert load_manifest(output) == before
    assert not (output / ".staging").exists()
    assert [path.name for path in failures(output)] == (["error.json"] if message else [])
    assert {name for name in tree(output) if not name.startswith("failed")} == published_tree(before)
