"""Beam's portable job service and a pool of external workers: a job that leaves the process that submits it."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.job import Job
from pipeline.sharding.gathering import GatherSegments
from tests.engines.cases import write_rejected
from tests.engines.commands import ended, run_here
from tests.engines.engine import (
    SECONDS,
    Engine,
    assert_lost_worker_is_told,
    assert_refused_alike,
    made,
)
from tests.engines.outcome import differences, outcome_of
from tests.engines.processes import children, wait_until
from tests.engines.services import portable_flags, start_job_service, start_worker_pool, worker_processes
from tests.pipeline.helpers import tree

TWO_PROCESSES = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("portable")
    with children(folder / "logs") as group:
        pool, jobs = start_worker_pool(group), start_job_service(group)
        yield Engine(group, folder, pool, portable_flags(jobs.address, pool.address))


def test_the_same_bytes_and_progress(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.progress._LINE_SECONDS", 0.02)
    end = run_here(engine.cases["plain"].arguments(tmp_path, *engine.flags))
    assert end.code == 0, end.stderr
    assert differences(engine.local("plain"), outcome_of(tmp_path)) == []
    shown = [line for line in end.stderr.splitlines() if " bytes, " in line]
    assert any(line.startswith("reading: ") for line in shown)
    assert any("time left unknown" not in line for line in shown)  # it saw what a worker in another process had done
    assert f", workers: EXTERNAL {engine.pool.address}" in end.stderr


@pytest.mark.parametrize("name", ["labelled", "events", "series", "span"])
def test_the_same_bytes_as_locally(engine: Engine, name: str, tmp_path: Path) -> None:
    remote = made(engine.cases[name], tmp_path / "data", *engine.flags)
    assert len([path for path in remote.digests if path.endswith(".tfrecord")]) > 2
    assert differences(engine.local(name), remote) == []
    assert not (tmp_path / "data" / ".staging").exists()


def test_the_same_bytes_in_two_processes(engine: Engine, tmp_path: Path) -> None:
    two = made(engine.cases["labelled"], tmp_path / "data", *TWO_PROCESSES)
    assert differences(engine.local("labelled"), two) == []


@pytest.mark.parametrize("two_processes", [False, True])
def test_the_same_bytes_as_of_very_many_blocks_and_files(
    engine: Engine, two_processes: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is decided here, where the job is submitted, must be all that workers need to know."""
    local = engine.local("labelled")
    monkeypatch.setattr("pipeline.sharding.gathering.FEW_BLOCKS", 4)
    monkeypatch.setattr("pipeline.job.FEW_INPUTS", 1)
    sets = gathered_sets(monkeypatch)
    remote = made(engine.cases["labelled"], tmp_path / "data", *(TWO_PROCESSES if two_processes else engine.flags))
    assert sets == [3]
    assert differences(local, remote) == []
    assert not (tmp_path / "data" / ".staging").exists()


def gathered_sets(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Returns a list to which each run in this process adds the number of its sets, if it gathers segments."""
    seen, begin = list[int](), GatherSegments.__init__

    def seeing(self: GatherSegments, job: Job, facts: Any) -> None:
        seen.append(job.sets)
        begin(self, job, facts)

    monkeypatch.setattr(GatherSegments, "__init__", seeing)
    return seen


def test_a_run_that_fails_says_the_same_as_locally(engine: Engine, tmp_path: Path) -> None:
    case = write_rejected(tmp_path, engine.cases["plain"])
    here, there = tmp_path / "here", tmp_path / "there"
    local, remote = run_here(case.arguments(here)), ended(engine.start(case, there))
    assert_refused_alike(local, remote, here, there)


def test_a_worker_that_is_killed_ends_the_run_in_one_line(engine: Engine, tmp_path: Path) -> None:
    said = (
        "error: the run failed: a worker ended in the middle of its work (Channel closed prematurely); "
        "start the same command again; nothing was published; details: "
    )
    assert_lost_worker_is_told(engine, tmp_path / "killed", said)


def test_a_job_that_outlives_its_command_publishes_nothing(engine: Engine, tmp_path: Path) -> None:
    data = tmp_path / "interrupted"
    child = engine.start(engine.cases["plain"], data)
    worker = engine.worker(child)
    os.kill(worker, signal.SIGSTOP)  # before it has imported what it needs, so that all of the job is still to be done
    try:
        wait_until(lambda: any(data.glob(".staging/*/goes-on-*")), SECONDS, "start of the run", child)
        child.kill(signal.SIGTERM)
        end = ended(child, SECONDS)
    finally:
        os.kill(worker, signal.SIGCONT)
    assert (end.code, end.error) == (130, "error: interrupted")
    wait_until(lambda: worker not in worker_processes(engine.pool), SECONDS, "end of the job", engine.pool.child)
    assert tree(data) == set()
