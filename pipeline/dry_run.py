"""What a run would do, found out without writing anything."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions

from pipeline import files
from pipeline.disk import check_space, estimate, free_bytes
from pipeline.fit import check_fit, unread_fields
from pipeline.job import Job
from pipeline.runners.checks import check_runner, paths_of
from pipeline.runners.options import describe_runner
from schemas.errors import UsageError
from schemas.manifest import MANIFEST_NAME
from schemas.manifest_pb2 import Manifest

_SHOWN_FILES = 10


def describe_dry_run(job: Job, options: PipelineOptions, published: Manifest | None) -> dict[str, Any]:
    """Returns what a run would read and write.

    Args:
      job: The run.
      options: Beam's.
      published: The manifest of the span, where it is published with the same input.

    Raises:
      LengthwiseError: The run would be refused before it begins.
    """
    told = {"dry_run": True, "would": _would(job, published), "output": job.output, "span": _span(job)}
    told["input"] = _input(job)
    if published:
        return told
    check_fit(job)
    warnings = check_runner(options, paths_of(job))
    need = estimate(job)
    check_space(job, need)
    _check_may_write(job.output)
    return {
        **told,
        "splits": {"fractions": dict(job.fractions), "named": sorted(job.named_splits)},
        "unread_fields": unread_fields(job),
        "max_rejected": job.max_rejected,
        "runner": describe_runner(options),
        "disk": {"likely": need.likely, "at_most": need.most, "free": free_bytes(job.output)},
        **({"warnings": warnings} if warnings else {}),
    }


def _would(job: Job, published: Manifest | None) -> str:
    if published:
        return "do nothing: the span is published with the same input"
    there = files.exists(files.join(job.output, MANIFEST_NAME))
    what = "the span" if job.span else "the data set"
    return f"replace {what} that is there" if there else f"publish {what}"


def _span(job: Job) -> dict[str, Any] | None:
    if job.span is None:
        return None
    base = job.span.base.name if job.span.base else None
    return {"name": job.span.name, "base": base, "extend_vocabulary": job.span.extend, "root": job.span.root}


def _input(job: Job) -> dict[str, Any]:
    return {
        "files": len(job.inputs),
        "bytes": sum(file.bytes for file in job.inputs),
        "blocks": len(job.blocks()),
        "formats": dict(sorted(Counter(file.reading.format for file in job.inputs).items())),
        "first_files": [file.path for file in job.inputs[:_SHOWN_FILES]],
    }


def _check_may_write(output: str) -> None:
    """Finds out whether a local folder may be written to, or made.

    Raises:
      UsageError: It may not.
    """
    if not files.is_local(output):
        return
    folder = Path(output).absolute()
    while not folder.exists():
        folder = folder.parent
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        raise UsageError(f"--output {output}: {folder} cannot be written to; name another folder")
