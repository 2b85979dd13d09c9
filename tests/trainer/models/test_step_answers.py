"""Models that answer for each step: what an answer depends on, and what it must not see."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from schemas.manifest_pb2 import Manifest, Moments, Vocabulary
from schemas.spec import parse_spec
from trainer.config import TrainerConfig
from trainer.models.build import build_model
from trainer.models.model import SequenceModel, without_optimizer

SPEC = """
sequences:
  text: {type: tokens}
  tags: {type: tokens, aligned_with: text}
  waves: {type: series, dims: 2, normalize: zscore}
context: {size: {type: number}}
label: {LABEL}
"""
LABELS = {
    "classes": "type: per_step_class, of: text",
    "tokens": "type: next_step, of: text, end: true",
    "aligned": "type: next_step, of: tags",
    "frames": "type: next_step, of: waves, horizon: 2",
}
OUTPUTS = {"classes": 3, "tokens": 12, "aligned": 7, "frames": 4}
SMALL = TrainerConfig(embedding_size=4, units=3, layers=2)
LENGTHS = {"text": [3, 1, 0, 7, 2], "waves": [1, 6, 4, 0, 2]}


def model_of(kind: str, config: TrainerConfig = SMALL) -> SequenceModel:
    manifest = Manifest(spec=parse_spec(SPEC.replace("LABEL", LABELS[kind])), classes=Vocabulary(size=3))
    manifest.vocabularies["text"].CopyFrom(Vocabulary(size=10, oov_buckets=1))
    manifest.vocabularies["tags"].CopyFrom(Vocabulary(size=5, oov_buckets=1))
    manifest.moments["waves"].CopyFrom(Moments(mean=[1.0, 5.0], variance=[4.0, 0.0]))
    return build_model(manifest, config)


def leader_of(kind: str) -> str:
    return "waves" if kind == "frames" else "text"


def features(rows: list[int], width: int = 0, fill: float = 0.0) -> dict[str, Any]:
    """The examples of these rows, padded to the longest or to `width`, with `fill`."""
    draw = np.random.default_rng(3)
    values = {"text": draw.integers(1, 12, (5, 7)), "tags": draw.integers(1, 7, (5, 7))}
    values["waves"] = draw.normal(size=(5, 7, 2))
    result: dict[str, Any] = {"size": np.arange(5, dtype=np.float32)[rows]}
    for name, leader in (("text", "text"), ("tags", "text"), ("waves", "waves")):
        lengths = np.array(LENGTHS[leader], np.int32)[rows]
        steps = max(width, 1, *lengths)
        dtype = np.float32 if name == "waves" else np.int32
        padded = np.full((len(rows), steps, *values[name].shape[2:]), fill if name == "waves" else min(fill, 6), dtype)
        for i, (row, length) in enumerate(zip(rows, lengths, strict=True)):
            padded[i, :length] = values[name][row, :length]
        result |= {name: padded, f"{leader}/length": lengths}
    return result


@pytest.mark.parametrize("kind", LABELS)
def test_an_answer_depends_on_its_example_alone(kind: str) -> None:
    model = model_of(kind)
    together = model(features([0, 1, 2, 3, 4])).numpy()
    lengths = LENGTHS[leader_of(kind)]
    assert together.shape == (5, max(lengths), OUTPUTS[kind])
    poisoned = model(features([0, 1, 2, 3, 4], width=20, fill=1e6)).numpy()
    for i, length in enumerate(lengths):
        assert (together[i, length:] == 0).all()
        assert (poisoned[i, length:] == 0).all()
        assert (together[i, :length] != 0).all()
        alone = model(features([i])).numpy()
        for other in (poisoned[i], alone[0]):
            np.testing.assert_allclose(other[:length], together[i, :length], rtol=1e-5)


@pytest.mark.parametrize("kind", LABELS)
def test_what_is_said_of_the_last_step_is_its_answer(kind: str) -> None:
    model = model_of(kind)
    batch = features([0, 1, 2, 3, 4], width=9, fill=1e6)
    steps, last = model(batch).numpy(), model.last(batch).numpy()
    assert last.shape == (5, OUTPUTS[kind])
    assert np.isfinite(last).all()
    for i, length in enumerate(LENGTHS[leader_of(kind)]):
        if length:
            np.testing.assert_allclose(last[i], steps[i, length - 1], rtol=1e-5)


@pytest.mark.parametrize("kind", ["tokens", "aligned", "frames"])
def test_what_comes_next_is_not_seen_before(kind: str) -> None:
    model = model_of(kind)
    leader = leader_of(kind)
    row = LENGTHS[leader].index(max(LENGTHS[leader]))
    batch = features([row])
    before = model(batch).numpy()
    for step in range(1, max(LENGTHS[leader])):
        changed = {name: np.array(values) for name, values in batch.items()}
        for name in ("waves",) if kind == "frames" else ("text", "tags"):
            changed[name][:, step:] = 1
        np.testing.assert_array_equal(model(changed).numpy()[:, :step], before[:, :step])
        cut = batch | {name: values[:, :step] for name, values in batch.items() if values.ndim > 1}
        cut[f"{leader}/length"] = np.array([step], np.int32)
        if kind != "frames":
            cut["waves"] = batch["waves"]
        else:
            cut |= {name: batch[name] for name in ("text", "tags")}
        np.testing.assert_allclose(model(cut).numpy(), before[:, :step], rtol=1e-5)


def test_classes_of_steps_are_read_in_both_directions() -> None:
    batch = features([3])
    changed = batch | {"text": np.concatenate([batch["text"][:, :-1], 12 - batch["text"][:, -1:]], axis=1)}
    one_way = TrainerConfig(embedding_size=4, units=3, bidirectional=False)
    for config, differs in ((SMALL, True), (one_way, False)):
        model = model_of("classes", config)
        assert (model(batch)[:, 0] != model(changed)[:, 0]).numpy().any() == differs


@pytest.mark.parametrize("kind", LABELS)
def test_saved_and_loaded_in_safe_mode_it_is_the_same(kind: str, tmp_path: Path) -> None:
    model = model_of(kind)
    without_optimizer(model).save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert isinstance(loaded, SequenceModel)
    batch = features([0, 1, 2, 3, 4])
    assert (loaded(batch).numpy() == model(batch).numpy()).all()
    assert (loaded.last(batch).numpy() == model.last(batch).numpy()).all()


@pytest.mark.parametrize("kind", LABELS)
def test_the_loss_is_the_weighted_sum_over_all_numbers(kind: str) -> None:
    """No mask that Keras carries along may scale it: the weights make up for padding already."""
    model = model_of(kind)
    batch = features([0, 1, 2, 3, 4], width=9)
    outputs = model(batch).numpy().astype(np.float64)
    draw = np.random.default_rng(1)
    real = np.arange(outputs.shape[1]) < np.array(LENGTHS[leader_of(kind)])[:, None]
    if kind == "frames":
        label = draw.normal(size=outputs.shape).astype(np.float32)
        weight = (draw.random(outputs.shape) * real[..., None]).astype(np.float32)
        losses = ((outputs - label) / [2.0, 1.0, 2.0, 1.0]) ** 2
    else:
        label = draw.integers(0, OUTPUTS[kind], outputs.shape[:2])
        weight = (draw.random(outputs.shape[:2]) * real).astype(np.float32)
        probability = np.take_along_axis(outputs, label[..., None], 2)[..., 0]
        losses = np.where(real, -np.log(np.where(real, probability, 1.0)), 0.0)
    loss = model.compute_loss(x=batch, y=tf.constant(label), y_pred=model(batch), sample_weight=tf.constant(weight))
    assert float(loss) == pytest.approx((losses * weight).sum() / losses.size, rel=1e-5)


@pytest.mark.parametrize("kind", ["classes", "tokens", "frames"])
def test_keras_fit_works_on_it(kind: str) -> None:
    model = model_of(kind)
    batch = features([0, 1, 2, 3, 4])
    shape = (5, max(LENGTHS[leader_of(kind)]))
    shape = (*shape, 4) if kind == "frames" else shape
    label = np.ones(shape, np.float32 if kind == "frames" else np.int64)
    history = model.fit(tf.data.Dataset.from_tensors((batch, label, np.ones(shape, np.float32))), verbose=0)
    assert sorted(history.history) == (["loss"] if kind == "frames" else ["accuracy", "loss"])
