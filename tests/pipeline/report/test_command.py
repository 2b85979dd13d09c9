import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.report.advice import advise
from pipeline.report.after_run import advice_lines, draw_report
from pipeline.report.facts import Example, load_facts
from pipeline.verify import verify
from schemas.manifest import dump_manifest, load_manifest, seal
from schemas.manifest_pb2 import StatisticsFile
from schemas.messages import canonical_json, to_plain
from tests.pipeline.helpers import REVIEW_SPEC, prepare, quiet, review_records, write_jsonl
from tests.pipeline.report.facts import make_statistics
from tests.pipeline.report.html import Page

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root: Path = tmp_path_factory.mktemp("sound")
    records = [*review_records(60), b"oops", b"[]", b"<b>", b"1", b"2"]
    prepare(REVIEW_SPEC, write_jsonl(root / "in.jsonl", records), root / "data", max_rejected=5)
    return root / "data"


@pytest.fixture
def data(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "data"))


def test_the_report_is_drawn_again(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(data)]) == 0
    result = json.loads(capsys.readouterr().out)
    path = data / "report.html"
    assert (result["folder"], result["report"]) == (str(data), str(path))
    assert result["advice"] == [str(sentence) for sentence in advise(load_facts(str(data)))]
    assert " rejected as " in result["advice"][0]
    first = path.read_bytes()
    assert Page(first.decode()).headings[0] == "What was read, and what became of it"
    assert main(["report", str(data)]) == 0
    assert path.read_bytes() == first
    assert verify(str(data))["problems"] == []


def test_the_first_rejected_records_of_each_reason(data: Path) -> None:
    examples = load_facts(str(data)).examples
    counts = load_manifest(data).counts.rejected
    assert {reason: len(found) for reason, found in examples.items()} == {r: min(3, n) for r, n in counts.items()}
    source = load_manifest(data).inputs[0].path
    rule = "a line must hold one JSON object; Expecting value at character 1"
    assert examples["invalid_json"] == [
        Example(f"{source}, line 61", rule, "oops"),
        Example(f"{source}, line 63", rule, "<b>"),
    ]


def test_no_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"error: {tmp_path}: holds no data set (no manifest.json); check the path\n")


def test_a_damaged_manifest(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = data / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"kept":60', b'"kept":61'))
    assert main(["report", str(data)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f"error: {path}: does not fit its own fingerprint: it was changed by hand; write the data set again\n"
    )
    assert not (data / "report.html").exists()


def test_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "a", "--deep"]) == 2
    assert capsys.readouterr().err == "error: --deep: is no option of `report`; see --help\n"


def with_statistics(data: Path, content: bytes, sha256: str) -> None:
    """Names one file of statistics in the manifest, and writes it."""
    manifest = load_manifest(data)
    del manifest.statistics_files[:]
    manifest.statistics_files.append(StatisticsFile(path="statistics/statistics.json", sha256=sha256))
    (data / "manifest.json").write_bytes(dump_manifest(seal(manifest)))
    (data / "statistics").mkdir(exist_ok=True)
    (data / "statistics/statistics.json").write_bytes(content)


def test_statistics_are_read_where_they_are_what_was_written(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = canonical_json(to_plain(make_statistics()))
    with_statistics(data, content, hashlib.sha256(content).hexdigest())
    facts = load_facts(str(data))
    assert facts.statistics == make_statistics()
    assert facts.missing == ()
    with_statistics(data, content + b" ", hashlib.sha256(content).hexdigest())
    assert main(["report", str(data)]) == 0
    line = "statistics/statistics.json was changed since it was written"
    assert capsys.readouterr().err == f"left out of the report: {line}\n"
    assert f"Incomplete: {line} ." in Page((data / "report.html").read_text()).text
    (data / "statistics/statistics.json").unlink()
    assert load_facts(str(data)).missing == ("statistics/statistics.json is missing",)


def run_arguments(folder: Path, *more: str) -> list[str]:
    (folder / "spec.yaml").write_text(REVIEW_SPEC)
    source = write_jsonl(folder / "in.jsonl", review_records(40))
    return ["run", "--spec", str(folder / "spec.yaml"), "--input", source, "--output", str(folder / "data"), *more]


def test_a_run_draws_it_and_one_without_leaves_no_old_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "data/report.html"
    assert main(run_arguments(tmp_path)) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["report"] == str(report)
    assert err.splitlines()[-1] == f"report: {report}"
    first = report.read_bytes()
    assert main(run_arguments(tmp_path, "--replace")) == 0
    assert report.read_bytes() == first
    capsys.readouterr()
    assert main(run_arguments(tmp_path, "--replace", "--no_report")) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["report"] is None
    assert "report: " not in err
    assert not report.exists()


def test_a_report_that_cannot_be_drawn_fails_no_run(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> str:
        raise RuntimeError("no ink\nin the pen")

    monkeypatch.setattr("pipeline.report.page.render", fail)
    assert main(run_arguments(tmp_path, "--replace")) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["report"] is None
    assert err.splitlines()[-1] == (
        "report: could not be drawn: RuntimeError: no ink; the data set is complete all the same"
    )
    (data / "report.html").write_text("old")
    assert draw_report(str(data), quiet()) is None
    assert not (data / "report.html").exists()


def test_advice_at_the_end_of_a_run(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = advice_lines(str(data), load_manifest(data))
    assert lines
    assert all(line.startswith("next: ") for line in lines)
    monkeypatch.setattr("pipeline.report.after_run.advise", lambda _: ["one"] * 7)
    assert advice_lines(str(data), load_manifest(data)) == [*["next: one"] * 5, "next: 2 more in report.html"]
    monkeypatch.setattr("pipeline.report.after_run.advise", lambda _: 1 / 0)
    assert advice_lines(str(data), load_manifest(data)) == [
        "no advice could be computed: ZeroDivisionError: division by zero"
    ]


def test_only_the_command_loads_what_draws() -> None:
    code = (
        "import sys, pipeline.run, pipeline.cli, pipeline.stage, pipeline.encode, pipeline.report.page; "
        "print({'matplotlib', 'jinja2', 'PIL'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.strip() == "set()"
