"""What an engine says while it is at work: kept for whoever looks into a failure, and not printed."""

import contextlib
import functools
import logging
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.runners.flink_jobs import cancel_job, cluster_of
from pipeline.runners.options import is_local

_ASK_SECONDS = 10.0  # between questions whether a worker has ended the run
_PRISM = "PrismJobServer"  # the logger that is given every line that Prism prints
_MOST = 200  # messages kept, the last ones


class EngineLog(logging.Handler):
    """Keeps the last messages."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._kept: deque[tuple[int, str]] = deque(maxlen=_MOST)

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps a message."""
        self._kept.append((record.levelno, record.getMessage()))

    @property
    def text(self) -> str:
        """All messages."""
        return "\n".join(message for _, message in self._kept)

    @property
    def errors(self) -> str:
        """Those that tell of errors."""
        return "\n".join(message for level, message in self._kept if level >= logging.ERROR)


@contextlib.contextmanager
def listening(options: PipelineOptions, log: EngineLog, interrupted: threading.Event) -> Iterator[None]:
    """Context in which what an engine says is kept in a log and nothing of it printed.

    Beam hands on what comes from an engine to the root logger, with the traceback of every worker. A local runner
    says nothing that way, and its log stays empty.

    Args:
      options: Of the pipeline.
      log: Of what is said.
      interrupted: Set where the run was broken off: Prism goes on to say of one bundle after the other that it failed,
        which is what it was told to let them do, and says no more from then on.
    """
    if is_local(options):
        yield
        return
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    root.handlers[:] = [log]
    root.setLevel(logging.WARNING)
    try:
        yield
    finally:
        if interrupted.is_set():
            logging.getLogger(_PRISM).setLevel(logging.CRITICAL)  # its server that is started next has it set anew
        root.handlers[:] = handlers
        root.setLevel(level)


@contextlib.contextmanager
def cancelling(
    pipeline: beam.Pipeline, is_over: Callable[[], bool], has_own_stop: bool = False
) -> Iterator[beam.Pipeline]:
    """Context that runs a pipeline at its end, and where it is broken off tells the engine, too, and waits for it.

    Args:
      pipeline: To run.
      is_over: Whether a worker has ended the run for all of them, which an engine does not know and tries again.
      has_own_stop: Whether signals ask for an end in order, which needs the job server that is started here until then.
    """
    yield pipeline
    handler, cluster = signal.getsignal(signal.SIGINT), cluster_of(pipeline.options)
    with _apart() if has_own_stop else contextlib.nullcontext():
        result = pipeline.run()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, handler)  # where Beam has started a server it takes the signal to stop that
    job_id = str(getattr(result, "_job_id", ""))
    try:
        with _stopping(cluster, job_id, is_over):
            result.wait_until_finish()
    except BaseException:
        with contextlib.suppress(Exception):  # a job that has ended need not be cancelled
            result.cancel()
        if cluster:
            with contextlib.suppress(Exception):  # nor one whose engine is gone
                cancel_job(cluster, job_id)
        raise


@contextlib.contextmanager
def _apart() -> Iterator[None]:
    """Context in which what is started is in a group of its own, which a signal to the group of this process passes by.

    Beam starts its job servers itself, and asks nobody how.
    """
    before = subprocess.Popen
    setattr(subprocess, "Popen", functools.partial(before, process_group=0))  # noqa: B010  # no assignment to a class
    try:
        yield
    finally:
        setattr(subprocess, "Popen", before)  # noqa: B010


@contextlib.contextmanager
def _stopping(cluster: str, job_id: str, is_over: Callable[[], bool]) -> Iterator[None]:
    """Context in which the job on a cluster is cancelled as soon as a worker has ended the run."""
    if not cluster:
        yield
        return
    left = threading.Event()

    def watch() -> None:
        while not left.wait(_ASK_SECONDS):
            with contextlib.suppress(Exception):  # an error of a store or the cluster, which may answer the next time
                if is_over() and cancel_job(cluster, job_id):
                    return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        left.set()
