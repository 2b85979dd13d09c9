"""A closed window becomes a span, by the very command that makes one of files: `pipeline run`, as a process of its own.

So a span of a stream is what a scheduled run would have made of the same records, and the memory of a worker stays
what it is for years.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import PurePosixPath

import apache_beam as beam
from apache_beam.metrics import Metrics

from pipeline import files
from pipeline.failure import reporting
from pipeline.guards import lease
from pipeline.spans.published import span_folder
from pipeline.streaming import closings
from pipeline.streaming.closings import Closing
from pipeline.streaming.job import StreamJob
from schemas.errors import DataError, HeldError, RefusedError, UsageError
from schemas.manifest import MANIFEST_NAME

_ERROR = "error: "
_MOST_BYTES_OF_NAMES = 1 << 20  # they are arguments, and Linux takes 2 MiB of these with the environment
_AGAIN_SECONDS = 2.0  # between attempts while another process writes to the span
_MOST_SAID = 20  # lines of an error


class PublishWindow(beam.DoFn):  # type: ignore[misc]  # Beam has no types
    """Name of a closing → the same, once its span is published."""

    def __init__(self, job: StreamJob) -> None:
        self._job = job

    @reporting
    def process(self, name: str) -> Iterator[str]:
        """Publishes one span, or waits for whoever does."""
        publish(self._job, name)
        Metrics.counter("stream", "spans_published").inc()
        yield name


def publish(job: StreamJob, name: str) -> None:
    """Makes the span of a closed window, unless it is there.

    Args:
      job: The stream.
      name: Of the closing.

    Raises:
      RefusedError: The records are not what the spec says, so that to try again comes to the same.
      DataError: The process was killed.
    """
    closing = closings.load(job.closings, name)
    while not is_published(job, name):
        lease.check(job)
        try:
            _make(job, closing)
        except HeldError:
            time.sleep(_AGAIN_SECONDS)
        except DataError:
            if not is_published(job, name):  # else somebody has made it meanwhile, and deleted its records
                raise
    files.write(job.published_path(name), b"")
    files.delete_folder(job.window_folder(name))
    files.delete_empty_parents([job.window_folder(name)])


def _make(job: StreamJob, closing: Closing) -> None:
    """Makes a span.

    Raises:
      HeldError: Another process is at it.
      DataError: As of `publish`.
    """
    check_there(job, closing)
    code, said = _run(job, closing)
    if code == HeldError.exit_code:
        raise HeldError(closing.name)
    if code:
        raise _error(closing.name, code, said)


def is_published(job: StreamJob, name: str) -> bool:
    """Returns whether the span of a closed window is there, or was there."""
    manifest = files.join(span_folder(job.root, name), MANIFEST_NAME)
    return files.exists(manifest) or files.exists(job.published_path(name))


def check_there(job: StreamJob, closing: Closing) -> None:
    """Checks that the records of a closed window are there, of which no span has been published.

    Raises:
      DataError: They are not.
    """
    for path in closing.files:
        if not files.exists(files.join(job.root, path)):
            raise DataError(
                f"{files.join(job.root, path)}: is gone, and the span {closing.name} is not published; delete "
                f"{closings.path_of(job.closings, closing.name)} and start the stream again, which then reads its "
                "records again"
            )


def command(job: StreamJob, closing: Closing) -> list[str]:
    """Returns the command that makes the span of a closing.

    Raises:
      DataError: There are more files than a command can name.
    """
    paths = [files.join(job.root, path) for path in closing.files]
    if sum(len(os.fsencode(path)) + 9 for path in paths) > _MOST_BYTES_OF_NAMES:
        folder = PurePosixPath(closing.files[0]).parent
        raise DataError(
            f"{closing.name}: {folder} holds {len(paths):,} files, more than a run takes; say --window_bytes"
        )
    options = ["--span", closing.name, "--output", job.root, "--origins", *job.run_options]
    return [sys.executable, "-m", "pipeline", "run", *options, "--input", *paths]


def _run(job: StreamJob, closing: Closing) -> tuple[int, str]:
    done = subprocess.run(  # noqa: S603 (of this package, without a shell)
        command(job, closing),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
        process_group=0,  # Ctrl-C in a terminal stops the stream, which lets a span be finished
    )
    return done.returncode, done.stderr.decode("utf-8", "replace")


def _error(name: str, code: int, said: str) -> DataError:
    lines = [line for line in said.splitlines() if line.strip()]
    if code < 0:
        return DataError(f"span {name}: its process was killed by signal {-code}; nothing of it is published")
    told = next((line.removeprefix(_ERROR) for line in reversed(lines) if line.startswith(_ERROR)), "")
    if code in (DataError.exit_code, UsageError.exit_code) and told:
        return RefusedError(
            f"span {name}: {told}; nothing is lost: the same command goes on from there",
            [line for line in lines[-_MOST_SAID:] if not line.startswith(_ERROR)],
        )
    more = lines[-1] if lines else "it said nothing"
    return DataError(f"span {name}: its process ended with exit code {code}: {more}; nothing of it is published")
