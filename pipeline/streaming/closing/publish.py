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
from pipeline.spans.published import load_span, span_folder
from pipeline.streaming.closing import closings
from pipeline.streaming.closing.closings import Closing
from pipeline.streaming.job import StreamJob
from schemas.errors import DataError, HeldError, LengthwiseError, RefusedError, UsageError
from schemas.manifest import MANIFEST_NAME

_ERROR = "error: "
_MOST_BYTES_OF_NAMES = 1 << 20  # they are arguments, and Linux takes 2 MiB of these with the environment
_AGAIN_SECONDS = 2.0  # between attempts while another process writes to the span
_NAMESPACE = "stream"
_MOST_SAID = 20  # lines of an error


class PublishWindow(beam.DoFn):  # type: ignore[misc]  # Beam has no types
    """Name of a closing → the same, once its span is published."""

    def __init__(self, job: StreamJob) -> None:
        self._job = job

    @reporting
    def process(self, name: str) -> Iterator[str]:
        """Publishes one span, or waits for whoever does."""
        publish(self._job, name)
        self._count(name)
        yield name

    def _count(self, name: str) -> None:
        """Tells the engine's own figures."""
        Metrics.counter(_NAMESPACE, "spans_published").inc()
        if is_there(self._job.root, name):  # else it was pruned meanwhile
            counts = load_span(self._job.root, name).counts
            rejected = [*counts.rejected.values(), *counts.events.rejected.values()]
            Metrics.counter(_NAMESPACE, "records_kept").inc(counts.kept)
            Metrics.counter(_NAMESPACE, "records_rejected").inc(sum(rejected))


def publish(job: StreamJob, name: str) -> None:
    """Makes the span of a closed window, unless it is there.

    Args:
      job: The stream.
      name: Of the closing.

    Raises:
      RefusedError: The records are not what the spec says, so that to try again comes to the same; or somebody else
        has made a span of this name.
      DataError: The process was killed, or the records are gone.
    """
    closing = closings.load(job.closings, name)
    while not is_published(job, closing):
        lease.check(job)
        error = _attempt(job, closing)
        if error is None or is_published(job, closing):  # by another worker, which deletes the records then
            break
        if not isinstance(error, HeldError):
            raise error
        time.sleep(_AGAIN_SECONDS)
    files.write(job.published_path(name), b"")
    files.delete_folder(job.window_folder(name))
    files.delete_empty_parents([job.window_folder(name)])


def _attempt(job: StreamJob, closing: Closing) -> LengthwiseError | None:
    """Makes a span; returns why that failed."""
    try:
        check_there(job, closing)
    except DataError as error:
        return error
    code, said = _run(job, closing)
    if code == HeldError.exit_code:
        return HeldError(said)
    return _error(job, closing.name, code, said) if code else None


def is_published(job: StreamJob, closing: Closing) -> bool:
    """Returns whether the span of a closed window is there, or was there.

    Raises:
      RefusedError: A span of this name is there that was made of other records.
      DataError: Its manifest cannot be read.
    """
    name = closing.name
    if files.exists(job.published_path(name)):
        return True
    if not is_there(job.root, name):
        return False
    inputs = sorted(PurePosixPath(file.path).name for file in load_span(job.root, name).inputs)
    if inputs == sorted(PurePosixPath(path).name for path in closing.files):  # which tell what the files hold
        return True
    raise RefusedError(
        f"span {name}: was made of other records by somebody else, after the stream had closed this window; move "
        f"{span_folder(job.root, name)} away, and start the stream again, which then makes the span of its own records"
    )


def is_there(root: str, name: str) -> bool:
    """Returns whether there is a span of a name, whoever made it."""
    return files.exists(files.join(span_folder(root, name), MANIFEST_NAME))


def check_there(job: StreamJob, closing: Closing) -> None:
    """Checks that the records of a closed window are there, of which no span has been published.

    Raises:
      DataError: They are not.
    """
    paths = [files.join(job.root, path) for path in closing.files]
    missing = next((path for path in paths if not files.exists(path)), None)
    if missing or sum(map(files.size, paths)) != closing.bytes:
        what = f"{missing}: is gone" if missing else f"{job.window_folder(closing.name)}: is not what was written there"
        raise DataError(
            f"{what}, and the span {closing.name} is not published; delete "
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


def _error(job: StreamJob, name: str, code: int, said: str) -> DataError:
    lines = [line for line in said.splitlines() if line.strip()]
    own = span_folder(job.root, name)  # which it names where it tells how far it is
    if code < 0:
        return DataError(
            f"span {name}: its process was killed by signal {-code}; nothing of it is published: start the stream "
            "again, with more memory for its workers where that was short"
        )
    told = next((line.removeprefix(_ERROR) for line in reversed(lines) if line.startswith(_ERROR)), "")
    if code in (DataError.exit_code, UsageError.exit_code) and told:
        return RefusedError(
            f"span {name}: {told}; nothing is lost: once that is mended or allowed, start the stream again",
            [line for line in lines[-_MOST_SAID:] if not (line.startswith((_ERROR, f"{name}: ")) or own in line)],
        )
    more = lines[-1] if lines else "it said nothing"
    return DataError(
        f"span {name}: its process ended with exit code {code}: {more}; nothing of it is published: start the "
        "stream again"
    )
