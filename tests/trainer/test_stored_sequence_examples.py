"""Data sets of SequenceExamples, read by TensorFlow's own parser, are those of Examples."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.pipeline.helpers import prepare, write_jsonl
from trainer import open_dataset

SPEC = """
id: id
stored_as: STORED
sequences:
  words: {type: tokens}
  letters: {derive: {of: words, take: characters}}
  x: {type: series, dims: 2, missing: forward, aligned_with: words}
context: {age: {type: number}, land: {type: category}}
label: {from: tags, type: per_step_class, of: words}
split: {fractions: {train: 1.0}}
"""


def records() -> list[dict[str, Any]]:
    draw = np.random.default_rng(2)
    rows = []
    for i in range(40):
        steps = int(draw.integers(1, 7))
        frames: list[list[float | None]] = draw.normal(size=(steps, 2)).round(3).tolist()
        frames[0][0] = None
        rows.append(
            {
                "id": f"r{i}",
                "words": draw.choice(["a", "bcd", "é", ""], steps).tolist(),
                "x": frames,
                "tags": draw.choice(["N", "V"], steps).tolist(),
                "age": i / 8,
                "land": ["de", "fr"][i % 2],
            }
        )
    return rows


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("stored")
    source = write_jsonl(folder / "in.jsonl", records())
    for kind in ("example", "sequence_example"):
        prepare(SPEC.replace("STORED", kind), source, folder / kind, block_bytes=1_000)
    return {kind: folder / kind for kind in ("example", "sequence_example")}


def test_both_give_the_same_tensors(folders: dict[str, Path]) -> None:
    found = {}
    for kind, folder in folders.items():
        by_id = {}
        for features, label, weight in open_dataset(folder, training=False, with_ids=True):
            rows = {**features, "label": label, "weight": weight}
            for i, name in enumerate(features["id"].numpy()):
                steps = int(features["words/length"][i])
                own = {key: value[i].numpy() for key, value in rows.items() if key != "id"}
                by_id[name] = {key: value[:steps] if value.ndim else value for key, value in own.items()}
        found[kind] = by_id
    assert set(found["example"]) == set(found["sequence_example"])
    for name, expected in found["example"].items():
        other = found["sequence_example"][name]
        assert set(other) == set(expected)
        for key, value in expected.items():
            np.testing.assert_array_equal(*without_padding(value, other[key]))


def without_padding(*values: Any) -> list[Any]:
    """Characters are padded to the longest token of a batch, and the batches differ."""
    if values[0].ndim < 2:
        return list(values)
    width = min(value.shape[-1] for value in values)
    assert not any(value[..., width:].any() for value in values)
    return [value[..., :width] for value in values]


def test_tensorflow_reads_a_step_as_a_feature(folders: dict[str, Path]) -> None:
    path = next((folders["sequence_example"] / "train").glob("*.tfrecord"))
    [record] = list(tf.data.TFRecordDataset(str(path)).take(1).as_numpy_iterator())
    context, lists = tf.io.parse_single_sequence_example(
        record,
        {"id": tf.io.FixedLenFeature([], tf.string), "words/length": tf.io.FixedLenFeature([], tf.int64)},
        {
            "words": tf.io.FixedLenSequenceFeature([], tf.int64),
            "x": tf.io.FixedLenSequenceFeature([2], tf.float32),
            "x/missing": tf.io.FixedLenSequenceFeature([2], tf.int64),
            "letters": tf.io.VarLenFeature(tf.int64),
        },
    )
    [raw] = [row for row in records() if row["id"] == context["id"].numpy().decode()]
    steps = len(raw["words"])
    assert context["words/length"] == steps
    assert [lists[name].shape[0] for name in ("words", "x", "x/missing")] == [steps] * 3
    assert lists["x/missing"].numpy()[0].tolist() == [1, 0]
    sizes = np.bincount(lists["letters"].indices.numpy()[:, 0], minlength=steps).tolist()
    assert sizes == [len(word) for word in raw["words"]]
