"""Training: epochs of known length, stopped early on the validation split, best weights kept."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from schemas.errors import DataError
from schemas.manifest import load_manifest
from schemas.manifest_pb2 import Manifest
from schemas.spec import TRAIN, VALIDATION
from trainer.batches.batching import Batching
from trainer.batches.epochs import Epochs
from trainer.batches.source import SplitSource
from trainer.config import TrainerConfig, batching_of, dump_config, order_of, to_plain
from trainer.evaluate import EVALUATION_BATCHES, Evaluator
from trainer.model_folder import check_output
from trainer.models.build import build_model
from trainer.models.model import SequenceModel
from trainer.progress import say, tracked
from trainer.saved import read_contract, write_model

TrainStep = Callable[[Any, Any, Any], tf.Tensor]


def train(data: str | Path, output: str | Path, config: TrainerConfig, replace: bool = False) -> dict[str, Any]:
    """Trains a model on a data set and writes its folder.

    Args:
      data: Folder of the data set.
      output: Folder of the model.
      config: Settings.
      replace: Whether a model that stands there already is replaced.

    Returns:
      What training.json says; "metrics" are those of the validation split with the best weights.

    Raises:
      UsageError: The output exists, or the label is none that can be trained on.
      DataError: The data set cannot be used, or the loss is no longer a number.
    """
    data, output = Path(data), Path(output)
    check_output(output, replace)
    manifest = load_manifest(data)
    contract = read_contract(data, manifest)
    model = build_model(manifest, config)
    epochs = Epochs(SplitSource(data, manifest, TRAIN), batching_of(config), training=True)
    for line in epochs.warnings:
        say(line)
    if not epochs.examples:
        raise DataError(f"{data}: split '{TRAIN}' has no examples; nothing can be learnt from it")
    validation = _validation(data, manifest, model, config.batching)
    say(dump_config(config).rstrip())
    say(f"training on {epochs.examples} examples in {epochs.steps} steps an epoch, batches of {_range(epochs)}")
    if validation is None:
        say(
            f"no examples in a split '{VALIDATION}': training for all {config.epochs} epochs, the last weights are kept"
        )
    run = _Run(model, config, validation)
    started = time.monotonic()
    run.epochs(epochs)
    summary = {
        "model": str(output),
        "data_fingerprint": manifest.data_fingerprint,
        "seconds": round(time.monotonic() - started, 3),
        "steps_per_epoch": epochs.steps,
        "epochs": len(run.history),
        "best_epoch": run.best_epoch,
        "metrics": run.best_metrics,
        "history": run.history,
        "config": to_plain(config),
        "versions": {"keras": keras.__version__, "tensorflow": tf.__version__},
    }
    write_model(output, model, contract, config, summary)
    return summary


def make_train_step(model: SequenceModel, element_spec: Any, jit_compile: bool = False) -> TrainStep:
    """Returns a function (features, label, weight) -> loss that changes the model's weights once.

    The loss is the mean over the batch of loss x weight. It is traced once, for any batch; to be
    compiled, once for each shape of a batch.

    Args:
      model: Compiled.
      element_spec: Of the training dataset.
      jit_compile: Whether XLA compiles it.
    """

    def step(features: Any, label: Any, weight: Any) -> tf.Tensor:
        with tf.GradientTape() as tape:
            outputs = model(features, training=True)
            loss = model.compute_loss(x=features, y=label, y_pred=outputs, sample_weight=weight)
        gradients = tape.gradient(loss, model.trainable_variables)
        model.optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    if jit_compile:
        model.optimizer.build(model.trainable_variables)  # else the first shape is traced twice
        return StepByShape(step)
    traced: TrainStep = tf.function(step, input_signature=element_spec)
    return traced


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


@dataclass
class _Run:
    """One training run and what it has come to so far."""

    model: SequenceModel
    config: TrainerConfig
    validation: Evaluator | None
    history: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = 0
    best_metrics: dict[str, float] = field(default_factory=dict)
    best_weights: list[Any] = field(default_factory=list)

    def epochs(self, epochs: Epochs) -> None:
        """Trains until the epochs are over or the validation loss stops falling."""
        step: TrainStep | None = None
        for epoch in range(1, self.config.epochs + 1):
            dataset = epochs.open(order_of(self.config, epoch - 1))
            step = step or make_train_step(self.model, dataset.element_spec, self.config.jit_compile)
            started = time.monotonic()
            batches = tracked(epochs.source.iterate(dataset), epochs.steps, f"epoch {epoch}")
            total = 0.0
            for batch in batches:
                loss = float(step(*batch))
                _check_finite(loss, TRAIN, epoch, self.config)
                total += loss
            # A batch weighs its rows / the mean number of examples: the mean over steps is one over examples.
            self._after_epoch(epoch, total / epochs.steps, time.monotonic() - started)
            if self._is_over(epoch, epochs.steps):
                break
        if self.best_weights:
            self.model.set_weights(self.best_weights)

    def _after_epoch(self, epoch: int, loss: float, seconds: float) -> None:
        entry: dict[str, Any] = {"epoch": epoch, "loss": loss, "seconds": round(seconds, 3)}
        metrics: dict[str, float] = {}
        if self.validation is not None:
            metrics = self.validation.run().metrics()
            _check_finite(metrics["loss"], VALIDATION, epoch, self.config)
            entry[VALIDATION] = metrics
        self.history.append(entry)
        # Without a validation split the last weights are as good a choice as any.
        if not metrics or not self.best_metrics or metrics["loss"] < self.best_metrics["loss"]:
            self.best_epoch, self.best_metrics = epoch, metrics
            self.best_weights = self.model.get_weights() if metrics else []
        shown = ", ".join(f"{VALIDATION} {name} {value:.4f}" for name, value in metrics.items())
        say(f"epoch {epoch} of at most {self.config.epochs}: {seconds:.1f} s, loss {loss:.4f} {shown}".rstrip())

    def _is_over(self, epoch: int, steps: int) -> bool:
        waited = epoch - self.best_epoch
        return waited >= self.config.patience and waited * steps >= self.config.patience_steps


def _validation(data: Path, manifest: Manifest, model: SequenceModel, method: str) -> Evaluator | None:
    if VALIDATION not in manifest.statistics or not manifest.statistics[VALIDATION].records:
        return None
    return Evaluator(model, SplitSource(data, manifest, VALIDATION), Batching(method, EVALUATION_BATCHES.limits))


def _check_finite(loss: float, name: str, epoch: int, config: TrainerConfig) -> None:
    if not math.isfinite(loss):
        raise DataError(
            f"the loss on split '{name}' is {loss} in epoch {epoch}; nothing was written: lower learning_rate "
            f"(now {config.learning_rate:g}), or set normalize: zscore for series with large values"
        )


def _range(epochs: Epochs) -> str:
    low, high = min(epochs.sizes), max(epochs.sizes)
    return f"{low} examples" if low == high else f"{low} to {high} examples"
