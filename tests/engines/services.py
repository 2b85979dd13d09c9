"""What stands beside a portable engine: Beam's pool of external Python workers, and Beam's own job service."""

import contextlib
import os
import sys
from pathlib import Path
from typing import NamedTuple

from tests.engines.commands import ROOT
from tests.engines.processes import Child, Children, free_port, wait_for_port

_START_SECONDS = 60.0


class Service(NamedTuple):
    """A server on this machine.

    Attributes:
      child: Its process.
      port: On which it listens.
    """

    child: Child
    port: int

    @property
    def address(self) -> str:
        return f"localhost:{self.port}"


def start_worker_pool(group: Children, name: str = "workers", port: int = 0, root: Path = ROOT) -> Service:
    """Starts a pool that starts a Python process for each worker that an engine asks for; waits until it listens.

    As on a machine of a cluster the package is installed for the interpreter, and that is all that a worker knows of
    the run that it works for: no staged files, no options. The pool starts whatever `python` comes first in PATH.

    Args:
      group: Ends it.
      name: Of its logs.
      port: 0: one that is free.
      root: Folder that holds the package which the workers have.
    """
    port = port or free_port()
    module = "apache_beam.runners.worker.worker_pool_main"
    command = [sys.executable, "-m", module, f"--service_port={port}"]
    child = group.start(name, command, worker_environment(root), cwd=root)
    wait_for_port(port, _START_SECONDS, child)
    return Service(child, port)


def worker_environment(root: Path = ROOT) -> dict[str, str]:
    """Returns what a pool needs in its environment so that its workers are of this interpreter and of a checkout."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {"PATH": path, "PYTHONPATH": str(root)}


def start_job_service(group: Children, name: str = "jobs") -> Service:
    """Starts Beam's job service in Python, which runs jobs as FnApiRunner does; waits until it listens."""
    port = free_port()
    module = "apache_beam.runners.portability.local_job_service_main"
    child = group.start(name, [sys.executable, "-m", module, f"--port={port}"], {"PYTHONPATH": str(ROOT)})
    wait_for_port(port, _START_SECONDS, child)
    return Service(child, port)


def portable_flags(jobs: str, workers: str) -> list[str]:
    """Returns the options of a run whose job goes to one address and whose workers are started at another."""
    return [
        "--runner=PortableRunner",
        f"--job_endpoint={jobs}",
        "--environment_type=EXTERNAL",
        f"--environment_config={workers}",
    ]


def worker_processes(pool: Service) -> list[int]:
    """Returns the process ids of the workers that a pool has started and that are at work."""
    tasks = Path(f"/proc/{pool.child.pid}/task").glob("*/children")  # a thread's are in a file of its own
    pids: set[int] = set()
    for path in tasks:
        with contextlib.suppress(OSError):  # of a thread that has ended
            pids.update(map(int, path.read_text().split()))
    return sorted(filter(_is_worker, pids))


def _is_worker(pid: int) -> bool:
    with contextlib.suppress(OSError):  # it has ended meanwhile
        return b"SdkHarness" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False
