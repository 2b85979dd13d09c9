"""Spans that are far from their base: told, or not published."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main
from pipeline.drift.judge import drift_lines
from pipeline.drift.population import load_statistics
from pipeline.statistics.merging import merge_statistics
from schemas.errors import DataError
from schemas.manifest import load_manifest
from schemas.messages import to_plain
from schemas.statistics_pb2 import DatasetStatistics
from tests.pipeline.helpers import REVIEW_SPEC, review_records, write_jsonl
from tests.pipeline.spans.helpers import folder, publish

FAIL = REVIEW_SPEC + "drift: {fail: {length_distance: 0.4}}\n"


def long_texts(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [record | {"text": f"{record['text']} " + "a " * 40} for record in records]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tmp_path_factory.mktemp("drift")
    records = review_records(600)
    parts = {"base": records[:300], "like": records[300:450], "too": records[450:], "far": long_texts(records[450:])}
    for name, part in parts.items():
        write_jsonl(made / f"{name}.jsonl", part)
    publish(made / "root", "2026-11-01", str(made / "base.jsonl"))
    return made


def test_a_base_has_no_drift_and_a_span_like_it_is_not_told(root: Path) -> None:
    assert not load_manifest(folder(root / "root", "2026-11-01")).span.drift
    manifest = publish(root / "root", "2026-11-02", str(root / "like.jsonl"))
    assert [(one.measure, one.feature) for one in manifest.span.drift] == [
        ("class_share_change", "label"),
        ("length_distance", "text"),
        ("oov_rate_change", "text"),
        ("rejected_share_change", ""),
    ]
    assert all(one.fail == 0 for one in manifest.span.drift)
    assert drift_lines(manifest) == []


def test_a_span_beyond_warn_is_published_and_told(root: Path) -> None:
    manifest = publish(root / "root", "2026-11-03", str(root / "far.jsonl"))
    [line, *_] = drift_lines(manifest)
    assert line == (
        "drift from '2026-11-01': Jensen-Shannon distance of the lengths of 'text' 1 (by chance about 0.18), beyond "
        "drift.warn.length_distance (0.1)"
    )


def test_a_span_beyond_fail_is_not_published(root: Path) -> None:
    with pytest.raises(DataError) as raised:
        publish(root / "root", "2026-11-04", str(root / "far.jsonl"), spec=FAIL)
    told = list(folder(root / "root", "2026-11-04").rglob("drift.json"))
    assert str(raised.value) == (
        "too far from the base '2026-11-01': Jensen-Shannon distance of the lengths of 'text' 1 (by chance about 0.18) "
        "is beyond drift.fail.length_distance (0.4): the base has a median of 12 steps (5 to 95 %: 1 to 23), this span "
        f"a median of 53 steps (5 to 95 %: 42 to 63); look at {told[0]} and at the input, raise "
        "drift.fail.length_distance in the spec, or publish all the same by --accept_drift"
    )
    left = {path.name for path in (folder(root / "root", "2026-11-04") / "failed").rglob("*") if path.is_file()}
    assert left == {"drift.json", "error.json"}
    assert not (folder(root / "root", "2026-11-04") / "manifest.json").exists()
    values = json.loads(told[0].read_bytes())
    assert (values["span"], values["base"]) == ("2026-11-04", "2026-11-01")
    beyond = [one for one in values["measures"] if one["beyond_fail"]]
    assert [(one["measure"], one["value"], one["fail"]) for one in beyond] == [("length_distance", 1.0, 0.4)]
    assert values["measures"][-1]["base_has"] == "0 of 300 rejected"


def test_drift_that_is_accepted(root: Path) -> None:
    manifest = publish(root / "root", "2026-11-05", str(root / "far.jsonl"), spec=FAIL, accept_drift=True)
    [line, *_] = drift_lines(manifest)
    assert line.endswith(", beyond drift.fail.length_distance (0.4); published all the same")
    recorded = json.loads((folder(root / "root", "2026-11-05") / "run.json").read_bytes())
    assert recorded["accept_drift"] is True
    assert "accept_drift" not in json.loads((folder(root / "root", "2026-11-01") / "run.json").read_bytes())


def test_slow_drift_is_seen_where_each_span_extends_the_one_before(tmp_path: Path) -> None:
    records = review_records(150)
    for night in range(6):
        words = " ".join(f"n{night}" for _ in range(3 * night))
        part = [record | {"text": f"{record['text']} {words}".strip()} for record in records]
        manifest = publish(tmp_path, f"2026-11-0{night + 1}", write_jsonl(tmp_path / f"{night}.jsonl", part), extend=9)
        if night:
            assert (manifest.span.base, manifest.span.drift_base) == (f"2026-11-0{night}", "2026-11-01")
    [lengths] = [line for line in drift_lines(manifest) if "lengths" in line]
    assert lengths.startswith("drift from '2026-11-01': Jensen-Shannon distance of the lengths of 'text' 0.")
    shutil.rmtree(folder(tmp_path, "2026-11-01"))
    later = publish(tmp_path, "2026-11-07", str(tmp_path / "5.jsonl"))
    assert (later.span.base, later.span.drift_base) == ("2026-11-06", "2026-11-06")


def test_a_first_span_that_is_replaced_is_compared_with_what_it_was(root: Path, tmp_path: Path) -> None:
    publish(tmp_path, "1", str(root / "base.jsonl"))
    publish(tmp_path, "2", str(root / "like.jsonl"))
    again = publish(tmp_path, "1", str(root / "far.jsonl"), replace=True)
    assert (again.span.base, again.span.drift_base) == ("", "1")
    assert drift_lines(again)[0].startswith("drift from '1': Jensen-Shannon distance of the lengths of 'text' 1 ")


def test_accept_drift_needs_a_span(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = root / "spec.yaml"
    spec.write_text(REVIEW_SPEC)
    options = ["--spec", str(spec), "--input", str(root / "like.jsonl"), "--output", str(root / "alone")]
    assert main(["run", *options, "--accept_drift"]) == 2
    error = "error: --accept_drift: says nothing without --span NAME; add it, or leave --accept_drift out"
    assert error in capsys.readouterr().err


def statistics(root: Path, name: str) -> DatasetStatistics:
    return load_statistics(str(folder(root, name)), load_manifest(folder(root, name)))


def test_merged_statistics_of_spans_are_those_of_one_run_over_both(root: Path, tmp_path: Path) -> None:
    inputs = {name: str(root / f"{name}.jsonl") for name in ("base", "like", "too")}
    for name, path in inputs.items():
        publish(tmp_path / "apart", name, path)
    publish(tmp_path / "one", "base", inputs["base"])
    publish(tmp_path / "one", "both", [inputs["like"], inputs["too"]])
    merged = merge_statistics([statistics(tmp_path / "apart", name) for name in ("like", "too")])
    whole = statistics(tmp_path / "one", "both")
    whole.tokens.clear()
    assert to_plain(merged) == to_plain(whole)


def test_statistics_of_the_base_that_were_changed(root: Path, tmp_path: Path) -> None:
    publish(tmp_path, "base", str(root / "base.jsonl"))
    manifest = load_manifest(folder(tmp_path, "base"))
    [path] = [folder(tmp_path, "base") / one.path for one in manifest.statistics_files if one.path.endswith(".json")]
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(DataError) as raised:
        publish(tmp_path, "next", str(root / "like.jsonl"))
    assert str(raised.value) == (
        f"{path}: was changed since it was written; restore the folder, or publish the span again with --replace"
    )
    assert not (folder(tmp_path, "next") / "manifest.json").exists()
