"""An engine beside this process, and what tests of any engine ask of it."""

import json
import os
import re
import signal
from collections.abc import Sequence
from pathlib import Path

from pipeline.job import RUN_NAME
from pipeline.runners.options import beam_options, describe_runner
from tests.engines.cases import Case, write_cases
from tests.engines.commands import Ended, ended, run_here, start_command
from tests.engines.outcome import Outcome, differences, outcome_of
from tests.engines.processes import Child, Children, wait_until
from tests.engines.services import Service, worker_processes
from tests.pipeline.helpers import tree

_LOCAL = describe_runner(beam_options([]))
_PROGRESS = re.compile(r"[a-z ]+: \d+% of [\d,]+ bytes, |nothing is done after \d+ s: ")
SECONDS = 60.0  # to wait for anything that comes within a few of them


class Engine:
    """An engine whose workers come from a pool, and what local runs have made of the cases."""

    def __init__(self, group: Children, folder: Path, pool: Service, flags: Sequence[str]) -> None:
        """Writes the cases.

        Args:
          group: Ends what is started.
          folder: For cases and local data sets.
          pool: Of workers.
          flags: Options of `run` that name the engine.
        """
        self._group, self._folder = group, folder
        self.pool, self.flags = pool, list(flags)
        self.cases = {case.name: case for case in write_cases(folder)}
        self._local: dict[str, Outcome] = {}

    def local(self, name: str) -> Outcome:
        """Returns what FnApiRunner makes of a case in one process."""
        if name not in self._local:
            self._local[name] = made(self.cases[name], self._folder / "local" / name)
        return self._local[name]

    def start(self, case: Case, output: Path, *flags: str) -> Child:
        """Starts a case on the engine, or where flags say so on another one, in a process of its own."""
        wait_until(lambda: not worker_processes(self.pool), SECONDS, "end of the worker before", self.pool.child)
        arguments = case.arguments(output, *(flags or self.flags))
        return start_command(self._group, arguments, small_blocks=True, name=output.name)

    def worker(self, command: Child) -> int:
        """Waits for the one worker process of a command, and returns its process id."""
        wait_until(lambda: bool(worker_processes(self.pool)), SECONDS, "worker", command, self.pool.child)
        return worker_processes(self.pool)[0]


def made(case: Case, output: Path, *flags: str) -> Outcome:
    """Runs a case in this process, and the one that it builds on before; workers are started all the same.

    Args:
      case: What to run.
      output: Its folder.
      flags: Options of `run` that name where it runs; none: FnApiRunner in this process.
    """
    for part in filter(None, (case.before, case)):
        end = run_here(part.arguments(output, *flags))
        assert end.code == 0, end.stderr
        assert (_runner(output / part.data) == _LOCAL) == (not flags)  # else a run would be compared with itself
    return outcome_of(output / case.data)


def _runner(data: Path) -> str:
    return str(json.loads((data / RUN_NAME).read_bytes())["runner"])


def without_names(line: str, output: Path) -> str:
    """Returns an error line without the folder and the name of the one run that failed there."""
    [run] = [path.name for path in (output / "failed").iterdir()]
    return line.replace(str(output), "OUTPUT").replace(run, "RUN")


def without_progress(stderr: str) -> list[str]:
    """Returns the lines of standard error without those that tell how far a run is, if it takes long."""
    return [line for line in stderr.splitlines() if not _PROGRESS.match(line)]


def assert_refused_alike(local: Ended, remote: Ended, here: Path, there: Path) -> None:
    """Checks that two runs over records of which one is bad say the same, and that the second published nothing.

    Args:
      local: Of FnApiRunner in this process.
      remote: Of another engine.
      here: Output of the first.
      there: Output of the second.
    """
    assert (remote.code, remote.stdout) == (local.code, local.stdout) == (1, "")
    assert without_names(remote.error, there) == without_names(local.error, here)
    assert remote.error.startswith("error: 1 of ")
    said = [line for line in without_progress(remote.stderr) if not line.startswith("warning: ")]
    assert len(said) == len(without_progress(local.stderr)), said  # no traceback of any worker
    assert {path.split("/")[0] for path in tree(there)} == {"failed"}


def assert_lost_worker_is_told(engine: Engine, data: Path, said: str) -> None:
    """Kills the worker of a case in mid-job: one line at once, nothing published, and the same bytes the next time.

    Args:
      engine: One that does not try again.
      data: Output of the case.
      said: How the line begins.
    """
    case = engine.cases["labelled"]
    child = engine.start(case, data)
    worker = engine.worker(child)
    wait_until(lambda: any(data.glob(".staging/*/blocks/*.arrow")), SECONDS, "staged block", child)
    os.kill(worker, signal.SIGKILL)
    end = ended(child, SECONDS)  # at once, and not after a timeout of the engine
    assert (end.code, end.stdout) == (1, "")
    assert end.error.startswith(said)
    assert len(without_progress(end.stderr)) == 2
    assert {path.split("/")[0] for path in tree(data)} == {"failed"}
    assert differences(engine.local("labelled"), made(case, data, *engine.flags)) == []
