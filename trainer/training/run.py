"""A training run: epochs of known length, stopped early on the validation split, best weights kept."""

import math
import time
from dataclasses import dataclass, field
from typing import Any

from schemas.errors import DataError
from schemas.spec import TRAIN, VALIDATION
from trainer.batches.epochs import Epochs
from trainer.config import TrainerConfig, order_of
from trainer.evaluate import Evaluator
from trainer.models.model import SequenceModel
from trainer.progress import say, tracked
from trainer.training.step import TrainStep, make_train_step


@dataclass
class Run:
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


def _check_finite(loss: float, name: str, epoch: int, config: TrainerConfig) -> None:
    if not math.isfinite(loss):
        raise DataError(
            f"the loss on split '{name}' is {loss} in epoch {epoch}; nothing was written: lower learning_rate "
            f"(now {config.learning_rate:g}), or set normalize: zscore for series with large values"
        )
