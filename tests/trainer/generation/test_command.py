"""The command: a file of beginnings becomes a file of continuations."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.contract import read_contract
from tests.pipeline.formats import WRITERS
from tests.trainer.generation.continued import BEGINNINGS, TEXT, saved_model, write_data
from tests.trainer.properties.cases import write_untrained
from tests.trainer.properties.data_sets import write_data as write_task
from trainer import TrainerConfig, load
from trainer.cli import main
from trainer.generation.continuations import continuation_schema
from trainer.prediction.predictor import Predictor
from trainer.saved import write_model

DRAWN = ["--steps", "4", "--temperature", "5", "--top_k", "6", "--top_p", "1", "--seed", "2"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    parent = tmp_path_factory.mktemp("command")
    saved = saved_model(write_data(parent / "data", "tokens", TEXT))
    write_model(parent / "model", saved.model, read_contract(parent / "data", saved.manifest), TrainerConfig(), {})
    return parent / "model"


@pytest.fixture(scope="module")
def predictor(model: Path) -> Predictor:
    return load(model)


def run(model: Path, folder: Path, *options: str) -> int:
    source = folder / "raw.jsonl"
    if not source.exists():
        source.write_bytes(WRITERS["jsonl"](BEGINNINGS))
    inputs = ["--input", str(source), "--output", str(folder / "out.jsonl")]
    return main(["generate", "--model", str(model), *inputs, *options])


def test_a_row_for_each_record_in_order(model: Path, tmp_path: Path, capsys: Any) -> None:
    lines = [json.dumps(record) for record in BEGINNINGS[:3]]
    (tmp_path / "raw.jsonl").write_text("\n".join([lines[0], "nonsense", "", *lines[1:]]) + "\n")
    assert run(model, tmp_path, *DRAWN) == 0
    entries = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [entry["id"] for entry in entries] == ["test-0", None, "test-1", "test-2"]
    assert list(entries[1]) == ["id", "file", "line", "error", "reason"]
    place = entries[1]["file"], entries[1]["line"], entries[1]["reason"]
    assert place == (str(tmp_path / "raw.jsonl"), 2, "invalid_json")
    for entry in entries[:1] + entries[2:]:
        assert list(entry) == ["id", "generated", "ended"]
        assert len(entry["generated"]) == 4 or (entry["ended"] and len(entry["generated"]) < 4)
    out, err = capsys.readouterr()
    good = [entry for entry in entries if "generated" in entry]
    assert json.loads(out) == {
        "output": str(tmp_path / "out.jsonl"),
        "records": 4,
        "generated": 3,
        "steps": sum(len(entry["generated"]) for entry in good),
        "ended": sum(entry["ended"] for entry in good),
        "rejected": 1,
        "reasons": {"invalid_json": 1},
    }
    assert f"{tmp_path / 'raw.jsonl'}, line 2: invalid_json: " in err


def test_files_of_any_format_are_one_input(model: Path, predictor: Predictor, tmp_path: Path, capsys: Any) -> None:
    records = [{"id": record["id"], "text": record["text"]} for record in BEGINNINGS]
    drawn = {"steps": 4, "temperature": 5.0, "top_k": 6, "top_p": 1.0, "seed": 2}
    expected = predictor.generate(records, **drawn)
    pq.write_table(pa.Table.from_pylist(records[:2]), tmp_path / "a.parquet")
    (tmp_path / "b.csv").write_bytes(WRITERS["csv"](records[2:]))
    output = tmp_path / "out.parquet"
    inputs = ["--input", str(tmp_path / "a.parquet"), f"{tmp_path}/*.csv", "--output", str(output)]
    assert main(["generate", "--model", str(model), *inputs, *DRAWN]) == 0
    table = pq.read_table(output)
    assert table.schema.equals(continuation_schema(predictor.manifest.spec))
    assert table.schema.names == ["id", "file", "line", "generated", "ended", "error", "reason"]
    assert table.select(["id", "generated", "ended"]).to_pylist() == expected
    assert json.loads(capsys.readouterr().out)["records"] == 6
    assert predictor.generate(tmp_path / "b.csv", **drawn) == predictor.generate(records[2:], **drawn)


def test_a_format_that_no_suffix_says_is_an_option(model: Path, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "raw.log").write_text("id\n")
    inputs = ["--input", str(tmp_path / "raw.log"), "--output", str(tmp_path / "out.jsonl")]
    assert main(["generate", "--model", str(model), *inputs]) == 2
    assert "raw.log: has the suffix '.log', which names no format; say --format …, one of" in capsys.readouterr().err
    assert main(["generate", "--model", str(model), *inputs, "--format", "csv"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"error: {tmp_path / 'raw.log'}: holds no record, as all input; give files with one or more records"
    )


def test_the_first_greedy_step_is_what_is_predicted(predictor: Predictor) -> None:
    entries = predictor.generate(BEGINNINGS, steps=1)
    predictions = [entry["prediction"] for entry in predictor.predict(BEGINNINGS)]
    assert [entry["generated"] for entry in entries] == [[] if p is None else [p] for p in predictions]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--steps", "0"], "error: steps: is 0; it must be a whole number, 1 or more\n"),
        (
            ["--top_k", "5"],
            "error: top_k: means nothing with temperature 0, which takes the most probable token; set a temperature "
            "above 0, or leave it out\n",
        ),
        (
            ["--steps", "many"],
            "error: argument --steps: invalid int value: 'many'; see python -m trainer generate --help\n",
        ),
    ],
)
def test_wrong_usage(model: Path, tmp_path: Path, capsys: Any, options: list[str], message: str) -> None:
    assert run(model, tmp_path, *options) == 2
    assert capsys.readouterr().err == message
    assert not (tmp_path / "out.jsonl").exists()


def test_another_model_is_refused(tmp_path: Path, capsys: Any) -> None:
    classifier = write_untrained(write_task(tmp_path / "data", "class"), tmp_path / "classifier")
    assert run(classifier, tmp_path) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "error: label: the model predicts a label of type class, and only a next step continues a sequence; train a "
        "model on a data set with `label: {type: next_step}`"
    )


def test_a_file_of_blank_lines_is_refused(model: Path, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "raw.jsonl").write_text("\n \n")
    assert run(model, tmp_path) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"error: {tmp_path / 'raw.jsonl'}: holds no record, as all input; give files with one or more records"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["raw.jsonl"]
