"""The path through a shuffle window: each example once, in the bucket of its shard, in an order of its own."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from schemas.buckets import bucket_index
from schemas.manifest import load_manifest
from schemas.manifest_pb2 import Shard
from tests.trainer.conftest import TRAIN_LENGTHS
from tests.trainer.dataset_builder import build_dataset
from trainer.batches import bucketed
from trainer.batches.batching import BUCKETED, Batching
from trainer.batches.bucketed import deal_lanes, turns_by_block
from trainer.batches.epochs import Epochs
from trainer.batches.order import Order
from trainer.batches.sizes import BatchLimits, plan_batches
from trainer.batches.source import SplitSource

LIMITS = BatchLimits(padded_steps=40, max_examples=8)
ALL = sorted(f"train-{i}" for i in range(len(TRAIN_LENGTHS)))
WINDOWS = [1_000, 20, 1]


def epoch(folder: Path, order: Order | None, limits: BatchLimits = LIMITS) -> tf.data.Dataset:
    source = SplitSource(folder, load_manifest(folder), "train")
    return Epochs(source, Batching(BUCKETED, limits), training=order is not None, with_ids=True).open(order)


def ids(dataset: tf.data.Dataset) -> list[list[str]]:
    return [[name.decode() for name in batch[0]["id"].numpy()] for batch in dataset]


def buckets_of(dataset: tf.data.Dataset, folder: Path) -> list[tuple[int, int]]:
    """Returns the bucket and the examples of each batch, and checks that no batch holds two buckets."""
    found = []
    for features, *_ in dataset:
        (bucket,) = set(bucket_index(features["text/length"].numpy(), load_manifest(folder).buckets).tolist())
        found.append((bucket, len(features["id"])))
    return found


@pytest.mark.parametrize("window", WINDOWS)
def test_lengths_on_the_boundaries_are_in_the_bucket_that_the_manifest_says(token_data: Path, window: int) -> None:
    assert {bucket for bucket, _ in buckets_of(epoch(token_data, Order(window=window)), token_data)} == {0, 1, 2}


@pytest.mark.parametrize("order", [None, *(Order(window=window) for window in WINDOWS)])
def test_every_example_comes_once_also_of_a_bucket_with_fewer_than_a_batch(
    token_data: Path, order: Order | None
) -> None:
    dataset = epoch(token_data, order, BatchLimits(padded_steps=10_000, max_examples=1_000))
    batches = ids(dataset)
    assert len(batches) == int(dataset.cardinality()) == 3
    assert sorted(itertools.chain(*batches)) == ALL


@pytest.mark.parametrize(("window_bytes", "window"), [(1, 1), (10**9, 1_000)])
def test_bytes_lower_the_window(token_data: Path, window_bytes: int, window: int) -> None:
    lowered = ids(epoch(token_data, Order(window=1_000, window_bytes=window_bytes)))
    assert lowered == ids(epoch(token_data, Order(window=window)))
    assert (lowered == ids(epoch(token_data, Order(window=1_000)))) == (window == 1_000)


@pytest.mark.parametrize("window", WINDOWS)
def test_epochs_do_not_mix(token_data: Path, window: int) -> None:
    runs = [ids(epoch(token_data, Order(epoch=number, window=window))) for number in range(3)]
    assert [sorted(itertools.chain(*run)) for run in runs] == [ALL] * 3
    assert runs[0] != runs[1] != runs[2]


@pytest.mark.parametrize("window", WINDOWS)
def test_one_partial_batch_of_each_bucket_at_most_and_they_come_last(token_data: Path, window: int) -> None:
    found = buckets_of(epoch(token_data, Order(window=window)), token_data)
    source = SplitSource(token_data, load_manifest(token_data), "train")
    full = plan_batches(source.loads(), LIMITS).sizes
    partial = [step for step, (bucket, examples) in enumerate(found) if examples < full[bucket]]
    assert partial == list(range(len(found) - len(partial), len(found)))
    assert len({found[step][0] for step in partial}) == len(partial) > 0


@pytest.mark.parametrize("window", WINDOWS)
def test_the_order_is_a_function_of_seed_and_epoch_alone(token_data: Path, window: int) -> None:
    runs = []
    for global_seed in (3, 4):
        tf.random.set_seed(global_seed)
        runs.append(ids(epoch(token_data, Order(seed=1, epoch=2, window=window))))
    assert runs[0] == runs[1]
    assert ids(epoch(token_data, Order(seed=2, epoch=2, window=window))) != runs[0]


def test_blocks_of_turns_are_joined(token_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ids(epoch(token_data, Order(window=1)))
    monkeypatch.setattr(bucketed, "_BLOCK", 10)
    blocks = ids(epoch(token_data, Order(window=1)))
    assert sorted(itertools.chain(*blocks)) == ALL
    assert blocks != whole


def test_a_branch_longer_than_that_of_the_buckets_is_padded_to_its_own_longest(tmp_path: Path) -> None:
    spec = "id: id\nsequences: {text: {type: tokens, empty: keep}, waves: {type: series, dims: 1, empty: keep}}\n"
    lengths = [(1, 9), (2, 0), (0, 3), (4, 1), (5, 12), (6, 2)]
    records: list[dict[str, Any]] = [
        {"id": str(i), "text": ["w"] * text, "waves": [[float(step + 1)] for step in range(waves)]}
        for i, (text, waves) in enumerate(lengths)
    ]
    build_dataset(tmp_path / "data", spec + "buckets: {by: text}\n", {"train": records}, [2])
    for features in epoch(tmp_path / "data", Order(), BatchLimits(1_000, 8)):
        rows = [lengths[int(name)] for name in features["id"].numpy()]
        assert list(zip(features["text/length"].numpy(), features["waves/length"].numpy(), strict=True)) == rows
        assert features["text"].shape == (3, max(text for text, _ in rows))
        assert features["waves"].shape == (3, max(waves for _, waves in rows), 1)


def shards(buckets: list[int]) -> list[Shard]:
    return [Shard(bucket=bucket, records=1) for bucket in buckets]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(0, 3))
def test_lanes_hold_every_shard_once_and_one_bucket_each(buckets: list[int], seed: int) -> None:
    lanes = deal_lanes(shards(buckets), np.random.default_rng(seed))
    assert sorted(itertools.chain(*lanes)) == list(range(len(buckets)))
    for lane in lanes:
        assert len({buckets[place] for place in lane}) == 1
    for bucket in set(buckets):
        assert sum(buckets[lane[0]] == bucket for lane in lanes) == min(8, buckets.count(bucket))


@given(st.data())
def test_blocks_hold_every_record_once_and_the_share_of_each_lane(data: st.DataObject) -> None:
    counts = np.array(data.draw(st.lists(st.integers(1, 10**9), min_size=1, max_size=9)), np.int64)
    blocks = data.draw(st.integers(1, 50))
    offsets = np.array([data.draw(st.integers(0, blocks - 1)) for _ in counts], np.int64)
    table = turns_by_block(counts, blocks, offsets)
    assert table.shape == (blocks, len(counts))
    assert table.sum(axis=0).tolist() == counts.tolist()
    assert (np.abs(table - counts / blocks) < 1).all()


def test_a_lane_of_one_record_begins_where_its_offset_says() -> None:
    for offset in range(4):
        table = turns_by_block(np.array([1]), 4, np.array([offset]))
        assert table[:, 0].tolist().index(1) == 3 - offset
