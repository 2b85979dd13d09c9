"""What worker processes print in a terminal, which a run must not leave to chance."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions

from pipeline.runners.checks import has_workers_here
from pipeline.runners.options import is_local


@contextlib.contextmanager
def silence() -> Iterator[IO[bytes]]:
    """Context in which what this process prints on standard error is thrown away, C++ code past `sys.stderr` too.

    Yields:
      Standard error as it was.
    """
    sys.stderr.flush()
    with os.fdopen(os.dup(2), "wb") as terminal, Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            yield terminal
        finally:
            sys.stderr.flush()
            os.dup2(terminal.fileno(), 2)


@contextlib.contextmanager
def quiet_workers(options: PipelineOptions) -> Iterator[IO[bytes] | None]:
    """Context in which what several local workers print is thrown away, or one of another runner in this process.

    Each of them writes its whole life, or every error with its traceback, to the standard error that
    it shares, whatever its options say. What matters of it is kept in the run's folder of failures.

    Yields:
      Standard error as it was, or None where no worker writes to it.
    """
    in_memory = options.view_as(DirectOptions).direct_running_mode == "in_memory"
    if in_memory and (is_local(options) or not has_workers_here(options)):
        yield None
        return
    if not is_local(options):
        from apache_beam.runners.worker import sdk_worker  # which no other runner needs in this process

        setattr(sdk_worker, "print", _say_nothing)  # noqa: B010  # a name that the module does not have
    with silence() as terminal:
        yield terminal


def _say_nothing(*_: object, **__: object) -> None:
    """Stands for the `print` of Beam's worker, which says every error past its log as well.

    It stays, for a worker that is a thread of this process may be at it after a run has failed and its silence ended,
    and before the error is told; from there on `pipeline.__main__` keeps the process silent, whoever speaks.
    """
