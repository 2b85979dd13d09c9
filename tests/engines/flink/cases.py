"""What a job on Flink must do: leave the bytes of a local run, whatever is killed under it."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.engines.commands import ended, run_pipeline, start_pipeline
from tests.engines.flink.cluster import Cluster
from tests.engines.outcome import Outcome, differences, outcome_of
from tests.engines.processes import Children, wait_until
from tests.engines.services import worker_processes

_RUN_SECONDS = 400.0
_KILLED = 2  # number of the host


class Source(NamedTuple):
    """What is prepared.

    Attributes:
      spec: File of the spec.
      input: Pattern of the records.
    """

    spec: Path
    input: Path


class Result(NamedTuple):
    """What came of a case.

    Attributes:
      name: Of the case.
      problems: In words; none where all is as it must be.
      seconds: That the run took.
      note: What else there is to tell.
    """

    name: str
    problems: list[str]
    seconds: float
    note: str = ""


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

    def reached(self, output: Path) -> bool:
        return sum(1 for _ in output.glob(self.files)) >= self.count


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


def _kill_host(cluster: Cluster) -> None:
    """As the loss of a machine would."""
    host = cluster.hosts[_KILLED]
    host.tasks.kill()
    host.pool.child.kill()


def _kill_workers(cluster: Cluster) -> None:
    for pid in worker_processes(cluster.hosts[_KILLED].pool):
        os.kill(pid, signal.SIGKILL)


HOST = Victim("task manager and its Python workers", _kill_host, lambda cluster: cluster.replace(_KILLED))
TASKS = Victim("task manager", lambda cluster: cluster.hosts[_KILLED].tasks.kill(), HOST.replace)
WORKERS = Victim("Python workers of a task manager", _kill_workers, lambda cluster: None)

READING = Moment("reading", ".staging/*/blocks/*.arrow", 5)
ENCODING = Moment("encoding", ".staging/*/segments/*", 5)
WRITING = Moment("writing shards", "train/*.tfrecord", 5)
PUBLISHING = Moment("publishing", "manifest.json", 1, must_hurt=False)


def locally(source: Source, output: Path, *flags: str) -> Outcome:
    """Runs the pipeline on this machine and returns what it left.

    Raises:
      RuntimeError: It failed.
    """
    run = run_pipeline(source.spec, [source.input], output, *flags, small_blocks=True)
    if run.code:
        raise RuntimeError(f"the local run failed: {run.stderr}")
    return outcome_of(output)


def undisturbed(cluster: Cluster, source: Source, expected: Outcome, output: Path) -> Result:
    """Runs on the cluster and compares every file with those of the local run."""
    started = time.monotonic()
    run = run_pipeline(source.spec, [source.input], output, *cluster.flags, small_blocks=True, seconds=_RUN_SECONDS)
    seconds = time.monotonic() - started
    problems = [f"exit code {run.code}: {run.stderr}"] if run.code else differences(expected, outcome_of(output))
    managers = cluster.work().managers
    if managers != len(cluster.hosts):
        problems.append(f"{managers} of {len(cluster.hosts)} task managers took part")
    return Result(f"{managers} task managers", [*problems, *_left_over(output)], seconds)


def killed(
    group: Children, cluster: Cluster, source: Source, expected: Outcome, output: Path, victim: Victim, moment: Moment
) -> Result:
    """Runs on the cluster, kills something at a moment, and compares every file with those of the local run."""
    name = f"{victim.name} killed, {moment.name}"
    started = time.monotonic()
    arguments = (source.spec, [source.input], output, *cluster.flags)
    child = start_pipeline(group, *arguments, small_blocks=True, name=output.name)
    wait_until(lambda: moment.reached(output) or not child.running(), _RUN_SECONDS, moment.name)
    if not child.running():
        return Result(name, [f"ended before the kill: {child.tail()}"], time.monotonic() - started)
    victim.kill(cluster)
    run = ended(child, _RUN_SECONDS)
    seconds = time.monotonic() - started
    problems = [f"exit code {run.code}: {run.stderr}"] if run.code else differences(expected, outcome_of(output))
    again = cluster.work().again
    if not again and moment.must_hurt:
        problems.append("nothing was started again, so nothing was killed that mattered")
    victim.replace(cluster)
    return Result(name, [*problems, *_left_over(output)], seconds, f"{again} task(s) started again")


def refused(cluster: Cluster, source: Source, output: Path) -> Result:
    """Runs on the cluster over records of which one is bad, and compares what is said with what a local run says."""
    bad = output.with_suffix(".jsonl")
    bad.write_text(source.input.read_text() + '{"id": "last", "source": 7}\n')
    started = time.monotonic()
    here, there = (
        run_pipeline(source.spec, [bad], output.with_name(f"{output.name}-{i}"), *flags, small_blocks=True)
        for i, flags in enumerate(([], cluster.flags))
    )
    said = [run.error.replace(f"{output.name}-{i}", "") for i, run in enumerate((here, there))]
    problems = [] if said[0] == said[1] else [f"locally: {said[0]}; on Flink: {said[1]}"]
    problems += [f"exit code {run.code}" for run in (here, there) if run.code != 1]
    problems += [] if not list(output.parent.glob(f"{output.name}-1/**/manifest.json")) else ["something was published"]
    return Result("a bad record", problems, time.monotonic() - started, there.error)


def _left_over(output: Path) -> Iterator[str]:
    """Yields files that no run leaves when it is over."""
    for path in output.rglob("*"):
        if ".staging" in path.parts or path.name.endswith(".tmp"):
            yield f"left over: {path.relative_to(output)}"
