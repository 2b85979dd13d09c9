"""What tests of all engines stand on: it must see what differs, and leave no process behind."""

import shutil
import signal
import sys
from pathlib import Path

import pytest

from schemas.manifest import load_manifest
from tests.engines.cases import write_cases
from tests.engines.engine import made
from tests.engines.outcome import Outcome, differences, outcome_of
from tests.engines.processes import alive, children, free_port, listens, wait_for_port, wait_until
from tests.engines.streamed import changed, miscounted
from tests.pipeline.helpers import REVIEW_SPEC, prepare, review_records, write_jsonl

# Starts a process of its own, says so, and waits.
PARENT = "import subprocess, sys, time; subprocess.Popen(['sleep', '60']); print('up', flush=True); time.sleep(60)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("outcome")
    prepare(REVIEW_SPEC, write_jsonl(root / "reviews.jsonl", review_records(60)), root / "data")
    return root / "data"


def test_an_outcome_is_every_file_of_the_data_set(folder: Path) -> None:
    outcome = outcome_of(folder)
    manifest = load_manifest(folder)
    assert outcome.fingerprint == manifest.fingerprint
    assert outcome.digests == outcome.stated
    for shard in manifest.shards:
        assert outcome.digests[shard.path] == shard.sha256
        assert outcome.digests[shard.index_path] == shard.index_sha256
    assert differences(outcome, outcome) == []


def test_a_changed_and_a_missing_file_are_told(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    first, second = load_manifest(folder).shards[:2]
    (tmp_path / "copy" / first.path).write_bytes(b"damaged")
    (tmp_path / "copy" / second.index_path).unlink()
    told = differences(outcome_of(folder), outcome_of(tmp_path / "copy"))
    assert len(told) == 4  # each of them against its manifest, and against the other one
    assert [path for path in (first.path, second.index_path) if sum(path in line for line in told) != 2] == []
    assert sum("missing" in line for line in told) == 2


def test_other_records_are_told(folder: Path, tmp_path: Path) -> None:
    prepare(REVIEW_SPEC, write_jsonl(tmp_path / "reviews.jsonl", review_records(61)), tmp_path / "data")
    told = differences(outcome_of(folder), outcome_of(tmp_path / "data"))
    assert told[0].startswith("fingerprints: ")
    assert any("only in the first" in line for line in told)


def test_two_empty_data_sets_are_no_proof() -> None:
    empty = Outcome("f", {"vocabulary/a.txt": "d"}, {"vocabulary/a.txt": "d"})
    assert differences(empty, empty) == ["first: no shard", "second: no shard"]


def test_a_local_run_is_not_taken_for_one_of_an_engine(tmp_path: Path) -> None:
    case = write_cases(tmp_path)[0]
    assert made(case, tmp_path / "here").digests
    with pytest.raises(AssertionError):
        made(case, tmp_path / "there", "--runner=DirectRunner")


def test_what_is_lost_and_what_is_doubled_is_told_and_nothing_else() -> None:
    assert miscounted([b"1", b"2", None], [None, b"2", b"1"]) == {}
    assert miscounted([b"1", b"1", b"2"], [b"1", b"2", b"3"]) == {b"1": (2, 1), b"3": (0, 1)}


def test_what_was_published_and_is_another_is_told() -> None:
    before = {"a": "1", "b": "2", "c": "3"}
    assert changed(before, before) == []
    assert changed(before, {"a": "1", "b": "0", "d": "4"}) == ["b", "c", "d"]
    assert changed(before, {"a": "1", "b": "0", "d": "4"}, may_grow=True) == ["b", "c"]


def test_no_process_outlives_the_context(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), children(tmp_path) as group:
        child = group.start("parent", [sys.executable, "-c", PARENT])
        wait_until(lambda: child.out.read_text() == "up\n", 30, "line", child)
        assert len(alive(child.pid)) == 2  # it, and what it started
        raise ZeroDivisionError
    assert alive(child.pid) == []


def test_a_process_that_ends_too_early_is_told(tmp_path: Path) -> None:
    with children(tmp_path) as group:
        child = group.start("short", [sys.executable, "-c", "import sys; sys.exit('no such thing')"])
        with pytest.raises(RuntimeError, match=r"short ended with 1 before .*no such thing"):
            wait_for_port(free_port(), 30, child)
        hanging = group.start("hanging", [sys.executable, "-c", PARENT])
        with pytest.raises(TimeoutError, match="hanging is not over"):
            hanging.wait(0.1)
        assert hanging.process.returncode == -signal.SIGKILL


def test_a_free_port_is_free() -> None:
    assert not listens(free_port())
