"""A prediction follows from its record alone.

It is the same alone, padded by any amount and with anything, in any batch, in any order of rows, padded to the
longest of the batch or to the boundary of its bucket, behind or in front. Masks that stop at a layer, are lost where
branches are joined or stand for values would all show here.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.trainer.properties.cases import (
    CASES,
    PLAIN,
    Batch,
    answers,
    model_of,
    parameters,
    predicted,
    relaxed,
    taken,
    tolerance,
    whole_batch,
    widened,
)
from tests.trainer.properties.data_sets import TASKS
from trainer import Batching, BatchLimits, Order, open_dataset

Data = Callable[[str], Path]
Batches = Callable[[str], Batch]
MORE = {"text": 5, "shape": 5, "frames": 5, "letters": 5, "waves": 3}


@pytest.mark.parametrize(("task", "way"), parameters(CASES))
def test_alone_and_in_any_batch(task: str, way: str, data: Data, batch_of: Batches) -> None:
    model, batch = model_of(data(task), way), batch_of(task)
    leader = model.task.leader
    together = predicted(model, batch[0])
    order = np.random.default_rng(2).permutation(len(together))
    disguised = predicted(model, widened(taken(batch, order, leader), leader, MORE)[0])
    for row, answer in zip(order, disguised, strict=True):
        np.testing.assert_allclose(answer, together[row], **tolerance(way))
    lengths = np.max([values for name, values in batch[0].items() if name.endswith("/length")], axis=0)
    ranks = np.argsort(lengths, kind="stable")
    for row in ranks[[0, 2, len(ranks) // 2, -1]].tolist():
        alone = predicted(model, taken(batch, [row], leader)[0])
        np.testing.assert_allclose(alone[0], together[row], **tolerance(way))
    assert np.ptp([np.abs(answer).max(initial=0) for answer in together]) > 1e-3  # They do differ from each other.


@pytest.mark.parametrize("task", TASKS)
def test_batched_in_any_way(task: str, data: Data, batch_of: Batches) -> None:
    """By plan or bucket, padded to the boundaries of buckets or their longest, behind or in front."""
    features, limits = batch_of(task)[0], BatchLimits(padded_steps=60, max_examples=5)
    model, in_front = model_of(data(task), PLAIN), model_of(data(task), PLAIN, padding="pre")
    expected = dict(zip(features["id"].tolist(), predicted(model, features), strict=True))
    # Of characters nobody knows the most.
    to_boundary = Batching(limits=limits, static_shapes=task != "per_step_class", replicas=3)
    signature = [relaxed(features)]
    of_model = tf.function(model.call, input_signature=signature)
    ways = [
        (of_model, Batching("bucket_by_sequence_length", limits)),
        (of_model, to_boundary),
        (tf.function(in_front.call, input_signature=signature), Batching(limits=limits, padding="pre")),
    ]
    for run, batching in ways:
        found = by_id(run, data(task), batching, model.task.leader)
        assert found.keys() == expected.keys()
        for name, answer in expected.items():
            np.testing.assert_allclose(found[name], answer, rtol=1e-5, atol=1e-5)


def by_id(run: Any, folder: Path, batching: Batching, leader: str | None) -> dict[bytes, Any]:
    """Returns what a model says of each record of the test split, by id."""
    dataset = open_dataset(folder, "test", training=True, batching=batching, order=Order(seed=4), with_ids=True)
    found = {}
    for features, _, _ in dataset:
        plain = {name: values.numpy() for name, values in features.items()}
        outputs = run(features).numpy()
        if batching.padding == "pre" and leader:
            lengths = plain[f"{leader}/length"]
            outputs = np.stack([np.roll(row, length, axis=0) for row, length in zip(outputs, lengths, strict=True)])
        said = answers(outputs, plain, leader)
        found |= {name: answer for name, answer in zip(plain["id"].tolist(), said, strict=True) if name}
    return found


@pytest.fixture(scope="module")
def traced(data: Data, batch_of: Batches) -> tuple[Any, Batch, str | None]:
    model, batch = model_of(data("binary"), "lstm both ways, two layers, normalised"), batch_of("binary")
    run = tf.function(model.call, input_signature=[relaxed(batch[0])])
    return run, batch, model.task.leader


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.integers(0, 11), min_size=1, max_size=6),
    more=st.fixed_dictionaries({"text": st.integers(0, 9), "waves": st.integers(0, 9)}),
    fill=st.sampled_from(["zeros", "poison"]),
)
def test_any_rows_with_any_padding_of_each_branch(
    rows: list[int], more: dict[str, int], fill: str, traced: tuple[Any, Batch, str | None]
) -> None:
    run, batch, leader = traced
    features, _, _ = widened(taken(batch, rows, leader), leader, more, fill)
    np.testing.assert_allclose(run(features).numpy(), run(batch[0]).numpy()[rows], rtol=1e-5, atol=1e-6)


def test_whole_batches_hold_all_records(data: Data) -> None:
    features, label, weight = whole_batch(data("per_step_class"))
    assert features["text"].shape == label.shape == weight.shape == (12, 13)
    assert sorted(features["text/length"].tolist()) == [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13]
    assert weight.sum() == 58
