"""Synthetic batches are of the form of real ones, for everything that a record can hold."""

from pathlib import Path

import pytest
import tensorflow as tf

from schemas.manifest import load_manifest
from tests.trainer.batches.test_parsing import ALL, EXAMPLES
from tests.trainer.dataset_builder import build_dataset
from tests.trainer.example_blocks import example_block
from trainer import TrainerConfig, open_dataset
from trainer.profiling.inputs import batch_spec, synthetic_batch
from trainer.profiling.shapes import Shape
from trainer.profiling.steps import StepTimer

TINY = TrainerConfig(embedding_size=2, units=2, bidirectional=False, pooling=("last",))
TWO = """
id: id
sequences: {title: {type: tokens, tokenizer: whitespace}, text: {type: tokens, tokenizer: whitespace}}
label: {from: stars, type: number}
"""


def full_data(folder: Path) -> Path:
    spec = ALL.replace("STORED_AS", "example").replace("missing: zero", "missing: mean")
    build_dataset(folder, spec, {"train": example_block(spec, EXAMPLES)})
    return folder


def two_sequences(folder: Path) -> Path:
    records = [{"id": f"{i}", "title": "a " * (1 + i % 3), "text": "b c " * (2 + i), "stars": i / 2} for i in range(6)]
    build_dataset(folder, TWO, {"train": records})
    return folder


def test_the_form_is_that_of_training_batches(tmp_path: Path) -> None:
    for folder in (full_data(tmp_path / "full"), two_sequences(tmp_path / "two")):
        spec = open_dataset(folder).element_spec
        assert batch_spec(load_manifest(folder)) == spec
        batch = synthetic_batch(load_manifest(folder), Shape(steps=3, examples=5))
        assert sorted(batch[0]) == sorted(spec[0])
        for given, form in zip(tf.nest.flatten(batch), tf.nest.flatten(spec), strict=True):
            assert (given.dtype, given.shape[0]) == (form.dtype, 5)
            assert form.shape.is_compatible_with(given.shape)


def test_no_sequence_is_longer_than_its_longest_example(tmp_path: Path) -> None:
    features, _, weight = synthetic_batch(load_manifest(two_sequences(tmp_path / "two")), Shape(steps=9, examples=2))
    assert features["title"].shape == (2, 3)
    assert features["text"].shape == (2, 9)
    assert features["title/length"].numpy().tolist() == [3, 3]
    assert features["text/length"].numpy().tolist() == [9, 9]
    assert weight.numpy().tolist() == [1, 1]


def test_ids_are_ids_of_the_vocabulary(token_data: Path) -> None:
    features, label, _ = synthetic_batch(load_manifest(token_data), Shape(steps=11, examples=50))
    assert set(features["text"].numpy().reshape(-1).tolist()) == set(range(10))
    assert label.numpy().tolist() == [0] * 50


@pytest.mark.parametrize("make", [full_data, two_sequences])
def test_a_model_of_everything_can_be_timed(make: object, tmp_path: Path) -> None:
    folder = full_data(tmp_path / "data") if make is full_data else two_sequences(tmp_path / "data")
    timer = StepTimer(load_manifest(folder), TINY)
    assert 0 < timer.seconds(Shape(steps=3, examples=2), repeats=1) < 60
