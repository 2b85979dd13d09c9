"""Everything that a record can hold comes out of either message as the same tensors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from schemas.errors import DataError
from schemas.manifest import load_manifest
from tests.trainer.dataset_builder import build_dataset
from tests.trainer.example_blocks import example_block
from trainer import BatchLimits, open_dataset
from trainer.batches.batching import Batching
from trainer.batches.epochs import Epochs
from trainer.batches.parsing import BatchParser, input_specs
from trainer.batches.sizes import plan_batches
from trainer.batches.source import SplitSource

ALL = """
id: id
stored_as: STORED_AS
sequences:
  words: {type: tokens}
  lower: {derive: {of: words, take: lower}}
  letters: {derive: {of: words, take: characters}}
  frames: {type: series, dims: 2, aligned_with: words, missing: zero, time: {from: t, format: unix_seconds}}
context:
  place: {type: category}
  age: {type: number}
window: {length: 3}
label: {type: class}
"""
EXAMPLES: list[dict[str, Any]] = [
    {
        "id": "r#0",
        "id/parent": "r",
        "id/start": 0,
        "words": ["Ab", "C", "Ab"],
        "lower": ["ab", "c", "ab"],
        "letters": ["A", "b", "C", "A", "b"],
        "letters/sizes": [2, 1, 2],
        "frames": [[0.0, 1.5], [0.0, 0.0], [2.0, 3.0]],
        "frames/missing": [[0, 0], [1, 1], [0, 0]],
        "frames/since": [0.0, 2.5, 0.25],
        "place": "north",
        "age": 40.5,
        "label": "yes",
    },
    {
        "id": "r#1",
        "id/parent": "r",
        "id/start": 3,
        "words": [""],
        "lower": [""],
        "letters": [],
        "letters/sizes": [0],
        "frames": [[0.0, -1.0]],
        "frames/missing": [[1, 0]],
        "frames/since": [60.0],
        "place": "south",
        "age": -1.0,
        "label": "no",
    },
]
# Ids: 2 on, the most frequent first, then by bytes. words: Ab, "", C; letters: A, b, C; places: north, south.
EXPECTED = {
    "id": [b"r#0", b"r#1"],
    "id/parent": [b"r", b"r"],
    "id/start": [0, 3],
    "words": [[2, 4, 2], [3, 0, 0]],
    "words/length": [3, 1],
    "lower": [[2, 4, 2], [3, 0, 0]],
    "lower/length": [3, 1],
    "letters": [[[2, 3], [4, 0], [2, 3]], [[0, 0], [0, 0], [0, 0]]],
    "letters/length": [3, 1],
    "letters/sizes": [[2, 1, 2], [0, 0, 0]],
    "frames": [[[0.0, 1.5], [0.0, 0.0], [2.0, 3.0]], [[0.0, -1.0], [0.0, 0.0], [0.0, 0.0]]],
    "frames/length": [3, 1],
    "frames/missing": [[[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]],
    "frames/since": [[0.0, 2.5, 0.25], [60.0, 0.0, 0.0]],
    "place": [2, 3],
    "age": [40.5, -1.0],
}


def all_features(folder: Path, stored_as: str) -> Path:
    spec = ALL.replace("STORED_AS", stored_as)
    build_dataset(folder, spec, {"train": example_block(spec, EXAMPLES)}, [5], shards=1)
    return folder


@pytest.mark.parametrize("stored_as", ["example", "sequence_example"])
def test_all_features(tmp_path: Path, stored_as: str) -> None:
    folder = all_features(tmp_path / "data", stored_as)
    ((features, label, weight),) = open_dataset(folder, training=False, with_ids=True)
    # The shorter one comes first.
    assert {name: tensor.numpy().tolist()[::-1] for name, tensor in features.items()} == EXPECTED
    assert (label.numpy().tolist(), weight.numpy().tolist()) == ([0, 1], [1.0, 1.0])


@pytest.mark.parametrize("stored_as", ["example", "sequence_example"])
def test_types_and_shapes_are_known_beforehand(tmp_path: Path, stored_as: str) -> None:
    folder = all_features(tmp_path / "data", stored_as)
    features, _, _ = open_dataset(folder, with_ids=True).element_spec
    known = {name: (spec.dtype.name, spec.shape.as_list()) for name, spec in features.items()}
    assert known == {
        "id": ("string", [None]),
        "id/parent": ("string", [None]),
        "id/start": ("int64", [None]),
        "words": ("int32", [None, None]),
        "words/length": ("int32", [None]),
        "lower": ("int32", [None, None]),
        "lower/length": ("int32", [None]),
        "letters": ("int32", [None, None, None]),
        "letters/length": ("int32", [None]),
        "letters/sizes": ("int32", [None, None]),
        "frames": ("float32", [None, None, 2]),
        "frames/length": ("int32", [None]),
        "frames/missing": ("float32", [None, None, 2]),
        "frames/since": ("float32", [None, None]),
        "place": ("int32", [None]),
        "age": ("float32", [None]),
    }
    inputs, _, _ = open_dataset(folder).element_spec
    assert inputs == input_specs(load_manifest(folder))
    assert set(known) - set(inputs) == {"id", "id/parent", "id/start"}


def test_a_sequence_without_steps_is_one_step_of_padding(tmp_path: Path) -> None:
    for stored_as in ("example", "sequence_example"):
        spec = f"id: id\nstored_as: {stored_as}\nsequences: {{x: {{type: series, dims: 2, empty: keep}}}}\n"
        records = {"train": [{"id": "a", "x": [[1, 2]]}], "test": [{"id": "b", "x": []}]}
        build_dataset(tmp_path / stored_as, spec, records, [5])
        (features,) = open_dataset(tmp_path / stored_as, "test")
        assert features["x"].numpy().tolist() == [[[0.0, 0.0]]]
        assert features["x/length"].numpy().tolist() == [0]


@pytest.mark.parametrize("stored_as", ["example", "sequence_example"])
def test_steps_of_no_known_class_weigh_nothing(tmp_path: Path, stored_as: str) -> None:
    spec = f"id: id\nstored_as: {stored_as}\nsequences: {{x: {{type: tokens}}}}\n"
    spec += "label: {type: per_step_class, unknown: keep}\n"
    train = [{"id": "a", "x": ["u", "v"], "label": ["A", "B"]}]
    test = [{"id": "b", "x": ["u", "v", "v"], "label": ["B", "C", "A"]}, {"id": "c", "x": ["u"], "label": ["C"]}]
    build_dataset(tmp_path / "data", spec, {"train": train, "test": test}, [5])
    ((_, label, weight),) = open_dataset(tmp_path / "data", "test")
    assert label.numpy().tolist() == [[0, 0, 0], [1, 0, 0]]
    assert weight.numpy().tolist() == [[0.0, 0.0, 0.0], [1.0, 0.0, 1.0]]


def test_an_unknown_class_is_class_0_of_weight_0(tmp_path: Path) -> None:
    spec = "id: id\nsequences: {x: {type: tokens}}\nlabel: {type: class, unknown: keep}\n"
    train = [{"id": "a", "x": ["u"], "label": "A"}, {"id": "b", "x": ["u"], "label": "B"}]
    test = [{"id": "c", "x": ["u"], "label": label} for label in "BCA"]
    build_dataset(tmp_path / "data", spec, {"train": train, "test": test}, [5], shards=1)
    ((_, label, weight),) = open_dataset(tmp_path / "data", "test")
    assert (label.numpy().tolist(), weight.numpy().tolist()) == ([1, 0, 0], [1.0, 0.0, 1.0])
    assert label.dtype == tf.int64


def test_aligned_sequences_do_not_count_as_longer_ones_beside_the_buckets(tmp_path: Path) -> None:
    """They are as long as the sequence that the buckets go by, in each record."""
    spec = "id: id\nsequences: {x: {type: tokens}, y: {type: tokens, aligned_with: x}}\n"
    records = [{"id": str(n), "x": ["u"] * n, "y": ["v"] * n} for n in [2] * 10 + [50] * 2]
    build_dataset(tmp_path / "data", spec, {"train": records}, [5])
    source = SplitSource(tmp_path / "data", load_manifest(tmp_path / "data"), "train")
    assert [load.max_length for load in source.loads()] == [2, 50]
    assert plan_batches(source.loads(), BatchLimits(padded_steps=100, max_examples=50)).sizes == (50, 2)


DAMAGES = [
    ("letters/sizes", [1, 1, 1], "the sizes of tokens do not add up to their characters"),
    ("frames/since", [0.0, 1.0], "'frames/since' has another length than it says"),
]


@pytest.mark.parametrize(("name", "values", "expected"), DAMAGES)
def test_records_that_contradict_themselves(tmp_path: Path, name: str, values: Any, expected: str) -> None:
    spec = ALL.replace("STORED_AS", "example")
    examples = example_block(spec, [{**EXAMPLES[0], name: values}, EXAMPLES[1]])
    build_dataset(tmp_path / "data", spec, {"train": examples}, [5])
    source = SplitSource(tmp_path / "data", load_manifest(tmp_path / "data"), "train")
    with pytest.raises(DataError) as error:
        list(source.iterate(Epochs(source, Batching(limits=BatchLimits(100, 100)), training=False).open(None)))
    rest = str(error.value).partition(" do not fit the manifest: ")[2]
    assert rest.partition(";")[0] == expected


def test_a_list_with_a_frame_of_other_dims(tmp_path: Path) -> None:
    spec = "id: id\nstored_as: sequence_example\nsequences: {x: {type: series, dims: 2}}\n"
    manifest = build_dataset(tmp_path / "data", spec, {"train": [{"id": "a", "x": [[1, 2], [3, 4]]}]}, [5])
    record = tf.train.SequenceExample()
    record.context.feature["x/length"].int64_list.value.append(2)
    for frame in ([1.0], [2.0, 3.0, 4.0]):
        record.feature_lists.feature_list["x"].feature.add().float_list.value.extend(frame)
    with pytest.raises(tf.errors.InvalidArgumentError, match="has another length than it says"):
        BatchParser(manifest, None, False)(np.array([record.SerializeToString()]), np.array([2]))
