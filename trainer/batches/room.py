"""Batches that leave room for the answers: of many classes a step, these take more memory than all else.

Answers for each step are (batch, steps, outputs) numbers. With 50,000 tokens to choose the next one from, a batch of
16,384 steps would have 3.3 GB of them, and training keeps four to five times as much at once.
"""

from dataclasses import replace

from schemas.manifest_pb2 import Manifest
from schemas.prediction_batches import step_outputs, steps_with_room
from trainer.batches.batching import Batching
from trainer.batches.sizes import BatchLimits


def limits_within(limits: BatchLimits, outputs: int) -> BatchLimits:
    """Returns limits with no more padded steps than `steps_with_room` says.

    Sizes that are given stay as they are: who gives them answers for the memory.

    Args:
      limits: What batches may be like.
      outputs: Of `step_outputs`.
    """
    steps = steps_with_room(limits.padded_steps, outputs)
    return limits if limits.sizes or limits.padded_steps == steps else replace(limits, padded_steps=steps)


def batching_within(batching: Batching, manifest: Manifest) -> Batching:
    """Returns the same way to make batches, with `limits_within`."""
    return replace(batching, limits=limits_within(batching.limits, step_outputs(manifest)))


def room_notes(asked: BatchLimits, outputs: int) -> list[str]:
    """Returns what a person should know of limits that are lowered, a line each; see `limits_within`."""
    given = limits_within(asked, outputs).padded_steps
    if given == asked.padded_steps:
        return []
    return [
        f"batch_padded_steps: {given} instead of {asked.padded_steps}, so that the answers of a batch, {outputs} "
        "numbers a step, take 512 MiB at most; sizes given as batch_sizes are not changed"
    ]
