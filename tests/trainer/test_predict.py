"""Predictions come in the order of the records, one entry for each."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.errors import DataError
from tests.trainer.dataset_builder import build_dataset
from trainer import load
from trainer.batch_plan import BatchLimits
from trainer.config import TrainerConfig
from trainer.predict import Predictor, predict_file
from trainer.saved import load_saved
from trainer.train import train

TEXTS = ["a good b", "", "bad " * 30, "good", "c d e f a b bad", "unheard of good"]


def records_of(texts: list[str]) -> list[dict[str, Any]]:
    return [{"id": f"r{i}", "text": text} for i, text in enumerate(texts)]


def test_order_and_content(token_model: Path) -> None:
    entries = load(token_model).predict(records_of(TEXTS))
    assert [entry["id"] for entry in entries] == [f"r{i}" for i in range(len(TEXTS))]
    for entry in entries:
        assert list(entry) == ["id", "prediction", "probabilities"]
        assert list(entry["probabilities"]) == ["bright", "dark"]
        assert sum(entry["probabilities"].values()) == pytest.approx(1, abs=1e-6)
        assert entry["prediction"] == max(entry["probabilities"], key=entry["probabilities"].__getitem__)
    assert [entries[i]["prediction"] for i in (0, 3, 4)] == ["bright", "bright", "dark"]


def test_a_prediction_does_not_depend_on_its_batch(token_model: Path) -> None:
    records = records_of(TEXTS)
    together = load(token_model).predict(records)
    one_by_one = Predictor(load_saved(token_model), BatchLimits(10_000, 1)).predict(records)
    reversed_order = load(token_model).predict(records[::-1])[::-1]
    for entries in (one_by_one, reversed_order):
        for entry, expected in zip(entries, together, strict=True):
            assert entry["id"] == expected["id"]
            assert entry["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-6)


def test_bad_records_keep_their_place(token_model: Path, tmp_path: Path, capsys: Any) -> None:
    source, output = tmp_path / "raw.jsonl", tmp_path / "predictions.jsonl"
    lines = [b'{"id": "a", "text": "good"}', b"nonsense", b"", b'{"id": "b", "text": 5}', b'{"id": "c", "text": "bad"}']
    source.write_bytes(b"\n".join(lines))
    result = predict_file(token_model, source, output)
    assert result == {
        "output": str(output),
        "records": 4,
        "predicted": 2,
        "rejected": 2,
        "reasons": {"invalid_json": 1, "wrong_type": 1},
    }
    entries = [json.loads(line) for line in output.read_text().splitlines()]
    assert [entry["id"] for entry in entries] == ["a", None, None, "c"]
    assert [entry.get("reason") for entry in entries] == [None, "invalid_json", "wrong_type", None]
    assert [entry.get("line") for entry in entries] == [None, 2, 4, None]
    assert entries[2]["error"] == "field 'text' must be a string; it is 5"
    assert f"{source}, line 4: wrong_type: field 'text' must be a string; it is 5\n" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_only_the_first_bad_records_are_shown(token_model: Path, tmp_path: Path, capsys: Any) -> None:
    source, output = tmp_path / "raw.jsonl", tmp_path / "predictions.jsonl"
    source.write_text("nonsense\n" * 50)
    assert predict_file(token_model, source, output)["rejected"] == 50
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 21
    assert lines[-1] == f"... and 30 more; each says why in its line of {output}"


def test_blocks_of_a_file_are_one_file(token_model: Path, tmp_path: Path, monkeypatch: Any) -> None:
    source = tmp_path / "raw.jsonl"
    lines = [json.dumps(record) for record in records_of(TEXTS)]
    lines[4] = "nonsense"
    source.write_text("\n".join(lines))
    expected = load(token_model).predict(source)
    ranges = [(start, min(start + 50, source.stat().st_size)) for start in range(0, source.stat().st_size, 50)]
    monkeypatch.setattr("trainer.raw_records.byte_ranges", lambda size: ranges)
    entries = load(token_model).predict(str(source))
    assert [(entry["id"], entry.get("line")) for entry in entries] == [(e["id"], e.get("line")) for e in expected]
    assert entries[4] == expected[4]


def test_policies_that_drop_give_a_reason_instead(tmp_path: Path) -> None:
    spec = """
        id: id
        sequences: {waves: {type: series, dims: 2, max_length: 3, too_long: drop, empty: drop}}
        label: {from: size, type: number}
    """
    records = [{"id": str(i), "waves": [[float(i), 1.0]] * (1 + i % 3), "size": 100.0 + i} for i in range(30)]
    build_dataset(tmp_path / "data", spec, {"train": records})
    train(tmp_path / "data", tmp_path / "model", TrainerConfig(lstm_units=3, epochs=1))
    waves = [np.ones((2, 2), np.float32), [], [[1, 2]] * 4, [[1, 2, 3]], [[1.0, float("nan")]], [[5, 6]]]
    entries = load(tmp_path / "model").predict({"id": i, "waves": item} for i, item in enumerate(waves))
    assert [entry.get("reason") for entry in entries] == [
        None,
        "empty_sequence",
        "too_long",
        "wrong_dims",
        "not_finite",
        None,
    ]
    assert [list(entries[i]) for i in (0, 5)] == [["id", "prediction"]] * 2
    # Untrained, but in the label's own units.
    assert 50 < entries[0]["prediction"] < 180


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "cannot be read: No such file or directory; give the path of a JSONL file"),
        (b"", "is empty; give a JSONL file with one or more records"),
        (b"\n \n", "holds blank lines only; give a JSONL file with one or more records"),
    ],
)
def test_inputs_without_records(token_model: Path, tmp_path: Path, content: bytes | None, expected: str) -> None:
    source, output = tmp_path / "raw.jsonl", tmp_path / "predictions.jsonl"
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(DataError) as error:
        predict_file(token_model, source, output)
    assert str(error.value) == f"{source}: {expected}"
    assert not output.exists()


def test_an_output_that_cannot_be_written(token_model: Path, tmp_path: Path) -> None:
    source, output = tmp_path / "raw.jsonl", tmp_path / "nowhere" / "predictions.jsonl"
    source.write_text('{"id": "a", "text": "good"}\n')
    with pytest.raises(DataError) as error:
        predict_file(token_model, source, output)
    assert str(error.value) == f"{output}: cannot be written: No such file or directory"


def test_no_records_no_predictions(token_model: Path) -> None:
    assert load(token_model).predict([]) == []


def test_an_answer_that_is_no_number_is_an_error_in_its_place(token_model: Path, monkeypatch: Any) -> None:
    predictor = load(token_model)
    answers = np.array([[0.25, 0.75], [np.nan, np.nan]], np.float32)
    monkeypatch.setattr(predictor, "_outputs", lambda _: answers)
    assert predictor.predict(records_of(["a", "b"])) == [
        {"id": "r0", "prediction": "dark", "probabilities": {"bright": 0.25, "dark": 0.75}},
        {"id": "r1", "error": "the model's answer is no finite number", "reason": "not_finite", "line": 2},
    ]


def test_one_record_is_no_list_of_records(token_model: Path) -> None:
    with pytest.raises(TypeError, match="give a list"):
        load(token_model).predict({"id": "a", "text": "good"})
