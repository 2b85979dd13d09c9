"""The last step of a scoring run: check every total, then make the predictions visible with one atomic write."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import apache_beam as beam

from pipeline import files
from pipeline.analysis import Analysis
from pipeline.failure import reporting
from pipeline.guards import durable, lease
from pipeline.guards.publication import publish
from pipeline.publish import check_inputs, input_files, judge_rejected, sweep_files
from pipeline.rejects import gather_rejected
from pipeline.scoring.job import RESULT_NAME, ScoringJob
from pipeline.scoring.write import WrittenPart
from pipeline.starter import end_with_starter
from schemas.errors import DataError
from schemas.manifest import DIGEST_DIGITS
from schemas.messages import canonical_json

FORMAT_VERSION = 1
# What this package writes; all of these names hold a digest.
_SWEPT = ("predictions-*-of-*.jsonl", "predictions-*-of-*.parquet", "rejected/rejected-*.jsonl")

Result = dict[str, Any]


class PublishPredictions(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """PCollection of one `Analysis` → PCollection of one result, the content of predictions.json."""

    def __init__(self, scoring: ScoringJob, parts: Any) -> None:
        super().__init__()
        self._scoring = scoring
        self._parts = parts

    def expand(self, analysis: beam.PCollection) -> beam.PCollection:
        """Publishes the predictions, once all parts are there."""
        return analysis | "Publish" >> beam.ParDo(_Publish(self._scoring), self._parts)


class _Publish(beam.DoFn):  # type: ignore[misc]
    def __init__(self, scoring: ScoringJob) -> None:
        self._scoring = scoring
        self._job = scoring.job

    def setup(self) -> None:
        """A worker whose run was killed must not publish: another run may hold the lock."""
        end_with_starter()

    @reporting
    def process(self, analysis: Analysis, parts: list[WrittenPart]) -> Iterator[Result]:
        scoring, job = self._scoring, self._scoring.job
        parts = sorted(parts)
        judge_rejected(job, analysis)
        check_counts(analysis, parts)
        published = name_parts(parts, scoring.output_format)
        result = describe_run(scoring, analysis, published) | {"rejected_files": _write_rejected(scoring, analysis)}
        check_inputs(job)
        _check_other_run(scoring, result)
        for name, part in published.items():
            _move(part, files.join(job.output, name))
        named = [file["path"] for field in ("files", "rejected_files") for file in result[field]]
        durable.sync(files.join(job.output, path) for path in named)
        lease.check(job)  # as late as may be
        publish(job, scoring.result_path, canonical_json(result), "predictions")
        sweep_scores(job.output, result)
        yield result


def check_counts(analysis: Analysis, parts: list[WrittenPart]) -> None:
    """Checks that every record that was read has its prediction, or is rejected.

    Raises:
      DataError: It is not so, and the run must not be published; or there is no record at all.
    """
    if not analysis.found:
        raise DataError("the input holds no records, only blank lines or headings; give files of one or more records")
    predicted = sum(part.records for part in parts)
    if analysis.examples != predicted:
        raise DataError(
            f"{analysis.read:,} records were read, {predicted:,} have a prediction and "
            f"{analysis.rejected.total():,} are rejected; this is an error of the runner"
        )


def name_parts(parts: list[WrittenPart], ending: str) -> dict[str, WrittenPart]:
    """Returns the parts by the names under which they are published, in the order of the input.

    A part without a prediction has none; where all are such, one has.

    Args:
      parts: Sorted.
      ending: Of the names.
    """
    kept = [part for part in parts if part.predictions] or parts[:1]
    return {
        f"predictions-{i:05d}-of-{len(kept):05d}-{part.sha256[:DIGEST_DIGITS]}.{ending}": part
        for i, part in enumerate(kept)
    }


def describe_run(scoring: ScoringJob, analysis: Analysis, published: dict[str, WrittenPart]) -> Result:
    """Returns the content of predictions.json, but for the files of rejected records."""
    counts: dict[str, Any] = {
        "read": analysis.read,
        "predicted": analysis.examples,
        "rejected": dict(analysis.rejected),
        "predictions": sum(part.predictions for part in published.values()),
    }
    if analysis.events:
        events = analysis.events
        outcomes = {"kept": events.kept, "rejected": dict(events.rejected), "dropped": dict(events.dropped)}
        counts["events"] = {"read": analysis.found, **outcomes}
    return {
        "format_version": FORMAT_VERSION,
        "format": scoring.output_format,
        "model": {"manifest_fingerprint": scoring.model.manifest.fingerprint, "sha256": scoring.model.sha256},
        "counts": counts,
        "files": [
            {
                "path": name,
                "sha256": part.sha256,
                "bytes": part.bytes,
                "records": part.records,
                "rows": part.predictions,
            }
            for name, part in published.items()
        ],
        "inputs": [
            {
                "path": file.path,
                "format": file.format,
                "bytes": file.bytes,
                "digest": file.digest,
                "records": file.records,
            }
            for file in input_files(scoring.job, analysis)
        ],
    }


def sweep_scores(output: str, result: Result | None) -> None:
    """Deletes the files of earlier runs that a result does not name (None: names nothing)."""
    named = [file["path"] for field in ("files", "rejected_files") for file in (result or {}).get(field, [])]
    sweep_files(output, _SWEPT, named)


def read_result(path: str) -> Result:
    """Reads the content of a predictions.json.

    Raises:
      DataError: It is damaged, or of another format version.
    """
    try:
        result = json.loads(files.read(path))
        version = result["format_version"]
    except (ValueError, TypeError, KeyError):
        raise DataError(f"{path}: is no {RESULT_NAME}; delete it, and score again") from None
    if version != FORMAT_VERSION:
        raise DataError(f"{path}: has format version {version!r}; this release reads {FORMAT_VERSION}; score again")
    return dict(result)


def _write_rejected(scoring: ScoringJob, analysis: Analysis) -> list[dict[str, Any]]:
    count = analysis.all_rejected.total()
    if not count:
        return []
    content = gather_rejected(scoring.job, analysis)
    if content.count(b"\n") != count:
        raise DataError(f"{count} records were rejected, {content.count(bytes([10]))} of them are on disk; run again")
    sha256 = hashlib.sha256(content).hexdigest()
    path = f"rejected/rejected-{sha256[:DIGEST_DIGITS]}.jsonl"
    files.write(files.join(scoring.job.output, path), content)
    return [{"path": path, "sha256": sha256, "records": count}]


def _check_other_run(scoring: ScoringJob, result: Result) -> None:
    """Checks that no other run has published here since this one began; a step that is tried again is none."""
    path = scoring.result_path
    if not scoring.job.replace and files.exists(path) and files.read(path) != canonical_json(result):
        raise DataError(
            f"{scoring.job.output}: another run has published predictions there; say --replace to replace them"
        )


def _move(part: WrittenPart, target: str) -> None:
    """Gives a staged file its name, unless a step that was tried before has done so: the name holds the digest."""
    if files.exists(part.path) or not files.exists(target):
        files.rename(part.path, target)
