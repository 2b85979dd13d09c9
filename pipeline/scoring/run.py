"""One scoring run as a command: export if need be, execute, clean up, tell."""

import contextlib
import time
from dataclasses import replace
from functools import partial
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions
from rich.console import Console

from pipeline import files
from pipeline.guards.folders import check_folder
from pipeline.guards.going_on import delete_abandoned
from pipeline.guards.locks import holding, name_run
from pipeline.interrupts import interruptible
from pipeline.progress import ShowProgress
from pipeline.run import check_writable, delete_staging, describe_start, execute, warn_of_runner
from pipeline.scoring.job import RESULT_NAME, ScoringJob, exported
from pipeline.scoring.publish import Result, read_result, sweep_scores
from pipeline.scoring.transform import ScoreRecords
from schemas.errors import LengthwiseError

_EVENTS_SHARE = 0.2  # of the time of a run over events: reading them


def run_scoring(scoring: ScoringJob, options: PipelineOptions, console: Console) -> dict[str, Any]:
    """Predicts for raw records and publishes the predictions, or leaves everything as it was.

    Args:
      scoring: As `plan_scoring` returns it.
      options: Beam's options, with the runner.
      console: Where progress and the summary go.

    Returns:
      The end of the run, for machines: see `describe_scoring`.

    Raises:
      LengthwiseError: The model or the input cannot be used; nothing is published.
      HeldError: Another run writes to the same folder.
    """
    job = scoring.job
    check_folder(job.output)
    with holding(job.output, "score", console):
        name_run(job.output, job.run)
        warn_of_runner(job, options, console)
        delete_abandoned(job)
        return _run_alone(replace(scoring, job=replace(job, leased=True)), options, console)


def _run_alone(scoring: ScoringJob, options: PipelineOptions, console: Console) -> dict[str, Any]:
    job = scoring.job
    check_writable(job)
    console.print(describe_start(job, options), highlight=False)
    started = time.monotonic()
    try:
        with interruptible() as interrupted:
            if not scoring.model.is_exported:
                console.print(f"exporting {scoring.model.folder}, to be read by every worker", highlight=False)
            transform = ScoreRecords(scoring=replace(exported(scoring), quiet=True))
            execute(job, transform, options, partial(_Progress, job), console, interrupted)
        result = read_result(scoring.result_path)
    except BaseException:
        _clean_up_failed(scoring)
        raise
    finally:
        with contextlib.suppress(OSError, LengthwiseError):
            delete_staging(job, RESULT_NAME)
    seconds = time.monotonic() - started
    console.print(summarise_scoring(result, job.output, seconds), highlight=False)
    return describe_scoring(result, job.output, seconds)


class _Progress(ShowProgress):
    """Judges a run by the predictions that are staged."""

    def share_done(self) -> tuple[float, str]:
        """Returns the share of the work that is done, in [0, 1], and the step at hand."""
        done = self.bytes_in("predictions")
        if self._job.partitions:
            events = self.bytes_in("events")
            step = "reading" if events < self._total else "predicting"
            done = int(_EVENTS_SHARE * events + (1 - _EVENTS_SHARE) * done)
            return min(1.0, done / self._total), step
        return min(1.0, done / self._total), "predicting"


def summarise_scoring(result: Result, output: str, seconds: float) -> str:
    """Returns the end of a run as a few lines of text."""
    counts = result["counts"]
    rejected = counts["rejected"]
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(rejected.items()))
    lines = []
    if "events" in counts:
        lines.append(f"{counts['events']['read']:,} events read, {counts['events']['kept']:,} of them in records")
    lines.append(
        f"{counts['read']:,} records read: {counts['predicted']:,} predicted, {sum(rejected.values()):,} rejected"
        + (f" ({reasons})" if reasons else "")
    )
    lines += [f"rejected records: {output}/{file['path']}" for file in result["rejected_files"]]
    size = sum(file["bytes"] for file in result["files"])
    lines.append(
        f"{len(result['files'])} file(s), {counts['predictions']:,} predictions, {size / 1e6:,.1f} MB → "
        f"{output}/{RESULT_NAME} ({seconds:.1f} s, {counts['read'] / seconds:,.0f} records/s)"
    )
    return "\n".join(lines)


def describe_scoring(result: Result, output: str, seconds: float) -> dict[str, Any]:
    """Returns the end of a run as one JSON document: output, counts, files with their paths, seconds."""
    return {
        "output": output,
        "result": f"{output}/{RESULT_NAME}",
        "counts": result["counts"],
        "files": [f"{output}/{file['path']}" for file in result["files"]],
        "rejected_files": [f"{output}/{file['path']}" for file in result["rejected_files"]],
        "model": result["model"],
        "seconds": round(seconds, 3),
        "records_per_second": round(result["counts"]["read"] / seconds, 1),
    }


def _clean_up_failed(scoring: ScoringJob) -> None:
    """Removes what this run wrote and no result names; predictions that were there stay."""
    with contextlib.suppress(OSError, LengthwiseError):  # the error itself is what has to be told
        path = scoring.result_path
        sweep_scores(scoring.job.output, read_result(path) if files.exists(path) else None)
