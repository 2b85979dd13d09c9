"""The whole model: what it is built for, what it must not depend on, how it is saved."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from schemas.errors import DataError, UsageError
from schemas.manifest_pb2 import Manifest, Moments, Vocabulary
from schemas.spec import parse_spec
from trainer.config import TrainerConfig
from trainer.models.build import build_model
from trainer.models.model import SequenceModel, without_optimizer

SPEC = """
sequences:
  text: {type: tokens}
  waves: {type: series, dims: 2, normalize: zscore}
label: {type: LABEL}
"""
SMALL = TrainerConfig(embedding_size=4, units=3, layers=2, pooling=("mean", "max", "last"))


def manifest_of(label: str = "class", classes: int = 3) -> Manifest:
    kind = f"{label}, of: text" if label == "per_step_class" else label
    manifest = Manifest(spec=parse_spec(SPEC.replace("LABEL", kind)), classes=Vocabulary(size=classes))
    manifest.vocabularies["text"].CopyFrom(Vocabulary(size=10, oov_buckets=1))
    manifest.moments["waves"].CopyFrom(Moments(mean=[1.0, 5.0], variance=[4.0, 0.0]))
    manifest.moments["label"].CopyFrom(Moments(mean=[1000.0], variance=[400.0]))
    return manifest


def features_of(text: list[list[int]], waves: list[np.ndarray], width: int = 0, fill: float = 0.0) -> dict[str, Any]:
    """Pads every sequence to the longest or to `width`, with `fill`."""
    steps = max(width, 1, *(len(row) for row in text))
    frames = max(width, 1, *(len(row) for row in waves))
    ids = np.full((len(text), steps), 9 if fill else 0, np.int32)
    values = np.full((len(waves), frames, 2), fill, np.float32)
    for i, row in enumerate(text):
        ids[i, : len(row)] = row
        values[i, : len(waves[i])] = waves[i]
    return {
        "text": ids,
        "text/length": np.array([len(row) for row in text], np.int32),
        "waves": values,
        "waves/length": np.array([len(row) for row in waves], np.int32),
    }


@pytest.fixture(scope="module")
def examples() -> tuple[list[list[int]], list[np.ndarray]]:
    draw = np.random.default_rng(3)
    text = [draw.integers(1, 12, n).tolist() for n in (3, 1, 0, 7, 2)]
    # Lengths that have nothing to do with those of the text.
    waves = [draw.normal(size=(n, 2)).astype(np.float32) for n in (1, 6, 4, 0, 2)]
    return text, waves


@pytest.mark.parametrize("label", ["class", "number"])
def test_prediction_depends_on_the_example_alone(label: str, examples: Any) -> None:
    text, waves = examples
    model = build_model(manifest_of(label), SMALL)
    together = model(features_of(text, waves)).numpy()
    assert np.isfinite(together).all()
    poisoned = model(features_of(text, waves, width=20, fill=1e6)).numpy()
    np.testing.assert_allclose(poisoned, together, rtol=1e-5)
    order = [4, 0, 3, 1, 2]
    reordered = model(features_of([text[i] for i in order], [waves[i] for i in order])).numpy()
    np.testing.assert_allclose(reordered, together[order], rtol=1e-5)
    for i in range(len(text)):
        alone = model(features_of([text[i]], [waves[i]])).numpy()
        np.testing.assert_allclose(alone[0], together[i], rtol=1e-5)


def test_outputs_of_classes_are_probabilities(examples: Any) -> None:
    outputs = build_model(manifest_of(), SMALL)(features_of(*examples)).numpy()
    assert outputs.shape == (5, 3)
    np.testing.assert_allclose(outputs.sum(axis=1), 1, rtol=1e-6)


def test_outputs_of_numbers_are_in_the_labels_units(examples: Any) -> None:
    outputs = build_model(manifest_of("number"), SMALL)(features_of(*examples)).numpy()
    assert outputs.shape == (5,)
    # An untrained model is within a few standard deviations of the mean.
    assert (np.abs(outputs - 1000) < 5 * 20).all()


def test_a_hopeless_example_still_has_a_gradient() -> None:
    """Keras' own loss clips probabilities at 1e-7, which would stop the learning."""
    model = build_model(manifest_of(), SMALL)
    model.head.bias.assign([60.0, 0.0, 0.0])
    features = features_of([[1]], [np.ones((1, 2), np.float32)])

    @tf.function
    def gradient() -> tf.Tensor:
        with tf.GradientTape() as tape:
            outputs = model(features, training=True)
            loss = model.compute_loss(x=features, y=tf.constant([1]), y_pred=outputs)
        return tape.gradient(loss, model.head.bias)

    np.testing.assert_allclose(gradient().numpy(), [1.0, -1.0, 0.0], atol=1e-5)


def test_weights_are_drawn_by_the_seed() -> None:
    first, again = (build_model(manifest_of(), TrainerConfig(seed=4)).get_weights() for _ in range(2))
    other = build_model(manifest_of(), TrainerConfig(seed=5)).get_weights()
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any((a != b).any() for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("label", ["class", "number"])
def test_saved_and_loaded_in_safe_mode_it_is_the_same(label: str, tmp_path: Path, examples: Any) -> None:
    model = build_model(manifest_of(label), SMALL)
    path = tmp_path / "model.keras"
    without_optimizer(model).save(path)
    loaded = keras.saving.load_model(path, safe_mode=True)
    assert isinstance(loaded, SequenceModel)
    features = features_of(*examples)
    assert (loaded(features).numpy() == model(features).numpy()).all()


def test_keras_fit_works_on_it(examples: Any) -> None:
    model = build_model(manifest_of(), SMALL)
    batch = (features_of(*examples), np.array([0, 1, 2, 0, 1]), np.ones(5, np.float32))
    history = model.fit(tf.data.Dataset.from_tensors(batch), epochs=2, verbose=0)
    assert sorted(history.history) == ["accuracy", "loss"]


def test_without_a_label_nothing_can_be_trained() -> None:
    manifest = manifest_of()
    manifest.spec.ClearField("label")
    with pytest.raises(UsageError) as error:
        build_model(manifest, SMALL)
    assert str(error.value) == (
        "label: the data set has no label; class, number, per_step_class and next_step labels are what can be "
        "trained: name one in the spec and write the data set again"
    )


@pytest.mark.parametrize("label", ["class", "per_step_class"])
def test_one_class_is_too_few(label: str) -> None:
    with pytest.raises(DataError) as error:
        build_model(manifest_of(label, classes=1), SMALL)
    assert str(error.value) == "label: has 1 class(es) in the data set; training needs 2 or more"
