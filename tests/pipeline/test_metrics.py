"""Figures for Prometheus, read back by its own parser."""

from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.metrics import Ended, check_metrics, drift, figures, last_success, write_metrics
from schemas.errors import DataError, UsageError
from schemas.manifest_pb2 import DriftMeasure, Manifest, Span
from tests.pipeline.conftest import Written

Figures = dict[tuple[str, tuple[str, ...]], float]


def parse(text: str) -> Figures:
    """Every sample by its name and the sorted values of its labels, that of the data set left out."""
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    assert {sample.labels["dataset"] for sample in samples} == {"out"}
    return {
        (sample.name, tuple(sorted(value for name, value in sample.labels.items() if name != "dataset"))): sample.value
        for sample in samples
    }


def read_figures(path: Path) -> Figures:
    return parse(path.read_text())


def test_a_run_that_succeeded(reviews: Written, tmp_path: Path) -> None:
    path = tmp_path / "run.prom"
    write_metrics(str(path), Ended("out", 0, 2.5, 1e9, manifest=reviews.manifest, written=77))
    found = read_figures(path)
    splits = {name: entry.records for name, entry in reviews.manifest.statistics.items()}
    assert found.pop(("lengthwise_padding_efficiency", ())) == pytest.approx(0.9, abs=0.2)
    assert found == {
        ("lengthwise_run_success", ()): 1,
        ("lengthwise_run_exit_code", ()): 0,
        ("lengthwise_run_end_timestamp_seconds", ()): 1e9,
        ("lengthwise_run_last_success_timestamp_seconds", ()): 1e9,
        ("lengthwise_run_seconds", ()): 2.5,
        ("lengthwise_records_read", ()): 150,
        ("lengthwise_records_kept", ()): 150,
        ("lengthwise_records_rejected", ()): 0,
        ("lengthwise_records_dropped", ()): 0,
        **{("lengthwise_examples", (name,)): count for name, count in splits.items()},
        ("lengthwise_input_bytes", ()): reviews.manifest.inputs[0].bytes,
        ("lengthwise_written_bytes", ()): 77,
        ("lengthwise_shards", ()): len(reviews.manifest.shards),
    }
    assert [file.name for file in tmp_path.iterdir()] == ["run.prom"]


def test_what_was_not_kept_and_a_span() -> None:
    manifest = Manifest(span=Span(name="2026-11-20", base="2026-11-01"))
    manifest.counts.rejected.update({"invalid_json": 2, "too_large": 1})
    manifest.counts.dropped.update({"too_long": 4})
    manifest.counts.events.read = 9
    ended = Ended("out", 0, 1, 5, span="2026-11-20", manifest=manifest)
    found = parse(generate_latest(figures(ended, None)).decode())
    assert found["lengthwise_records_rejected", ()] == 3
    assert found["lengthwise_records_rejected_by_reason", ("too_large",)] == 1
    assert found["lengthwise_records_dropped_by_policy", ("too_long",)] == 4
    assert found["lengthwise_events_read", ()] == 9
    assert found["lengthwise_span_info", ("2026-11-01", "2026-11-20")] == 1
    assert found["lengthwise_span_start_timestamp_seconds", ()] == 1_795_132_800
    assert not any(name == "lengthwise_padding_efficiency" for name, _ in found)


def test_a_run_that_failed_keeps_when_the_last_one_succeeded(tmp_path: Path) -> None:
    path = tmp_path / "run.prom"
    failed = Ended("out", 1, 3, 200, span="first", spans={"failed": 1, "published": 2})
    write_metrics(str(path), failed)
    assert ("lengthwise_run_last_success_timestamp_seconds", ()) not in read_figures(path)
    write_metrics(str(path), Ended("out", 0, 3, 100, manifest=Manifest()))
    write_metrics(str(path), failed)
    assert read_figures(path) == {
        ("lengthwise_run_success", ()): 0,
        ("lengthwise_run_exit_code", ()): 1,
        ("lengthwise_run_end_timestamp_seconds", ()): 200,
        ("lengthwise_run_last_success_timestamp_seconds", ()): 100,
        ("lengthwise_run_seconds", ()): 3,
        ("lengthwise_backfill_spans", ("failed",)): 1,
        ("lengthwise_backfill_spans", ("published",)): 2,
        ("lengthwise_span_info", ("", "first")): 1,
    }


def test_a_file_that_says_nothing_of_the_last_success(tmp_path: Path) -> None:
    path = tmp_path / "run.prom"
    write_metrics(str(path), Ended("other", 0, 3, 100))
    assert (last_success(str(path), "out"), last_success(str(path), "other")) == (None, 100)
    path.write_bytes(b"{\xff")
    assert last_success(str(path), "out") is None


def test_dimensions_of_a_series_are_one_figure() -> None:
    values = [("mean_shift", "x[0]", 0.2), ("mean_shift", "x[1]", -0.5), ("length_distance", "", 0.1)]
    drifts = [DriftMeasure(measure=measure, feature=feature, value=value) for measure, feature, value in values]
    assert drift(Manifest(span=Span(drift=drifts))) == [
        ({"measure": "length_distance", "feature": ""}, 0.1),
        ({"measure": "mean_shift", "feature": "x"}, -0.5),
    ]


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    inside = tmp_path / "none" / "run.prom"
    with pytest.raises(UsageError) as caught:
        check_metrics(str(inside))
    remedy = "name a file in the folder that the collector reads"
    assert str(caught.value) == f"--metrics {inside}: there is no such folder; {remedy}"
    with pytest.raises(UsageError, match=r": is a folder; name a file in the folder"):
        check_metrics(str(tmp_path))
    with pytest.raises(DataError) as failed:
        write_metrics(str(inside), Ended("out", 0, 3, 100))
    assert str(failed.value) == f"--metrics {inside}: cannot be written: No such file or directory"
    check_metrics(str(tmp_path / "run.prom"))
    assert list(tmp_path.iterdir()) == []
