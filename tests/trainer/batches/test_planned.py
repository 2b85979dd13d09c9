"""What tf.data reads is what the pure plan says, record by record, from any step on."""

from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from schemas.errors import UsageError
from schemas.manifest import load_manifest
from tests.trainer.batches.layouts import AS_SEQUENCE_EXAMPLES, SPEC, drawn_lengths, ids, planned_ids, write_lengths
from trainer import Batching, BatchLimits, Order, open_dataset, open_epochs
from trainer.batches.epochs import Epochs

LIMITS = BatchLimits(padded_steps=60, max_examples=9)
SMALL = Order(seed=3, epoch=1, window=35, block_bytes=300)
# Of each layout: lengths, bounds of buckets, shards, spec, batches of a pool.
LAYOUTS: dict[str, tuple[list[int], list[int], int, str, int]] = {
    "a few shards": (drawn_lengths(200, 30), [5, 12], 2, SPEC, 3),
    "many shards": (drawn_lengths(200, 30), [5, 12], 13, SPEC, 4),
    "a single bucket": (drawn_lengths(90, 30), [], 3, SPEC, 5),
    "a bucket of one example": ([*[2, 3] * 20, 9, *[20, 25] * 10], [5, 12], 1, SPEC, 2),
    "empty buckets": ([*[2] * 21, *[30] * 10], [1, 3, 9, 20, 40], 2, SPEC, 2),
    "one example": ([4], [5, 12], 1, SPEC, 32),
    "pools of one batch": (drawn_lengths(120, 30), [5, 12], 2, SPEC, 1),
    "one large pool": (drawn_lengths(120, 30), [5, 12], 2, SPEC, 1_000),
    "all alike": ([7] * 50, [5, 12], 3, SPEC, 2),
    "sequence examples": (drawn_lengths(80, 30), [5, 12], 2, AS_SEQUENCE_EXAMPLES, 3),
}
ORDERS = {
    "shuffled whole": Order(seed=5),
    "blocks of one record": Order(seed=1, window=20, block_bytes=1),
    "windows of one record": Order(seed=1, window=1, block_bytes=1),
    "windows bound by their bytes": Order(seed=2, window_bytes=2_000, block_bytes=150),
    "a large seed": Order(seed=2**70, window=50, block_bytes=300),
}


@pytest.fixture(scope="module", params=LAYOUTS)
def epochs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Epochs:
    lengths, bounds, shards, spec, pool = LAYOUTS[request.param]
    folder = write_lengths(tmp_path_factory.mktemp("layout") / "data", lengths, bounds, shards, spec)
    return open_epochs(folder, batching=Batching(limits=LIMITS, pool=pool), with_ids=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lengths(tmp_path_factory.mktemp("lengths") / "data", drawn_lengths(120, 30), [5, 12], none=[])


def small_epochs(folder: Path, **batching: Any) -> Epochs:
    return open_epochs(folder, batching=Batching(limits=LIMITS, pool=3, **batching), with_ids=True)


@pytest.mark.parametrize("order", [None, SMALL], ids=["on disk", "small windows"])
def test_batches_are_those_of_the_plan(epochs: Epochs, order: Order | None) -> None:
    dataset = epochs.open(order)
    batches = ids(dataset)
    assert batches == planned_ids(epochs, order)
    assert len(batches) == epochs.steps == int(dataset.cardinality())
    everything = sorted(item for batch in batches for item in batch)
    assert everything == sorted(f"train-{i}" for i in range(epochs.examples))


@pytest.mark.parametrize("order", ORDERS.values(), ids=list(ORDERS))
def test_batches_are_those_of_the_plan_whatever_the_windows(folder: Path, order: Order) -> None:
    epochs = small_epochs(folder)
    assert ids(epochs.open(order)) == planned_ids(epochs, order)


@pytest.mark.parametrize("order", [None, SMALL], ids=["on disk", "small windows"])
def test_any_first_step_gives_exactly_the_rest(folder: Path, order: Order | None) -> None:
    """At the borders of pools and windows as well, and behind the last step."""
    epochs = open_epochs(folder, batching=Batching(limits=BatchLimits(60, 16), pool=2), with_ids=True)
    whole = ids(epochs.open(order))
    assert len(whole) == epochs.steps > 20
    plan = epochs.plan(order)
    assert any(stream.batches > 2 * plan.pool for stream in plan.streams)
    assert order is None or any(len(of.starts) > 3 for of in plan.orders)
    for step in range(epochs.steps + 1):
        rest = epochs.open(order, step)
        assert int(rest.cardinality()) == epochs.steps - step
        assert ids(rest) == whole[step:]


def test_the_first_step_of_open_dataset(folder: Path) -> None:
    batching = Batching(limits=LIMITS, pool=3)
    whole = ids(open_dataset(folder, batching=batching, order=SMALL, with_ids=True))
    assert ids(open_dataset(folder, batching=batching, order=SMALL, first_step=7, with_ids=True)) == whole[7:]


@pytest.mark.parametrize("step", [-1, 1])
@pytest.mark.parametrize("method", ["planned", "bucket_by_sequence_length"])
def test_a_first_step_that_is_not_there(folder: Path, step: int, method: str) -> None:
    epochs = small_epochs(folder, method=method)
    first_step = epochs.steps + step if step > 0 else step
    with pytest.raises(UsageError) as error:
        epochs.open(SMALL, first_step)
    assert str(error.value) == f"first_step: {first_step} is none of the {epochs.steps} steps of an epoch"
    with pytest.raises(UsageError) as error:
        epochs.position(SMALL, first_step)
    assert str(error.value) == f"step: {first_step} is none of the {epochs.steps} steps of an epoch"


@pytest.mark.parametrize("method", ["planned", "bucket_by_sequence_length"])
@pytest.mark.parametrize("training", [False, True])
def test_a_split_without_examples_is_a_dataset_without_batches(folder: Path, method: str, training: bool) -> None:
    batching = Batching(method, LIMITS)
    dataset = open_dataset(folder, "none", training=training, batching=batching, with_ids=True)
    assert int(dataset.cardinality()) == 0
    assert list(dataset) == []
    assert dataset.element_spec == open_dataset(folder, batching=batching, with_ids=True).element_spec


@pytest.mark.parametrize("method", ["planned", "bucket_by_sequence_length"])
def test_seeds_of_tensorflow_do_not_matter(folder: Path, method: str) -> None:
    runs = []
    for seed in (1, 2):
        tf.random.set_seed(seed)
        runs.append(ids(small_epochs(folder, method=method).open(SMALL)))
    assert runs[0] == runs[1]


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("method", ["planned", "bucket_by_sequence_length"])
def test_the_order_needs_no_option(folder: Path, deterministic: bool, method: str) -> None:
    options = tf.data.Options()
    options.deterministic = deterministic
    options.threading.private_threadpool_size = 8
    epochs = small_epochs(folder, method=method)
    assert ids(epochs.open(SMALL).with_options(options)) == ids(epochs.open(SMALL))


def test_a_dataset_can_be_gone_through_again(folder: Path) -> None:
    dataset = small_epochs(folder).open(SMALL)
    assert ids(dataset) == ids(dataset)


@pytest.mark.parametrize("method", ["planned", "bucket_by_sequence_length"])
def test_a_saved_iterator_goes_on_where_it_was(folder: Path, tmp_path: Path, method: str) -> None:
    epochs = small_epochs(folder, method=method)
    whole = ids(epochs.open(SMALL))
    batches = iter(epochs.open(SMALL))
    done = ids(next(batches) for _ in range(11))
    path = tf.train.Checkpoint(batches=batches).save(str(tmp_path / "checkpoint"))
    again = iter(epochs.open(SMALL))
    tf.train.Checkpoint(batches=again).restore(path).assert_consumed()
    assert done + ids(again) == whole


def test_an_epoch_reads_nothing_that_comes_before_its_first_step(folder: Path) -> None:
    """All files that hold nothing of what remains may be gone."""
    epochs = open_epochs(folder, training=False, batching=Batching(limits=LIMITS, pool=1), with_ids=True)
    whole = ids(epochs.open(None))
    shards = [shard for shard in load_manifest(folder).shards if shard.split == "train"]
    gone = [folder / shard.path for shard in shards if shard.bucket == 0]
    assert len(gone) == 2
    kept = [path.rename(path.with_suffix(".gone")) for path in gone]
    try:
        first_step = epochs.plan(None).choices.tolist().index(2)
        assert ids(epochs.open(None, first_step)) == whole[first_step:]
    finally:
        for path in kept:
            path.rename(path.with_suffix(".tfrecord"))
