"""Back-filling the spans of a range."""

import datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.commands.backfilling import spans_of_range
from pipeline.spans.published import published_names
from schemas.errors import UsageError
from tests.pipeline.helpers import tree
from tests.pipeline.spans.shelf import RECORDS, Said, Shelf
from tests.pipeline.test_metrics import parse

NOW = datetime.datetime(2026, 11, 20, 5, 30)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path, 1, 2, 4)


def statuses(document: dict[str, Any]) -> dict[str, str]:
    return {span["span"]["name"]: span["status"] for span in document["spans"]}


def test_what_is_missing_is_written(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    assert Said(capsys, shelf.run("--span", "2026-11-02")).code == 0
    metrics = shelf.folder / "run.prom"
    said = Said(capsys, shelf.backfill("2026-11-01", "2026-11-04", "--metrics", str(metrics)))
    assert said.code == 1
    assert statuses(said.document) == {
        "2026-11-01": "published",
        "2026-11-02": "skipped",
        "2026-11-03": "failed",
        "2026-11-04": "published",
    }
    assert said.document["counts"] == {"failed": 1, "published": 2, "skipped": 1}
    assert said.document["spans"][0]["span"]["base"] == "2026-11-02"
    assert said.document["spans"][2]["exit_code"] == 1
    assert "2026-11-02: is published already; skipped" in said.lines
    missing = shelf.pattern.replace("{date}", "2026-11-03")
    assert f"error: --input {missing}: matches no file; check what should write it" in said.lines
    assert published_names(str(shelf.root)) == ["2026-11-01", "2026-11-02", "2026-11-04"]
    found = parse(metrics.read_text().replace(str(shelf.root), "out"))
    assert found["lengthwise_run_success", ()] == 0
    assert found["lengthwise_backfill_spans", ("published",)] == 2
    assert found["lengthwise_records_read", ()] == RECORDS


def test_the_first_one_is_the_base_and_days_may_lack_input(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    said = Said(capsys, shelf.backfill("2026-11-01", "2026-11-04", "--allow_missing"))
    assert said.code == 0
    assert statuses(said.document)["2026-11-03"] == "no_input"
    assert [span["span"].get("base") for span in said.document["spans"]] == [None, "2026-11-01", None, "2026-11-01"]
    assert Said(capsys, shelf.backfill("2026-11-01", "2026-11-04", "--allow_missing")).document["counts"] == {
        "no_input": 1,
        "skipped": 3,
    }


def test_stopping_at_a_failure(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    said = Said(capsys, shelf.backfill("2026-11-02", "2026-11-04", "--stop_at_failure"))
    assert said.code == 1
    assert list(statuses(said.document).values()) == ["published", "failed", "not_tried"]


def test_an_interrupt_ends_all(
    shelf: Shelf, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.run.execute", interrupt)
    said = Said(capsys, shelf.backfill("2026-11-01", "2026-11-02"))
    assert said.code == 130
    assert list(statuses(said.document).values()) == ["failed", "not_tried"]
    assert said.document["spans"][0]["error"] == "interrupted"
    assert said.lines[-1] == "error: interrupted"


def test_what_would_be_written(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    assert Said(capsys, shelf.run("--span", "2026-11-02")).code == 0
    before = tree(shelf.folder)
    said = Said(capsys, shelf.backfill("2026-11-01", "2026-11-03", "--dry_run"))
    assert (said.code, tree(shelf.folder)) == (0, before)
    first, missing = (shelf.pattern.replace("{date}", day) for day in ("2026-11-01", "2026-11-03"))
    assert said.document["spans"] == [
        {"span": "2026-11-01", "would": "publish it", "inputs": [first], "missing_periods": []},
        {"span": "2026-11-02", "would": "skip it: it is published"},
        {
            "span": "2026-11-03",
            "would": "fail",
            "error": f"--input {missing}: matches no file; check what should write it",
        },
    ]


def test_refusals_come_before_any_span(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    cases = {
        "--input all.jsonl: means the same files for the spans 2026-11-01 and 2026-11-02; ": shelf.backfill(
            "2026-11-01", "2026-11-02", pattern="all.jsonl"
        ),
        "--max_rejected x: is no limit; ": shelf.backfill("2026-11-01", "2026-11-02", "--max_rejected", "x"),
        "--replace: is no option of this command": shelf.backfill("2026-11-01", "2026-11-02", "--replace"),
        "--last 0: must be 1 or more": shelf.backfill("2026-11-01", "2026-11-02", "--last", "0"),
    }
    for error, arguments in cases.items():
        said = Said(capsys, arguments)
        assert (said.code, said.out, len(said.lines)) == (2, "", 1)
        assert said.lines[0].startswith(f"error: {error}")
    assert not shelf.root.exists()


def test_ranges() -> None:
    assert spans_of_range("2026-11-19", "2026-11-20", NOW) == ["2026-11-19", "2026-11-20"]
    assert spans_of_range("2026-11-20T04", "2026-11-20T05", NOW) == ["2026-11-20T04", "2026-11-20T05"]
    cases = {
        ("2026-11-19", "2026-11-21"): (
            "--until 2026-11-21: has not begun yet (it is 2026-11-20 05:30 UTC); say an earlier date"
        ),
        ("1026-11-19", "2026-11-20"): (
            "--since 1026-11-19 --until 2026-11-20: are more than 100,000 spans; say a shorter range"
        ),
    }
    for (since, until), error in cases.items():
        with pytest.raises(UsageError) as caught:
            spans_of_range(since, until, NOW)
        assert str(caught.value) == error
