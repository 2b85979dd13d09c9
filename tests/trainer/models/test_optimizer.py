"""The learning rate of each step, and what decays."""

import math

import keras
import numpy as np
import pytest

from trainer.config import TrainerConfig
from trainer.models.optimizer import Schedule, make_optimizer


def rates(kind: str, warmup: int, steps: int, upto: int) -> list[float]:
    schedule = Schedule(2.0, kind, warmup, steps)
    return [float(schedule(step)) for step in range(upto)]


def test_constant_with_warmup() -> None:
    assert rates("constant", 4, 10, 7) == [0.5, 1.0, 1.5, 2.0, 2.0, 2.0, 2.0]


def test_linear_ends_at_zero_and_stays_there() -> None:
    assert rates("linear", 2, 6, 9) == [1.0, 2.0, 2.0, 1.5, 1.0, 0.5, 0.0, 0.0, 0.0]


def test_cosine() -> None:
    expected = [1 + math.cos(math.pi * step / 8) for step in range(9)]
    assert rates("cosine", 0, 8, 9) == pytest.approx(expected, abs=1e-6)


def test_more_warmup_than_steps_only_rises() -> None:
    assert rates("cosine", 4, 2, 4) == [0.5, 1.0, 1.5, 2.0]


def test_a_schedule_can_be_copied() -> None:
    schedule = Schedule(0.1, "cosine", 3, 50)
    copy = Schedule.from_config(schedule.get_config())
    assert [float(copy(step)) for step in range(60)] == [float(schedule(step)) for step in range(60)]


def test_the_schedule_spans_all_epochs() -> None:
    optimizer = make_optimizer(TrainerConfig(schedule="linear", epochs=3, learning_rate=1.0), epoch_steps=4)
    optimizer.build([keras.Variable([1.0])])
    optimizer.iterations.assign(6)
    assert float(optimizer.learning_rate) == 0.5


def test_weights_decay_and_biases_do_not() -> None:
    optimizer = make_optimizer(TrainerConfig(weight_decay=0.5, learning_rate=0.1), epoch_steps=1)
    kernel, bias = keras.Variable([2.0], name="kernel"), keras.Variable([2.0], name="bias")
    optimizer.apply([np.zeros(1, np.float32)] * 2, [kernel, bias])
    assert float(kernel.value[0]) == pytest.approx(2.0 * (1 - 0.1 * 0.5))
    assert float(bias.value[0]) == 2.0


def test_the_gradient_is_clipped_over_all_weights() -> None:
    moved = []
    for scale in (1.0, 1e4):
        optimizer = make_optimizer(TrainerConfig(clip_norm=1e-3, learning_rate=0.1), epoch_steps=1)
        weights = [keras.Variable([0.0], name=name) for name in "ab"]
        for step in range(3):
            optimizer.apply([np.float32([scale]), np.float32([scale * (step + 1)])], weights)
        moved.append([float(weight.value[0]) for weight in weights])
    assert moved[0] == pytest.approx(moved[1], rel=1e-5)
