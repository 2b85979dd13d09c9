"""How an error that a person can mend travels from a worker to the person.

Runners wrap what a worker raises in their own words, and remote ones lose it. So the worker leaves
the message in the run's folder of failures, where the command finds it on any runner.
"""

import contextlib
import functools
import json
from collections.abc import Callable, Iterator
from typing import Any

from pipeline import files
from pipeline.guards import lease
from schemas.errors import DataError, LengthwiseError, UsageError
from schemas.messages import canonical_json

_NAME = "error.json"


def reporting(process: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """Wraps the `process` or `work` of a DoFn that has its `Job` as `_job`; it does nothing for a run that is over."""

    @functools.wraps(process)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        lease.check(self._job)
        try:
            yield from process(self, *args, **kwargs)
        except LengthwiseError as error:
            with contextlib.suppress(LengthwiseError):  # a full disk has no room for the message either
                if lease.goes_on(self._job):  # else it is for want of what was deleted, and nobody is there to read it
                    leave_message(self._job.failed, error)
            raise

    return wrapped


@contextlib.contextmanager
def told_of(path: str) -> Iterator[None]:
    """Context in which what is said of the content of a file gets the file's name."""
    try:
        yield
    except DataError as error:
        if str(error).startswith(path):
            raise
        raise DataError(f"{path}: {error}", error.details) from error


def leave_message(folder: str, error: LengthwiseError) -> None:
    """Writes an error into a run's folder of failures."""
    content = canonical_json({"message": str(error), "details": list(error.details), "exit_code": error.exit_code})
    files.write(files.join(folder, _NAME), content)


def find_message(folder: str) -> LengthwiseError | None:
    """Returns the error that a worker left in a run's folder of failures, if there is one."""
    path = files.join(folder, _NAME)
    if not files.exists(path):
        return None
    values = json.loads(files.read(path))
    kind = UsageError if values["exit_code"] == UsageError.exit_code else DataError
    return kind(values["message"], values["details"])
