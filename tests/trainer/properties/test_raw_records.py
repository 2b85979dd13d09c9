"""Raw records are predicted as stored ones: same order, same cuts, same ids, whatever the batches.

The answer to a raw record is compared with that of the same model to the record as the data set stores it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.vocabulary import OOV_ID, PAD_ID
from tests.trainer.dataset_builder import build_dataset
from tests.trainer.properties.cases import PLAIN, model_of, predicted, whole_batch, write_untrained
from tests.trainer.properties.data_sets import TASKS, records_by_split, records_of, spec_of
from trainer import load
from trainer.predict import Predictor
from trainer.saved import load_saved

LIMITS = [(30, 3), (10_000, 64)]
POLICIES = ["truncate_tail", "truncate_head", "truncate_both", "split", "drop", "reject"]


@pytest.mark.parametrize("task", TASKS)
def test_answers_stand_in_the_order_of_the_records(task: str, written: Callable[[str], Path]) -> None:
    records, saved = records_by_split(task)["test"], load_saved(written(task))
    turned = [records[i] for i in np.random.default_rng(0).permutation(len(records))]
    few, all_at_once = (Predictor(saved, *limits).predict(turned) for limits in LIMITS)
    assert [entry["id"] for entry in few] == [record["id"] for record in turned]
    for value, other in zip(flat(few), flat(all_at_once), strict=True):
        assert value == (pytest.approx(other, rel=1e-4) if isinstance(other, float) else other)


def flat(value: Any) -> list[Any]:
    """Returns all that stands in a value, in order."""
    if isinstance(value, dict):
        value = list(value.values())
    return [one for part in value for one in flat(part)] if isinstance(value, list) else [value]


@pytest.mark.parametrize("policy", POLICIES)
def test_records_too_long_are_cut_as_in_the_data_set(policy: str, tmp_path: Path) -> None:
    spec = spec_of("class").replace("empty: keep", f"empty: keep, max_length: 4, too_long: {policy}")
    records = records_of("long", [2, 9, 4, 0, 5, 13, 1, 6])
    stored = [record for record in records if len(record["text"]) <= 4] if policy == "reject" else records
    build_dataset(tmp_path / "data", spec, {"train": stored})
    model = model_of(tmp_path / "data", PLAIN)
    expected = stored_answers(tmp_path / "data", model)
    found = {}
    for entry, record in entries_of(tmp_path, records):
        if "error" in entry:
            assert (entry["reason"], len(record["text"]) > 4) == ("too_long", True)
        else:
            found[entry["id"].encode()] = list(entry["probabilities"].values())
    assert found.keys() == expected.keys()
    assert len(found) == {"split": 8 + 2 + 1 + 3 + 1, "drop": 4, "reject": 4}.get(policy, 8)
    for name, answer in expected.items():
        np.testing.assert_allclose(found[name], answer, rtol=1e-5)


def entries_of(folder: Path, records: list[Any]) -> list[tuple[Any, Any]]:
    """Writes a model and returns its predictions, each beside its record."""
    predictions = load(write_untrained(folder / "data", folder / "model")).predict(records)
    by_id = {record["id"]: record for record in records}
    return [
        (entry, records[entry["line"] - 1] if "error" in entry else by_id[entry["id"].split("#")[0]])
        for entry in predictions
    ]


def stored_answers(folder: Path, model: Any, split: str = "train") -> dict[bytes, Any]:
    features = whole_batch(folder, split)[0]
    return dict(zip(features["id"].tolist(), predicted(model, features), strict=True))


def test_no_token_has_the_id_of_padding_and_unheard_ones_share_theirs(tmp_path: Path) -> None:
    records = records_of("known", [3, 4, 5, 2])
    unheard = [{**record, "id": f"u{i}", "text": [*record["text"], "zebra", ""]} for i, record in enumerate(records)]
    build_dataset(tmp_path / "data", spec_of("class"), {"train": records, "test": unheard})
    for split, least in (("train", OOV_ID + 1), ("test", OOV_ID)):
        features = whole_batch(tmp_path / "data", split)[0]
        for row, length in zip(features["text"], features["text/length"], strict=True):
            assert row[:length].min() >= least > PAD_ID
            assert (row[length:] == PAD_ID).all()
    assert all(
        (row[n - 2 : n] == OOV_ID).all() for row, n in zip(features["text"], features["text/length"], strict=True)
    )
    model = model_of(tmp_path / "data", PLAIN)
    expected = stored_answers(tmp_path / "data", model, "test")
    for entry, _ in entries_of(tmp_path, unheard):
        np.testing.assert_allclose(list(entry["probabilities"].values()), expected[entry["id"].encode()], rtol=1e-5)
