"""What a stream takes over time, each some seconds, as a table: figures of the command, of Flink, of processes."""

import contextlib
import statistics
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from tests.engines.flink.cluster import Cluster
from tests.engines.processes import Child
from tests.engines.services import worker_processes

_SECONDS = 10.0
_MB = 1e6
_STARTING = 3  # looks after a loss in which new workers come to their size
_HEAD = (
    "seconds  records     /s    lag  open  spans  checkpoint KB  its ms  restored"
    "  task managers MB     workers MB  command MB"
)


class Sample(NamedTuple):
    """One look.

    Attributes:
      seconds: Since the first one.
      records: Read; those that were read again count again.
      lag: Messages that are there and not read.
      open: Windows that are not over.
      spans: Published.
      checkpoint: Bytes of the last one.
      took: Seconds that it took.
      restored: How often the job went on from one.
      managers: Resident bytes of each task manager.
      workers: Resident bytes of the Python workers of each.
      command: Resident bytes.
    """

    seconds: float
    records: int
    lag: int
    open: int
    spans: int
    checkpoint: int
    took: float
    restored: int
    managers: list[int]
    workers: list[int]
    command: int


class Growth(NamedTuple):
    """What goes on rising, if anything does.

    Attributes:
      workers: Memory of the Python workers of the host with most of it, of the last half of the time to the first one.
      command: The same of the command.
      lag: Messages behind in the last half, the median.
    """

    workers: float
    command: float
    lag: float


class Samples:
    """Context in which a thread looks at a stream."""

    def __init__(self, cluster: Cluster, command: Child, metrics: Path) -> None:
        """Looks at nothing yet.

        Args:
          cluster: On which it runs.
          command: Of the stream.
          metrics: File that the command writes figures to.
        """
        self._cluster, self._command, self._metrics = cluster, command, metrics
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_again_and_again, daemon=True)
        self.found: list[Sample] = []

    def __enter__(self) -> "Samples":
        """Begins."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends."""
        self._over.set()
        self._thread.join()

    def table(self) -> str:
        """Returns a line for each look."""
        before = [Sample(-_SECONDS, 0, 0, 0, 0, 0, 0.0, 0, [], [], 0), *self.found]
        return "\n".join([_HEAD, *map(_line, before, self.found)])

    def growth(self) -> Growth:
        """Returns what has risen since the last loss of a host, before which others did the work."""
        last = [one for one in self.found if one.restored == self.found[-1].restored and one.lag >= 0][_STARTING:]
        workers, command = [max(one.workers) for one in last], [one.command for one in last]
        return Growth(rise(workers), rise(command), statistics.median(one.lag for one in last[len(last) // 2 :]))

    def _look_again_and_again(self) -> None:
        began = time.monotonic()
        while not self._over.wait(_SECONDS):
            with contextlib.suppress(OSError, ValueError, KeyError):  # something of it is just being replaced
                self.found.append(self._look(time.monotonic() - began))

    def _look(self, seconds: float) -> Sample:
        figures = {
            family.name.removeprefix("lengthwise_stream_"): family.samples[0].value
            for family in text_string_to_metric_families(self._metrics.read_text())
        }
        told = self._cluster.checkpoints()
        hosts = [self._cluster.hosts[number] for number in sorted(self._cluster.hosts)]
        return Sample(
            seconds=seconds,
            records=int(figures["records_read"]),
            lag=int(figures.get("lag", -1)),
            open=int(figures["open_windows"]),
            spans=int(figures["spans"]),
            checkpoint=told.bytes,
            took=told.seconds,
            restored=told.restored,
            managers=[_resident(host.tasks.pid) for host in hosts],
            workers=[sum(map(_resident, worker_processes(host.pool))) for host in hosts],
            command=_resident(self._command.pid),
        )


def rise(values: Sequence[float]) -> float:
    """Returns the median of the last half of some values to that of the first half."""
    middle = len(values) // 2
    return statistics.median(values[middle:]) / statistics.median(values[:middle])


def _line(before: Sample, one: Sample) -> str:
    rate = (one.records - before.records) / (one.seconds - before.seconds)
    managers, workers = (
        " ".join(f"{size / _MB:7.0f}" for size in sizes).rjust(16) for sizes in (one.managers, one.workers)
    )
    return (
        f"{one.seconds:7.0f} {one.records:8d} {rate:6.0f} {one.lag:6d} {one.open:5d} {one.spans:6d} "
        f"{one.checkpoint / 1e3:14.1f} {one.took * 1e3:7.0f} {one.restored:9d} {managers:>17} {workers:>14} "
        f"{one.command / _MB:11.0f}"
    )


def _resident(pid: int) -> int:
    """Returns the resident memory of a process, in bytes; 0 of one that is gone."""
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:")), 0)
    return 0
