"""TFRecords that others wrote: the same batches, conventions and guarantees as those of a data set."""

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from schemas.errors import DataError, UsageError
from schemas.manifest import load_manifest
from schemas.manifest_pb2 import Bucket
from tests.trainer.conftest import TRAIN_LENGTHS
from tests.trainer.foreign.foreign_files import example, sequence_example, write
from trainer import Batching, BatchLimits, Order, TFRecordFiles, bucket_records, open_dataset, open_tfrecords
from trainer.batches.sizes import BucketLoad
from trainer.foreign.files import bucket_loads

LENGTHS = [3, 0, 5, 1, 9, 4, 4, 2, 8, 6, 1, 12, 5, 3, 7, 2]
LIMITS = BatchLimits(padded_steps=24, max_examples=4)
ALL_TYPES: dict[str, Any] = {
    "features": {
        "ids": {"type": "tokens"},
        "wave": {"type": "series", "dims": 2},
        "words": {"type": "text"},
        "age": {"type": "number"},
        "country": {"type": "category"},
        "name": {"type": "id"},
    },
    "label": {"feature": "y", "type": "class"},
    "boundaries": [2, 5],
    "longest": 12,
}
TOKENS: dict[str, Any] = {"features": {"ids": {"type": "tokens"}, "name": {"type": "id"}}}


def values(row: int) -> dict[str, list[Any]]:
    """The record of one row: tokens of its length, one step fewer of a series, one more of words."""
    steps = LENGTHS[row]
    return {
        "ids": list(range(steps)),  # 0 is a token like any other
        "wave": [float(number) for number in range(2 * max(steps - 1, 0))],
        "words": [f"w{step}" for step in range(steps + 1)],
        "age": [row / 2],
        "country": [row % 3],
        "name": [f"r{row}"],
        "y": [row % 2],
        "n": [steps],
    }


def as_lists(row: int) -> bytes:
    one, many = values(row), {"ids", "wave", "words"}
    lists = {name: [[value] for value in one[name]] for name in ("ids", "words")}
    lists["wave"] = [one["wave"][start : start + 2] for start in range(0, len(one["wave"]), 2)]
    return sequence_example({name: items for name, items in one.items() if name not in many}, lists)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    records = [example(values(row)) for row in range(len(LENGTHS))]
    write(tmp_path / "a.tfrecord", records[:5])
    write(tmp_path / "b.tfrecord", records[5:])
    return tmp_path


def names(dataset: Any) -> list[list[str]]:
    batches = (batch[0] if isinstance(batch, tuple) else batch for batch in dataset)
    return [[name.decode() for name in batch["name"].numpy()] for batch in batches]


ROWS = sorted(f"r{row}" for row in range(len(LENGTHS)))


@pytest.mark.parametrize("stored_as", ["example", "sequence_example"])
@pytest.mark.parametrize(("compression", "written"), [("none", ""), ("gzip", "GZIP"), ("zlib", "ZLIB")])
def test_every_type_of_feature(tmp_path: Path, stored_as: str, compression: str, written: str) -> None:
    rows = range(len(LENGTHS))
    records = [example(values(row)) if stored_as == "example" else as_lists(row) for row in rows]
    path = write(tmp_path / "a.tfrecord", records, written)
    features = {**ALL_TYPES, "stored_as": stored_as, "compression": compression}
    seen = []
    for batch, label, weight in open_tfrecords(path, features, limits=LIMITS):
        assert weight.numpy().tolist() == [1.0] * len(label)
        for i, name in enumerate(batch["name"].numpy().tolist()):
            row = int(name[1:])
            expected = values(row)
            real = {key: int(batch[f"{key}/length"][i]) for key in ("ids", "wave", "words")}
            assert real == {"ids": LENGTHS[row], "wave": max(LENGTHS[row] - 1, 0), "words": LENGTHS[row] + 1}
            assert batch["ids"][i].numpy()[: real["ids"]].tolist() == expected["ids"]
            assert batch["wave"][i].numpy()[: real["wave"]].ravel().tolist() == expected["wave"]
            assert batch["words"][i].numpy()[: real["words"]].tolist() == [word.encode() for word in expected["words"]]
            assert not batch["ids"][i].numpy()[real["ids"] :].any()
            assert not batch["wave"][i].numpy()[real["wave"] :].any()
            assert set(batch["words"][i].numpy()[real["words"] :]) <= {b""}
            assert (float(batch["age"][i]), int(batch["country"][i]), int(label[i])) == (row / 2, row % 3, row % 2)
            seen.append(name.decode())
        assert batch["ids"].shape[1] == max(int(batch["ids/length"].numpy().max()), 1)
    assert sorted(seen) == ROWS


def test_shapes_and_types(files: Path) -> None:
    features, label, weight = open_tfrecords(files / "*.tfrecord", ALL_TYPES).element_spec
    assert {name: (spec.dtype.name, spec.shape.as_list()) for name, spec in features.items()} == {
        "ids": ("int32", [None, None]),
        "ids/length": ("int32", [None]),
        "wave": ("float32", [None, None, 2]),
        "wave/length": ("int32", [None]),
        "words": ("string", [None, None]),
        "words/length": ("int32", [None]),
        "age": ("float32", [None]),
        "country": ("int32", [None]),
        "name": ("string", [None]),
    }
    assert (label.dtype.name, label.shape.as_list()) == ("int64", [None])
    assert (weight.dtype.name, weight.shape.as_list()) == ("float32", [None])


def test_buckets_hold_their_upper_bound(files: Path) -> None:
    features = {**TOKENS, "boundaries": [2, 5], "longest": 12}
    found = set()
    for batch in open_tfrecords(files / "*.tfrecord", features, limits=LIMITS):
        lengths = batch["ids/length"].numpy()
        (bucket,) = set(np.searchsorted([2, 5], lengths).tolist())
        found |= {(bucket, int(length)) for length in lengths}
    assert {(0, 2), (1, 3), (1, 5), (2, 6), (2, 12)} <= found


@pytest.mark.parametrize("stored_as", ["example", "sequence_example"])
@pytest.mark.parametrize(("by", "bucket"), [("ids", 0), ("wave", 0), ("words", 1), (None, 1)])
def test_buckets_go_by_the_sequence_that_is_named_else_by_the_longest(
    tmp_path: Path, stored_as: str, by: str | None, bucket: int
) -> None:
    """The record of two tokens has a series of one step and three words."""
    row = LENGTHS.index(2)
    write(tmp_path / "a.tfrecord", [example(values(row)) if stored_as == "example" else as_lists(row)] * 3)
    features = {**ALL_TYPES, "boundaries": [2], "stored_as": stored_as, **({"bucket_by": by} if by else {})}
    batches = [len(label) for _, label, _ in open_tfrecords(tmp_path / "*", features, limits=BatchLimits(12, 100))]
    # Of 12 padded steps, 6 records of 2 steps make a batch, and only one of up to 12.
    assert batches == ([3] if bucket == 0 else [1, 1, 1])


@pytest.mark.parametrize("order", [None, Order(), Order(window=3)])
def test_what_is_not_said_is_measured(files: Path, order: Order | None) -> None:
    source = TFRecordFiles(files / "*.tfrecord", TOKENS)
    assert source.lengths == Counter(LENGTHS)
    dataset = source.open(limits=LIMITS, order=order)
    batches = names(dataset)
    plan = source.plan(LIMITS)
    assert plan is not None
    assert len(batches) == int(dataset.cardinality()) == plan.steps
    assert sorted(itertools.chain(*batches)) == ROWS


def test_where_all_is_said_nothing_is_measured_and_the_steps_are_unknown(files: Path) -> None:
    source = TFRecordFiles(files / "*.tfrecord", {**TOKENS, "boundaries": [2, 5], "longest": 12})
    assert source.lengths is None and source.plan(LIMITS) is None
    assert source.sizes(LIMITS) == (4, 4, 2)
    dataset = source.open(limits=LIMITS, order=Order())
    assert int(dataset.cardinality()) == tf.data.UNKNOWN_CARDINALITY
    assert sorted(itertools.chain(*names(dataset))) == ROWS


def test_the_order_is_a_function_of_seed_and_epoch_alone(files: Path) -> None:
    source = TFRecordFiles(files / "*.tfrecord", TOKENS)

    def run(global_seed: int, seed: int, epoch: int) -> list[list[str]]:
        tf.random.set_seed(global_seed)
        return names(source.open(limits=LIMITS, order=Order(seed, epoch, window=5)))

    first = run(1, 0, 0)
    assert run(2, 0, 0) == first
    assert run(1, 0, 1) != first
    assert run(1, 1, 0) != first


def test_one_partial_batch_of_each_bucket_at_most(files: Path) -> None:
    features = {**TOKENS, "boundaries": [2, 5], "longest": 12}
    found: dict[int, list[int]] = {}
    for batch in open_tfrecords(files / "*.tfrecord", features, limits=LIMITS, order=Order()):
        bucket = int(np.searchsorted([2, 5], batch["ids/length"].numpy().max()))
        found.setdefault(bucket, []).append(len(batch["name"]))
    for bucket, full in enumerate((4, 4, 2)):
        assert sum(size < full for size in found[bucket]) <= 1


def test_every_example_has_the_same_pull_in_training(files: Path) -> None:
    measured = {name: part for name, part in ALL_TYPES.items() if name not in ("boundaries", "longest")}
    for options in ({"order": Order()}, {"mean_batch_size": 3.0}):
        pulls = {
            float(value) / len(weight)
            for _, _, weight in open_tfrecords(files / "*.tfrecord", measured, limits=LIMITS, **options)
            for value in weight.numpy()
        }
        np.testing.assert_allclose(sorted(pulls), min(pulls), rtol=1e-6)
    np.testing.assert_allclose(min(pulls), 1 / 3, rtol=1e-6)


def test_a_stated_length_is_taken_and_checked(files: Path) -> None:
    features = {"features": {"ids": {"type": "tokens", "length": "n"}, "name": {"type": "id"}}}
    assert sorted(itertools.chain(*names(open_tfrecords(files / "*.tfrecord", features)))) == ROWS
    write(
        files / "c.tfrecord", [example({"ids": [7, 0, 0], "n": [3], "name": ["x"]})] * 100
    )  # more than are looked at first
    write(files / "d.tfrecord", [example({"ids": [7, 0, 0], "n": [1], "name": ["x"]})])
    source = TFRecordFiles(files / "*.tfrecord", features)
    with pytest.raises(DataError) as error:
        list(source.iterate(source.open()))
    assert str(error.value) == (f"{files}/d.tfrecord: record 1: 'ids' has 3 steps, and 'n' says 1; they must agree")
    with pytest.raises(tf.errors.InvalidArgumentError, match="has another length than"):
        list(source.open())


@pytest.mark.parametrize("stored_as", ["example", "sequence_example"])
def test_per_step_classes(tmp_path: Path, stored_as: str) -> None:
    records = []
    for steps in (1, 3, 0):
        ids, tags = list(range(1, steps + 1)), [step - 1 for step in range(steps)]
        lists = {"ids": [[one] for one in ids], "tags": [[tag] for tag in tags]}
        records.append(example({"ids": ids, "tags": tags}) if stored_as == "example" else sequence_example({}, lists))
    write(tmp_path / "a.tfrecord", records)
    features = {
        "stored_as": stored_as,
        "features": {"ids": {"type": "tokens"}},
        "label": {"feature": "tags", "type": "per_step_class"},
        "boundaries": [8],
        "longest": 9,
    }
    ((batch, label, weight),) = open_tfrecords(tmp_path / "*", features)
    assert batch["ids"].numpy().tolist() == [[1, 0, 0], [1, 2, 3], [0, 0, 0]]
    # The first step of each has no class (-1), the others have their own.
    assert label.numpy().tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 0]]
    assert weight.numpy().tolist() == [[0, 0, 0], [0, 1, 1], [0, 0, 0]]


def test_a_number_label(tmp_path: Path) -> None:
    write(tmp_path / "a.tfrecord", [example({"ids": [1], "label": [0.5]}), example({"ids": [2], "label": [-1.5]})])
    features = {"features": {"ids": {"type": "tokens"}}, "label": {"type": "number"}}
    ((_, label, weight),) = open_tfrecords(tmp_path / "*", features)
    assert (label.numpy().tolist(), weight.numpy().tolist()) == ([0.5, -1.5], [1.0, 1.0])


def test_the_shards_of_a_data_set_give_its_examples(token_data: Path) -> None:
    features = {
        "features": {"text": {"type": "tokens", "length": "text/length"}, "id": {"type": "id"}},
        "label": {"type": "class"},
        "boundaries": [int(bucket.max_length) for bucket in load_manifest(token_data).buckets][:-1],
    }

    def examples(dataset: tf.data.Dataset) -> Counter[Any]:
        found: Counter[Any] = Counter()
        for batch, label, _ in dataset:
            rows = zip(
                batch["id"].numpy(), batch["text"].numpy(), batch["text/length"].numpy(), label.numpy(), strict=True
            )
            found.update((name, tuple(text[:length].tolist()), int(of)) for name, text, length, of in rows)
        return found

    foreign = open_tfrecords(str(token_data / "train" / "*.tfrecord"), features, limits=LIMITS, order=Order())
    own = open_dataset(token_data, batching=Batching(limits=LIMITS), with_ids=True)
    assert examples(foreign) == examples(own)
    assert sum(examples(own).values()) == len(TRAIN_LENGTHS)
    assert foreign.cardinality() == own.cardinality()


def test_a_stream_without_an_end(files: Path) -> None:
    features = {**TOKENS, "boundaries": [2, 5], "longest": 12}
    records = tf.data.TFRecordDataset(sorted(str(path) for path in files.iterdir()))
    stream = bucket_records(records.repeat(), features, limits=LIMITS)
    assert int(stream.cardinality()) == tf.data.INFINITE_CARDINALITY
    found = Counter(itertools.chain(*names(stream.take(200))))
    assert set(found) == set(ROWS) and sum(found.values()) > 400
    finite = bucket_records(records, features, limits=LIMITS)
    assert int(finite.cardinality()) == tf.data.UNKNOWN_CARDINALITY
    assert sorted(itertools.chain(*names(finite))) == ROWS


@pytest.mark.filterwarnings("error:.*ran out of data")
def test_keras_trains_on_as_many_steps_as_said(files: Path) -> None:
    features = {"features": {"ids": {"type": "tokens"}}, "label": {"feature": "y", "type": "class"}}
    source = TFRecordFiles(files / "*.tfrecord", features)
    plan = source.plan(LIMITS)
    tokens, lengths = keras.Input([None], dtype="int32"), keras.Input([], dtype="int32")
    mask = keras.layers.Lambda(lambda pair: tf.sequence_mask(pair[1], tf.shape(pair[0])[1]))([tokens, lengths])
    state = keras.layers.LSTM(2)(keras.layers.Embedding(16, 2)(tokens), mask=mask)
    model = keras.Model([tokens, lengths], keras.layers.Dense(2, "softmax")(state))
    model.compile("sgd", "sparse_categorical_crossentropy")
    dataset = source.open(limits=LIMITS, order=Order())
    steps = []
    counting = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: steps.append(batch))
    inputs = dataset.map(lambda of, label, weight: ((of["ids"], of["ids/length"]), label, weight))
    history = model.fit(inputs, epochs=1, verbose=0, callbacks=[counting])
    assert plan is not None and len(steps) == len(inputs) == plan.steps
    assert np.isfinite(history.history["loss"]).all()


def test_a_stream_needs_its_buckets_said() -> None:
    records = tf.data.Dataset.from_tensors(b"")
    for features, missing in ((TOKENS, "boundaries"), ({**TOKENS, "boundaries": [3]}, "longest")):
        with pytest.raises(UsageError, match=f"^{missing}: must be said for a stream"):
            bucket_records(records, features)
    with pytest.raises(UsageError, match=r"^records: expected serialized records, string"):
        bucket_records(records.batch(2), {**TOKENS, "boundaries": [3], "longest": 9})


def test_a_mean_batch_size_is_positive(files: Path) -> None:
    with pytest.raises(UsageError, match=r"^mean_batch_size: 0 is out of range; it must be more than 0$"):
        open_tfrecords(files / "*", ALL_TYPES, mean_batch_size=0)


def test_loads_of_buckets() -> None:
    buckets = [Bucket(max_length=2), Bucket(min_length=3, max_length=5), Bucket(min_length=6)]
    lengths = {0: 2, 2: 3, 6: 4, 9: 1}
    assert bucket_loads(lengths, buckets, 0) == [BucketLoad(5, 2), BucketLoad(0, 0), BucketLoad(5, 9)]
    assert bucket_loads(lengths, buckets, 20)[-1] == BucketLoad(5, 20)
