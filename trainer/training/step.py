"""One step of training: a batch changes the weights once."""

from collections.abc import Callable
from functools import partial
from typing import Any

import tensorflow as tf

from trainer.models.model import SequenceModel
from trainer.training.guard import Guard
from trainer.training.pieces import PiecewiseGradient

TrainStep = Callable[[Any, Any, Any], tf.Tensor]


def make_train_step(
    model: SequenceModel, element_spec: Any, jit_compile: bool = False, guard: Guard | None = None
) -> TrainStep:
    """Returns a function (features, label, weight) -> loss that changes the model's weights once.

    The loss is the mean over the batch of loss x weight. It is traced once, for any batch; to be
    compiled, once for each shape of a batch.

    Args:
      model: Compiled.
      element_spec: Of the training dataset.
      jit_compile: Whether XLA compiles it.
      guard: Of the training; none: one of its own.
    """
    guard = guard or Guard(model)
    # In the graph of a step it would be built within a condition; to be compiled, traced twice.
    model.optimizer.build(model.trainable_variables)

    gradient_of = (
        PiecewiseGradient(model, guard.begin) if model.settings["piece_steps"] else partial(loss_and_gradients, model)
    )

    def step(features: Any, label: Any, weight: Any) -> tf.Tensor:
        guard.begin()
        loss, gradients = gradient_of(features, label, weight)
        return guard.end(loss, gradients, lambda: apply_gradients(model, gradients))

    if jit_compile:
        return StepByShape(step)
    traced: TrainStep = tf.function(step, input_signature=element_spec)
    return traced


def loss_and_gradients(model: SequenceModel, features: Any, label: Any, weight: Any) -> tuple[tf.Tensor, list[Any]]:
    """Returns the mean over the batch of loss x weight, and its gradient for each trainable variable.

    The gradient is that of the scaled loss where the optimizer scales it.
    """
    with tf.GradientTape() as tape:
        outputs = model(features, training=True)
        loss = model.compute_loss(x=features, y=label, y_pred=outputs, sample_weight=weight)
        scaled = model.optimizer.scale_loss(loss)
    return loss, tape.gradient(scaled, model.trainable_variables)


def apply_gradients(model: SequenceModel, gradients: Any) -> None:
    """Changes the weights once."""
    model.optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))


class StepByShape:
    """A train step that XLA compiles for each shape of a batch, of which there are as many as buckets.

    Attributes:
      compiled: By the shapes of all parts of a batch.
    """

    def __init__(self, step: TrainStep) -> None:
        """Compiles nothing yet."""
        self._step = step
        self.compiled: dict[Any, TrainStep] = {}

    def __call__(self, features: Any, label: Any, weight: Any) -> tf.Tensor:
        """Changes the weights once; compiles first where the shape is new."""
        shape = tuple(tuple(part.shape) for part in tf.nest.flatten((features, label, weight)))
        if shape not in self.compiled:
            # As a concrete function: TensorFlow warns of a Python function that is traced for shape after shape.
            traced = tf.function(self._step, jit_compile=True, autograph=False)
            self.compiled[shape] = traced.get_concrete_function(features, label, weight)
        return self.compiled[shape](features, label, weight)
