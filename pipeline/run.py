"""One run of the pipeline as a command: plan, execute, clean up, tell."""

import importlib.metadata
import platform
import time
import traceback
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from rich.console import Console

from pipeline import files
from pipeline.failure import find_message
from pipeline.fit import check_fit
from pipeline.job import Job
from pipeline.options import describe_runner
from pipeline.prepare import PrepareDataset
from pipeline.progress import ShowProgress
from pipeline.publish import sweep
from pipeline.summary import summarise
from schemas.errors import DataError, LengthwiseError
from schemas.manifest import MANIFEST_NAME, parse_manifest
from schemas.manifest_pb2 import Manifest
from schemas.messages import canonical_json

_RUN_RECORD = "run.json"  # what differs from run to run, and so is not in the manifest


def run(job: Job, options: PipelineOptions, console: Console) -> Manifest:
    """Prepares a data set and publishes it, or leaves everything as it was.

    Args:
      job: As `plan_job` returns it.
      options: Beam's options, with the runner.
      console: Where progress and the summary go.

    Raises:
      LengthwiseError: The input or its records are not what the spec says; nothing is published.
    """
    check_fit(job)
    console.print(_opening(job, options), highlight=False)
    started = time.monotonic()
    try:
        with ShowProgress(job, console):
            _execute(job, options)
        manifest = _published(job)
    except BaseException:
        _sweep_failed(job)
        raise
    finally:
        files.delete([job.staging])
        files.delete_empty_parents([job.staging])
        files.delete_empty_parents([files.join(job.output, MANIFEST_NAME)])
    seconds = time.monotonic() - started
    files.write(files.join(job.output, _RUN_RECORD), _run_record(job, options, seconds))
    console.print(summarise(manifest, job.output, seconds), highlight=False)
    return manifest


def _execute(job: Job, options: PipelineOptions) -> None:
    try:
        with beam.Pipeline(options=options) as pipeline:
            _ = pipeline | "Prepare" >> PrepareDataset(job=job)
    except Exception as error:
        known = error if isinstance(error, LengthwiseError) else None
        found = find_message(job.failed) or known
        if found:
            raise found from None
        path = files.join(job.failed, "traceback.txt")
        files.write(path, traceback.format_exc().encode())
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise DataError(
            f"the run failed: {type(error).__name__}: {first}; nothing was published; details: {path}"
        ) from error


def _published(job: Job) -> Manifest:
    path = files.join(job.output, MANIFEST_NAME)
    return parse_manifest(files.read(path), path)


def _sweep_failed(job: Job) -> None:
    """Removes what this run wrote and no manifest names; a data set that was there stays."""
    path = files.join(job.output, MANIFEST_NAME)
    try:
        manifest = parse_manifest(files.read(path), path) if files.exists(path) else None
    except LengthwiseError:
        return  # written by another release: what it names is unknown, so nothing is touched
    sweep(job.output, manifest)


def _opening(job: Job, options: PipelineOptions) -> str:
    size = sum(file.bytes for file in job.inputs)
    empty = sum(not file.bytes for file in job.inputs)
    note = f" ({empty} of them empty)" if empty else ""
    return f"{len(job.inputs):,} file(s){note}, {size / 1e6:,.1f} MB → {job.output}; runner: {describe_runner(options)}"


def _run_record(job: Job, options: PipelineOptions, seconds: float) -> bytes:
    packages = ("apache-beam", "pyarrow", "numpy", "protobuf")
    record: dict[str, Any] = {
        "run": job.run,
        "seconds": seconds,
        "runner": describe_runner(options),
        "host": platform.node(),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in packages},
    }
    return canonical_json(record)
