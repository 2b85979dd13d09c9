"""Spans in words, and for machines."""

from typing import Any

from pipeline.job import Job
from schemas.manifest_pb2 import Manifest

PUBLISHED, UNCHANGED = "published", "unchanged"


def describe_plan(job: Job) -> list[str]:
    """Returns the line about where the plans of a span come from; nothing of a data set that stands alone."""
    if job.span is None:
        return []
    if job.span.note:
        return [job.span.note]
    if job.span.base is None:
        return [f"{job.span.name}: plans vocabularies, normalisation and buckets, which later spans will take"]
    added = f", with up to {job.span.extend:,} new entries in each vocabulary" if job.span.extend else ""
    return [f"{job.span.name}: takes vocabularies, normalisation and buckets from {job.span.base.name}{added}"]


def describe_span(manifest: Manifest, status: str) -> dict[str, Any]:
    """Returns what the JSON of a run says of a span; nothing of a data set that stands alone.

    Args:
      manifest: Of the data set.
      status: PUBLISHED or UNCHANGED.
    """
    if not manifest.HasField("span"):
        return {}
    span = manifest.span
    told = {"name": span.name, "base": span.base or None, "generation": span.generation, "extends": span.extends}
    return {"status": status, "span": told}
