"""The shapes that are measured: within what training batches may be like."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import DataError
from schemas.manifest import load_manifest
from schemas.manifest_pb2 import Manifest
from trainer.batches.sizes import BatchLimits
from trainer.profiling.shapes import Shape, longest_by_leader, model_facts, shapes_to_measure


def test_four_lengths_with_large_and_small_batches() -> None:
    shapes = shapes_to_measure(1, 1_000, BatchLimits(16_384, 512))
    assert [(shape.steps, shape.examples) for shape in shapes] == [
        *[(1, 32), (1, 128), (1, 512)],
        *[(10, 32), (10, 128), (10, 512)],
        *[(100, 10), (100, 40), (100, 163)],
        *[(1_000, 1), (1_000, 4), (1_000, 16)],
    ]


@given(st.integers(0, 5_000), st.integers(0, 5_000), st.integers(1, 100_000), st.integers(1, 1_000))
def test_every_shape_is_one_that_training_may_have(shortest: int, more: int, budget: int, most: int) -> None:
    shapes = shapes_to_measure(shortest, shortest + more, BatchLimits(budget, most))
    assert 1 <= len(shapes) <= 12
    assert shapes == sorted(set(shapes))
    for shape in shapes:
        assert 1 <= shape.examples <= most
        assert shape.examples == 1 or shape.padded_steps <= budget
        assert min(shortest, 1_024) <= shape.steps <= max(shortest + more, 1)
    if shortest + more <= 1_024:
        assert (shapes[0].steps, shapes[-1].steps) == (max(shortest, 1), max(shortest + more, 1))


def test_padded_steps_of_a_shape() -> None:
    assert Shape(steps=7, examples=3).padded_steps == 21


def test_what_a_data_set_says_of_its_model(token_data: Path) -> None:
    facts = model_facts(load_manifest(token_data))
    assert facts["longest"] == {"text": 11}
    assert facts["ids"] == {"text": 2 + 8}  # padding, out of vocabulary, a to f, good and bad
    assert (facts["leaders"], facts["classes"]) == ({"text": "text"}, 2)
    assert ["text", "int64", True, 1] in facts["features"]


@pytest.mark.parametrize("records", [None, 0])
def test_without_training_examples_nothing_is_measured(records: int | None) -> None:
    manifest = Manifest()
    if records is not None:
        manifest.statistics["train"].records = records
    with pytest.raises(DataError) as error:
        longest_by_leader(manifest)
    assert str(error.value) == "split 'train' has no examples; nothing can be measured for it"
