"""A standalone Flink on this machine: a session cluster, task managers, and a pool of Python workers beside each.

Every task manager finds its own pool under one name, as it does where each runs on a host of its own: what starts a
worker is told its number and nothing else, and task managers count alike, so that of two that share a pool one
stops the workers of the other.
"""

import json
import platform
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.engines.commands import ROOT
from tests.engines.flink.parts import Parts
from tests.engines.processes import Child, Children, free_port, wait_until
from tests.engines.services import Service, worker_environment

_START_SECONDS = 180.0
_ASK_SECONDS = 30.0
_OVER = ("CANCELED", "FAILED", "FINISHED")
_SLOTS = 2  # of a task manager: one of two can do the work of both
_POOLS = "python-workers"  # the name under which a task manager finds its pool
_MEMORY = {"jobmanager.memory.process.size": "1024m", "taskmanager.memory.process.size": "1728m"}
_LOGGING = """rootLogger.level = INFO
rootLogger.appenderRef.console.ref = Console
appender.console.name = Console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %-5p %-60c %x - %m%n
"""
# What Flink's own scripts open to it on Java 17.
_OPENED = [
    f"--add-opens=java.base/java.{package}=ALL-UNNAMED"
    for package in ("lang", "lang.reflect", "io", "net", "nio", "text", "time", "util", "util.concurrent")
] + ["--add-opens=java.base/java.util.concurrent.atomic=ALL-UNNAMED"]
_PLAN = "org.apache.flink.runtime.util.bash.BashJavaUtils"
_MASTER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
_TASKS = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"


class Host(NamedTuple):
    """What would be one machine of a real cluster.

    Attributes:
      tasks: The task manager.
      pool: The Python workers that it uses.
    """

    tasks: Child
    pool: Service


class Work(NamedTuple):
    """Who did the work of a job.

    Attributes:
      managers: Number of task managers that took part in it to its end.
      again: Number of tasks that were started again.
    """

    managers: int
    again: int


class Checkpoints(NamedTuple):
    """How a job that streams has done with its checkpoints.

    Attributes:
      completed: Number of them.
      failed: That were not.
      restored: How often the job went on from one.
      bytes: Of the last one.
      seconds: It took.
    """

    completed: int
    failed: int
    restored: int
    bytes: int
    seconds: float


class Cluster:
    """A cluster; its processes end with the group that they are started in.

    Attributes:
      address: Of its REST interface.
      hosts: By number.
    """

    def __init__(self, group: Children, parts: Parts, folder: Path) -> None:
        self._group, self._parts, self._folder = group, parts, folder
        self._pool_port = free_port()
        self._rest, self._rpc = free_port(), free_port()
        self.address = f"localhost:{self._rest}"
        self.hosts: dict[int, Host] = {}

    def start(self, hosts: int) -> None:
        """Starts the master and as many hosts."""
        conf = self._folder / "conf"
        conf.mkdir(parents=True)
        (conf / "config.yaml").write_text(json.dumps(self._settings(hosts)))  # JSON is YAML
        (conf / "log4j.properties").write_text(_LOGGING)
        master = self._group.start("flink-master", self._command("JM", _MASTER))
        self._start_hosts(range(1, hosts + 1), master)

    def replace(self, number: int, idle: bool = True) -> None:
        """Starts a host in place of one of which something was killed.

        Args:
          number: Of the host.
          idle: Whether no job is running, so that all slots are free in the end.
        """
        for child in (self.hosts[number].tasks, self.hosts[number].pool.child):
            child.kill()
            child.process.wait()
        self._start_hosts([number], idle=idle)

    @property
    def flags(self) -> list[str]:
        """Options of a run on it."""
        return [
            "--runner=FlinkRunner",
            f"--flink_master={self.address}",
            f"--flink_version={self._parts.engine.flink}",
            f"--flink_job_server_jar={self._parts.job_server}",
            "--environment_type=EXTERNAL",
            f"--environment_config={_POOLS}:{self._pool_port}",
            f"--parallelism={len(self.hosts)}",
        ]

    def ask(self, path: str) -> Any:
        """Returns what the REST interface answers."""
        with urllib.request.urlopen(f"http://{self.address}/v1/{path}", timeout=_ASK_SECONDS) as answer:
            return json.load(answer)

    def work(self) -> Work:
        """Returns who did the work of the last job."""
        job = self._last_job()
        steps = [self.ask(f"jobs/{job}/vertices/{step['id']}") for step in self.ask(f"jobs/{job}")["vertices"]]
        tasks = [task for step in steps for task in step["subtasks"]]
        managers = {str(task["taskmanager-id"]) for task in tasks} - {"(unassigned)"}
        return Work(len(managers), sum(int(task["attempt"]) for task in tasks))

    def steps(self) -> list[str]:
        """Returns the names of the steps of the last job, as Flink shows them."""
        return [str(step["name"]) for step in self.ask(f"jobs/{self._last_job()}")["vertices"]]

    def checkpoints(self) -> Checkpoints:
        """Returns how the last job has done with its checkpoints."""
        told = self.ask(f"jobs/{self._last_job()}/checkpoints")
        last = told["latest"]["completed"] or {"state_size": 0, "end_to_end_duration": 0}
        counts = (int(told["counts"][name]) for name in ("completed", "failed", "restored"))
        return Checkpoints(*counts, int(last["state_size"]), int(last["end_to_end_duration"]) / 1_000)

    def cancel(self) -> None:
        """Ends the last job, which nobody waits for any more, if it is not over."""
        if self.states()[-1] in _OVER:
            return
        request = urllib.request.Request(f"http://{self.address}/v1/jobs/{self._last_job()}", method="PATCH")
        with urllib.request.urlopen(request, timeout=_ASK_SECONDS):
            wait_until(lambda: self.states()[-1] in _OVER, _START_SECONDS, "end of the job")

    def _last_job(self) -> str:
        return str(max(self.ask("jobs/overview")["jobs"], key=lambda job: int(job["start-time"]))["jid"])

    def states(self) -> list[str]:
        """Returns the state of each job, in the order in which they began."""
        jobs = sorted(self.ask("jobs/overview")["jobs"], key=lambda job: int(job["start-time"]))
        return [str(job["state"]) for job in jobs]

    def _start_hosts(self, numbers: Sequence[int], *needed: Child, idle: bool = True) -> None:
        before = self._managers()
        self.hosts |= {number: self._start_host(number) for number in numbers}
        children = [*needed, *(child for host in self.hosts.values() for child in (host.tasks, host.pool.child))]
        slots = _SLOTS * len(self.hosts)

        def are_there() -> bool:
            if len(self._managers() - before) < len(numbers):
                return False
            return not idle or int(self.ask("overview")["slots-available"]) == slots

        wait_until(are_there, _START_SECONDS, f"Flink with {slots} slots", *children)

    def _managers(self) -> set[str]:
        """Returns the names of the task managers that Flink knows, those that are gone for a while as well."""
        try:
            return {str(one["id"]) for one in self.ask("taskmanagers")["taskmanagers"]}
        except OSError:
            return set()

    def _start_host(self, number: int) -> Host:
        """Starts a task manager that resolves the name of its pool to an address that only this pool listens on."""
        address = f"127.0.0.{number}"
        hosts = self._folder / f"hosts-{number}"
        hosts.write_text(f"127.0.0.1 localhost {platform.node()}\n{address} {_POOLS}\n")
        program = [sys.executable, "-m", "tests.engines.flink.pool", f"{address}:{self._pool_port}"]
        pool = self._group.start(f"pool-{number}", program, worker_environment(), cwd=ROOT)
        command = self._command("TM", _TASKS, f"-Djdk.net.hosts.file={hosts}")
        return Host(self._group.start(f"flink-tasks-{number}", command), Service(pool, self._pool_port))

    def _command(self, process: str, name: str, *options: str) -> list[str]:
        """Returns the command of a process of the cluster; Flink computes its memory from the settings."""
        conf = self._folder / "conf"
        plan = ["-cp", f"{self._parts.tools}:{self._parts.libraries}/*", _PLAN]
        plan += [f"GET_{process}_RESOURCE_PARAMS", "--configDir", str(conf)]
        done = subprocess.run(["java", *plan], capture_output=True, text=True, check=True)
        said = [line.partition("RESULT:")[2].split() for line in done.stdout.splitlines() if "EXEC_RESULT:" in line]
        memory, own = said
        java = ["java", *memory, *_OPENED, *options, f"-Dlog4j.configurationFile=file:{conf}/log4j.properties"]
        return [*java, "-cp", f"{self._parts.libraries}/*", name, "--configDir", str(conf), *own]

    def _settings(self, hosts: int) -> dict[str, Any]:
        return {
            "jobmanager.rpc.address": "localhost",
            "jobmanager.rpc.port": self._rpc,
            "jobmanager.bind-host": "localhost",
            "rest.address": "localhost",
            "rest.bind-address": "localhost",
            "rest.port": self._rest,
            "taskmanager.host": "localhost",
            "taskmanager.bind-host": "localhost",
            "taskmanager.numberOfTaskSlots": _SLOTS,
            "taskmanager.load-balance.mode": "SLOTS",  # or one task manager does the work of a small job alone
            "parallelism.default": hosts,
            "io.tmp.dirs": str(self._folder / "tmp"),
            # Without it they go to the master's memory, which takes 5 MiB of a step at most.
            "state.checkpoints.dir": (self._folder / "checkpoints").absolute().as_uri(),
            # Without it a job ends with the first task manager that does. Each attempt fails until Flink takes one that
            # is gone for lost, which is after `heartbeat.timeout`.
            "restart-strategy.type": "fixed-delay",
            "restart-strategy.fixed-delay.attempts": 30,
            "restart-strategy.fixed-delay.delay": "1 s",
            "heartbeat.interval": 2000,
            "heartbeat.timeout": 10000,
            **_MEMORY,
        }
