"""The last step: check every total, then make the data set visible with one atomic write."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import apache_beam as beam

from pipeline import files
from pipeline.analysis import Analysis
from pipeline.drift.judge import judge_drift
from pipeline.duplicates import DUPLICATE_ID
from pipeline.failure import reporting
from pipeline.guards import durable, lease
from pipeline.guards.folders import is_behind_link
from pipeline.guards.publication import publish
from pipeline.job import SPEC_NAME, Job
from pipeline.listing import states
from pipeline.plan import check_rejected
from pipeline.rejects import describe_offenders, gather_rejected
from pipeline.spans.base import load_base
from pipeline.spans.message import check_spans, span_message
from pipeline.split_facts import WrittenFacts
from pipeline.starter import end_with_starter
from pipeline.statistics.details import dataset_statistics
from pipeline.statistics.files import write_statistics
from pipeline.subwords import publish_tokenizers
from pipeline.vocabulary.written import PlanFiles
from schemas.dataset_pb2 import DuplicateIds
from schemas.errors import DataError, RefusedError
from schemas.formats.blocks import file_digest
from schemas.formats.fields import LABEL
from schemas.manifest import DIGEST_DIGITS, MANIFEST_NAME, dump_manifest, named_files, seal, stored_features
from schemas.manifest_pb2 import Counts, EventCounts, InputFile, Manifest, RejectedFile, Shard
from schemas.spec import dump_spec

# What this package writes under names that hold a digest; only such files, and the plain copies of
# vocabularies and statistics, are ever swept.
SWEPT = (
    "*/bucket-*-shard-*.tfrecord",
    "*/bucket-*-shard-*.index",
    "vocabulary/*-*.txt",
    "vocabulary/*-*.json",
    "statistics/*-*.*",
    "rejected/rejected-*.jsonl",
)
HAS_DIGEST = re.compile(rf"-[0-9a-f]{{{DIGEST_DIGITS}}}\.([a-z]+)$")
HAS_COPY = re.compile(r"(vocabulary/[^/]*\.txt|statistics/[^/]*)$")


class PublishDataset(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """PCollection of one `WrittenFacts` → PCollection of one `Manifest`; everything else is a side input."""

    def __init__(self, job: Job, shards: Any, analysis: Any, plan: Any) -> None:
        super().__init__()
        self._job = job
        self._sides = (shards, analysis, plan)

    def expand(self, facts: beam.PCollection) -> beam.PCollection:
        """Publishes the data set, once all shards are there."""
        return facts | "Publish" >> beam.ParDo(_Publish(self._job), *self._sides)


class _Publish(beam.DoFn):  # type: ignore[misc]
    def __init__(self, job: Job) -> None:
        self._job = job

    def setup(self) -> None:
        """A worker whose run was killed must not publish: another run may hold the lock."""
        end_with_starter()

    @reporting
    def process(
        self, facts: WrittenFacts, shards: list[Shard], analysis: Analysis, plan: PlanFiles
    ) -> Iterator[Manifest]:
        job = self._job
        judge_rejected(job, add_late_rejects(analysis, facts))
        manifest = build_manifest(job, shards, analysis, plan, facts)
        check_totals(manifest, facts)
        statistics = dataset_statistics(facts.splits, plan.statistics, manifest.spec, manifest.classes.size)
        judge_drift(job, manifest, statistics)
        _write_rejected(job, analysis, manifest)
        manifest.statistics_files.extend(write_statistics(job.output, manifest, facts.splits, statistics))
        seal(manifest)
        check_surroundings(job, manifest)
        durable.sync(files.join(job.output, path) for path in named_files(manifest))
        lease.check(job)  # as late as may be
        publish(job, files.join(job.output, MANIFEST_NAME), dump_manifest(manifest), "a data set")
        write_copies(job.output, manifest, job.spec_text)
        sweep(job.output, manifest)
        yield manifest


def add_late_rejects(analysis: Analysis, facts: WrittenFacts) -> Analysis:
    """Returns what the analysis knows of rejected records, and those that encoding rejected; changes neither."""
    return Analysis(
        blocks=analysis.blocks,
        rejected=analysis.rejected + facts.rejected,
        events=analysis.events,
        offenders={**analysis.offenders, **facts.offenders},  # no reason is given by both steps
    )


def judge_rejected(job: Job, analysis: Analysis) -> None:
    """Fails the run where more records are rejected than allowed, or one has an id that it must not have.

    Raises:
      RefusedError: With the first offenders; all of them are in the run's folder of failures.
    """
    problem = check_rejected(analysis, job.max_rejected)
    if job.spec.duplicate_ids == DuplicateIds.fail and analysis.rejected[DUPLICATE_ID]:
        problem = (
            f"{analysis.rejected[DUPLICATE_ID]:,} of {analysis.read:,} records have the id of an earlier one, and the "
            "spec says `duplicate_ids: fail`; give every record an id of its own, or say reject or keep_first"
        )
        analysis = replace(analysis, offenders={DUPLICATE_ID: analysis.offenders[DUPLICATE_ID]})
    if problem is None:
        return
    path = files.join(job.failed, "rejected.jsonl")
    files.write(path, gather_rejected(job, analysis))
    offenders = describe_offenders(job, analysis)
    raise RefusedError(f"{problem}; first: {offenders[0]}; all: {path}", details=offenders)


def build_manifest(job: Job, shards: list[Shard], analysis: Analysis, plan: PlanFiles, facts: WrittenFacts) -> Manifest:
    """Returns the manifest of a data set, not yet sealed."""
    spec = job.spec
    classes = plan.tokens[LABEL].size if LABEL in plan.tokens else 0
    rejected = analysis.rejected + facts.rejected
    ordered: list[Shard] = sorted(shards, key=lambda shard: (shard.split, shard.bucket, shard.index))
    written = sum(split.records for split in facts.splits.values())
    manifest = Manifest(
        spec=spec,
        inputs=input_files(job, analysis),
        counts=Counts(
            read=analysis.read,
            kept=facts.kept,
            rejected=dict(rejected),
            dropped=dict(analysis.dropped),
            examples=written,
        ),
        features=stored_features(spec),
        vocabularies={name: entry for name, entry in plan.tokens.items() if name != LABEL},
        statistics={name: split.to_message(classes) for name, split in facts.splits.items()},
        moments=plan.moments,
        buckets=plan.buckets,
        shards=ordered,
    )
    for name, tokenizer in publish_tokenizers(job).items():
        manifest.tokenizers[name].CopyFrom(tokenizer)
    if analysis.events:
        events = analysis.events
        manifest.counts.events.CopyFrom(
            EventCounts(
                read=analysis.found,
                kept=events.kept,
                rejected=events.rejected,
                dropped=events.dropped,
                tied=events.tied,
            )
        )
    if LABEL in plan.tokens:
        manifest.classes.CopyFrom(plan.tokens[LABEL])
    if job.span:
        manifest.span.CopyFrom(span_message(job.span, load_base(job), manifest))
    return manifest


def check_totals(manifest: Manifest, facts: WrittenFacts) -> None:
    """Checks that no record was lost or written twice.

    Raises:
      DataError: A total does not fit; the run must not be published.
    """
    counts = manifest.counts
    for what, some in (("records", counts), ("events", counts.events)):
        accounted = some.kept + sum(some.rejected.values()) + sum(some.dropped.values())
        if some.read != accounted:
            raise DataError(
                f"{some.read} {what} were read, {accounted} are accounted for; this is an error of the runner"
            )
    found: Counter[tuple[str, int]] = Counter()
    for shard in manifest.shards:
        found[shard.split, shard.bucket] += shard.bytes
    for (split, bucket), encoded in sorted(facts.bytes.items()):
        if found[split, bucket] != encoded:
            raise DataError(f"split {split}, bucket {bucket}: shards do not hold all that was encoded")
    for split, statistics in manifest.statistics.items():
        records = sum(shard.records for shard in manifest.shards if shard.split == split)
        if records != statistics.records:
            raise DataError(f"split {split}: {statistics.records} records were encoded, {records} are in its shards")


def check_surroundings(job: Job, manifest: Manifest) -> None:
    """Checks that nobody else has written to the input or the output since the run began.

    Raises:
      DataError: Somebody has; names the file.
    """
    check_inputs(job)
    path = files.join(job.output, MANIFEST_NAME)
    # The very same one is what a step that is tried again has written.
    if not job.replace and files.exists(path) and files.read(path) != dump_manifest(manifest):
        raise DataError(f"{job.output}: another run has published a data set there; say --replace to replace it")
    check_spans(job, manifest)
    there = states(files.join(job.output, path) for path in named_files(manifest))
    for path in named_files(manifest):
        if files.join(job.output, path) not in there:
            raise DataError(f"{path}: was written and is gone; something else writes to {job.output}; run again")


def check_inputs(job: Job) -> None:
    """Checks that nobody else has written to the input since the run began.

    Raises:
      DataError: Somebody has; names the file.
    """
    inputs = job.with_inputs().inputs
    there = states(file.path for file in inputs)
    for file in inputs:
        state = there.get(file.path)
        if state is None or state.bytes != file.bytes:
            what = "changed its size" if state else "was deleted"
            raise DataError(f"{file.path}: {what} while it was read; run again when nobody writes to it")
        if file.changed and state.changed != file.changed:
            raise DataError(f"{file.path}: was written to while it was read; run again when nobody writes to it")


def sweep(output: str, manifest: Manifest | None) -> None:
    """Deletes the files of earlier runs that the manifest does not name (None: names nothing)."""
    sweep_files(output, SWEPT, {*named_files(manifest), *copies(manifest)} if manifest else set())


def sweep_files(output: str, patterns: Iterable[str], kept: Iterable[str]) -> None:
    """Deletes the files of a folder that patterns match, have a digest in their name, and are none of the kept ones.

    Of a local folder also those that a run that was killed left unfinished. What lies behind a link is never touched.
    """
    found = files.match_any(output, patterns)
    found = [path for path in found if HAS_DIGEST.search(path)]
    found += [plain_name(path) for path in found if HAS_COPY.search(path)]
    if files.is_local(output):
        found = [path for path in [*found, *unfinished(output)] if not is_behind_link(output, path)]
    gone = sorted(set(found) - {files.join(output, path) for path in kept})
    files.delete(gone)
    files.delete_empty_parents(gone)


def unfinished(folder: str) -> list[str]:
    """Returns the files of a local folder, and of those in it, that a run that was killed had not yet given a name."""
    found = [path for pattern in ("*.tmp", "*/*.tmp") for path in files.match_within(folder, pattern)]
    return [path for path in found if files.is_temporary(path) and not is_behind_link(folder, path)]


def input_files(job: Job, analysis: Analysis) -> list[InputFile]:
    """Returns the files that were read, with their digests and the records that they hold."""
    job = job.with_inputs()
    digests: dict[str, list[bytes]] = {file.path: [] for file in job.inputs}
    records = dict.fromkeys(digests, 0)
    for block in job.blocks():
        summary = analysis.blocks[block.index]
        for piece, piece_records, piece_digest in zip(block.pieces, summary.records, summary.digests, strict=True):
            digests[piece.path].append(piece_digest)
            records[piece.path] += piece_records
    return [
        InputFile(
            path=file.path,
            format=file.reading.format,
            split=file.split,
            bytes=file.bytes,
            digest=file_digest(digests[file.path]),
            records=records[file.path],
        )
        for file in job.inputs
    ]


def _write_rejected(job: Job, analysis: Analysis, manifest: Manifest) -> None:
    counts = manifest.counts
    count = sum(counts.rejected.values()) + sum(counts.events.rejected.values())
    if not count:
        return
    content = gather_rejected(job, analysis)
    if content.count(b"\n") != count:
        raise DataError(f"{count} records were rejected, {content.count(bytes([10]))} of them are on disk; run again")
    sha256 = hashlib.sha256(content).hexdigest()
    path = f"rejected/rejected-{sha256[:DIGEST_DIGITS]}.jsonl"
    files.write(files.join(job.output, path), content)
    manifest.rejected_files.append(RejectedFile(path=path, sha256=sha256, records=count))


def write_copies(output: str, manifest: Manifest, spec_text: str = "") -> None:
    """Writes what people look for under plain names; readers go by the manifest.

    Args:
      output: Folder of the data set.
      manifest: Of it.
      spec_text: The spec as the person wrote it; empty where nobody knows.
    """
    spec = spec_text or dump_spec(manifest.spec)
    files.write(files.join(output, SPEC_NAME), spec.encode())
    for copy, path in copies(manifest).items():
        files.write(files.join(output, copy), files.read(files.join(output, path)))


def copies(manifest: Manifest) -> dict[str, str]:
    """Returns the copy of each vocabulary and file of statistics under its plain name, and what it is a copy of."""
    vocabularies = [*manifest.vocabularies.values(), *([manifest.classes] if manifest.HasField("classes") else [])]
    paths = [entry.path for entry in vocabularies] + [file.path for file in manifest.statistics_files]
    return {plain_name(path): path for path in paths}


def plain_name(path: str) -> str:
    """Returns the name of a file without its digest."""
    return HAS_DIGEST.sub(r".\1", path)
