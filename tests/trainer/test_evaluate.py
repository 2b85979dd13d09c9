"""Evaluation is exact, whatever the batches, and refuses what does not fit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.errors import DataError
from schemas.manifest import load_manifest
from tests.trainer.conftest import TEST_LENGTHS, TOKEN_SPEC, token_records
from tests.trainer.dataset_builder import build_dataset
from trainer.batch_plan import BatchLimits
from trainer.evaluate import Evaluator, evaluate
from trainer.input_pipeline import SplitSource
from trainer.predict import load


def test_metrics_do_not_depend_on_batches(token_data: Path, token_model: Path) -> None:
    expected = evaluate(token_model, token_data)
    source = SplitSource(token_data, load_manifest(token_data), "test")
    model = load(token_model).model
    for size in (1, 7, 64):
        limits = BatchLimits(padded_steps=10_000, max_examples=size)
        totals = Evaluator(model, source, limits).run()
        assert totals.metrics() == pytest.approx(expected["metrics"], rel=1e-6)
        assert totals.examples == expected["examples"] == len(TEST_LENGTHS)


def test_metrics_are_those_of_the_predictions(
    token_data: Path, token_model: Path, token_records_by_split: dict[str, Any]
) -> None:
    result = evaluate(token_model, token_data, "test")
    records = token_records_by_split["test"]
    predictions = load(token_model).predict(records)
    losses = [-np.log(p["probabilities"][r["mood"]]) for p, r in zip(predictions, records, strict=True)]
    hits = [p["prediction"] == r["mood"] for p, r in zip(predictions, records, strict=True)]
    assert result["metrics"] == pytest.approx({"loss": np.mean(losses), "accuracy": np.mean(hits)}, rel=1e-5)
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
