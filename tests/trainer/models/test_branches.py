"""What is read beside the values of a sequence, and the context: shapes, padding, characters."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.models.settings import model_settings
from trainer.models.branches import ContextEntry, SequenceBranch
from trainer.models.steps import StepReader
from trainer.sequence_layers.characters import CharacterMean

SETTINGS = model_settings(embedding_size=12)
SOURCE: dict[str, Any] = {
    "dims": 2,
    "mean": [1.0, 2.0],
    "variance": [4.0, 1.0],
    "missing": True,
    "since": True,
    "aligned": {"word": {"ids": 9}, "letters": {"ids": 5, "characters": True}, "waves": {"dims": 1, "since": True}},
}


def features_of(batch: int, steps: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(5)
    return {
        "x": draw.normal(size=(batch, steps, 2)).astype(np.float32),
        "x/missing": draw.integers(0, 2, (batch, steps, 2)).astype(np.float32),
        "x/since": draw.uniform(0, 1e6, (batch, steps)).astype(np.float32),
        "word": draw.integers(1, 9, (batch, steps)).astype(np.int32),
        "letters": draw.integers(1, 5, (batch, steps, 3)).astype(np.int32),
        "letters/sizes": draw.integers(0, 4, (batch, steps)).astype(np.int32),
        "waves": draw.normal(size=(batch, steps, 1)).astype(np.float32),
        "waves/since": draw.uniform(0, 1e6, (batch, steps)).astype(np.float32),
    }


def run(branch: SequenceBranch, features: dict[str, np.ndarray], lengths: list[int]) -> np.ndarray:
    beside = {name: features[name] for name in branch.beside}
    return np.asarray(branch(features["x"], np.array(lengths, np.int32), beside))


def test_the_numbers_of_a_step() -> None:
    keras.utils.set_random_seed(0)
    branch = SequenceBranch(SOURCE, SETTINGS, name="x")
    branch.build()
    assert branch.beside == ["x/missing", "x/since", "letters", "letters/sizes", "waves", "waves/since", "word"]
    kernel = branch.encoder.recurrent[0].weights[0]
    assert kernel.shape[0] == (2 + 2 + 1) + 12 + (1 + 1) + 12


@pytest.mark.parametrize("name", ["x/missing", "x/since", "word", "letters", "letters/sizes", "waves", "waves/since"])
def test_each_feature_counts_at_real_steps_and_nowhere_else(name: str) -> None:
    keras.utils.set_random_seed(0)
    branch = SequenceBranch(SOURCE, SETTINGS, name="x")
    features, lengths = features_of(3, 5), [5, 2, 0]
    features["letters"][0, 0], features["letters/sizes"][0, 0] = [1, 2, 4], 2
    expected = run(branch, features, lengths)
    changed = {**features, name: features[name].copy()}
    changed[name][1, 2:] = 0
    changed[name][2] = 0
    np.testing.assert_array_equal(run(branch, changed, lengths), expected)
    changed[name][0, 0] = 1 if name == "letters/sizes" else abs(4 - features[name][0, 0]) / 2
    assert np.abs(run(branch, changed, lengths)[0] - expected[0]).max() > 1e-6


def test_a_branch_of_one_sequence_needs_nothing_beside() -> None:
    assert SequenceBranch({"ids": 5}, SETTINGS, name="x").beside == []


def test_gaps_in_time_are_read_as_logarithms() -> None:
    branch = SequenceBranch({"dims": 1, "since": True}, SETTINGS, name="x")
    seen: list[np.ndarray] = []
    branch.input_dropout = lambda x, training: seen.append(np.asarray(x)) or x
    features = {"x": np.zeros((1, 3, 1), np.float32), "x/since": np.array([[0.0, np.e - 1, 1e9]], np.float32)}
    run(branch, features, [3])
    np.testing.assert_allclose(seen[0][0, :, 1], [0.0, 1.0, np.log1p(1e9)], rtol=1e-6)


def test_noise_in_training_upon_what_is_standardised_alone() -> None:
    source: dict[str, Any] = {"dims": 1, "mean": [3.0], "variance": [4.0], "missing": True}
    aligned = {"raw": {"dims": 1}, "word": {"ids": 4}}
    reader = StepReader({**source, "aligned": aligned}, {**SETTINGS, "input_noise": 0.5}, name="x")
    values = np.full((40, 50, 1), 5, np.float32)
    features = {"x": values, "x/missing": 0 * values, "raw": values, "word": np.ones((40, 50), np.int32)}
    plain = np.asarray(reader(features))
    assert plain[..., 0].max() == plain[..., 0].min() == 1.0
    difference = np.asarray(reader(features, training=True)) - plain
    assert abs(difference[..., 0].mean()) < 0.05
    assert 0.45 < difference[..., 0].std() < 0.55
    assert not difference[..., 1:].any()


def test_tokens_are_the_mean_of_their_characters() -> None:
    keras.utils.set_random_seed(0)
    layer = CharacterMean(5, 4)
    characters = np.array([[[1, 2, 3], [4, 0, 0]], [[0, 0, 0], [2, 2, 0]]], np.int32)
    outputs = np.asarray(layer(characters, np.array([[3, 1], [0, 2]], np.int32)))
    table = layer.embedding.embeddings.numpy()
    expected = [[table[1:4].mean(axis=0), table[4]], [np.zeros(4), table[2]]]
    np.testing.assert_allclose(outputs, expected, rtol=1e-5)


def test_tokens_without_any_character() -> None:
    layer = CharacterMean(5, 4)
    outputs = np.asarray(layer(np.zeros((2, 3, 0), np.int32), np.zeros((2, 3), np.int32)))
    assert outputs.tolist() == np.zeros((2, 3, 4)).tolist()


def test_characters_have_a_gradient_where_they_are_real() -> None:
    layer = CharacterMean(5, 2)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(np.array([[[1, 3]]], np.int32), np.array([[1]], np.int32)))
    gradient = tf.convert_to_tensor(tape.gradient(total, layer.embedding.embeddings)).numpy()
    assert gradient.tolist() == [[0, 0], [1, 1], [0, 0], [0, 0], [0, 0]]


def test_a_category_becomes_a_small_vector() -> None:
    entry = ContextEntry({"ids": 5}, SETTINGS)
    assert np.asarray(entry(np.array([1, 4], np.int32))).shape == (2, entry.output_size) == (2, 8)
    assert ContextEntry({"ids": 5}, {**SETTINGS, "embedding_size": 3}).output_size == 3


def test_a_number_is_standardised_where_the_spec_says_so() -> None:
    numbers = np.array([1.0, 5.0], np.float32)
    plain = ContextEntry({}, SETTINGS)
    assert np.asarray(plain(numbers)).tolist() == [[1.0], [5.0]]
    scaled = ContextEntry({"mean": [3.0], "variance": [4.0]}, SETTINGS)
    assert np.asarray(scaled(numbers)).tolist() == [[-1.0], [1.0]]
    assert plain.output_size == scaled.output_size == 1
