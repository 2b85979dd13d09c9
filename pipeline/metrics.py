"""Figures of a run in the text format of Prometheus, in a file that the textfile collector of node_exporter reads.

The file is replaced whole, at once. What a failed run did not get to know is not in it; when the last one succeeded
is carried over from the file before. The labels have few values: the folder of the data set, splits, reasons of
rejection and policies, and what drift is measured of. The name of a span, another one each day, is a label of one
series only, `lengthwise_span_info`; when the span begins is a number beside it.
"""

import datetime
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile
from prometheus_client.parser import text_string_to_metric_families

from pipeline import files
from pipeline.report.efficiency import padding
from schemas.errors import DataError, UsageError
from schemas.manifest_pb2 import Counts, Manifest
from schemas.spans.names import period_of
from schemas.spec import TRAIN

LAST_SUCCESS = "lengthwise_run_last_success_timestamp_seconds"
_DATASET = "dataset"


class Ended(NamedTuple):
    """A run that is over.

    Attributes:
      dataset: Folder of the data set, or of all spans.
      exit_code: 0 where it succeeded, or had nothing to do.
      seconds: How long it took.
      at: When it ended, in seconds since 1970.
      span: Its name; empty of a data set that stands alone.
      manifest: Of what is published; None where the run failed.
      written: Bytes of all files of the data set.
      spans: Of a back-fill: how many spans, by what became of them.
    """

    dataset: str
    exit_code: int
    seconds: float
    at: float
    span: str = ""
    manifest: Manifest | None = None
    written: int = 0
    spans: Mapping[str, int] | None = None


class _Figures:
    """Gauges that all have the label of the data set."""

    def __init__(self, dataset: str) -> None:
        self.registry = CollectorRegistry()
        self._dataset = dataset

    def one(self, name: str, text: str, value: float, **labels: str) -> None:
        self.many(name, text, [(labels, value)])

    def many(self, name: str, text: str, values: Iterable[tuple[Mapping[str, str], float]]) -> None:
        values = list(values)
        if not values:
            return
        gauge = Gauge(name, text, [_DATASET, *values[0][0]], registry=self.registry)
        for labels, value in values:
            gauge.labels(self._dataset, *labels.values()).set(value)


def check_metrics(path: str) -> None:
    """Finds out before the work whether its figures can be written.

    Raises:
      UsageError: There is no such folder, or it cannot be written to.
    """
    if not files.is_local(path):
        raise UsageError(f"--metrics {path}: is on no local disk, where a collector reads; name a file there")
    target = Path(path)
    if target.is_dir() or not target.parent.is_dir():
        what = "is a folder" if target.is_dir() else "there is no such folder"
        raise UsageError(f"--metrics {path}: {what}; name a file in the folder that the collector reads")
    probe = target.with_name(f"{target.name}.probe")
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UsageError(f"--metrics {path}: cannot be written: {error.strerror}; name a file elsewhere") from None


def write_metrics(path: str, ended: Ended) -> None:
    """Writes the figures of a run over those of the run before.

    Raises:
      DataError: The file cannot be written.
    """
    last = ended.at if not ended.exit_code else last_success(path, ended.dataset)
    try:
        write_to_textfile(path, figures(ended, last))
    except OSError as error:
        raise DataError(f"--metrics {path}: cannot be written: {error.strerror}") from error


def last_success(path: str, dataset: str) -> float | None:
    """Returns when a run of a data set last succeeded, in seconds since 1970, by a file of figures; None: unknown."""
    try:
        families = list(text_string_to_metric_families(Path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError):  # none yet, or not ours
        return None
    samples = [sample for family in families for sample in family.samples if sample.name == LAST_SUCCESS]
    return next((float(sample.value) for sample in samples if sample.labels.get(_DATASET) == dataset), None)


def figures(ended: Ended, last: float | None) -> CollectorRegistry:
    """Returns the figures of a run.

    Args:
      ended: The run.
      last: When one last succeeded, in seconds since 1970; None: unknown.
    """
    found = _Figures(ended.dataset)
    found.one("lengthwise_run_success", "1: the last run ended with exit code 0", float(not ended.exit_code))
    found.one("lengthwise_run_exit_code", "Exit code of the last run", ended.exit_code)
    found.one("lengthwise_run_end_timestamp_seconds", "When the last run ended", ended.at)
    found.one("lengthwise_run_seconds", "How long the last run took", ended.seconds)
    if last is not None:
        found.one(LAST_SUCCESS, "When a run last ended with exit code 0", last)
    if ended.spans is not None:
        by_status = [({"status": status}, count) for status, count in sorted(ended.spans.items())]
        found.many("lengthwise_backfill_spans", "Spans of the last back-fill by what became of them", by_status)
    if ended.span:
        _add_span(found, ended)
    if ended.manifest is not None:
        _add_manifest(found, ended.manifest, ended.written)
    return found.registry


def _add_span(found: _Figures, ended: Ended) -> None:
    base = ended.manifest.span.base if ended.manifest else ""
    found.one("lengthwise_span_info", "The span of the last run, and its base", 1, span=ended.span, base=base)
    when = period_of(ended.span)
    if when:
        start = when.start.replace(tzinfo=datetime.UTC).timestamp()
        found.one("lengthwise_span_start_timestamp_seconds", "When the span of the last run begins", start)


def _add_manifest(found: _Figures, manifest: Manifest, written: int) -> None:
    _add_counts(found, manifest.counts)
    splits = [({"split": name}, split.records) for name, split in sorted(manifest.statistics.items())]
    found.many("lengthwise_examples", "Stored examples", splits)
    found.one("lengthwise_input_bytes", "Bytes of the input files", sum(file.bytes for file in manifest.inputs))
    found.one("lengthwise_written_bytes", "Bytes of all files of the data set", written)
    found.one("lengthwise_shards", "Files of examples", len(manifest.shards))
    if TRAIN in manifest.statistics and manifest.statistics[TRAIN].records:
        efficiency = padding(manifest)["bucketed"]
        found.one("lengthwise_padding_efficiency", "Real steps of each padded step (train)", efficiency)
    found.many(
        "lengthwise_drift", "How far the span is from its base; of a series the worst dimension", drift(manifest)
    )


def _add_counts(found: _Figures, counts: Counts) -> None:
    found.one("lengthwise_records_read", "Records read", counts.read)
    found.one("lengthwise_records_kept", "Records kept", counts.kept)
    reasons = [({"reason": reason}, count) for reason, count in sorted(counts.rejected.items())]
    found.one("lengthwise_records_rejected", "Records rejected", sum(counts.rejected.values()))
    found.many("lengthwise_records_rejected_by_reason", "Records rejected, by reason", reasons)
    policies = [({"policy": policy}, count) for policy, count in sorted(counts.dropped.items())]
    found.one("lengthwise_records_dropped", "Records dropped", sum(counts.dropped.values()))
    found.many("lengthwise_records_dropped_by_policy", "Records dropped, by policy", policies)
    if counts.HasField("events"):
        found.one("lengthwise_events_read", "Events read", counts.events.read)
        found.one("lengthwise_events_kept", "Events kept", counts.events.kept)
        lost = counts.events
        found.one("lengthwise_events_rejected", "Events rejected", sum(lost.rejected.values()))
        found.one("lengthwise_events_dropped", "Events dropped", sum(lost.dropped.values()))


def drift(manifest: Manifest) -> list[tuple[dict[str, str], float]]:
    """Returns how far a span is from its base by measure and feature: of a series of many numbers the largest one."""
    worst: dict[tuple[str, str], float] = {}
    for entry in manifest.span.drift:
        key = (entry.measure, entry.feature.split("[")[0])
        worst[key] = max(worst.get(key, entry.value), entry.value, key=abs)
    return [({"measure": measure, "feature": feature}, value) for (measure, feature), value in sorted(worst.items())]
