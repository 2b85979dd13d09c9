"""Dates in the patterns of a run, windows of several periods, and a run that only says what it would do."""

from pathlib import Path

import pytest

from pipeline.spans.windows import check_different, dated_inputs
from schemas.errors import DataError, UsageError
from schemas.manifest import load_manifest
from tests.pipeline.helpers import review_records, tree
from tests.pipeline.spans.shelf import RECORDS, Said, Shelf

DAYS = ["2026-11-01", "2026-11-02", "2026-11-03"]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path, 1, 3)


def test_periods_without_a_file(shelf: Shelf) -> None:
    first = shelf.pattern.replace("{date}", "2026-11-01")
    with pytest.raises(DataError) as caught:
        dated_inputs([shelf.pattern], DAYS)
    assert str(caught.value) == (
        f"--input {shelf.pattern.replace('{date}', '2026-11-02')}: matches no file; of 3 periods 1 lack one: "
        "2026-11-02; check what should write it, or say --allow_missing"
    )
    found = dated_inputs([f"train={shelf.pattern}"], DAYS, allow_missing=True)
    assert found.inputs == [f"train={first}", f"train={first.replace('-01.', '-03.')}"]
    assert found.missing == ["2026-11-02"]
    with pytest.raises(DataError) as caught:
        dated_inputs([shelf.pattern], ["2026-11-02"], allow_missing=True)
    assert str(caught.value).endswith("2026-11-02.jsonl: matches no file; nothing is left to read; check the path")
    days = [f"2026-10-{day:02d}" for day in range(1, 8)]
    with pytest.raises(DataError, match=r"7 lack one: 2026-10-01, .*, 2026-10-05 and 2 more; check what"):
        dated_inputs([shelf.pattern], days)


def test_a_folder_a_day(tmp_path: Path) -> None:
    (tmp_path / "2026-11-01").mkdir()
    (tmp_path / "2026-11-02").mkdir()
    (tmp_path / "2026-11-02/a.jsonl").write_text("{}")
    found = dated_inputs([str(tmp_path / "{date}")], ["2026-11-01", "2026-11-02"], allow_missing=True)
    assert found.missing == ["2026-11-01"]


def test_a_window_of_nothing_with_a_date(shelf: Shelf) -> None:
    with pytest.raises(UsageError) as caught:
        dated_inputs(["all.jsonl"], DAYS, is_window=True)
    assert str(caught.value) == (
        "--input all.jsonl: has no place for the dates of the window; write {date} or {date:%Y/%m/%d} in it"
    )


def test_spans_that_would_read_the_same() -> None:
    check_different(["all.jsonl", "{date}"], DAYS)
    with pytest.raises(UsageError) as caught:
        check_different(["{date:%Y-%m}"], DAYS)
    assert str(caught.value) == (
        "--input {date:%Y-%m}: means the same files for the spans 2026-11-01 and 2026-11-02; write {date}, or a form "
        "of it that differs from span to span"
    )


def test_a_rolling_window(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    said = Said(capsys, shelf.run("--span", "2026-11-03", "--last", "3", "--allow_missing"))
    assert said.code == 0
    assert said.lines[0] == "no file for 2026-11-02; left out, as --allow_missing says"
    assert said.document["counts"]["read"] == 2 * RECORDS
    assert said.document["status"] == "published"
    assert said.document["span"]["name"] == "2026-11-03"
    manifest = load_manifest(shelf.span("2026-11-03"))
    assert [Path(file.path).name for file in manifest.inputs] == ["2026-11-01.jsonl", "2026-11-03.jsonl"]


def test_a_window_without_a_span(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    said = Said(capsys, shelf.run("--since", "2026-11-03", "--until", "2026-11-03"))
    assert (said.code, said.document["counts"]["read"]) == (0, RECORDS)
    assert "span" not in said.document
    assert load_manifest(shelf.root).counts.read == RECORDS


def test_a_failed_span_says_so_on_standard_output(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    shelf.write_day("2026-11-05", [*review_records(3), b"oops"])
    for day, why in (("2026-11-04", "matches no file"), ("2026-11-05", "1 of 4 records rejected (invalid_json 1)")):
        said = Said(capsys, shelf.run("--span", day))
        document = said.document
        assert said.code == 1
        assert why in document["error"]
        assert said.lines[-1] == f"error: {document['error']}"
        assert {key: document[key] for key in ("status", "exit_code", "output", "span")} == {
            "status": "failed",
            "exit_code": 1,
            "output": str(shelf.span(day)),
            "span": {"name": day},
        }
    assert document["failed_folder"] == f"{shelf.span(day)}/failed/{document['run']}"
    assert (Path(document["failed_folder"]) / "rejected.jsonl").exists()


def test_what_a_run_would_do(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    before = tree(shelf.folder)
    said = Said(capsys, shelf.run("--span", "2026-11-01", "--dry_run"))
    assert (said.code, said.lines) == (0, [])
    document = said.document
    disk = document.pop("disk")
    assert 0 < disk["likely"] <= disk["at_most"] < disk["free"]
    assert document.pop("runner").startswith("FnApiRunner")
    source = shelf.pattern.replace("{date}", "2026-11-01")
    assert document == {
        "dry_run": True,
        "would": "publish the span",
        "output": str(shelf.span("2026-11-01")),
        "span": {"name": "2026-11-01", "base": None, "extend_vocabulary": 0, "root": str(shelf.root)},
        "input": {
            "files": 1,
            "bytes": Path(source).stat().st_size,
            "blocks": 1,
            "formats": {"jsonl": 1},
            "first_files": [source],
        },
        "splits": {"fractions": {"train": 1.0}, "named": []},
        "unread_fields": ["id"],
        "max_rejected": 0,
        "missing_periods": [],
    }
    assert tree(shelf.folder) == before


def test_what_a_run_would_do_about_a_span_that_is_there(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    assert Said(capsys, shelf.run("--span", "2026-11-01")).code == 0
    before = tree(shelf.folder)

    def would(*more: str) -> Said:
        return Said(capsys, shelf.run("--dry_run", *more))

    assert would("--span", "2026-11-01").document["would"] == "do nothing: the span is published with the same input"
    assert would("--span", "2026-11-01", "--replace").document["would"] == "replace the span that is there"
    assert would("--span", "2026-11-03").document["span"]["base"] == "2026-11-01"
    refused = Said(
        capsys, shelf.run("--dry_run", "--span", "2026-11-01", pattern=shelf.pattern.replace("{date}", "2026-11-03"))
    )
    assert (refused.code, refused.out) == (2, "")
    assert refused.lines[0].startswith("error: 2026-11-01: is published already, and ")
    assert tree(shelf.folder) == before
