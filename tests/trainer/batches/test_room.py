"""Batches whose answers would not fit into memory are made smaller, and others are not touched."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.manifest_pb2 import Manifest, Moments, Vocabulary
from schemas.prediction_batches import step_outputs, steps_with_room
from schemas.spec import parse_spec
from trainer.batches.room import limits_within, room_notes
from trainer.batches.sizes import BatchLimits
from trainer.tasks.task import target_of, task_of

LIMITS = BatchLimits(padded_steps=16_384, max_examples=512)


@given(st.integers(1, 100_000), st.integers(0, 10**9))
def test_nothing_but_the_padded_steps_changes(padded_steps: int, outputs: int) -> None:
    asked = BatchLimits(padded_steps=padded_steps, max_examples=512)
    assert limits_within(asked, outputs) == replace(asked, padded_steps=steps_with_room(padded_steps, outputs))


def test_sizes_that_are_given_stay() -> None:
    asked = replace(LIMITS, sizes=(64,))
    assert limits_within(asked, 10**6) == asked
    assert room_notes(asked, 10**6) == []


def test_what_is_said() -> None:
    assert room_notes(LIMITS, 8192) == []
    assert room_notes(LIMITS, 50_002) == [
        "batch_padded_steps: 2684 instead of 16384, so that the answers of a batch, 50002 numbers a step, take 512 MiB "
        "at most; sizes given as batch_sizes are not changed"
    ]


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("{type: class}", 0),
        ("{type: number}", 0),
        ("{type: per_step_class, of: text}", 4),
        ("{type: next_step, of: text}", 12),
        ("{type: next_step, of: x, horizon: 3}", 6),
    ],
)
def test_numbers_of_a_step_are_those_of_the_task(label: str, expected: int) -> None:
    text = f"sequences: {{text: {{type: tokens}}, x: {{type: series, dims: 2}}}}\nlabel: {label}\n"
    manifest = Manifest(spec=parse_spec(text), classes=Vocabulary(size=4))
    manifest.vocabularies["text"].CopyFrom(Vocabulary(size=10, oov_buckets=1))
    for name, dims in (("x", 2), ("label", 1)):
        manifest.moments[name].CopyFrom(Moments(mean=[0.0] * dims, variance=[1.0] * dims))
    assert step_outputs(manifest) == expected
    task = task_of(target_of(manifest))
    assert (task.outputs if task.leader else 0) == expected
