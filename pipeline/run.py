"""One run of the pipeline as a command: plan, execute, clean up, tell."""

import contextlib
import dataclasses
import importlib.metadata
import io
import platform
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import IO, Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from rich.console import Console

from pipeline import files
from pipeline.disk import check_space, estimate, is_disk_full, with_need
from pipeline.drift.judge import drift_lines
from pipeline.failure import find_message
from pipeline.fit import check_fit, unread_fields
from pipeline.guards import lease
from pipeline.guards.folders import check_folder
from pipeline.guards.going_on import resumable, take_up, worth_keeping
from pipeline.guards.locks import holding, name_run
from pipeline.interrupts import interruptible
from pipeline.job import RUN_NAME, STAGING, Job
from pipeline.logs import note
from pipeline.prepare import PrepareDataset
from pipeline.progress import ShowProgress
from pipeline.publish import sweep
from pipeline.report.after_run import advice_lines
from pipeline.runners.checks import check_runner, paths_of
from pipeline.runners.options import describe_runner
from pipeline.runners.said import EngineLog, cancelling, listening
from pipeline.runners.told import known_error, one_line, where_logs, where_workers
from pipeline.seals import seal_record, spec_digest
from pipeline.spans.describe import describe_plan
from pipeline.starter import starting_workers
from pipeline.summary import summarise
from pipeline.terminal import quiet_workers
from pipeline.threads import stop_threads
from schemas.errors import DataError, LengthwiseError, UsageError
from schemas.manifest import MANIFEST_NAME, parse_manifest
from schemas.manifest_pb2 import Manifest


def run(job: Job, options: PipelineOptions, console: Console) -> Manifest:
    """Prepares a data set and publishes it, or leaves everything as it was.

    Args:
      job: As `plan_job` returns it.
      options: Beam's options, with the runner.
      console: Where progress and the summary go.

    Raises:
      LengthwiseError: The input or its records are not what the spec says; nothing is published.
      HeldError: Another run writes to the same folder.
    """
    note(console, run=job.run, span=job.span.name if job.span else "")
    check_folder(job.output, job.span.root if job.span else "")
    with holding(job.output, "run", console):
        name_run(job.output, job.run)
        return _run_alone(dataclasses.replace(resumable(job), leased=True), options, console)


def _run_alone(job: Job, options: PipelineOptions, console: Console) -> Manifest:
    check_fit(job)
    warn_of_runner(job, options, console)
    unread = unread_fields(job)
    going_on = take_up(job)
    need = estimate(job)
    disk = check_space(job, need)
    check_writable(job)
    console.print(describe_start(job, options, disk), highlight=False)
    if going_on:
        console.print(going_on, highlight=False)
    started = time.monotonic()
    try:
        with interruptible() as interrupted:
            execute(job, PrepareDataset(job=job), options, partial(ShowProgress, job), console, interrupted)
        manifest = _published(job)
    except DataError as error:
        _end_failed(job, error, console)
        raise with_need(error, need) from error.__cause__
    except BaseException as error:
        _end_failed(job, error, console)
        raise
    with contextlib.suppress(OSError, LengthwiseError):
        delete_staging(job, MANIFEST_NAME)
    seconds = time.monotonic() - started
    files.write(files.join(job.output, RUN_NAME), seal_record(_run_record(job, options, seconds, unread, manifest)))
    advice = [*drift_lines(manifest), *advice_lines(job.output, manifest)]
    console.print(summarise(manifest, job.output, seconds, unread, advice), highlight=False)
    return manifest


def warn_of_runner(job: Job, options: PipelineOptions, console: Console) -> None:
    """Finds out whether a job can be given to its runner, before anything is written for it.

    Raises:
      LengthwiseError: It cannot.
    """
    for line in check_runner(options, paths_of(job)):
        console.print(f"warning: {line}", highlight=False)


def execute(
    job: lease.Run,
    transform: beam.PTransform,
    options: PipelineOptions,
    progress: Callable[[Console, str], AbstractContextManager[object]],
    console: Console,
    interrupted: threading.Event,
    outcome: str = "nothing was published",
    has_own_stop: bool = False,
) -> None:
    """Runs a transform over the inputs of a job, and shows how far it is.

    Args:
      job: The run.
      transform: Of the beginning of a pipeline.
      options: Beam's.
      progress: Returns a context that shows progress, given where to, and where to look when no worker begins.
      console: Where it goes but for Beam's own words.
      interrupted: Set where the run is.
      outcome: What an error means that nobody knows.
      has_own_stop: As of `pipeline.runners.said.cancelling`.

    Raises:
      LengthwiseError: What a worker said of the input or of itself, or what helps most of any other error.
      KeyboardInterrupt: The run was interrupted.
    """
    log = EngineLog()
    try:
        with starting_workers(), quiet_workers(options) as terminal, listening(options, log, interrupted):
            shown = _console_on(terminal, console) if terminal else console
            made = beam.Pipeline(options=options)
            watched = progress(shown, where_workers(options))
            with watched, cancelling(made, lambda: not lease.goes_on(job), has_own_stop) as pipeline:
                _ = pipeline | transform
    except Exception as error:
        if interrupted.is_set():
            raise KeyboardInterrupt from None
        known = error if isinstance(error, LengthwiseError) else None
        found = find_message(job.failed) or known
        if found:
            raise found from None
        where = _keep_traceback(job, log.text)
        told = known_error(error, log.errors)
        if told:
            raise told from None
        more = where_logs(options)
        raise DataError(f"the run failed: {one_line(error, log.errors)}; {outcome}; {where}{more}") from error


def _console_on(terminal: IO[bytes], console: Console) -> Console:
    file = io.TextIOWrapper(terminal, encoding="utf-8", write_through=True)
    return Console(file=file, soft_wrap=True, markup=False, force_terminal=console.is_terminal)


def _keep_traceback(job: lease.Run, said: str) -> str:
    path = files.join(job.failed, "traceback.txt")
    content = traceback.format_exc() + (f"\nThe engine said:\n{said}\n" if said else "")
    try:
        files.write(path, content.encode())
    except LengthwiseError as error:  # most likely for the same reason as the run
        return str(error)
    return f"details: {path}"


def check_writable(job: Job) -> None:
    """Finds out before the work whether its results can be written, and says to the workers that the run goes on."""
    try:
        lease.begin(job)
    except LengthwiseError as error:
        raise UsageError(f"--output: {error}; name another folder") from None


def delete_staging(job: Job, result: str) -> None:
    """Deletes what only this run needed, and the output's folder where it holds no result nor anything else."""
    stop_threads()
    files.delete_folder(job.staging)
    files.delete_empty_parents([job.staging])
    files.delete_empty_parents([files.join(job.output, result)])


def _published(job: Job) -> Manifest:
    path = files.join(job.output, MANIFEST_NAME)
    return parse_manifest(files.read(path), path)


def _end_failed(job: Job, error: BaseException, console: Console) -> None:
    """Cleans up; of a span, whose run is started again by itself, keeps what the next run goes on from."""
    with contextlib.suppress(OSError, LengthwiseError):
        stop_threads()
        lease.end(job)
        if job.span and not is_disk_full(error) and worth_keeping(job):
            line = f"{job.output}: kept what is done so far, in {STAGING}; the same command goes on from there"
            console.print(line, highlight=False)
            return
    _clean_up_failed(job)
    with contextlib.suppress(OSError, LengthwiseError):
        delete_staging(job, MANIFEST_NAME)


def _clean_up_failed(job: Job) -> None:
    """Removes what this run wrote and no manifest names; a data set that was there stays."""
    with contextlib.suppress(OSError, LengthwiseError):  # the error itself is what has to be told
        path = files.join(job.output, MANIFEST_NAME)
        # Raises where it is of another release: what it names is unknown, so nothing is touched.
        sweep(job.output, parse_manifest(files.read(path), path) if files.exists(path) else None)


def describe_start(job: Job, options: PipelineOptions, disk: str = "") -> str:
    """Returns the lines with which a run begins."""
    size = sum(file.bytes for file in job.inputs)
    empty = sum(not file.bytes for file in job.inputs)
    note = f" ({empty} of them empty)" if empty else ""
    parts = [f"{len(job.inputs):,} file(s){note}, {size / 1e6:,.1f} MB → {job.output}", disk]
    first = "; ".join([*filter(None, parts), f"runner: {describe_runner(options)}"])
    return "\n".join([first, *describe_plan(job)])


def _run_record(
    job: Job, options: PipelineOptions, seconds: float, unread: list[str], manifest: Manifest
) -> dict[str, Any]:
    packages = ("apache-beam", "pyarrow", "numpy", "protobuf")
    return {
        "run": job.run,
        "spec_sha256": spec_digest(job.output),
        "fingerprint": manifest.fingerprint,
        "seconds": seconds,
        "runner": describe_runner(options),
        "host": platform.node(),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in packages},
        "unread_fields": unread,
        **({"accept_drift": True} if job.accept_drift else {}),
    }
