"""A record without steps is a record: no mean over nothing, no answer and no gradient that is no number."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.properties.cases import SETTINGS, Batch, loss_and_gradients, model_of, predicted, taken
from tests.trainer.properties.data_sets import TASKS, records_by_split
from trainer import load
from trainer.model_folder import TRAINING_NAME

Data = Callable[[str], Path]
STEPS_MUST_REMAIN = ("strides and max pooling",)


@pytest.mark.parametrize("way", SETTINGS)
def test_a_batch_of_nothing_and_one_with_more(way: str, data: Data, batch_of: Callable[[str], Batch]) -> None:
    task = "class" if way in STEPS_MUST_REMAIN else "per_step_class"
    model, batch = model_of(data(task), way), batch_of(task)
    leader = model.task.leader
    longest = np.max([values for name, values in batch[0].items() if name.endswith("/length")], axis=0)
    empty, full = int(np.argmin(longest)), int(np.argmax(longest))
    assert longest[empty] == 0
    of_full = predicted(model, taken(batch, [full], leader)[0])[0]
    for rows in ([empty, empty], [empty, full]):
        some = taken(batch, rows, leader)
        loss, gradients = loss_and_gradients(model, some)
        assert np.isfinite(loss)
        assert all(np.isfinite(gradient).all() for gradient in gradients)
        said = predicted(model, some[0])
        assert leader is None or len(said[0]) == 0
    np.testing.assert_allclose(said[1], of_full, rtol=0.03, atol=1e-4)


@pytest.mark.parametrize("task", TASKS)
def test_they_are_trained_on_and_predicted(task: str, trained: Data) -> None:
    """Of the training records, and of their batches, some hold nothing."""
    told = json.loads((trained(task) / TRAINING_NAME).read_text())
    assert [np.isfinite(entry["loss"]) for entry in told["history"]] == [True, True]
    predictor = load(trained(task))
    assert all(np.isfinite(weight).all() for weight in predictor.model.get_weights())
    records = records_by_split(task)["test"]
    empty = [record for record in records if not record["text"] and not record["waves"]]
    alone, among = predictor.predict(empty), predictor.predict([*records, *empty])
    assert len(alone) == len(empty) > 0
    for entry, other in zip(alone, among[len(records) :], strict=True):
        assert "error" not in entry
        assert entry["id"] == other["id"]
        np.testing.assert_allclose(numbers(entry), numbers(other), rtol=1e-5)


def numbers(entry: object) -> list[float]:
    """Returns all numbers of a prediction, in order."""
    if isinstance(entry, dict):
        return [number for value in entry.values() for number in numbers(value)]
    if isinstance(entry, list):
        return [number for value in entry for number in numbers(value)]
    return [float(entry)] if isinstance(entry, int | float) else []
