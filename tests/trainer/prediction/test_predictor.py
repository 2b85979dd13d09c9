"""Predictions come in the order of the records, one entry for each."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from schemas.manifest_pb2 import Manifest
from schemas.prediction_lines import prediction_lines
from schemas.spec import parse_spec
from tests.trainer.dataset_builder import build_dataset
from tests.trainer.properties.cases import write_untrained
from trainer import load
from trainer.prediction.predictor import Predictor
from trainer.saved import load_saved

TEXTS = ["a good b", "", "bad " * 30, "good", "c d e f a b bad", "unheard of good"]


def records_of(texts: list[str]) -> list[dict[str, Any]]:
    return [{"id": f"r{i}", "text": text} for i, text in enumerate(texts)]


@pytest.fixture(scope="module")
def predictor(token_model: Path) -> Predictor:
    """Of the trained model, loaded once; whoever changes it changes it back."""
    return load(token_model)


def test_order_and_content(predictor: Predictor) -> None:
    entries = predictor.predict(records_of(TEXTS))
    assert [entry["id"] for entry in entries] == [f"r{i}" for i in range(len(TEXTS))]
    for entry in entries:
        assert list(entry) == ["id", "prediction", "probabilities"]
        assert list(entry["probabilities"]) == ["bright", "dark"]
        assert sum(entry["probabilities"].values()) == pytest.approx(1, abs=1e-6)
        assert entry["prediction"] == max(entry["probabilities"], key=entry["probabilities"].__getitem__)
    assert [entries[i]["prediction"] for i in (0, 3, 4)] == ["bright", "bright", "dark"]


def test_a_prediction_does_not_depend_on_its_batch(token_model: Path, predictor: Predictor) -> None:
    records = records_of(TEXTS)
    together = predictor.predict(records)
    one_by_one = Predictor(load_saved(token_model), 10_000, 1).predict(records)
    reversed_order = predictor.predict(records[::-1])[::-1]
    for entries in (one_by_one, reversed_order):
        for entry, expected in zip(entries, together, strict=True):
            assert entry["id"] == expected["id"]
            assert entry["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-6)


def test_a_record_is_too_large_as_in_the_data_set(token_model: Path, tmp_path: Path) -> None:
    saved = load_saved(token_model)
    saved.manifest.spec.input.max_record_bytes = 40
    records = records_of(["good", "good " * 5])
    source = tmp_path / "raw.jsonl"
    source.write_text("".join(json.dumps(record) + "\n" for record in records))
    for given in (records, source):
        good, large = Predictor(saved).predict(given)
        assert (good["id"], large["line"], large["reason"]) == ("r0", 2, "too_large")


def test_policies_that_drop_give_a_reason_instead(tmp_path: Path) -> None:
    spec = """
        id: id
        sequences: {waves: {type: series, dims: 2, max_length: 3, too_long: drop, empty: drop}}
        label: {from: size, type: number}
    """
    records = [{"id": str(i), "waves": [[float(i), 1.0]] * (1 + i % 3), "size": 100.0 + i} for i in range(30)]
    build_dataset(tmp_path / "data", spec, {"train": records})
    write_untrained(tmp_path / "data", tmp_path / "model")
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


def test_parts_of_a_block_are_in_order(piece_model: Path, monkeypatch: Any) -> None:
    predictor = load(piece_model)
    records = [5, *RECORDS, {"id": "s", "text": ["a"], "place": "north"}, *RECORDS, "none"]
    expected = predictor.predict(records)
    assert [entry.get("line") for entry in expected if "error" in entry] == [1, 3, 4, 6, 8, 9, 11]
    answering = predictor._answering._answering
    monkeypatch.setattr(answering, "_asking", replace(answering._asking, examples=1))
    tables = list(predictor.predict_blocks(records))
    assert [len(table) for table in tables] == [2, 1, 3, 2, 1, 4]
    said = [json.loads(line) for table in tables for line in prediction_lines(table).splitlines()]
    assert [(e["id"], e.get("line"), e.get("start")) for e in said] == [
        (e["id"], e.get("line"), e.get("start")) for e in expected
    ]


def test_no_records_no_predictions(predictor: Predictor) -> None:
    assert predictor.predict([]) == []


def test_an_answer_that_is_no_number_is_an_error_in_its_place(predictor: Predictor, monkeypatch: Any) -> None:
    answers = np.array([[0.25, 0.75], [np.nan, np.nan]], np.float32)
    said = {"prediction": tf.constant(["dark", "bright"]), "probabilities": tf.constant(answers)}
    monkeypatch.setattr(predictor._answering, "_run", lambda _: said)
    assert predictor.predict(records_of(["a", "b"])) == [
        {"id": "r0", "prediction": "dark", "probabilities": {"bright": 0.25, "dark": 0.75}},
        {"id": "r1", "error": "the model's answer is no finite number", "reason": "not_finite", "line": 2},
    ]


def test_one_record_is_no_list_of_records(predictor: Predictor) -> None:
    with pytest.raises(TypeError, match="give a list"):
        predictor.predict({"id": "a", "text": "good"})


PIECES = """
id: id
sequences: {text: {type: tokens POLICY}}
context: {place: {type: category}}
label: {from: mood, type: class}
"""


WHOLE_WINDOWS = PIECES.replace("POLICY", "") + "window: {length: 2, rest: drop}\n"


@pytest.fixture(scope="module")
def piece_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of whole windows, with random weights."""
    records = [
        {"id": f"t{i}", "text": ["a", "b"], "place": ["north", "south"][i % 2], "mood": ["bright", "dark"][i % 2]}
        for i in range(4)
    ]
    folder = tmp_path_factory.mktemp("pieces")
    build_dataset(folder / "data", WHOLE_WINDOWS, {"train": records})
    return write_untrained(folder / "data", folder / "model")


def cut_as(model: Path, spec: str) -> Predictor:
    """A predictor of the same model, as if its data set had had another way to cut records."""
    saved = load_saved(model)
    manifest = Manifest()
    manifest.CopyFrom(saved.manifest)
    manifest.spec.CopyFrom(parse_spec(spec))
    return Predictor(replace(saved, manifest=manifest))


def pieces_of(entries: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(e["id"], e.get("parent"), e.get("start"), e.get("line"), e.get("reason")) for e in entries]


RECORDS: list[Any] = [
    {"id": "r", "text": ["a", "b", "c", "a", "b"], "place": "north"},
    {"id": "s", "text": ["a"], "place": "nowhere"},
    {"id": "t", "text": 5, "place": "north"},
    {"id": "u", "text": ["a", "b"], "place": "north"},
]


def test_a_prediction_for_each_window(piece_model: Path) -> None:
    entries = cut_as(piece_model, PIECES.replace("POLICY", "") + "window: {length: 2, stride: 1}\n").predict(RECORDS)
    assert pieces_of(entries) == [
        ("r#0", "r", 0, None, None),
        ("r#1", "r", 1, None, None),
        ("r#2", "r", 2, None, None),
        ("r#3", "r", 3, None, None),
        ("s#0", "s", 0, None, None),
        (None, None, None, 3, "wrong_type"),
        ("u#0", "u", 0, None, None),
    ]
    assert list(entries[0]) == ["id", "parent", "start", "prediction", "probabilities"]
    # The same steps with the same context, wherever they stand.
    assert entries[3]["probabilities"] == pytest.approx(entries[0]["probabilities"], abs=1e-6)
    assert entries[6]["probabilities"] == pytest.approx(entries[0]["probabilities"], abs=1e-6)


def test_a_record_without_a_whole_window_says_so(piece_model: Path) -> None:
    entries = load(piece_model).predict(RECORDS)
    assert pieces_of(entries) == [
        ("r#0", "r", 0, None, None),
        ("r#1", "r", 2, None, None),
        (None, None, None, 2, "too_short"),
        (None, None, None, 3, "wrong_type"),
        ("u#0", "u", 0, None, None),
    ]
    assert [entry.get("cut_steps") for entry in entries] == [0, 1, None, None, 0]
    assert entries[2]["error"] == "'text' must have 2 steps or more, a whole window; the spec drops the rest"


def test_long_records_are_split_or_cut_as_in_training(piece_model: Path) -> None:
    split = cut_as(piece_model, PIECES.replace("POLICY", ", max_length: 2, too_long: split")).predict(
        [RECORDS[0], RECORDS[3]]
    )
    assert pieces_of(split) == [
        ("r#0", "r", 0, None, None),
        ("r#1", "r", 2, None, None),
        ("r#2", "r", 4, None, None),
        ("u#0", "u", 0, None, None),
    ]
    middle = cut_as(piece_model, PIECES.replace("POLICY", ", max_length: 2, too_long: truncate_both")).predict(
        [RECORDS[0], {**RECORDS[3], "text": ["b", "c"]}]
    )
    assert [list(entry) for entry in middle] == [["id", "prediction", "probabilities", "cut_steps"]] * 2
    assert [entry["cut_steps"] for entry in middle] == [3, 0]
    assert middle[0]["probabilities"] == pytest.approx(middle[1]["probabilities"], abs=1e-6)


def test_gaps_are_filled_as_in_training(tmp_path: Path) -> None:
    spec = """
        id: id
        sequences:
          x: {type: series, dims: 1, normalize: zscore, missing: mean, time: {from: at, format: unix_seconds}}
        label: {from: size, type: number}
    """
    records = [{"id": str(i), "x": [[1.0 + i]], "at": [5], "size": 1.0 + i} for i in range(4)]
    build_dataset(tmp_path / "data", spec, {"train": records})
    write_untrained(tmp_path / "data", tmp_path / "model")
    predictor = load(tmp_path / "model")
    seen = []
    run = predictor._answering._run
    predictor._answering._run = lambda batch: seen.append(batch) or run(batch)
    raw = {"id": "a", "x": [[None], [7.0]], "at": [10, 12.5]}
    (entry,) = predictor.predict([raw])
    assert list(entry) == ["id", "prediction"]
    assert {name: array.tolist() for name, array in seen[0].items()} == {
        "x": [[[2.5], [7.0]]],
        "x/length": [2],
        "x/missing": [[[1.0], [0.0]]],
        "x/since": [[0.0, 2.5]],
    }
