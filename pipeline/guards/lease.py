"""Whether a run still goes on, as far as its workers can see: a file in its staging folder.

An engine may go on with a job whose command is gone: it was killed, or was interrupted and the engine cannot cancel.
The lock of the folder is free then, and the next run takes the staging folder over, this file with it. So whoever
works for the old run finds it gone, and neither begins anything nor publishes.
"""

from pipeline import files
from pipeline.job import Job
from schemas.errors import DataError


def begin(job: Job) -> None:
    """Says that a run goes on.

    Raises:
      DataError: The file cannot be written.
    """
    files.write(_path(job), b"")


def end(job: Job) -> None:
    """Says that a run is over, where its staging folder stays."""
    files.delete([_path(job)])


def goes_on(job: Job) -> bool:
    """Returns whether a run goes on; one that nobody has begun, of a pipeline of somebody's own, always does."""
    return not job.leased or files.exists(_path(job))


def check(job: Job) -> None:
    """Checks that a run goes on.

    Raises:
      DataError: It does not.
    """
    if not goes_on(job):
        raise DataError(f"{job.output}: run {job.run} is over, for it was interrupted or killed; nothing more is done")


def _path(job: Job) -> str:
    return files.join(job.staging, f"goes-on-{job.run}")
