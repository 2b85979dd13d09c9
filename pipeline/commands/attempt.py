"""One run as its options say, told as JSON and figures whether it succeeds or fails."""

import argparse
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from apache_beam.options.pipeline_options import PipelineOptions
from rich.console import Console

from pipeline import files
from pipeline.commands.common import INTERRUPTED, parse_limit
from pipeline.commands.span_options import span_request
from pipeline.dry_run import describe_dry_run
from pipeline.inputs import plan_job
from pipeline.job import Job
from pipeline.listing import states
from pipeline.logs import note
from pipeline.metrics import Ended
from pipeline.report.after_run import draw_report, draw_spans_report, remove_report, report_of
from pipeline.report.spans_page import has_spans_report
from pipeline.run import run
from pipeline.runners.options import beam_options, local_threads
from pipeline.spans.describe import PUBLISHED, UNCHANGED, describe_span
from pipeline.spans.published import span_folder
from pipeline.spans.unchanged import already_published, unchanged_line
from pipeline.spans.windows import DatedInputs, dated_inputs
from pipeline.spec_file import read_spec
from pipeline.summary import describe
from pipeline.upkeep.exclusive import exclusive
from schemas.dataset_pb2 import DatasetSpec
from schemas.errors import LengthwiseError
from schemas.manifest import MANIFEST_NAME, named_files
from schemas.manifest_pb2 import Manifest
from schemas.messages import to_plain
from schemas.spans.dates import window

FAILED = "failed"


class Tried(NamedTuple):
    """A run that is over.

    Attributes:
      document: What is said of it on standard output.
      ended: What figures are made of.
      error: That it ended with; None: it succeeded, or had nothing to do.
    """

    document: dict[str, Any]
    ended: Ended
    error: BaseException | None = None


class _Planned:
    """What is known of a run when it fails, as far as it came."""

    job: Job | None = None


def attempt(options: argparse.Namespace, rest: list[str], console: Console) -> Tried:
    """Runs as the options of `run` say; raises nothing that a run can end with, interrupts included."""
    started, planned = time.monotonic(), _Planned()
    note(console, run="", span=options.span or "")
    try:
        manifest, document = _write(options, rest, console, planned)
        code, error = 0, None
    except (Exception, KeyboardInterrupt) as raised:
        error, code, manifest = raised, _exit_code(raised), None
        document = _failure(options, planned.job, raised, code)
    seconds = time.monotonic() - started
    written = _written(planned.job, manifest)
    dataset = options.output.rstrip("/") or options.output
    ended = Ended(dataset, code, seconds, time.time(), options.span or "", manifest, written)
    if manifest is not None:
        document["bytes"] = {"input": sum(file.bytes for file in manifest.inputs), "written": written}
    return Tried({**document, "seconds": round(seconds, 3)}, ended, error)


def dry_run(options: argparse.Namespace, rest: list[str]) -> dict[str, Any]:
    """Returns what `attempt` would do with the same options; writes nothing.

    Raises:
      LengthwiseError: What the run itself would refuse before it begins.
    """
    beam = beam_options(rest)
    given = inputs_of(options)
    job = _plan(options, given, beam, *_spec_of(options))
    return {**describe_dry_run(job, beam, already_published(job)), "missing_periods": given.missing}


def inputs_of(options: argparse.Namespace) -> DatedInputs:
    """Returns the inputs of a run, with dates filled in.

    Raises:
      LengthwiseError: See `pipeline.spans.windows.dated_inputs`.
    """
    periods = window(options.span or "", options.since, options.until, options.last)
    is_window = bool(options.since or options.until or options.last)
    return dated_inputs(options.input, periods, is_window=is_window, allow_missing=options.allow_missing)


def _write(
    options: argparse.Namespace, rest: list[str], console: Console, planned: _Planned
) -> tuple[Manifest, dict[str, Any]]:
    beam = beam_options(rest)
    spec, spec_text = _spec_of(options)  # what is wrong with it is told before anything is locked
    request = span_request(options)
    with exclusive(options.output, request, "run", console, spec_text=spec_text, report=not options.no_report):
        given = inputs_of(options)
        if given.missing:
            console.print(f"no file for {', '.join(given.missing)}; left out, as --allow_missing says", highlight=False)
        planned.job = _plan(options, given, beam, spec, spec_text)
        return _write_alone(options, planned.job, beam, console)


def _write_alone(
    options: argparse.Namespace, job: Job, beam: PipelineOptions, console: Console
) -> tuple[Manifest, dict[str, Any]]:
    manifest = already_published(job)
    if manifest:
        console.print(unchanged_line(manifest), highlight=False)
        if job.span and not options.no_report and not has_spans_report(job.span.root):  # its run was killed before it
            draw_spans_report(job.span.root, console, job.output)
        return manifest, _told(manifest, job, UNCHANGED, report_of(job.output))
    manifest = run(job, beam, console)
    if options.no_report:
        remove_report(job.output)
        return manifest, _told(manifest, job, PUBLISHED, None)
    path = draw_report(job.output, console)
    if job.span:
        draw_spans_report(job.span.root, console, job.output)
    return manifest, _told(manifest, job, PUBLISHED, path)


def _spec_of(options: argparse.Namespace) -> tuple[DatasetSpec, str]:
    """Returns the spec, and its text as the person wrote it."""
    return read_spec(options.spec)


def _plan(
    options: argparse.Namespace, given: DatedInputs, beam: PipelineOptions, spec: DatasetSpec, spec_text: str
) -> Job:
    return plan_job(
        spec,
        given.inputs,
        options.output,
        replace=options.replace,
        max_rejected=parse_limit(options.max_rejected),
        threads=local_threads(beam),
        spec_text=spec_text,
        span=span_request(options),
        accept_drift=options.accept_drift,
        origins=options.origins,
    )


def _told(manifest: Manifest, job: Job, status: str, report: str | None) -> dict[str, Any]:
    """Returns what is said of a run that succeeded."""
    span: Mapping[str, Any] = describe_span(manifest, status)
    if span:
        span = {**span, "drift": [to_plain(measure) for measure in manifest.span.drift]}
    name = {"run": job.run} if status == PUBLISHED else {}
    return {"status": status, **span, **name, **describe(manifest, job.output), "report": report}


def _failure(options: argparse.Namespace, job: Job | None, error: BaseException, code: int) -> dict[str, Any]:
    """Returns what is said of a run that failed."""
    told = job is not None and bool(files.match_within(job.failed, "*"))
    first = next(iter(str(error).splitlines()), "")
    said = str(error) if isinstance(error, LengthwiseError) else f"{type(error).__name__}: {first}"
    return {
        "status": FAILED,
        "exit_code": code,
        "error": "interrupted" if code == INTERRUPTED else said,
        "output": span_folder(options.output, options.span) if options.span else options.output,
        "span": {"name": options.span} if options.span else None,
        "failed_folder": job.failed if job and told else None,
        **({"run": job.run} if job else {}),
    }


def _exit_code(error: BaseException) -> int:
    if isinstance(error, LengthwiseError):
        return error.exit_code
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1


def _written(job: Job | None, manifest: Manifest | None) -> int:
    """Returns the bytes of the manifest and of the files that it names."""
    if job is None or manifest is None:
        return 0
    paths = {files.join(job.output, path) for path in (MANIFEST_NAME, *named_files(manifest))}
    return sum(state.bytes for path, state in states(paths).items() if path in paths)
