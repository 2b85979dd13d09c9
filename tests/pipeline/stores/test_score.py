"""Predictions where records, model and output lie on an object store: those of the local disk."""

import json
from pathlib import Path

import pytest

from pipeline import cli, files
from tests.pipeline.helpers import jsonl
from tests.pipeline.scoring.exports import write_models
from tests.pipeline.stores.server import StoreServer
from tests.trainer.properties.data_sets import records_of

LENGTHS = [3, 1, 12, 2, 0, 30, 7, 5] * 8


def test_predictions_on_a_store(
    bucket: str, server: StoreServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, export = write_models("class", tmp_path)
    for path in files.every_file(str(export)):
        files.write(files.join(bucket, "export", path), (export / path).read_bytes())
    source = tmp_path / "in.jsonl"
    source.write_bytes(jsonl([*records_of("new", LENGTHS), {"id": "bad"}]))
    files.write(f"{bucket}/in/a.jsonl", source.read_bytes())
    here, there = str(tmp_path / "here"), f"{bucket}/there"
    assert cli.main(["score", "--model", str(export), "--input", str(source), "--output", here]) == 0
    on_store = ["--model", f"{bucket}/export/", "--input", f"{bucket}/in/", "--output", there]
    server.counts.clear()
    assert cli.main(["score", *on_store]) == 0
    result, expected = (json.loads(files.read(files.join(folder, "predictions.json"))) for folder in (there, here))
    assert result["files"] == expected["files"]
    assert result["model"] == expected["model"]
    assert result["counts"] == expected["counts"]
    assert result["counts"]["rejected"] == {"missing_field": 1}
    assert [file["path"] for file in result["inputs"]] == [f"{bucket}/in/a.jsonl"]
    assert server.counts["LIST"] <= 12
    kept = [file["path"] for field in ("files", "rejected_files") for file in result[field]]
    assert files.every_file(there) == sorted(["predictions.json", *kept])
    for file in result["files"]:  # its name holds a digest
        assert files.read(files.join(there, file["path"])) == files.read(files.join(here, file["path"]))
    capsys.readouterr()
    assert cli.main(["score", *on_store]) == 2
    assert f"error: {there}: holds predictions already; say --replace" in capsys.readouterr().err
