"""Labels of steps from the records to the predictions: trained, evaluated, told."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.errors import DataError
from schemas.manifest import load_manifest
from tests.trainer.conftest import SMALL
from tests.trainer.dataset_builder import build_dataset
from trainer.batches.batching import METHODS, Batching
from trainer.batches.sizes import BatchLimits
from trainer.batches.source import SplitSource
from trainer.config import TrainerConfig
from trainer.evaluate import Evaluator, evaluate
from trainer.prediction.predictor import load
from trainer.training.train import train

CONFIG = TrainerConfig(**SMALL, epochs=6, learning_rate=0.02, min_epoch_steps=30, min_batch_size=2)
TAGS = """
id: id
sequences:
  words: {type: tokens, empty: keep}
  shapes: {type: tokens, aligned_with: words}
label: {from: tags, type: per_step_class, of: shapes, unknown: keep}
"""
CYCLE = "id: id\nsequences: {words: {type: tokens, empty: keep}}\nlabel: {type: next_step, end: true}\n"
WAVES = "id: id\nsequences: {x: {type: series, dims: 1, normalize: zscore}}\nlabel: {type: next_step, horizon: 2}\n"


def tagged(prefix: str, count: int) -> list[dict[str, Any]]:
    """Words of which x begins something, and what follows it goes on with it."""
    draw = random.Random(prefix)
    records = []
    for i in range(count):
        words = [draw.choice("abx") for _ in range(i % 7)]
        tags = ["B-x" if w == "x" else "I-x" if before == "x" else "O" for before, w in zip(["", *words], words)]  # noqa: B905
        records.append({"id": f"{prefix}{i}", "words": words, "shapes": [w.upper() for w in words], "tags": tags})
    return records


@pytest.fixture(scope="module")
def tag_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("tags")
    records = {"train": tagged("t", 80), "validation": tagged("v", 20), "test": tagged("e", 30)}
    records["test"][12]["tags"][2] = "unheard"
    records["empty"] = [{"id": "n", "words": [], "shapes": [], "tags": []}]
    build_dataset(folder / "data", TAGS, records, [2, 4])
    train(folder / "data", folder / "model", CONFIG)
    return folder


def test_metrics_of_steps_are_those_of_the_predictions(tag_folder: Path) -> None:
    result = evaluate(tag_folder / "model", tag_folder / "data")
    records = tagged("e", 30)
    entries = load(tag_folder / "model").predict([{k: r[k] for k in ("id", "words", "shapes")} for r in records])
    assert [len(entry["prediction"]) for entry in entries] == [len(r["words"]) for r in records]
    hits = [p == t for e, r in zip(entries, records, strict=True) for p, t in zip(e["prediction"], r["tags"])]  # noqa: B905
    unheard = sum(len(r["tags"]) for r in records[:12]) + 2
    hits[unheard] = False
    assert (result["examples"], result["labels"], result["unknown_labels"]) == (30, len(hits), 1)
    assert result["metrics"]["accuracy"] == pytest.approx(np.mean(hits))
    assert "positive_class" not in result
    assert result["metrics"]["entity_f1"] > 0.9
    assert sum(bucket["labels"] for bucket in result["buckets"]) == len(hits)


def test_what_is_said_of_steps(tag_folder: Path) -> None:
    records = [{"id": "a", "words": ["a", "x", "b"], "shapes": ["A", "X", "B"]}, {"id": "b", "words": [], "shapes": []}]
    full, empty = load(tag_folder / "model").predict(records)
    assert list(full) == ["id", "prediction", "probabilities"]
    assert full["prediction"] == ["O", "B-x", "I-x"]
    assert all(0.5 < p <= 1 for p in full["probabilities"])
    assert empty == {"id": "b", "prediction": [], "probabilities": []}


@pytest.mark.parametrize("method", METHODS)
def test_metrics_of_steps_do_not_depend_on_batches(tag_folder: Path, method: str) -> None:
    data = tag_folder / "data"
    source, model = SplitSource(data, load_manifest(data), "test"), load(tag_folder / "model").model
    expected = evaluate(tag_folder / "model", data)["metrics"]
    for size in (1, 7, 64):
        batching = Batching(method, BatchLimits(padded_steps=10_000, max_examples=size))
        assert Evaluator(model, source, batching).run().metrics() == pytest.approx(expected, rel=1e-5)


def test_a_split_without_steps_is_refused(tag_folder: Path) -> None:
    with pytest.raises(DataError) as error:
        evaluate(tag_folder / "model", tag_folder / "data", "empty")
    assert str(error.value) == (
        f"{tag_folder / 'data'}: split 'empty' has no step with a label; nothing can be measured on it; "
        "choose another split"
    )


def test_the_next_token(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["a", "b", "c", "d", "e", "f"]
    records = [{"id": str(i), "words": words[i % 5 :]} for i in range(60)]
    build_dataset(tmp_path / "data", CYCLE, {"train": records, "validation": records[:10]}, [3])
    train(tmp_path / "data", tmp_path / "model", CONFIG)
    assert (
        "bidirectional: has no effect on a next_step label: what comes next must not be read before, so sequences are "
        "read forward only" in capsys.readouterr().err.splitlines()
    )
    result = evaluate(tmp_path / "model", tmp_path / "data", "validation")
    assert result["labels"] == 40
    assert result["metrics"]["accuracy"] == 1.0
    assert result["metrics"]["perplexity"] == pytest.approx(np.exp(result["metrics"]["loss"]))
    first, last, unknown, nothing = load(tmp_path / "model").predict(
        [{"id": str(i), "words": said} for i, said in enumerate((["c", "d"], words, ["?"], []))]
    )
    assert list(first) == ["id", "prediction", "probabilities", "out_of_vocabulary", "end"]
    assert first["prediction"] == "e"
    assert len(first["probabilities"]) == 5
    assert first["probabilities"]["e"] == max(first["probabilities"].values()) > 0.5
    assert last["prediction"] is None
    assert last["end"] > 0.5
    for entry in (unknown, nothing):
        assert len(entry["probabilities"]) == 5


def test_the_next_frames(tmp_path: Path) -> None:
    records = [{"id": str(i), "x": [[100 + 10 * np.sin(i + step)] for step in range(3 + i % 9)]} for i in range(60)]
    build_dataset(tmp_path / "data", WAVES, {"train": records, "test": records[:20]}, [5])
    train(tmp_path / "data", tmp_path / "model", CONFIG)
    result = evaluate(tmp_path / "model", tmp_path / "data")
    steps = [len(record["x"]) for record in records[:20]]
    assert result["labels"] == sum(2 * n - 3 for n in steps)
    metrics = result["metrics"]
    assert list(metrics) == ["loss", "mae", "rmse", "skill"]
    variance = load_manifest(tmp_path / "data").moments["x"].variance[0]
    assert metrics["loss"] == pytest.approx(metrics["rmse"] ** 2 / variance)
    naive = [
        (record["x"][t + h][0] - record["x"][t][0]) ** 2
        for record in records[:20]
        for t in range(len(record["x"]))
        for h in (1, 2)
        if t + h < len(record["x"])
    ]
    assert metrics["skill"] == pytest.approx(1 - metrics["rmse"] ** 2 / np.mean(naive), rel=1e-4)
    long, short = load(tmp_path / "model").predict([records[8], {"id": "s", "x": [[105.0]]}])
    assert [list(entry) for entry in (long, short)] == [["id", "prediction"]] * 2
    # Two frames of one number each, in the units of the series, for a record of one step, too.
    for entry in (long, short):
        assert np.array(entry["prediction"]).shape == (2, 1)
        assert (np.abs(np.array(entry["prediction"]) - 100) < 30).all()
