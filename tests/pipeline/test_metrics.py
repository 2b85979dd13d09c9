"""Figures for Prometheus, read back by its own parser."""

import fcntl
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.metrics import Ended, check_metrics, drift, figures, last_success, write_metrics
from schemas.errors import DataError, UsageError
from schemas.manifest import load_manifest, named_files
from schemas.manifest_pb2 import DriftMeasure, Manifest, Span
from tests.pipeline.conftest import Written
from tests.pipeline.spans.shelf import RECORDS, Said, Shelf

ROOT = Path(__file__).resolve().parents[2]

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


def test_a_run_and_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shelf, path = Shelf(tmp_path, 1), tmp_path / "run.prom"

    def ran(day: str) -> tuple[int, Figures]:
        said = Said(capsys, shelf.run("--span", day, "--metrics", str(path)))
        return said.code, parse(path.read_text().replace(str(shelf.root), "out"))

    code, first = ran("2026-11-01")
    assert (code, first["lengthwise_run_success", ()], first["lengthwise_records_read", ()]) == (0, 1, RECORDS)
    size = sum((shelf.span("2026-11-01") / name).stat().st_size for name in published(shelf.span("2026-11-01")))
    assert first["lengthwise_written_bytes", ()] == size
    code, unchanged = ran("2026-11-01")
    assert (code, unchanged["lengthwise_run_success", ()], unchanged["lengthwise_written_bytes", ()]) == (0, 1, size)
    code, failed = ran("2026-11-02")
    assert (code, failed["lengthwise_run_success", ()], failed["lengthwise_run_exit_code", ()]) == (1, 0, 1)
    last = ("lengthwise_run_last_success_timestamp_seconds", ())
    assert failed[last] == unchanged[last] > first[last]
    assert ("lengthwise_records_read", ()) not in failed
    before = path.read_text()
    shelf.span("2026-11-01").mkdir(exist_ok=True)
    with (shelf.span("2026-11-01") / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert ran("2026-11-01")[0] == 75
    assert path.read_text() == before


def published(folder: Path) -> list[str]:
    return ["manifest.json", *named_files(load_manifest(folder))]


def test_a_file_that_can_never_be_written_ends_a_run_before_it_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf = Shelf(tmp_path, 1)
    said = Said(capsys, shelf.run("--span", "2026-11-01", "--metrics", str(tmp_path / "none/run.prom")))
    assert (said.code, said.out, shelf.root.exists()) == (2, "", False)
    assert said.lines[0].startswith(f"error: --metrics {tmp_path}/none/run.prom: there is no such folder; ")


def test_the_alerts_of_the_manual_are_about_figures_that_there_are() -> None:
    text = (ROOT / "docs/operating.md").read_text()
    groups = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[0])["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    named = {name for rule in rules for name in re.findall(r"lengthwise_\w+", rule["expr"])}
    known = set(re.findall(r'"(lengthwise_\w+)"', (ROOT / "pipeline/metrics.py").read_text()))
    assert named <= known
    assert len(rules) == len({rule["alert"] for rule in rules}) == 5
