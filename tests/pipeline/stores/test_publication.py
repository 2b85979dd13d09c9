"""Runs without a lock to keep them apart: the store itself lets one of two publish."""

import dataclasses
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipeline import cli, files
from pipeline.guards.publication import publish, version_of
from pipeline.job import Job
from schemas.errors import DataError
from tests.pipeline.helpers import REVIEW_SPEC, jsonl, make_job, review_records
from tests.pipeline.stores.server import StoreServer


@pytest.fixture
def job(bucket: str, tmp_path: Path) -> Job:
    """A run that may not replace what is there."""
    (tmp_path / "in.jsonl").write_bytes(jsonl(review_records(3)))
    local = make_job(REVIEW_SPEC, str(tmp_path / "in.jsonl"), tmp_path / "none")
    return dataclasses.replace(local, output=f"{bucket}/data")


def arguments(bucket: str, source: str, *more: str) -> list[str]:
    files.write(f"{bucket}/spec.yaml", REVIEW_SPEC.encode())
    spec, output = ["--spec", f"{bucket}/spec.yaml"], ["--output", f"{bucket}/data"]
    return ["run", "--no_report", *spec, "--input", f"{bucket}/{source}", *output, *more]


@pytest.mark.parametrize("more", [[], ["--replace"]])
def test_of_two_runs_at_a_time_one_publishes(bucket: str, server: StoreServer, more: list[str]) -> None:
    """Both have found the folder free, and now both write the manifest."""
    for name, seed in (("a.jsonl", 1), ("b.jsonl", 2)):
        files.write(f"{bucket}/{name}", jsonl(review_records(100, seed=seed)))
    both, arrived = threading.Barrier(2), []

    def wait_for_the_other(kind: str, path: str) -> str:
        if kind == "PUT" and path.endswith("/data/manifest.json"):
            arrived.append(path)
            both.wait(timeout=120)
        return ""

    server.refused = wait_for_the_other
    commands = [[sys.executable, "-m", "pipeline", *arguments(bucket, name, *more)] for name in ("a.jsonl", "b.jsonl")]
    runs = [
        subprocess.Popen(command, env={**os.environ}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for command in commands
    ]
    said = [run.communicate(timeout=180)[1] for run in runs]
    assert len(arrived) == 2
    assert sorted(run.returncode for run in runs) == [0, 1], said
    lost = said[0] if runs[0].returncode else said[1]
    remedy = "run again to replace that" if more else "say --replace to replace it"
    assert lost.splitlines()[-1] == f"error: {bucket}/data: another run has published a data set there; {remedy}"
    assert "Traceback" not in lost
    assert cli.main(["verify", f"{bucket}/data"]) == 0


def test_a_step_that_is_tried_again_after_its_success(job: Job) -> None:
    path = f"{job.output}/manifest.json"
    for _ in range(2):
        publish(job, path, b"one", "a data set")
    with pytest.raises(DataError, match="another run has published a data set there; say --replace to replace it"):
        publish(job, path, b"two", "a data set")
    assert files.read(path) == b"one"
    again = dataclasses.replace(job, replace=True, replaced=version_of(path))
    for _ in range(2):
        publish(again, path, b"three", "a data set")
    assert files.read(path) == b"three"


@pytest.mark.parametrize("meanwhile", ["published", "deleted"])
def test_what_may_be_replaced_is_what_was_there_when_the_run_was_planned(job: Job, meanwhile: str) -> None:
    path = f"{job.output}/manifest.json"
    files.write(path, b"one")
    replacing = dataclasses.replace(job, replace=True, replaced=version_of(path))
    files.write(path, b"two")
    if meanwhile == "deleted":
        files.delete([path])
    with pytest.raises(DataError, match="another run has published a data set there; run again to replace that"):
        publish(replacing, path, b"three", "a data set")
    assert files.exists(path) == (meanwhile == "published")


def test_a_job_that_knows_of_no_version_replaces_what_is_there(job: Job) -> None:
    path = f"{job.output}/manifest.json"
    files.write(path, b"one")
    publish(dataclasses.replace(job, replace=True), path, b"two", "a data set")
    assert files.read(path) == b"two"


def test_another_conditional_request_under_way_is_waited_for(
    job: Job, server: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.stores.s3._PAUSE_SECONDS", 0)
    path = f"{job.output}/manifest.json"
    refused = iter(["409 Conflict"] * 2)
    server.refused = lambda kind, path: next(refused, "")
    publish(job, path, b"one", "a data set")
    assert files.read(path) == b"one"
    files.delete([path])
    server.refused = lambda kind, path: "409 Conflict" * (kind == "PUT")
    with pytest.raises(DataError, match=r"manifest\.json: cannot be written: the store says Conditional"):
        publish(job, path, b"one", "a data set")


def test_a_store_that_knows_no_conditions(bucket: str, server: StoreServer) -> None:
    server.knows_conditions = False
    files.write(f"{bucket}/a.jsonl", jsonl(review_records(100)))
    assert cli.main(arguments(bucket, "a.jsonl")) == 0
    assert cli.main(arguments(bucket, "a.jsonl", "--replace")) == 0
    assert cli.main(["verify", f"{bucket}/data"]) == 0
