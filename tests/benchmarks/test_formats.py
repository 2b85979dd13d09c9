"""Reading of each format: both sides read every record, and the table says how fast."""

import json
import sys
from pathlib import Path

import format_inputs
import formats
import pyarrow as pa
import pytest

RECORDS = format_inputs.make_records(40)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("formats")
    format_inputs.write_inputs(RECORDS, made)
    return made


@pytest.fixture(autouse=True)
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pa, "set_cpu_count", lambda count: None)  # it would hold for the tests that follow


def test_the_records_are_the_same_each_time() -> None:
    assert format_inputs.make_records(40) == RECORDS
    assert set(RECORDS[0]) == set(format_inputs.AVRO_FIELDS) == {"text", "tags", "frames", "age", "stars"}
    assert all(len(frame) == format_inputs.DIMENSIONS for record in RECORDS for frame in record["frames"])


def test_both_sides_read_every_record(folder: Path) -> None:
    for entrant in formats.ENTRANTS:
        assert formats.read_ours(entrant, folder / entrant.file) == len(RECORDS)
    by_name = {entrant.name: entrant.read(folder / entrant.file) for entrant in formats.ENTRANTS}
    for name in ("JSONL", "JSONL, gzip", "JSONL, zstd", "Parquet"):
        assert by_name[name].to_pylist() == RECORDS
    assert by_name["Avro"] == RECORDS
    assert (
        by_name["CSV"][1] == by_name["TSV"][1] == [[one["tags"] for one in RECORDS], [one["frames"] for one in RECORDS]]
    )
    assert by_name["CSV, columns without lists"].column_names == ["text", "age", "stars"]
    assert by_name["lines"] == [*(one["text"] for one in RECORDS), ""]
    assert sorted(by_name["text files"]) == sorted(one["text"].encode() for one in RECORDS)
    for name in ("TFRecord of Example", "TFRecord of SequenceExample"):
        assert [one["stars"] for one in by_name[name]] == [[one["stars"]] for one in RECORDS]


def test_a_rejected_record_is_no_reading(tmp_path: Path) -> None:
    (tmp_path / "records.jsonl").write_text(json.dumps({**RECORDS[0], "age": "1"}) + "\n")
    with pytest.raises(ValueError, match=r"^JSONL: .*: wrong_type: field 'age' must be a number"):
        formats.read_ours(formats.ENTRANTS[0], tmp_path / "records.jsonl")


def test_the_table(folder: Path) -> None:
    results = formats.compare(folder, 2, formats.ENTRANTS[:2])
    assert [(name, result.records, len(result.ours), len(result.theirs)) for name, result in results.items()] == [
        ("JSONL", 40, 2, 2),
        ("JSONL, gzip", 40, 2, 2),
    ]
    results = {"JSONL": formats.Result(3_000_000, 1_000, [1.0, 3.0, 2.0], [9.0, 1.0, 1.0])}
    lines = formats.result_text(results).splitlines()
    assert lines[0].startswith("1,000 records; medians of 3 rounds; ")
    assert lines[4] == "| JSONL | 3.0 | 2 | 500 | 3 | 0.50 | pyarrow.json |"


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "ENTRANTS", formats.ENTRANTS[:1])
    monkeypatch.setattr(formats.compare, "__defaults__", (formats.ENTRANTS,))
    monkeypatch.setenv("PYTHONPATH", str(formats.HERE.parent))
    monkeypatch.setattr(sys, "argv", ["formats.py"])
    assert formats.main(["--records", "20", "--rounds", "1", "--cache", str(tmp_path)]) == 0
    assert "| JSONL | " in capsys.readouterr().out
    assert (tmp_path / "formats-20" / "records.avro").exists()
