"""The cases on Flink with two task managers. `python -m tests.engines.flink` runs these tests."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pytest

from pipeline import files
from pipeline.stores.client import client_of
from schemas.manifest import load_manifest
from tests.engines.cases import Case, write_cases, write_rejected
from tests.engines.commands import ROOT, ended, run_here, start_command
from tests.engines.engine import assert_refused_alike, made
from tests.engines.fetching import CACHE
from tests.engines.flink.cluster import Cluster
from tests.engines.flink.parts import Parts
from tests.engines.outcome import Outcome, differences, outcome_of
from tests.engines.processes import Child, Children, alive, children, wait_until
from tests.engines.services import start_worker_pool, worker_processes
from tests.engines.told import FLINK, RECORDS
from tests.pipeline.helpers import tree
from tests.pipeline.stores.server import StoreServer

_BUCKET = "s3://flink"
_EXAMPLE = ROOT / "examples" / "python_functions"
LOGS = CACHE / "flink-logs"
_SECONDS = 600.0  # to wait at most for a run on a busy machine
_KILLED = 2  # number of the host


class Moment(NamedTuple):
    """When something is killed.

    Attributes:
      name: In words.
      files: Pattern of files in the folder of the data set.
      count: How many of them there are by then.
      must_hurt: Whether every host has work then for certain.
    """

    name: str
    files: str
    count: int
    must_hurt: bool = True


class Victim(NamedTuple):
    """What is killed.

    Attributes:
      name: In words.
      kill: Does it.
      replace: Puts something in its place once the job is over.
    """

    name: str
    kill: Callable[[Cluster], None]
    replace: Callable[[Cluster], None]


def _kill_task_manager(cluster: Cluster) -> None:
    cluster.hosts[_KILLED].tasks.kill()


def _kill_workers(cluster: Cluster) -> None:
    for pid in worker_processes(cluster.hosts[_KILLED].pool):
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            os.kill(pid, signal.SIGKILL)


def _kill_host(cluster: Cluster) -> None:
    """As the loss of a machine would."""
    _kill_task_manager(cluster)
    cluster.hosts[_KILLED].pool.child.kill()


HOST = Victim("host", _kill_host, lambda cluster: cluster.replace(_KILLED))
TASKS = Victim("task_manager", _kill_task_manager, HOST.replace)
WORKERS = Victim("workers", _kill_workers, lambda cluster: None)
READING = Moment("reading", ".staging/*/blocks/*.arrow", 5)
ENCODING = Moment("encoding", ".staging/*/segments/*", 5)
WRITING = Moment("writing", "train/*.tfrecord", 5)
PUBLISHING = Moment("publishing", "manifest.json", 1, must_hurt=False)
KILLS = [
    (HOST, READING),
    (WORKERS, ENCODING),
    (HOST, ENCODING),
    (TASKS, WRITING),
    (HOST, PUBLISHING),
    (WORKERS, PUBLISHING),
]


class OnFlink(NamedTuple):
    """A cluster, and what is run on it.

    Attributes:
      group: Ends what is started.
      cluster: Runs.
      cases: By name; "records" are the real ones.
      local: Returns what FnApiRunner makes of a case in one process.
    """

    group: Children
    cluster: Cluster
    cases: dict[str, Case]
    local: Callable[[str], Outcome]

    def start(self, name: str, output: Path) -> Child:
        """Starts a case on the cluster, in a process of its own."""
        arguments = self.cases[name].arguments(output, *self.cluster.flags)
        return start_command(self.group, arguments, small_blocks=True, name=output.name)


@pytest.fixture(scope="module")
def store() -> Iterator[StoreServer]:
    """An object store with a bucket, which the environment tells the command and the pools of."""
    server = StoreServer()
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {"AWS_ENDPOINT_URL_S3": server.url, **keys}.items():
            environment.setenv(name, value)
        client_of(None).create_bucket(Bucket=_BUCKET.removeprefix("s3://"))
        yield server
    server.close()


@pytest.fixture(scope="module")
def flink(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest, store: StoreServer
) -> Iterator[OnFlink]:
    """Flink with two task managers; where a test fails, the logs of all its processes are kept."""
    folder = tmp_path_factory.mktemp("flink")
    cases = {case.name: case for case in [*write_cases(folder), _records(folder)]}
    outcomes: dict[str, Outcome] = {}

    def local(name: str) -> Outcome:
        if name not in outcomes:
            outcomes[name] = made(cases[name], folder / "local" / name)
        return outcomes[name]

    before, is_well = request.session.testsfailed, False
    try:
        with children(folder / "logs") as group:
            cluster = Cluster(group, Parts.of_stated(json.loads(os.environ[FLINK])), folder / "cluster")
            cluster.start(hosts=2)
            yield OnFlink(group, cluster, cases, local)
            is_well = request.session.testsfailed == before
    finally:
        if not is_well:  # the cluster has not started, either
            shutil.rmtree(LOGS, ignore_errors=True)
            shutil.copytree(folder / "logs", LOGS)


def _records(folder: Path) -> Case:
    """Returns what the person named, or else functions of Python's standard library, which every machine has."""
    named = os.environ.get(RECORDS)
    if named:
        spec, records = json.loads(named)
        return Case("records", Path(spec), [Path(records)])
    subprocess.run([sys.executable, _EXAMPLE / "harvest.py", folder], check=True, stdout=subprocess.DEVNULL)
    return Case("records", _EXAMPLE / "spec.yaml", [folder / "functions.jsonl"])


@pytest.mark.parametrize("name", ["plain", "labelled", "events", "series", "span", "records"])
def test_the_same_bytes(flink: OnFlink, name: str, tmp_path: Path) -> None:
    there = made(flink.cases[name], tmp_path / "data", *flink.cluster.flags)
    assert differences(flink.local(name), there) == []
    assert flink.cluster.work().managers == 2


def test_the_same_bytes_as_of_very_many_blocks_and_files(
    flink: OnFlink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = flink.local("records")
    monkeypatch.setattr("pipeline.sharding.gathering.FEW_BLOCKS", 4)
    monkeypatch.setattr("pipeline.job.FEW_INPUTS", 0)
    there = made(flink.cases["records"], tmp_path / "data", *flink.cluster.flags)
    assert differences(local, there) == []
    assert "Gather" in " ".join(flink.cluster.steps())


def test_the_same_bytes_as_of_two_local_processes(flink: OnFlink, tmp_path: Path) -> None:
    flags = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]
    here = made(flink.cases["records"], tmp_path / "data", *flags)
    assert differences(flink.local("records"), here) == []


def test_a_bad_record_ends_the_run_as_locally(flink: OnFlink, tmp_path: Path) -> None:
    case = write_rejected(tmp_path, flink.cases["plain"])
    here, there = tmp_path / "here", tmp_path / "there"
    local, remote = run_here(case.arguments(here)), run_here(case.arguments(there, *flink.cluster.flags))
    assert_refused_alike(local, remote, here, there)


def test_an_interrupt_ends_the_job_on_the_cluster(flink: OnFlink, tmp_path: Path) -> None:
    output = tmp_path / "data"
    command = flink.start("records", output)
    wait_until(lambda: len(list(output.glob(READING.files))) >= READING.count, _SECONDS, READING.name, command)
    command.kill(signal.SIGINT)  # to its group, as Ctrl-C does: Beam's job server gets it as well
    end = ended(command, _SECONDS)
    assert (end.code, end.stdout, end.error) == (130, "", "error: interrupted")
    assert flink.cluster.states()[-1] == "CANCELED"
    assert not tree(output)
    assert alive(command.pid) == []


def test_workers_with_other_sources_end_the_run_at_once(flink: OnFlink, tmp_path: Path) -> None:
    for name in ("pipeline", "schemas"):
        shutil.copytree(ROOT / name, tmp_path / "old" / name)
    changed = tmp_path / "old" / "schemas" / "cuts.py"
    changed.write_text(changed.read_text() + "# another release\n")
    pool = start_worker_pool(flink.group, "old", root=tmp_path / "old")
    flags = [flag for flag in flink.cluster.flags if not flag.startswith("--environment_config")]
    output = tmp_path / "data"
    end = run_here(flink.cases["plain"].arguments(output, *flags, f"--environment_config={pool.address}"))
    pool.child.kill()
    assert (end.code, end.stdout) == (1, "")
    assert "2 task managers on one host share this pool" in end.stderr
    assert end.error.startswith("error: a worker on ")
    assert "cannot do this job: it has lengthwise " in end.error
    assert flink.cluster.states()[-1] == "CANCELED"  # Flink would have waited for 3 minutes and tried again
    assert {path.split("/")[0] for path in tree(output)} == {"failed"}


@pytest.mark.parametrize(("victim", "moment"), KILLS, ids=lambda part: part.name)
def test_a_killed_part_changes_no_byte(flink: OnFlink, victim: Victim, moment: Moment, tmp_path: Path) -> None:
    output = tmp_path / f"{victim.name}-{moment.name}"
    command = flink.start("records", output)
    wait_until(lambda: len(list(output.glob(moment.files))) >= moment.count, _SECONDS, moment.name, command)
    victim.kill(flink.cluster)
    try:
        end = ended(command, _SECONDS)
        assert end.code == 0, end.stderr
        assert differences(flink.local("records"), outcome_of(output)) == []
        assert flink.cluster.work().again > 0 or not moment.must_hurt
        assert not [path for path in tree(output) if ".staging" in path or path.endswith(".tmp")]
    finally:
        victim.replace(flink.cluster)


def _fetched(output: str, folder: Path) -> Path:
    """Copies a data set from the object store, with whatever else lies in its folder; returns its folder here."""
    for path in files.every_file(output):
        files.write(str(folder / path), files.read(files.join(output, path)))
    return folder


def test_the_same_bytes_with_input_and_output_on_an_object_store(flink: OnFlink, tmp_path: Path) -> None:
    case, output = flink.cases["records"], f"{_BUCKET}/both"
    inputs = [f"{_BUCKET}/in/{Path(path).name}" for path in case.inputs]
    for path, there in zip(case.inputs, inputs, strict=True):
        files.write(there, Path(path).read_bytes())
    end = run_here(case._replace(inputs=inputs).arguments(output, *flink.cluster.flags))
    assert end.code == 0, end.stderr
    here, there = made(case, tmp_path / "here"), outcome_of(_fetched(output, tmp_path / "there"))
    assert differences(here._replace(fingerprint=there.fingerprint), there) == []  # it covers the names of the inputs
    expected, found = load_manifest(tmp_path / "here"), load_manifest(tmp_path / "there")
    assert found.data_fingerprint == expected.data_fingerprint
    assert [file.path for file in found.inputs] == inputs
    assert flink.cluster.work().managers == 2


def test_a_killed_host_changes_no_byte_on_an_object_store(flink: OnFlink, tmp_path: Path) -> None:
    output = f"{_BUCKET}/killed"
    arguments = flink.cases["records"].arguments(output, *flink.cluster.flags)
    command = start_command(flink.group, arguments, small_blocks=True, name="object-store")

    def staged() -> int:
        return sum(PurePosixPath(path).match(ENCODING.files) for path in files.every_file(output))

    wait_until(lambda: staged() >= ENCODING.count, _SECONDS, ENCODING.name, command)
    HOST.kill(flink.cluster)
    try:
        end = ended(command, _SECONDS)
        assert end.code == 0, end.stderr
        there = _fetched(output, tmp_path / "data")
        assert differences(flink.local("records"), outcome_of(there)) == []
        assert flink.cluster.work().again > 0
        assert not [path for path in tree(there) if ".staging" in path or path.endswith(".tmp")]
    finally:
        HOST.replace(flink.cluster)
