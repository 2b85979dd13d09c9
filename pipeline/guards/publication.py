"""The one file that makes a result visible, written so that of two runs without a lock one fails.

On the local disk a run holds the lock of its folder. An object store has none; there the file is written on the
condition that nobody has written it since the run was planned, which the store itself decides.
"""

from pipeline import files
from pipeline.guards import durable
from pipeline.job import Job
from pipeline.stores.systems import is_object_store, object_store
from schemas.errors import DataError


def version_of(path: str) -> str | None:
    """Returns which version of a file an object store has: empty where it has none; None: it lies elsewhere.

    Raises:
      DataError: It cannot be looked up.
    """
    if not is_object_store(path):
        return None
    with files.in_words(path, "cannot be looked up"):
        return object_store().version(path)


def publish(job: Job, path: str, content: bytes, what: str) -> None:
    """Writes the file that makes a result visible; a step that is tried again after it has done so changes nothing.

    Args:
      job: Whose result it is.
      path: Of the file.
      content: What it will hold.
      what: The result, in words.

    Raises:
      DataError: It cannot be written, or another run was quicker.
    """
    known = job.replaced if job.replace else ""
    if not is_object_store(path) or known is None:
        durable.write(path, content)
        return
    with files.in_words(path, "cannot be written"):
        written = object_store().write_over(path, content, known)
    if not written and not (files.exists(path) and files.read(path) == content):
        remedy = "run again to replace that" if job.replace else "say --replace to replace it"
        raise DataError(f"{job.output}: another run has published {what} there; {remedy}")
