"""Data sets that were damaged, or written anew, after they were opened: each says so, none loses a record unsaid."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from schemas.errors import DataError
from schemas.manifest import load_manifest
from schemas.manifest_pb2 import Shard
from tests.trainer.batches.layouts import drawn_lengths, ids, write_lengths
from trainer import Batching, BatchLimits, Order, Position, open_epochs
from trainer.batches.epochs import Epochs

ORDERS = [None, Order(seed=1, window=40, block_bytes=300)]
NOT_THERE = "the records of a shard are not where its index says"
Damage = Callable[[Path, Shard], None]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lengths(tmp_path_factory.mktemp("sound") / "data", drawn_lengths(120, 30), [5, 12])


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "data"))


@pytest.fixture(params=ORDERS, ids=["on disk", "shuffled"])
def order(request: pytest.FixtureRequest) -> Order | None:
    return request.param


def opened(folder: Path, **settings: Any) -> Epochs:
    batching = Batching(limits=BatchLimits(60, 9), **{"pool": 3, **settings})
    return open_epochs(folder, training=False, batching=batching, with_ids=True)


def train_shards(folder: Path) -> list[Shard]:
    return [shard for shard in load_manifest(folder).shards if shard.split == "train"]


def change_index(path: Path, change: Callable[[Any], Any]) -> None:
    table = change(np.load(path))
    with path.open("wb") as file:
        np.save(file, table)


def without_last(path: Path, shard: Shard) -> None:
    """Cuts a shard behind the last record but one."""
    records = [item.numpy() for item in tf.data.TFRecordDataset(str(path))]
    path.write_bytes(path.read_bytes()[: shard.bytes - 16 - len(records[-1])])


def of_fewer_records(path: Path, shard: Shard) -> None:
    """As many bytes, and one record fewer: the last one has an unknown field that is as long as the one before it."""
    records = [item.numpy() for item in tf.data.TFRecordDataset(str(path))]
    spare = len(records[-2]) + 16
    field = b"\x7a" + (bytes([spare - 2]) if spare < 130 else bytes([(spare - 3) & 127 | 128, (spare - 3) >> 7]))
    records[-2:] = [records[-1] + field + b"x" * (spare - len(field))]
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    assert path.stat().st_size == shard.bytes


@pytest.mark.parametrize("number", [0, -1], ids=["first shard", "last shard"])
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (without_last, NOT_THERE),
        (of_fewer_records, NOT_THERE),
        (lambda path, shard: path.write_bytes(b""), NOT_THERE),
        (lambda path, shard: path.write_bytes(bytes(shard.bytes)), "corrupted record at "),
        (lambda path, shard: path.write_bytes(path.read_bytes()[:-9]), "truncated record at "),
        (lambda path, shard: path.unlink(), "No such file or directory"),
    ],
    ids=["a record short", "other records", "empty", "zeros", "cut off", "deleted"],
)
def test_a_shard_that_changed_after_it_was_found(
    folder: Path, order: Order | None, damage: Damage, reason: str, number: int
) -> None:
    epochs, shard = opened(folder), train_shards(folder)[number]
    damage(folder / shard.path, shard)
    with pytest.raises(DataError) as error:
        ids(epochs.source.iterate(epochs.open(order)))
    text = str(error.value)
    assert text.startswith(f"{folder}: the records of split 'train' do not fit the manifest: ")
    assert reason in text
    assert text.endswith(f"; `python -m pipeline verify {folder}` says which file, then write the data set again")
    assert "\n" not in text


@pytest.mark.parametrize("value", [-(2**63), -1, 10**9, 2**63 - 1])
def test_an_index_that_points_outside(folder: Path, order: Order | None, value: int) -> None:
    path = folder / train_shards(folder)[0].index_path

    def first(table: Any) -> Any:
        table["offset"][0] = value
        return table

    change_index(path, first)
    with pytest.raises(DataError) as error:
        opened(folder).open(order)
    assert str(error.value) == f"{path}: is damaged (its offsets do not rise); write the data set again"


def test_an_index_that_points_to_other_records(folder: Path) -> None:
    """To the second instead of the first, which would come never and the second twice."""
    path = folder / train_shards(folder)[0].index_path

    def second(table: Any) -> Any:
        table["offset"][0] = table["offset"][1]
        return table

    change_index(path, second)
    epochs = opened(folder)
    with pytest.raises(DataError, match=NOT_THERE):
        ids(epochs.source.iterate(epochs.open(Order(block_bytes=300))))


def test_a_missing_index(folder: Path, order: Order | None) -> None:
    path = folder / train_shards(folder)[0].index_path
    path.unlink()
    with pytest.raises(DataError) as error:
        opened(folder).open(order)
    assert str(error.value) == f"{path}: is missing though the manifest names it; write the data set again"


def test_an_index_of_too_few_records(folder: Path, order: Order | None) -> None:
    shard = train_shards(folder)[0]
    path = folder / shard.index_path
    change_index(path, lambda table: table[:-1])
    with pytest.raises(DataError) as error:
        opened(folder).open(order)
    assert str(error.value) == (
        f"{path}: holds [('offset', '<i8'), ('length', '<i4')] of shape ({shard.records - 1},) where the manifest "
        f"says {shard.records} records; write the data set again"
    )


def test_bucket_by_sequence_length_needs_no_index(folder: Path) -> None:
    for shard in train_shards(folder):
        (folder / shard.index_path).unlink()
    batches = ids(opened(folder, method="bucket_by_sequence_length").open(None))
    assert sum(map(len, batches)) == 120


def test_a_data_set_written_anew_under_a_position(folder: Path, tmp_path: Path) -> None:
    position = opened(folder).position(Order(seed=1), 4)
    anew = write_lengths(tmp_path / "anew", drawn_lengths(120, 30, seed=1), [5, 12])
    with pytest.raises(DataError) as error:
        opened(anew).resume(Order(seed=1), position)
    before, now = (load_manifest(path).fingerprint[:12] for path in (folder, anew))
    assert str(error.value) == (
        f"the position belongs to a data set with fingerprint {before}…, and this one has {now}…: it was written "
        "anew with other content; begin training anew"
    )


@pytest.mark.parametrize(
    ("order", "settings"),
    [
        (Order(seed=2), {}),
        (Order(seed=1, window=7), {}),
        (Order(seed=1, window_bytes=7), {}),
        (Order(seed=1, block_bytes=7), {}),
        (Order(seed=1), {"pool": 4}),
        (Order(seed=1), {"method": "bucket_by_sequence_length"}),
        (Order(seed=1), {"limits": BatchLimits(61, 8)}),
    ],
    ids=["seed", "window", "bytes of the window", "blocks", "pool", "method", "limits"],
)
def test_a_position_of_other_settings(sound: Path, order: Order, settings: dict[str, Any]) -> None:
    position = opened(sound).position(Order(seed=1), 4)
    batching = Batching(**{"limits": BatchLimits(60, 9), "pool": 3, **settings})
    with pytest.raises(DataError) as error:
        open_epochs(sound, training=False, batching=batching).resume(order, position)
    assert str(error.value) == (
        "the position belongs to batches of another split or of other settings (sizes, seed, shuffling or way "
        "of batching); go on with those that it was made with, or begin training anew"
    )


def test_a_position_of_another_split(tmp_path: Path) -> None:
    lengths = drawn_lengths(60, 30)
    folder = write_lengths(tmp_path / "data", lengths, [5, 12], validation=lengths)
    position = opened(folder).position(Order(seed=1), 4)
    other = open_epochs(folder, "validation", batching=Batching(limits=BatchLimits(60, 9), pool=3))
    assert other.sizes == opened(folder).sizes
    with pytest.raises(DataError, match=r"^the position belongs to batches of another split or of other settings "):
        other.resume(Order(seed=1), position)


def test_settings_that_decide_nothing_change_no_position(sound: Path) -> None:
    way = {"method": "bucket_by_sequence_length"}
    position = opened(sound, **way).position(Order(seed=1, block_bytes=700), 4)
    assert position == opened(sound, **way, pool=8).position(Order(seed=1), 4)


def test_a_position_from_before_the_data_set_was_moved(sound: Path, folder: Path) -> None:
    position = Position.from_json(opened(sound).position(Order(), 4).to_json())
    assert ids(opened(folder).resume(Order(), position)) == ids(opened(sound).open(Order()))[4:]
