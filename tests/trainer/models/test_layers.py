"""Masks, moments and pooling, against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.models.settings import model_settings
from trainer.models.branches import SequenceBranch
from trainer.sequence_layers.masks import sequence_mask
from trainer.sequence_layers.standardize import Standardize, Unstandardize

POISON = 1e6
SETTINGS = model_settings(layers=2, pooling=("mean", "max", "last"))


def test_mask_comes_from_lengths() -> None:
    mask = np.asarray(sequence_mask(np.array([0, 1, 3], np.int32), 3))
    assert mask.tolist() == [[False, False, False], [True, False, False], [True, True, True]]


def test_standardize_and_back() -> None:
    x = np.array([[[1.0, 5.0], [3.0, 5.0]]], np.float32)
    standard = np.asarray(Standardize([2.0, 5.0], [4.0, 0.0])(x))
    # The second dimension never varies, so that its scale counts as 1.
    assert standard.tolist() == [[[-0.5, 0.0], [0.5, 0.0]]]
    assert np.asarray(Unstandardize([2.0, 5.0], [4.0, 0.0])(standard)).tolist() == x.tolist()


@pytest.mark.parametrize("bidirectional", [True, False])
def test_a_branch_does_not_see_padding(bidirectional: bool) -> None:
    keras.utils.set_random_seed(0)
    branch = SequenceBranch({"dims": 2}, {**SETTINGS, "bidirectional": bidirectional})
    x = np.random.default_rng(1).normal(size=(3, 5, 2)).astype(np.float32)
    lengths = np.array([5, 2, 0], np.int32)
    expected = np.asarray(branch(x, lengths))
    poisoned = np.pad(x, ((0, 0), (0, 6), (0, 0)), constant_values=POISON)
    poisoned[1, 2:] = -POISON
    poisoned[2] = np.nan
    np.testing.assert_allclose(np.asarray(branch(poisoned, lengths)), expected, atol=1e-6)
    assert expected.shape == (3, branch.output_size)
    assert expected[2].tolist() == [0.0] * branch.output_size


def test_frames_of_zeros_are_data() -> None:
    keras.utils.set_random_seed(0)
    branch = SequenceBranch({"dims": 2}, SETTINGS)
    x = np.array([[[1.0, 2.0], [0.0, 0.0], [3.0, 1.0], [0.0, 0.0]]], np.float32)
    whole = np.asarray(branch(x, np.array([4], np.int32)))
    without_last = np.asarray(branch(x, np.array([3], np.int32)))
    without_zeros = np.asarray(branch(x[:, [0, 2]], np.array([2], np.int32)))
    assert np.abs(whole - without_last).max() > 1e-4
    assert np.abs(without_last - without_zeros).max() > 1e-4


def test_the_gradient_does_not_see_padding() -> None:
    keras.utils.set_random_seed(0)
    branch = SequenceBranch({"dims": 2, "mean": [1.0, 0.0], "variance": [4.0, 1.0]}, SETTINGS)
    x = np.random.default_rng(2).normal(size=(2, 4, 2)).astype(np.float32)
    lengths = np.array([4, 1], np.int32)
    poisoned = np.pad(x, ((0, 0), (0, 3), (0, 0)), constant_values=POISON)
    poisoned[1, 1:] = POISON

    def gradients(values: np.ndarray) -> list[np.ndarray]:
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(branch(values, lengths) ** 2)
        return [gradient.numpy() for gradient in tape.gradient(total, branch.trainable_variables)]

    for plain, padded in zip(gradients(x), gradients(poisoned), strict=True):
        np.testing.assert_allclose(padded, plain, atol=1e-5)


@pytest.mark.parametrize(("dims", "dropped"), [(1, False), (31, False), (32, True)])
def test_whole_dimensions_are_dropped_only_where_there_are_many(dims: int, dropped: bool) -> None:
    branch = SequenceBranch({"dims": dims}, {**SETTINGS, "input_dropout": 0.3})
    assert branch.input_dropout.rate == (0.3 if dropped else 0.0)


def test_what_is_far_beyond_the_usual_stays_finite() -> None:
    layer = Standardize([0.0], [1e-30])
    assert np.asarray(layer(np.array([[3e38], [-3e38], [0.0]], np.float32))).ravel().tolist() == [1e6, -1e6, 0.0]
