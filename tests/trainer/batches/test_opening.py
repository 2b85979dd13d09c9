"""From shards to batches: every example once, in its bucket, padded at the end, weighed alike."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.errors import DataError
from schemas.manifest import load_manifest
from tests.trainer.conftest import BOUNDS, TEST_LENGTHS, TRAIN_LENGTHS
from tests.trainer.dataset_builder import build_dataset
from trainer import Batching, BatchLimits, Order, open_dataset, open_epochs
from trainer.batches.batching import BUCKETED, METHODS
from trainer.batches.epochs import Epochs
from trainer.batches.source import SplitSource

LIMITS = BatchLimits(padded_steps=40, max_examples=8)
TWO_SEQUENCES = """
id: id
sequences:
  text: {type: tokens, empty: keep}
  waves: {type: series, dims: 2, empty: keep}
label: {type: LABEL}
BUCKETS
"""


@pytest.fixture(params=METHODS)
def batching(request: pytest.FixtureRequest) -> Batching:
    return Batching(request.param, LIMITS)


def ids(dataset: Any) -> list[list[str]]:
    return [[item.decode() for item in batch[0]["id"].numpy()] for batch in dataset]


def flat(batches: list[list[str]]) -> list[str]:
    return [item for batch in batches for item in batch]


@pytest.mark.parametrize("window", [1_000, 20, 1])
@pytest.mark.parametrize("epoch", [0, 3])
def test_each_example_once_an_epoch_and_as_many_steps_as_said(
    token_data: Path, window: int, epoch: int, batching: Batching
) -> None:
    order = Order(seed=1, epoch=epoch, window=window)
    dataset = open_dataset(token_data, batching=batching, order=order, with_ids=True)
    batches = ids(dataset)
    assert len(batches) == int(dataset.cardinality())
    assert sorted(flat(batches)) == sorted(f"train-{i}" for i in range(len(TRAIN_LENGTHS)))


def test_each_bucket_has_one_partial_batch_at_most(token_data: Path) -> None:
    batching = Batching(BUCKETED, LIMITS)
    sizes: dict[int, list[int]] = {}
    for features, _, _ in open_dataset(token_data, batching=batching):
        lengths = features["text/length"].numpy()
        sizes.setdefault(int(np.searchsorted(BOUNDS, lengths.max())), []).append(len(lengths))
    for batch_sizes in sizes.values():
        assert sum(size < max(batch_sizes) for size in batch_sizes) <= 1


def test_lengths_at_the_boundaries_are_in_the_declared_bucket(token_data: Path) -> None:
    batching = Batching(BUCKETED, LIMITS)
    buckets = [range(4), range(4, 8), range(8, 1_000)]
    for split in ("train", "test"):
        for features, _, _ in open_dataset(token_data, split, batching=batching):
            lengths = set(features["text/length"].numpy().tolist())
            assert any(lengths <= set(bucket) for bucket in buckets), lengths


def test_records_longer_than_any_of_training_are_padded_to_their_batch(token_data: Path, batching: Batching) -> None:
    widths = {}
    for features, _, _ in open_dataset(token_data, "test", batching=batching):
        lengths = features["text/length"].numpy()
        assert features["text"].shape[1] == max(lengths.max(), 1)
        widths[int(lengths.max())] = features["text"].shape
    assert max(widths) == max(TEST_LENGTHS) > max(TRAIN_LENGTHS)


def test_padding_is_at_the_end_and_zero(token_data: Path, batching: Batching) -> None:
    for features, _, _ in open_dataset(token_data, batching=batching):
        real = np.arange(features["text"].shape[1]) < features["text/length"].numpy()[:, None]
        assert ((features["text"].numpy() > 0) == real).all()


def test_shapes_and_types(token_data: Path) -> None:
    features, label, weight = open_dataset(token_data, with_ids=True).element_spec
    assert {name: (spec.dtype.name, spec.shape.rank) for name, spec in features.items()} == {
        "text": ("int32", 2),
        "text/length": ("int32", 1),
        "id": ("string", 1),
    }
    assert (label.dtype.name, label.shape.rank) == ("int64", 1)
    assert (weight.dtype.name, weight.shape.rank) == ("float32", 1)
    assert set(open_dataset(token_data).element_spec[0]) == {"text", "text/length"}


@pytest.mark.parametrize("window", [1_000, 20])
def test_the_order_is_a_function_of_seed_and_epoch(token_data: Path, window: int, batching: Batching) -> None:
    def run(seed: int, epoch: int) -> list[list[str]]:
        order = Order(seed, epoch, window)
        return ids(open_dataset(token_data, batching=batching, order=order, with_ids=True))

    first = run(0, 0)
    assert run(0, 0) == first
    assert run(0, 1) != first
    assert run(1, 0) != first


def test_a_small_window_is_no_curriculum_of_lengths(token_data: Path) -> None:
    dataset = open_dataset(token_data, batching=Batching(limits=BatchLimits(8, 4)), order=Order(window=8))
    longest = [int(features["text/length"].numpy().max()) for features, _, _ in dataset]
    first_half = longest[: len(longest) // 2]
    # In the order of the shards the first half would hold the first bucket and the last not at all.
    assert min(first_half) <= BOUNDS[0] and max(first_half) > BOUNDS[1]


def test_not_in_training_the_order_is_that_on_disk_and_weights_are_one(token_data: Path, batching: Batching) -> None:
    dataset = open_dataset(token_data, training=False, batching=batching, with_ids=True)
    again = open_dataset(token_data, training=False, batching=batching, with_ids=True)
    assert ids(dataset) == ids(again)
    assert {value for _, _, weight in dataset for value in weight.numpy().tolist()} == {1.0}


def test_every_example_has_the_same_pull_over_an_epoch(token_data: Path, batching: Batching) -> None:
    """A mean over a batch divides by its size; weights make up for it."""
    epochs = open_epochs(token_data, batching=batching)
    pulls = [
        value / len(weight) for _, _, weight in epochs.open(Order()) for value in weight.numpy().astype(np.float64)
    ]
    np.testing.assert_allclose(pulls, epochs.steps / epochs.examples, rtol=1e-6)
    assert len(set(epochs.sizes)) > 1


def two_sequences(folder: Path, label: str, values: list[Any], buckets: str = "") -> Path:
    lengths = [(3, 1), (1, 5), (2, 0), (0, 2), (4, 4), (1, 1)]
    records = [
        {
            "id": f"r{i}",
            "text": ["w"] * text,
            "waves": [[float(i), float(step)] for step in range(waves)],
            "label": value,
        }
        for i, ((text, waves), value) in enumerate(zip(lengths, values, strict=True))
    ]
    spec = TWO_SEQUENCES.replace("LABEL", label).replace("BUCKETS", buckets)
    build_dataset(folder, spec, {"train": records}, [2])
    return folder


def test_sequences_of_one_record_have_lengths_of_their_own(tmp_path: Path) -> None:
    folder = two_sequences(tmp_path / "data", "number", [0.5, 1.5, 2.5, 3.5, 4.5, 5.5])
    seen = {}
    for features, label, _ in open_dataset(folder, with_ids=True, batching=Batching(limits=BatchLimits(100, 2))):
        for i, name in enumerate(features["id"].numpy()):
            steps = int(features["waves/length"][i])
            seen[name.decode()] = (int(features["text/length"][i]), steps, float(label[i]))
            assert features["waves"][i].numpy()[:steps].tolist() == [[int(name[1:]), step] for step in range(steps)]
            assert not features["waves"][i].numpy()[steps:].any()
    assert seen == {
        "r0": (3, 1, 0.5),
        "r1": (1, 5, 1.5),
        "r2": (2, 0, 2.5),
        "r3": (0, 2, 3.5),
        "r4": (4, 4, 4.5),
        "r5": (1, 1, 5.5),
    }


@pytest.mark.parametrize(
    ("buckets", "short"), [("", {"r2", "r3", "r5"}), ("buckets: {by: text}", {"r1", "r2", "r3", "r5"})]
)
def test_buckets_go_by_the_sequence_that_the_spec_names(tmp_path: Path, buckets: str, short: set[str]) -> None:
    folder = two_sequences(tmp_path / "data", "class", list("ababab"), buckets)
    batching = Batching(BUCKETED, BatchLimits(100, 10))
    batches = ids(open_dataset(folder, training=False, with_ids=True, batching=batching))
    assert {frozenset(batch) for batch in batches} == {frozenset(short), frozenset({f"r{i}" for i in range(6)} - short)}


def test_per_step_labels_are_padded_and_weigh_nothing_there(tmp_path: Path) -> None:
    spec = "id: id\nsequences: {text: {type: tokens}}\nlabel: {type: per_step_class}\n"
    records = [{"id": str(n), "text": ["w"] * n, "label": ["B", *"A" * (n - 1)]} for n in (1, 3, 2)]
    build_dataset(tmp_path / "data", spec, {"train": records}, [5])
    ((features, label, weight),) = open_dataset(tmp_path / "data", training=False)
    order = np.argsort(features["text/length"].numpy())
    assert label.numpy()[order].tolist() == [[1, 0, 0], [1, 0, 0], [1, 0, 0]]
    assert weight.numpy()[order].tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]


def test_without_a_label_there_are_features_only(tmp_path: Path) -> None:
    spec = "id: id\nsequences: {text: {type: tokens}}\n"
    build_dataset(tmp_path / "data", spec, {"train": [{"id": "a", "text": ["x", "y"]}]})
    (features,) = open_dataset(tmp_path / "data")
    assert features["text"].numpy().tolist() == [[2, 3]]


@pytest.fixture
def damaged(token_data: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    shutil.copytree(token_data, folder)
    return folder


def first_shard(folder: Path) -> Path:
    return folder / next(shard.path for shard in load_manifest(folder).shards if shard.split == "train")


def test_a_missing_shard(damaged: Path) -> None:
    shard = first_shard(damaged)
    shard.unlink()
    with pytest.raises(DataError) as error:
        open_dataset(damaged)
    assert str(error.value) == f"{shard}: is missing though the manifest names it; write the data set again"


def test_a_short_shard(damaged: Path) -> None:
    shard = first_shard(damaged)
    content = shard.read_bytes()
    shard.write_bytes(content[:-1])
    with pytest.raises(DataError) as error:
        open_dataset(damaged)
    size = len(content)
    assert str(error.value) == f"{shard}: has {size - 1} bytes where the manifest says {size}; write the data set again"


def test_a_shard_of_other_bytes(damaged: Path, batching: Batching) -> None:
    shard = first_shard(damaged)
    content = bytearray(shard.read_bytes())
    content[40] ^= 0xFF
    shard.write_bytes(content)
    source = SplitSource(damaged, load_manifest(damaged), "train")
    with pytest.raises(
        DataError, match="the records of split 'train' do not fit the manifest: corrupted record at 12; `python"
    ):
        list(source.iterate(Epochs(source, batching, training=False).open(None)))


def test_files_that_the_manifest_does_not_name_do_not_matter(damaged: Path) -> None:
    shutil.copy(first_shard(damaged), damaged / "train" / "another.tfrecord")
    assert len(flat(ids(open_dataset(damaged, with_ids=True)))) == len(TRAIN_LENGTHS)


def test_an_unknown_split(token_data: Path) -> None:
    with pytest.raises(DataError) as error:
        open_dataset(token_data, "tset")
    assert str(error.value) == "split 'tset': is not in this data set; did you mean 'test'?"


def test_the_budget_counts_every_sequence(tmp_path: Path) -> None:
    """Buckets go by a short text, and a long series beside it is what fills the memory."""
    spec = "id: id\nsequences: {text: {type: tokens}, waves: {type: series, dims: 1}}\nbuckets: {by: text}"
    records = [{"id": f"r{i}", "text": ["a"] * (1 + i % 3), "waves": [[0.5]] * 200} for i in range(40)]
    build_dataset(tmp_path / "data", spec, {"train": records})
    batches = list(open_dataset(tmp_path / "data", batching=Batching(limits=BatchLimits(1_000, 100))))
    assert sum(features["waves"].shape[0] for features in batches) == 40
    assert {features["waves"].shape[0] * features["waves"].shape[1] <= 1_000 for features in batches} == {True}
