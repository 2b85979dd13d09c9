"""Shapes of batches: shares of replicas, rows of filler, and as many shapes as buckets where they are static."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from schemas.errors import UsageError
from schemas.manifest import load_manifest
from tests.trainer.batches.layouts import drawn_lengths, ids, write_lengths
from tests.trainer.dataset_builder import build_dataset
from trainer import Batching, BatchLimits, Order, open_dataset, open_epochs
from trainer.batches.batching import METHODS
from trainer.batches.layout import Layout

LIMITS = BatchLimits(padded_steps=60, max_examples=9)
ORDER = Order(seed=3, epoch=1, window=60, block_bytes=300)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lengths(tmp_path_factory.mktemp("lengths") / "data", drawn_lengths(60, 30), [5, 12, 50])


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def opened(folder: Path, method: str, **layout: Any) -> Any:
    batching = Batching(method, LIMITS, pool=3, **layout)
    return open_dataset(folder, batching=batching, order=ORDER, with_ids=True)


def without_filler(batches: list[list[str]]) -> list[list[str]]:
    """Filler is behind the rows that are real."""
    real = [[item for item in batch if item] for batch in batches]
    assert all(batch[: len(kept)] == kept for batch, kept in zip(batches, real, strict=True))
    return real


@pytest.mark.parametrize(("replicas", "static"), [(2, False), (4, False), (2, True)])
def test_shares_put_together_are_the_batch(folder: Path, method: str, replicas: int, static: bool) -> None:
    plain = ids(opened(folder, method))
    whole = list(opened(folder, method, replicas=replicas, static_shapes=static))
    shares = [
        list(opened(folder, method, replicas=replicas, replica=replica, static_shapes=static))
        for replica in range(replicas)
    ]
    assert without_filler(ids(whole)) == plain
    assert [len(share) for share in shares] == [len(plain)] * replicas
    for batch, *parts in zip(whole, *shares, strict=True):
        sizes = {len(part[0]["id"]) for part in parts}
        assert len(sizes) == 1
        for name, values in batch[0].items():
            joined = [row for part in parts for row in part[0][name].numpy().tolist()]
            # Without static shapes a share is as wide as its own longest row.
            if values.shape.rank == 1 or static:
                assert joined == values.numpy().tolist()
        for column in (1, 2):
            assert np.concatenate([part[column] for part in parts]).tolist() == batch[column].numpy().tolist()


@pytest.mark.parametrize("static", [False, True])
def test_filler_weighs_nothing_and_is_empty(folder: Path, method: str, static: bool) -> None:
    filler = 0
    for features, label, weight in opened(folder, method, replicas=4, static_shapes=static):
        is_filler = features["id"].numpy() == b""
        filler += is_filler.sum()
        assert ((weight.numpy() == 0) == is_filler).all()
        assert not features["text/length"].numpy()[is_filler].any()
        assert not features["text"].numpy()[is_filler].any()
        assert not label.numpy()[is_filler].any()
    assert filler > 0


def test_a_share_is_as_wide_as_its_own_rows(folder: Path, method: str) -> None:
    for features, _, _ in opened(folder, method, replicas=4, replica=3):
        assert features["text"].shape[1] == max(1, features["text/length"].numpy().max())


def test_more_replicas_than_rows(tmp_path: Path, method: str) -> None:
    data = write_lengths(tmp_path / "data", [3, 0, 5], [9])
    shares = [ids(opened(data, method, replicas=7, replica=replica)) for replica in range(7)]
    assert sorted(row for share in shares for batch in share for row in batch) == [
        *[""] * 4,
        *(f"train-{i}" for i in range(3)),
    ]
    assert {len(batch) for share in shares for batch in share} == {1}


@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("replicas", [1, 2, 4])
def test_every_example_has_the_same_pull_with_any_replicas(
    folder: Path, method: str, replicas: int, static: bool
) -> None:
    """A mean loss over the rows of each replica, and the mean of them: what Keras makes of a distributed batch."""
    epochs = open_epochs(folder, batching=Batching(method, LIMITS, replicas=replicas, static_shapes=static))
    pulls, rows = [], 0
    for _, _, weight in epochs.open(ORDER):
        rows += len(weight)
        for share in np.split(weight.numpy().astype(np.float64), replicas):
            pulls += [value / len(share) / replicas for value in share if value]
    assert len(pulls) == 60
    assert rows >= 60
    np.testing.assert_allclose(pulls, epochs.steps / 60, rtol=1e-6)


def shapes_of(batch: Any) -> tuple[Any, ...]:
    return tuple(tuple(part.shape) for part in tf.nest.flatten(batch))


@pytest.mark.parametrize("replicas", [1, 4])
def test_as_many_shapes_and_programs_as_buckets(folder: Path, method: str, replicas: int) -> None:
    """Over two epochs; the last bucket has no records."""
    batching = Batching(method, LIMITS, static_shapes=True, replicas=replicas)
    epochs = open_epochs(folder, batching=batching)
    embedding = tf.constant(np.linspace(0, 1, 80).reshape(10, 8), tf.float32)
    traces = 0

    @tf.function(jit_compile=True)
    def step(features: Any, label: Any, weight: Any) -> tf.Tensor:
        nonlocal traces
        traces += 1
        steps = tf.gather(embedding, features["text"])
        return tf.reduce_sum(tf.reduce_mean(steps, [1, 2]) * tf.cast(label, tf.float32) * weight)

    shapes = set()
    for epoch in range(2):
        for batch in epochs.open(Order(epoch=epoch, window=60)):
            shapes.add(shapes_of(batch))
            step(*batch)
    present = {shard.bucket for shard in epochs.source.shards}
    assert len(load_manifest(folder).buckets) == 4
    assert len(present) == 3
    assert len(shapes) == traces == 3


def test_rows_and_widths_of_static_shapes(folder: Path) -> None:
    """Of the bound of each bucket; of the last one with records, of its longest record."""
    epochs = open_epochs(folder, batching=Batching(limits=LIMITS, static_shapes=True, replicas=2))
    bounds = {5: 9, 12: 5, max(drawn_lengths(60, 30)): 2}
    seen = {tuple(features["text"].shape) for features, _, _ in epochs.open(ORDER)}
    assert seen == {(size + size % 2, width) for width, size in bounds.items()}


@pytest.mark.parametrize("buckets", ["", "buckets: {by: text}\n"], ids=["the longer", "the text"])
def test_static_shapes_of_sequences_with_lengths_of_their_own(tmp_path: Path, method: str, buckets: str) -> None:
    """The series may be longer than the text that the buckets go by."""
    spec = (
        "id: id\nsequences:\n  text: {type: tokens, empty: keep}\n  waves: {type: series, dims: 2, empty: keep}\n"
        f"label: {{type: number}}\n{buckets}"
    )
    records = [
        {"id": f"r{i}", "text": ["w"] * (i % 9), "waves": [[float(i), 1.0]] * (i * 7 % 23), "label": i / 2}
        for i in range(60)
    ]
    build_dataset(tmp_path / "data", spec, {"train": records}, [7])
    batching = Batching(method, BatchLimits(120, 8), static_shapes=True)
    shapes, seen = set(), {}
    for batch in open_dataset(tmp_path / "data", batching=batching, order=ORDER, with_ids=True):
        shapes.add(shapes_of(batch))
        features, label, weight = batch
        for row in np.flatnonzero(weight.numpy()):
            name = features["id"].numpy()[row].decode()
            steps = int(features["waves/length"][row])
            assert features["waves"][row].numpy()[:steps].tolist() == [[float(name[1:]), 1.0]] * steps
            assert not features["waves"][row].numpy()[steps:].any()
            assert np.count_nonzero(features["text"][row]) == int(features["text/length"][row])
            seen[name] = (int(features["text/length"][row]), steps, float(label[row]))
    assert len(shapes) == 2
    assert seen == {f"r{i}": (i % 9, i * 7 % 23, i / 2) for i in range(60)}


def test_static_shapes_of_labels_of_steps(tmp_path: Path, method: str) -> None:
    spec = "id: id\nsequences: {text: {type: tokens}}\nlabel: {type: per_step_class}\n"
    lengths = [1 + i * 5 % 11 for i in range(40)]
    records = [{"id": str(i), "text": ["w"] * n, "label": ["B", *"A" * (n - 1)]} for i, n in enumerate(lengths)]
    build_dataset(tmp_path / "data", spec, {"train": records}, [5])
    batching = Batching(method, BatchLimits(40, 8), static_shapes=True, replicas=3)
    total, shapes = 0, set()
    epochs = open_epochs(tmp_path / "data", batching=batching)
    for features, label, weight in epochs.open(Order()):
        assert label.shape == weight.shape == features["text"].shape
        steps = np.arange(label.shape[1]) < features["text/length"].numpy()[:, None]
        # Keras divides by all labels of a batch, padding and filler included.
        pulls = weight.numpy().astype(np.float64) / weight.numpy().size
        np.testing.assert_allclose(pulls, steps * (epochs.steps / sum(lengths)), rtol=1e-6)
        assert (label.numpy()[:, 0] == (features["text/length"].numpy() > 0)).all()
        assert not label.numpy()[:, 1:].any()
        total += int(np.count_nonzero(weight))
        shapes.add(tuple(label.shape))
    assert total == sum(lengths)
    assert shapes == {(9, 5), (3, 11)}


def test_static_shapes_of_another_split(tmp_path: Path, method: str) -> None:
    """Whose longest record is longer than any of training."""
    data = write_lengths(tmp_path / "data", [2, 4, 9], [5], test=[1, 8, 30, 17])
    batching = Batching(method, BatchLimits(60, 2), static_shapes=True)
    batches = list(open_dataset(data, "test", batching=batching, with_ids=True))
    assert {tuple(features["text"].shape) for features, _, _ in batches} <= {(2, 5), (2, 30)}
    assert sorted(row for batch in without_filler(ids(batches)) for row in batch) == [f"test-{i}" for i in range(4)]
    assert sum(float(weight.numpy().sum()) for _, _, weight in batches) == 4


@pytest.mark.parametrize("lengths", [[0, 0, 0], [0]])
def test_static_shapes_of_empty_records_have_one_step(tmp_path: Path, method: str, lengths: list[int]) -> None:
    data = write_lengths(tmp_path / "data", lengths, [])
    batching = Batching(method, BatchLimits(60, 4), static_shapes=True)
    ((features, _, _),) = open_dataset(data, batching=batching)
    assert features["text"].shape[1] == 1


def test_characters_have_no_static_shape(tmp_path: Path, method: str) -> None:
    spec = "id: id\nsequences: {text: {type: tokens}, letters: {derive: {of: text, take: characters}}}\n"
    build_dataset(tmp_path / "data", spec, {"train": [{"id": "a", "text": ["one", "two"]}]})
    with pytest.raises(UsageError) as error:
        open_dataset(tmp_path / "data", batching=Batching(method, static_shapes=True))
    assert str(error.value) == (
        "static_shapes: sequence 'letters' takes characters, and how many the longest token has is not known; leave "
        "static_shapes off"
    )


@pytest.mark.parametrize(
    ("replicas", "replica", "text"),
    [
        (0, None, "replicas: 0 is out of range; it must be 1 or more"),
        (-2, 0, "replicas: -2 is out of range; it must be 1 or more"),
        (2, 2, "replica: 2 is none of 2 replicas; they are counted from 0"),
        (2, -1, "replica: -1 is none of 2 replicas; they are counted from 0"),
    ],
)
def test_replicas_that_are_not_there(folder: Path, replicas: int, replica: int | None, text: str) -> None:
    with pytest.raises(UsageError) as error:
        open_epochs(folder, batching=Batching(replicas=replicas, replica=replica))
    assert str(error.value) == text


def test_a_plain_layout_changes_nothing() -> None:
    layout = Layout()
    assert int(layout.rows(tf.constant(5, tf.int64), tf.constant(0, tf.int64))) == 5
    assert int(layout.width("text", tf.constant([2, 7], tf.int64), tf.constant(0, tf.int64))) == 7
    assert int(layout.width("text", tf.constant([0], tf.int64), tf.constant(0, tf.int64))) == 1
