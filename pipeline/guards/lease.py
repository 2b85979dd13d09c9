"""Whether a run still goes on, as far as its workers can see: a file in its staging folder.

An engine may go on with a job whose command is gone: it was killed, or was interrupted and the engine cannot cancel.
The lock of the folder is free then, and the next run takes the staging folder over, this file with it. So whoever
works for the old run finds it gone, and neither begins anything nor publishes. Nor does an engine that tries a job
again whose records were refused, see `pipeline.failure`.
"""

import errno
import os
import time
from pathlib import Path
from typing import Protocol

from pipeline import files
from schemas.errors import DataError

_ASK_SECONDS = 10.0
_asked: dict[str, float] = {}  # when a file on an object store was last found


class Run(Protocol):
    """What is asked of a run: `pipeline.job.Job` says what each means."""

    @property
    def output(self) -> str:
        """Folder that it writes to."""

    @property
    def run(self) -> str:
        """Name of the run."""

    @property
    def leased(self) -> bool:
        """Whether workers ask if it still goes on."""

    @property
    def lease_path(self) -> str:
        """Path of the file that says so."""

    @property
    def failed(self) -> str:
        """Folder of what it has to tell when it fails."""


def begin(job: Run) -> None:
    """Says that a run goes on.

    Raises:
      DataError: The file cannot be written.
    """
    files.write(job.lease_path, b"")


def end(job: Run) -> None:
    """Says that a run is over, where its staging folder stays."""
    files.delete([job.lease_path])


def goes_on(job: Run) -> bool:
    """Returns whether a run goes on; one that nobody has begun, of a pipeline of somebody's own, always does."""
    if not job.leased:
        return True
    path = job.lease_path
    return _is_there(path) if files.is_local(path) else files.exists(path)


def check(job: Run) -> None:
    """Checks that a run goes on.

    Raises:
      DataError: It does not.
    """
    if not goes_on(job):
        why = "for it was refused, interrupted or killed, or its staging folder was deleted"
        raise DataError(f"{job.output}: run {job.run} is over, {why}; nothing more is done")


def check_now_and_then(job: Run) -> None:
    """Checks the same, but asks an object store, where each question is paid for, once in a while.

    Raises:
      DataError: The run was found to be over.
    """
    if files.is_local(job.output):
        check(job)
    elif time.monotonic() - _asked.get(job.lease_path, -_ASK_SECONDS) >= _ASK_SECONDS:
        check(job)
        _asked[job.lease_path] = time.monotonic()


def _is_there(path: str) -> bool:
    """Returns whether there is a file on a disk that other hosts may write to as well.

    NFS answers what a path means out of a cache, for up to a minute: that a file is there which was deleted, or that a
    folder is missing which the run before had deleted. Opening asks its server.
    """
    if _can_open(path):
        return True
    for folder in reversed(Path(path).parents):
        if not _can_open(str(folder)):
            return False
    return _can_open(path)


def _can_open(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        # One that may not be read, for it is another user's, is there all the same.
        return error.errno != errno.ESTALE
    return True
