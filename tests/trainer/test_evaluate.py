"""Evaluation is exact, whatever the batches, and refuses what does not fit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.errors import DataError
from schemas.manifest import load_manifest
from tests.trainer.conftest import SMALL, TEST_LENGTHS, TOKEN_SPEC, token_records
from tests.trainer.dataset_builder import build_dataset
from trainer.batches.batching import METHODS, Batching
from trainer.batches.sizes import BatchLimits
from trainer.batches.source import SplitSource
from trainer.config import TrainerConfig
from trainer.evaluate import Evaluator, evaluate
from trainer.prediction.predictor import load
from trainer.training.train import train


@pytest.mark.parametrize("method", METHODS)
def test_metrics_do_not_depend_on_batches(token_data: Path, token_model: Path, method: str) -> None:
    expected = evaluate(token_model, token_data)
    source = SplitSource(token_data, load_manifest(token_data), "test")
    model = load(token_model).model
    for size in (1, 7, 64):
        batching = Batching(method, BatchLimits(padded_steps=10_000, max_examples=size))
        totals = Evaluator(model, source, batching).run()
        assert totals.metrics() == pytest.approx(expected["metrics"], rel=1e-6)
        assert totals.examples == expected["examples"] == len(TEST_LENGTHS)
        for bucket, other in zip(totals.by_bucket(), expected["buckets"], strict=True):
            assert bucket.pop("max_length") == other["max_length"]  # None of the last one
            assert bucket == pytest.approx({name: other[name] for name in bucket}, rel=1e-5)


def test_one_evaluator_measures_several_splits(token_data: Path, token_model: Path) -> None:
    manifest = load_manifest(token_data)
    first = Evaluator(load(token_model).model, SplitSource(token_data, manifest, "validation"))
    second = first.over(SplitSource(token_data, manifest, "test"))
    for evaluator, split in ((first, "validation"), (second, "test")):
        expected = evaluate(token_model, token_data, split)["metrics"]
        assert evaluator.run().metrics() == pytest.approx(expected, rel=1e-6)


def with_mood(predictions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"mood": entry["prediction"]} for entry in predictions]


def test_metrics_are_those_of_the_predictions(
    token_data: Path, token_model: Path, token_records_by_split: dict[str, Any]
) -> None:
    result = evaluate(token_model, token_data, "test")
    records = token_records_by_split["test"]
    predictions = load(token_model).predict(records)
    losses = [-np.log(p["probabilities"][r["mood"]]) for p, r in zip(predictions, records, strict=True)]
    hits = [p["prediction"] == r["mood"] for p, r in zip(predictions, records, strict=True)]
    scores = np.array([p["probabilities"]["dark"] for p in predictions])
    there, said = (np.array([r["mood"] == "dark" for r in rows]) for rows in (records, with_mood(predictions)))
    pairs = scores[there][:, None] - scores[~there][None]
    assert result["positive_class"] == "dark"
    assert result["labels"] == len(records)
    assert result["metrics"] == pytest.approx(
        {
            "loss": np.mean(losses),
            "accuracy": np.mean(hits),
            "macro_f1": np.mean([2 * (a & b).sum() / (a.sum() + b.sum()) for a, b in ((there, said), (~there, ~said))]),
            "precision": (there & said).sum() / said.sum(),
            "recall": (there & said).sum() / there.sum(),
            "f1": 2 * (there & said).sum() / (there.sum() + said.sum()),
            "auc": ((pairs > 0) + 0.5 * (pairs == 0)).mean(),
        },
        rel=1e-5,
    )
    lengths = np.array(TEST_LENGTHS)
    rows = [lengths <= 3, (lengths > 3) & (lengths <= 7), lengths > 7]
    for bucket, inside in zip(result["buckets"], rows, strict=True):
        assert bucket["examples"] == inside.sum()
        assert bucket["accuracy"] == pytest.approx(np.mean(np.array(hits)[inside]))


def test_another_vocabulary_is_refused(token_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    records = token_records("other", [3, 4])
    records[0]["text"] += " unheard"
    build_dataset(folder, TOKEN_SPEC, {"train": records, "test": records})
    with pytest.raises(DataError) as error:
        evaluate(token_model, folder)
    assert str(error.value) == (
        f"{folder}: its set of vocabularies is not that of the data set that the model was trained on; "
        "evaluate on that data set, or train on this one"
    )


def test_another_label_is_refused(token_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    records = [{**record, "mood": 1.0} for record in token_records("other", [3, 4])]
    build_dataset(folder, TOKEN_SPEC.replace("class", "number"), {"train": records, "test": records})
    with pytest.raises(DataError, match="its label is not that of the data set"):
        evaluate(token_model, folder)


UNKNOWN_SPEC = TOKEN_SPEC.replace("type: class", "type: class, unknown: keep")


def unknown_labels(folder: Path, spec: str) -> dict[str, Any]:
    """Writes a data set whose test split has two moods that its training split does not have."""
    records = {"train": token_records("train", [2, 3] * 4), "test": token_records("test", [2, 3, 5, 6])}
    for record in records["test"][1:3]:
        record["mood"] = "grim"
    records["validation"] = records["test"][1:3]
    build_dataset(folder, spec, records)
    return records


def test_unknown_labels_are_wrong_and_left_out_of_the_loss(tmp_path: Path) -> None:
    records = unknown_labels(tmp_path / "data", UNKNOWN_SPEC)
    del records["validation"]
    build_dataset(tmp_path / "to_train", UNKNOWN_SPEC, records)
    train(tmp_path / "to_train", tmp_path / "model", TrainerConfig(**SMALL, epochs=1))
    result = evaluate(tmp_path / "model", tmp_path / "data", "test")
    assert (result["examples"], result["unknown_labels"]) == (4, 2)
    predictions = load(tmp_path / "model").predict(records["test"])
    known = [(p, r["mood"]) for p, r in zip(predictions, records["test"], strict=True) if r["mood"] != "grim"]
    losses = [-np.log(p["probabilities"][mood]) for p, mood in known]
    hits = sum(p["prediction"] == mood for p, mood in known)
    shown = {name: result["metrics"][name] for name in ("loss", "accuracy")}
    assert shown == pytest.approx({"loss": np.mean(losses), "accuracy": hits / 4}, rel=1e-5)
    with pytest.raises(DataError) as error:
        evaluate(tmp_path / "model", tmp_path / "data", "validation")
    rest = "no example of a class that the training split has, too; nothing can be measured on it; choose another split"
    assert str(error.value) == f"{tmp_path / 'data'}: split 'validation' has {rest}"


def test_another_context_is_refused(token_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    records = [{**record, "size": 1.0} for record in token_records("other", [3, 4])]
    spec = f"{TOKEN_SPEC}context: {{size: {{type: number}}}}\n"
    build_dataset(folder, spec, {"train": records, "test": records})
    with pytest.raises(DataError, match="its context is not that of the data set"):
        evaluate(token_model, folder)


def test_a_sequence_with_gaps_is_another_form(tmp_path: Path) -> None:
    spec = "id: id\nsequences: {x: {type: series, dims: 1MORE}}\nlabel: {from: mood, type: class}\n"
    records = [{"id": mood, "x": [[1.0]], "mood": mood} for mood in ("bright", "dark")]
    for name, more in (("plain", ""), ("gaps", ", missing: zero")):
        build_dataset(tmp_path / name, spec.replace("MORE", more), {"train": records})
    train(tmp_path / "plain", tmp_path / "model", TrainerConfig(**SMALL, epochs=1))
    with pytest.raises(DataError, match="its form of sequences is not that of the data set"):
        evaluate(tmp_path / "model", tmp_path / "gaps", "train")
