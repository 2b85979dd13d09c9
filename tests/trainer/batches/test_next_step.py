"""Batches of data sets whose label is the next step, however they are stored and batched."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from schemas.manifest import load_manifest
from schemas.next_step import labelled_values_of
from tests.trainer.batches.next_steps import next_frames, next_tokens
from tests.trainer.dataset_builder import build_dataset
from trainer import Batching, BatchLimits, Order, open_dataset, open_epochs
from trainer.batches.batching import METHODS
from trainer.batches.labels import label_spec
from trainer.profiling.inputs import batch_spec, synthetic_batch
from trainer.profiling.shapes import Shape

SPEC = """
id: id
stored_as: STORED_AS
sequences:
  t: {type: tokens, empty: keep}
  s: {type: series, dims: 2, missing: forward, empty: keep}
label: {type: next_step, LABEL}
"""
LABELS = [
    ("example", "of: t"),
    ("sequence_example", "of: t, end: true, after: 2"),
    ("sequence_example", "of: s"),
    ("example", "of: s, horizon: 4, after: 2"),
]
LIMITS = BatchLimits(padded_steps=40, max_examples=6)


def records() -> list[dict[str, Any]]:
    """Lengths of both sequences from 0 to 11; a number in seven is missing."""
    random = np.random.default_rng(5)
    made = []
    for i in range(24):
        tokens, frames = (i % 4, int(random.integers(0, 12)))
        numbers = random.normal(size=(frames, 2)).round(2).tolist()
        numbers = [[None if random.random() < 1 / 7 else number for number in frame] for frame in numbers]
        made.append({"id": f"r{i}", "t": random.choice(list("abcde"), size=tokens).tolist(), "s": numbers})
    return made


@pytest.fixture(scope="module", params=LABELS, ids=str)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("next") / "data"
    stored_as, label = request.param
    spec = SPEC.replace("STORED_AS", stored_as).replace("LABEL", label)
    build_dataset(path, spec, {"train": records()}, [2, 6])
    return path


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def expected(features: Any, spec: Any) -> tuple[np.ndarray, np.ndarray]:
    """The label of a batch, and 1 where there is one, of the steps that the batch holds."""
    label, rows = spec.label, []
    for i, length in enumerate(features[f"{label.of}/length"].numpy()):
        values = features[label.of].numpy()[i]
        if label.of == "t":
            rows.append(next_tokens(values[:length].tolist(), len(values), label.after, label.end))
        else:
            missing = features["s/missing"].numpy()[i, :length]
            rows.append(next_frames(values[:length], missing, len(values), label.after, label.horizon))
    return np.array([label for label, _ in rows]), np.array([weight for _, weight in rows])


LAYOUTS: list[dict[str, Any]] = [
    {},
    {"replicas": 2, "replica": 1},
    {"replicas": 2, "replica": 0, "static_shapes": True},
]
WHOLE: list[dict[str, Any]] = [{}, {"replicas": 2, "static_shapes": True}]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_every_batch_is_as_the_reference_says(folder: Path, method: str, layout: dict[str, Any]) -> None:
    spec = load_manifest(folder).spec
    batching = Batching(method, LIMITS, pool=3, **layout)
    dataset = open_dataset(folder, training=False, batching=batching)
    assert dataset.element_spec[1] == label_spec(spec)
    assert dataset.element_spec[2] == tf.TensorSpec(label_spec(spec).shape, tf.float32)
    for features, label, weight in dataset:
        label_wanted, weight_wanted = expected(features, spec)
        np.testing.assert_array_equal(label, label_wanted)
        np.testing.assert_array_equal(weight, weight_wanted)


@pytest.mark.parametrize("layout", WHOLE, ids=str)
def test_every_label_has_the_same_pull_over_an_epoch(folder: Path, method: str, layout: dict[str, Any]) -> None:
    epochs = open_epochs(folder, batching=Batching(method, LIMITS, pool=3, **layout))
    spec, counted, pulls = epochs.source.manifest.spec, 0, []
    for features, _, weight in epochs.open(Order(seed=1, epoch=2)):
        _, there = expected(features, spec)
        pulls += [weight.numpy()[there > 0] / weight.numpy().size]
        np.testing.assert_array_equal(weight.numpy() > 0, there > 0)
        counted += int(there.sum())
    np.testing.assert_allclose(np.concatenate(pulls), epochs.steps / epochs.labels, rtol=1e-5)
    assert epochs.labels == labelled_values_of(epochs.source.manifest, "train")
    if spec.label.of == "t":
        assert counted == epochs.labels
        assert np.concatenate(pulls).sum() == pytest.approx(epochs.steps, rel=1e-5)
    else:
        assert 0 < counted < epochs.labels  # which counts the numbers that are filled, too


def test_shares_of_replicas_have_the_pull_of_the_whole(folder: Path) -> None:
    """Each takes the mean over its own share; their mean is that over the batch."""
    whole, *shares = (
        list(open_dataset(folder, batching=Batching(limits=LIMITS, replicas=2, replica=replica)))
        for replica in (None, 0, 1)
    )
    for (_, _, weight), *parts in zip(whole, *shares, strict=True):
        means = [np.mean(part[2]) for part in parts]
        assert np.mean(means) == pytest.approx(np.mean(weight), rel=1e-5, abs=1e-7)


def test_a_synthetic_batch_has_the_form_of_a_real_one(folder: Path) -> None:
    manifest = load_manifest(folder)
    features, label, weight = synthetic_batch(manifest, Shape(steps=5, examples=3))
    steps = features[manifest.spec.label.of].shape[1]
    wanted = batch_spec(manifest)
    assert wanted[1] == label_spec(manifest.spec)
    assert label.shape == weight.shape == (3, steps, *wanted[1].shape[2:])
    assert (label.dtype, weight.dtype) == (wanted[1].dtype, tf.float32)


def test_pieces_know_nothing_of_each_other(tmp_path: Path) -> None:
    """The last step of a window has no label, unless the windows overlap."""
    for stride, wanted in ((2, [[1, 0], [1, 0], [0]]), (1, [[1, 0]] * 4)):
        spec = f"id: id\nsequences: {{t: {{type: tokens}}}}\nwindow: {{length: 2, stride: {stride}}}\n"
        spec += "label: {type: next_step}\n"
        data = tmp_path / str(stride)
        manifest = build_dataset(data, spec, {"train": [{"id": "r", "t": list("abcde")}]}, [9])
        found = {}
        for features, label, weight in open_dataset(data, training=False, with_ids=True):
            np.testing.assert_array_equal(label, expected(features, manifest.spec)[0])
            rows = zip(features["id/start"].numpy().tolist(), features["t/length"].numpy(), weight.numpy(), strict=True)
            found |= {start: row[:length].tolist() for start, length, row in rows}
        assert [found[start] for start in sorted(found)] == wanted
        assert labelled_values_of(manifest, "train") == sum(row[0] for row in wanted)


def test_an_epoch_without_any_label_says_so(tmp_path: Path) -> None:
    spec = "id: id\nsequences: {t: {type: tokens}}\nlabel: {type: next_step, after: 2}\n"
    build_dataset(tmp_path / "data", spec, {"train": [{"id": "a", "t": ["x", "y"]}]})
    epochs = open_epochs(tmp_path / "data")
    assert epochs.labels == 0
    assert epochs.warnings == ["warning: label: no step of split 'train' has one; nothing is learnt from it"]
    ((_, label, weight),) = epochs.open(None)
    assert (label.numpy().tolist(), weight.numpy().tolist()) == ([[0, 0]], [[0.0, 0.0]])
