"""A run that is broken off as a kill does it, and what the next one makes of what it finds."""

import dataclasses
import io
import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipeline import encode, group, stage
from pipeline.guards.going_on import resumable, take_up
from pipeline.guards.locks import holding
from pipeline.job import Job, SpanRun
from pipeline.resuming import done
from pipeline.run import run
from pipeline.runners.options import beam_options
from pipeline.sharding import shards
from schemas.errors import DataError
from schemas.manifest import load_manifest
from tests.pipeline.conftest import Written
from tests.pipeline.crashes.scenarios import BAD, EVENTS_SPEC, UNIQUE_SPEC, _events
from tests.pipeline.helpers import (
    REVIEW_SPEC,
    make_job,
    prepare,
    published_tree,
    quiet,
    review_records,
    tree,
    write_jsonl,
)

Work = Counter[str]


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    """Counts what is done, by kind."""
    counted = Work()

    def watch(module: Any, name: str) -> None:
        original = getattr(module, name)

        def counting(*args: Any, **kwargs: Any) -> Any:
            counted[name] += 1
            return original(*args, **kwargs)

        monkeypatch.setattr(module, name, counting)

    watch(stage, "locate_part")
    watch(group, "read_events")
    watch(encode, "encode_block")
    watch(shards, "read_part")
    return counted


@pytest.fixture
def source(tmp_path: Path) -> str:
    return write_jsonl(tmp_path / "in.jsonl", [*review_records(40), *BAD])


def killed(job: Job, monkeypatch: pytest.MonkeyPatch, at: str = "pipeline.publish.check_totals") -> None:
    """Runs a job until a function is called, and leaves everything as it is then."""

    class KilledError(Exception):
        pass

    def kill(*_: Any) -> None:
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(at, kill)
        patched.setattr("pipeline.run._end_failed", lambda *_: None)
        with pytest.raises(DataError, match="KilledError"):
            run(job, beam_options([]), quiet())


def told(job: Job) -> str:
    """Runs a job; returns what it says."""
    said = io.StringIO()
    run(job, beam_options([]), Console(file=said, soft_wrap=True, markup=False))
    return said.getvalue()


def going_on(text: str) -> str:
    return next((line for line in text.splitlines() if line.startswith("going on")), "")


@pytest.mark.parametrize(("spec", "blocks"), [(REVIEW_SPEC, "4 of 4"), (UNIQUE_SPEC, "4 of 4")])
def test_the_next_run_does_again_only_what_is_not_done(
    spec: str, blocks: str, source: str, tmp_path: Path, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {"max_rejected": 9, "block_bytes": 900, "shard_bytes": 1500}
    expected = prepare(spec, source, tmp_path / "expected", **settings)
    killed(make_job(spec, source, tmp_path / "data", **settings), monkeypatch)
    work.clear()
    text = told(make_job(spec, source, tmp_path / "data", **settings))
    shard_count = len(expected.shards)
    assert going_on(text) == (
        f"going on: {blocks} blocks, 4 encoded parts, {shard_count} shards were done by an earlier run"
    )
    assert work == {}
    assert load_manifest(tmp_path / "data") == expected
    assert {path for path in tree(tmp_path / "data") if "failed" not in path} == published_tree(expected)


def test_gathered_segments_are_taken_up(
    source: str, tmp_path: Path, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {"max_rejected": 9, "block_bytes": 900, "shard_bytes": 1500}
    expected = prepare(REVIEW_SPEC, source, tmp_path / "expected", **settings)
    monkeypatch.setattr("pipeline.sharding.gathering.FEW_BLOCKS", 1)
    job = make_job(REVIEW_SPEC, source, tmp_path / "data", **settings)
    assert job.sets == 2
    killed(job, monkeypatch, "pipeline.sharding.shards.part_starts")
    work.clear()
    line = going_on(told(make_job(REVIEW_SPEC, source, tmp_path / "data", **settings)))
    assert line == "going on: 4 of 4 blocks, 4 encoded parts, 2 sets of them were done by an earlier run"
    assert set(work) == {"read_part"}
    assert load_manifest(tmp_path / "data") == expected
    assert {path for path in tree(tmp_path / "data") if "failed" not in path} == published_tree(expected)


def test_gathered_segments_that_are_no_longer_wanted_are_deleted(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {"max_rejected": 9, "block_bytes": 900}
    monkeypatch.setattr("pipeline.sharding.gathering.FEW_BLOCKS", 1)
    killed(make_job(REVIEW_SPEC, source, tmp_path / "data", **settings), monkeypatch)
    monkeypatch.setattr("pipeline.sharding.gathering.FEW_BLOCKS", 1_024)
    job = make_job(REVIEW_SPEC, source, tmp_path / "data", **settings)
    with holding(job.output, "run", quiet()):
        assert "sets" not in take_up(resumable(job))
    assert list((tmp_path / "data/.staging").rglob("segments/*"))
    assert not list((tmp_path / "data/.staging").rglob("set-*"))


def test_grouped_events_are_taken_up(tmp_path: Path, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_jsonl(tmp_path / "events.jsonl", _events())
    settings = {"block_bytes": 12_000}
    expected = prepare(EVENTS_SPEC, source, tmp_path / "expected", **settings)
    killed(make_job(EVENTS_SPEC, source, tmp_path / "data", **settings), monkeypatch)
    work.clear()
    line = going_on(told(make_job(EVENTS_SPEC, source, tmp_path / "data", **settings)))
    assert line.startswith("going on: the events of 4 of 4 blocks, 4 of 4 partitions, 4 encoded parts, ")
    assert work == {}
    assert load_manifest(tmp_path / "data") == expected


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _one(pattern: str, change: Callable[[Path], Any]) -> Callable[[Path], Any]:
    return lambda output: change(sorted(output.glob(pattern))[0])


DAMAGE: dict[str, tuple[Callable[[Path], Any], Work]] = {
    "a staged block": (_one(".staging/*/blocks/*.arrow", _flip), Work(locate_part=1, encode_block=1)),
    "a staged block is gone": (_one(".staging/*/blocks/*.arrow", Path.unlink), Work(locate_part=1, encode_block=1)),
    "ids": (_one(".staging/*/ids/*.arrow", _flip), Work(locate_part=1, encode_block=1)),
    "the marker of a block": (_one(".staging/*/done/block-*.json", _flip), Work(locate_part=1, encode_block=1)),
    "an empty marker": (
        _one(".staging/*/done/segment-*.json", lambda path: path.write_bytes(b"")),
        Work(encode_block=1),
    ),
    "a segment": (_one(".staging/*/segments/*[0-9]", _flip), Work(encode_block=1)),
    "the index of a segment": (_one(".staging/*/segments/*.index", _flip), Work(encode_block=1)),
    "a shard": (_one("train/*.tfrecord", _flip), Work(read_part=1)),
    "the index of a shard": (_one("train/*.index", _flip), Work(read_part=1)),
    "rejected records": (_one(".staging/*/rejected/*.jsonl", _flip), Work(locate_part=1)),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_is_done_again(
    damage: str, source: str, tmp_path: Path, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {"max_rejected": 9, "block_bytes": 900}
    expected = prepare(REVIEW_SPEC, source, tmp_path / "expected", **settings)
    killed(make_job(REVIEW_SPEC, source, tmp_path / "data", **settings), monkeypatch)
    change, redone = DAMAGE[damage]
    change(tmp_path / "data")
    work.clear()
    told(make_job(REVIEW_SPEC, source, tmp_path / "data", **settings))
    assert work == redone
    assert load_manifest(tmp_path / "data") == expected


def test_other_input_of_the_same_size(tmp_path: Path, source: str, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written to since: all blocks of this file are read again, those of the other one are not."""
    other = write_jsonl(tmp_path / "other.jsonl", review_records(5, seed=2))
    settings: dict[str, Any] = {"max_rejected": 9, "block_bytes": 2000}
    killed(make_job(REVIEW_SPEC, [source, other], tmp_path / "data", **settings), monkeypatch)
    content = Path(other).read_bytes().replace(b"r0", b"x0")
    Path(other).write_bytes(content)
    work.clear()
    told(make_job(REVIEW_SPEC, [source, other], tmp_path / "data", **settings))
    assert work["locate_part"] == 1
    assert load_manifest(tmp_path / "data") == prepare(REVIEW_SPEC, [source, other], tmp_path / "new", **settings)


def test_other_input_of_the_same_size_and_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a line that begins in the block before it: no digest of that block knows of it."""
    source = Path(write_jsonl(tmp_path / "in.jsonl", review_records(40)))
    settings: dict[str, Any] = {"block_bytes": 900}
    killed(make_job(REVIEW_SPEC, str(source), tmp_path / "data", **settings), monkeypatch)
    content, before = bytearray(source.read_bytes()), source.stat()
    line_end = content.index(b"\n", 900)
    assert line_end > 902
    content[line_end - 2] ^= 1  # the last digit of the line
    source.write_bytes(content)
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    told(make_job(REVIEW_SPEC, str(source), tmp_path / "data", **settings))
    expected = prepare(REVIEW_SPEC, str(source), tmp_path / "new", **settings)
    assert load_manifest(tmp_path / "data") == expected


def test_staging_that_is_a_link_is_not_what_it_leads_to(
    tmp_path: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(REVIEW_SPEC, source, tmp_path / "data", max_rejected=9, block_bytes=900)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("mine")
    (tmp_path / "data/.staging").mkdir(parents=True)
    (tmp_path / "data/.staging" / done.staging_key(job)).symlink_to(tmp_path / "mine")
    assert going_on(told(job)) == ""
    assert tree(tmp_path / "mine") == {"notes.txt"}
    assert not (tmp_path / "data/.staging").exists()


def test_another_spec_begins_anew(tmp_path: Path, source: str, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    settings: dict[str, Any] = {"max_rejected": 9, "block_bytes": 900}
    killed(make_job(REVIEW_SPEC, source, tmp_path / "data", **settings), monkeypatch)
    spec = REVIEW_SPEC.replace("whitespace", "words")
    work.clear()
    assert going_on(told(make_job(spec, source, tmp_path / "data", **settings))) == ""
    assert work["locate_part"] == 4
    assert not (tmp_path / "data" / ".staging").exists()
    assert load_manifest(tmp_path / "data") == prepare(spec, source, tmp_path / "new", **settings)


def span_job(source: str, tmp_path: Path, **settings: Any) -> Job:
    job = make_job(REVIEW_SPEC, source, tmp_path / "root/spans/a", block_bytes=900, **settings)
    return dataclasses.replace(job, span=SpanRun(str(tmp_path / "root"), "a"))


def test_a_span_that_fails_keeps_what_is_done(source: str, tmp_path: Path, work: Work) -> None:
    said = io.StringIO()
    job = span_job(source, tmp_path, max_rejected=1)
    with pytest.raises(DataError, match="2 of 42 records rejected"):
        run(job, beam_options([]), Console(file=said, soft_wrap=True, markup=False))
    line = f"{job.output}: kept what is done so far, in .staging; the same command goes on from there\n"
    assert said.getvalue().endswith(line)
    work.clear()
    assert going_on(told(span_job(source, tmp_path, max_rejected=2))) == (
        "going on: 4 of 4 blocks were done by an earlier run"
    )
    assert "locate_part" not in work
    assert not Path(job.output, ".staging").exists()


def test_a_full_disk_keeps_nothing(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise DataError("x: cannot be written: No space left on device")

    monkeypatch.setattr("pipeline.publish.check_totals", full)
    job = span_job(source, tmp_path, max_rejected=9)
    with pytest.raises(DataError, match="No space left on device"):
        run(job, beam_options([]), quiet())
    assert tree(Path(job.output)) == {f"failed/{job.run}/error.json"}


def test_a_plain_run_that_fails_keeps_nothing(reviews: Written, source: str, tmp_path: Path) -> None:
    job = make_job(REVIEW_SPEC, source, tmp_path / "data", block_bytes=900)
    with pytest.raises(DataError, match="records rejected"):
        run(job, beam_options([]), quiet())
    assert tree(tmp_path / "data") == {f"failed/{job.run}/error.json", f"failed/{job.run}/rejected.jsonl"}


def test_keys_tell_runs_apart(source: str, tmp_path: Path) -> None:
    job = make_job(REVIEW_SPEC, source, tmp_path / "data")
    changes: list[dict[str, Any]] = [
        {"spec_bytes": b""},
        {"fractions": {"train": 1.0}},
        {"output": "elsewhere"},
        {"block_bytes": 5},
        {"named_splits": frozenset({"a"})},
        {"id_shares": 2},
        {"partitions": 3},
        {"span": SpanRun("root", "a", extend=1)},
    ]
    keys = {done.staging_key(dataclasses.replace(job, **change)) for change in changes}
    assert len(keys | {done.staging_key(job)}) == len(changes) + 1
    same = dataclasses.replace(job, run="other", threads=9, inputs=(), max_rejected=3, shard_bytes=1, replace=True)
    assert done.staging_key(same) == done.staging_key(job)


def test_only_who_holds_the_lock_shares_its_staging(source: str, tmp_path: Path) -> None:
    job = make_job(REVIEW_SPEC, source, tmp_path / "data")
    assert resumable(job) == job
    with holding(job.output, "run", quiet()):
        assert Path(resumable(job).staging) == tmp_path / "data/.staging" / done.staging_key(job)
    assert json.dumps(done.staging_key(job)).isascii()


def test_a_part_of_a_file_of_unknown_age_is_never_taken_up(tmp_path: Path, source: str) -> None:
    [first, *_] = make_job(REVIEW_SPEC, source, tmp_path / "data", block_bytes=900).blocks()
    assert done.block_key(first)
    assert done.block_key(dataclasses.replace(first, versions=((first.versions[0][0], 0.0),))) == ""
    whole = make_job(REVIEW_SPEC, source, tmp_path / "data", block_bytes=1 << 20).blocks()[0]
    assert done.block_key(dataclasses.replace(whole, versions=((whole.bytes, 0.0),))) == done.block_key(whole)
