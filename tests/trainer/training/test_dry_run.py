"""The heaviest batches are tried first, and leave no trace."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from schemas.errors import DataError
from schemas.manifest import load_manifest
from trainer.batches.epochs import Epochs
from trainer.batches.source import SplitSource
from trainer.config import TrainerConfig, batching_of, order_of
from trainer.models.build import build_model
from trainer.training.dry_run import dry_run, enlarged, heaviest_batches
from trainer.training.guard import Guard
from trainer.training.step import StepByShape, make_train_step

CONFIG = TrainerConfig(units=4, embedding_size=4, batch_padded_steps=44, min_batch_size=1, min_epoch_steps=1)


def opened(data: Path, config: TrainerConfig) -> Epochs:
    return Epochs(SplitSource(data, load_manifest(data), "train"), batching_of(config), training=True)


def test_the_heaviest_batch_of_each_bucket(token_data: Path) -> None:
    """Bounds 3 and 7, longest 11: 44 padded steps are 14 x 3, 6 x 7 and 4 x 11."""
    forms = heaviest_batches(opened(token_data, CONFIG), CONFIG)
    assert [(form.bucket, form.rows, dict(form.widths)) for form in forms] == [
        (2, 4, {"text": 11}),
        (0, 14, {"text": 3}),
        (1, 6, {"text": 7}),
    ]
    epochs = opened(token_data, CONFIG)
    batch = next(iter(epochs.open(order_of(CONFIG, 0))))
    features, label, weight = enlarged(batch, forms[0], epochs)
    assert features["text"].shape == (4, 11)
    assert features["text/length"].numpy().tolist() == [11] * 4
    assert label.shape == weight.shape == (4,)
    assert set(np.unique(features["text"])) <= set(np.unique(batch[0]["text"]))


@pytest.mark.parametrize("compiled", [False, True])
def test_it_changes_nothing_and_traces_what_training_uses(token_data: Path, compiled: bool, capsys: Any) -> None:
    config = replace(CONFIG, static_shapes=compiled, jit_compile=compiled)
    epochs = opened(token_data, config)
    model = build_model(epochs.source.manifest, config)
    guard = Guard(model, 3)
    step: Any = make_train_step(model, epochs.open(order_of(config, 0)).element_spec, compiled, guard)

    def everything() -> list[bytes]:
        variables = [*model.variables, *model.optimizer.variables, guard.step, guard.halted]
        return [np.asarray(variable.numpy()).tobytes() for variable in variables]

    before = everything()
    assert len(before) > 10
    dry_run(epochs, config, step, guard)
    assert everything() == before
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "dry run: the heaviest batch of each of 3 buckets, up to 4 examples x 11 steps"
    assert said[1].startswith("dry run: done in ")
    shapes = len(step.compiled) if isinstance(step, StepByShape) else step.experimental_get_tracing_count()
    for batch in epochs.open(order_of(config, 0)):
        step(*batch)
    assert everything() != before
    after = len(step.compiled) if isinstance(step, StepByShape) else step.experimental_get_tracing_count()
    assert after == shapes == (3 if compiled else 1)


def test_a_batch_that_memory_is_too_small_for(token_data: Path) -> None:
    epochs = opened(token_data, CONFIG)

    def step(features: Any, label: Any, weight: Any) -> tf.Tensor:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[4,11]")

    with pytest.raises(DataError) as error:
        dry_run(epochs, CONFIG, step, Guard(build_model(epochs.source.manifest, CONFIG)))
    assert str(error.value) == (
        "dry run: a batch of 4 examples x 11 steps, the heaviest of bucket 2, fails: OOM when allocating tensor with "
        "shape[4,11]; lower batch_padded_steps (now 44) or max_batch_size (now 512), or cut long records in the spec "
        "(max_length)"
    )
