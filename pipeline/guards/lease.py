"""Whether a run still goes on, as far as its workers can see: a file in its staging folder.

An engine may go on with a job whose command is gone: it was killed, or was interrupted and the engine cannot cancel.
The lock of the folder is free then, and the next run takes the staging folder over, this file with it. So whoever
works for the old run finds it gone, and neither begins anything nor publishes. Nor does an engine that tries a job
again whose records were refused, see `pipeline.failure`.
"""

import time

from pipeline import files
from pipeline.job import Job
from schemas.errors import DataError

_ASK_SECONDS = 10.0
_asked: dict[str, float] = {}  # when a file on an object store was last found


def begin(job: Job) -> None:
    """Says that a run goes on.

    Raises:
      DataError: The file cannot be written.
    """
    files.write(job.lease_path, b"")


def end(job: Job) -> None:
    """Says that a run is over, where its staging folder stays."""
    files.delete([job.lease_path])


def goes_on(job: Job) -> bool:
    """Returns whether a run goes on; one that nobody has begun, of a pipeline of somebody's own, always does."""
    return not job.leased or files.exists(job.lease_path)


def check(job: Job) -> None:
    """Checks that a run goes on.

    Raises:
      DataError: It does not.
    """
    if not goes_on(job):
        why = "for it was refused, interrupted or killed"
        raise DataError(f"{job.output}: run {job.run} is over, {why}; nothing more is done")


def check_now_and_then(job: Job) -> None:
    """Checks the same, but asks an object store, where each question is paid for, once in a while.

    Raises:
      DataError: The run was found to be over.
    """
    path = job.lease_path
    if files.is_local(path) or time.monotonic() - _asked.get(path, -_ASK_SECONDS) >= _ASK_SECONDS:
        check(job)
        _asked[path] = time.monotonic()
