"""A training run: epochs of known length, stopped early on the validation split, best weights kept.

It can be stopped anywhere and goes on from its newest checkpoint as if it had never stopped: the batches that remain
follow from the position, dropout from the step, everything else is in the checkpoint.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from schemas.errors import DataError
from schemas.spec import VALIDATION
from trainer.batches.epochs import Epochs
from trainer.batches.order import Order
from trainer.batches.position import Position
from trainer.batches.reasons import reason
from trainer.config import TrainerConfig, order_of, to_plain
from trainer.evaluate import Evaluator
from trainer.metrics import Totals
from trainer.models.model import SequenceModel
from trainer.progress import say, tracked
from trainer.settings.training import is_better
from trainer.training.checkpoint import Checkpoint
from trainer.training.events import EventFile
from trainer.training.folder import Origin, TrainingFolder, check_same
from trainer.training.guard import Guard
from trainer.training.meter import EpochMeter, NotFinite
from trainer.training.signals import Stopped, StopSignals
from trainer.training.state import TrainingState, pack, unpack
from trainer.training.step import TrainStep

STEPS_BETWEEN_POINTS = 50


@dataclass(frozen=True)
class Parts:
    """What a run is made of.

    Attributes:
      model: Compiled, its optimizer built.
      config: Settings.
      epochs: Of the training split.
      validation: None where there is no such split.
      step: Changes the weights.
      guard: Of the step.
      folder: Where the state is kept.
      origin: What it begins with.
      name_guilty: Returns what is to be said of a batch whose loss is not finite, by its epoch and step, from 0.
    """

    model: SequenceModel
    config: TrainerConfig
    epochs: Epochs
    validation: Evaluator | None
    step: TrainStep
    guard: Guard
    folder: TrainingFolder
    origin: Origin
    name_guilty: Callable[[int, int], str]


class Run:
    """One training run.

    Attributes:
      state: Where it is, and what it has come to.
    """

    def __init__(self, parts: Parts) -> None:
        """Begins at the first step."""
        self._parts = parts
        self.state = TrainingState()
        self._meter = self._new_meter()
        self._kept = self._since = time.monotonic()

    def resume(self, checkpoint: Checkpoint) -> None:
        """Goes on from a checkpoint.

        Raises:
          UsageError: It is of another training.
          DataError: It is of other batches.
        """
        parts, where = self._parts, str(self._parts.folder.path)
        check_same(parts.folder.path, checkpoint.facts, to_plain(parts.config), parts.origin)
        self.state = unpack(checkpoint, parts.model, where)
        position = Position.from_json(checkpoint.facts["position"])
        position.check(self._position())
        parts.guard.step.assign(self.done)
        self._meter.restore(checkpoint.facts["meter"])
        say(
            f"{where}: going on in epoch {self.state.epoch + 1} behind step {self.state.step} of {parts.epochs.steps}, "
            "as if it had never stopped"
        )

    def go(self, events: EventFile | None) -> None:
        """Trains until the epochs are over or the validation loss stops falling; then sets the best weights.

        Args:
          events: Takes points for TensorBoard.

        Raises:
          Stopped: It was told to; its state is kept.
          DataError: A loss is not finite, a step fails, or a file of the data set is damaged.
        """
        self._since = self._kept = time.monotonic()
        with StopSignals() as signals:
            while not self._is_over():
                self._train_epoch(signals, events)
                totals = self._validate(signals)
                self._after_epoch(totals, events)
                self.keep()
        if self.state.best_weights:
            self._parts.model.set_weights(self.state.best_weights)

    def keep(self) -> None:
        """Writes a checkpoint.

        Raises:
          DataError: It cannot be written, or a loss is not finite.
        """
        with self._finite():
            self._meter.read()
        now = time.monotonic()
        self.state.seconds += now - self._since
        self._since = now
        settings = to_plain(self._parts.config)
        beside = {"settings": settings, "meter": self._meter.to_plain(), **self._parts.origin.to_plain()}
        self._parts.folder.keep(pack(self.state, self._position(), self._parts.model, beside))
        self._kept = time.monotonic()
        self._meter.start()

    def _train_epoch(self, signals: StopSignals, events: EventFile | None) -> None:
        parts, state, meter = self._parts, self.state, self._meter
        dataset = parts.epochs.open(self._order(), state.step)
        batches = parts.epochs.source.iterate(dataset)
        meter.start()
        with self._finite():
            for batch in tracked(batches, parts.epochs.steps, f"epoch {state.epoch + 1}", state.step, meter.note):
                meter.begin()
                loss = self._step(batch)
                meter.end(batch[0], batch[2], loss)
                state.step += 1
                if events is not None and self.done % STEPS_BETWEEN_POINTS == 0:
                    events.add(self.done, {"train/loss of the epoch so far": meter.loss()})
                if signals.told:
                    self._stop()
                if 0 < parts.config.checkpoint_seconds <= time.monotonic() - self._kept:
                    self.keep()
            meter.read()

    def _step(self, batch: Any) -> tf.Tensor:
        parts, state = self._parts, self.state
        try:
            return parts.step(*batch)
        # The dry run finds most of this; it may be off, or another program have taken memory since.
        except (tf.errors.OpError, MemoryError, ValueError) as error:
            config = parts.config
            raise DataError(
                f"epoch {state.epoch + 1}, step {state.step + 1} of {parts.epochs.steps}: fails: {reason(error)}; "
                f"where memory is too small lower batch_padded_steps (now {config.batch_padded_steps}) or "
                f"max_batch_size (now {config.max_batch_size}) and say --fresh"
            ) from None

    def _validate(self, signals: StopSignals) -> Totals | None:
        validation = self._parts.validation
        if validation is None:
            return None
        try:
            with signals.at_once():
                return validation.run()
        except KeyboardInterrupt:
            self._stop()
            raise

    def _stop(self) -> None:
        self.keep()
        state = self.state
        raise Stopped(
            f"stopped in epoch {state.epoch + 1} behind step {state.step} of {self._parts.epochs.steps}; the same "
            f"command goes on from there ({self._parts.folder.path} holds the state)"
        )

    def _after_epoch(self, totals: Totals | None, events: EventFile | None) -> None:
        state, meter, number = self.state, self._meter, self.state.epoch + 1
        entry: dict[str, Any] = {
            "epoch": number,
            "loss": meter.loss(),
            "seconds": round(meter.seconds, 3),
            "learning_rate": float(keras.ops.convert_to_numpy(self._parts.model.optimizer.learning_rate)),
            **meter.rates(),
            "buckets": meter.by_bucket(),
        }
        metrics: dict[str, float] = {}
        if totals is not None:
            metrics = totals.metrics()
            _check_validation(metrics["loss"], number, self._parts.config)
            entry[VALIDATION] = metrics
            for row, of in zip(entry["buckets"], totals.by_bucket(), strict=True):
                row[VALIDATION] = {
                    name: value for name, value in of.items() if name not in ("min_length", "max_length")
                }
        state.history.append(entry)
        # Without a validation split the last weights are as good a choice as any.
        if not metrics or not state.best_metrics or self._is_better(metrics, state.best_metrics):
            state.best_epoch, state.best_metrics = number, metrics
            state.best_weights = self._parts.model.get_weights() if metrics else []
        if events is not None:
            events.add_epoch(self.done, entry)
        _say_epoch(entry, self._parts.config.epochs)
        state.epoch, state.step, self._meter = number, 0, self._new_meter()

    def _is_better(self, metrics: dict[str, float], best: dict[str, float]) -> bool:
        name = self._parts.config.monitor
        if name not in metrics or name not in best:  # as F1 where nothing was found
            return name in metrics
        return is_better(name, metrics[name], best[name])

    def _is_over(self) -> bool:
        config, waited = self._parts.config, self.state.epoch - self.state.best_epoch
        patient = waited < config.patience or waited * self._parts.epochs.steps < config.patience_steps
        # In the middle of an epoch it was not over at the end of the one before.
        return self.state.step == 0 and (self.state.epoch >= config.epochs or not patient)

    @contextmanager
    def _finite(self) -> Iterator[None]:
        """Says which records a loss that is not finite comes from."""
        try:
            yield
        except NotFinite as error:
            epoch = self.state.epoch
            raise DataError(self._parts.name_guilty(epoch, error.step)) from None

    def _position(self) -> Position:
        return self._parts.epochs.position(self._order(), self.state.step)

    def _order(self) -> Order:
        return order_of(self._parts.config, self.state.epoch)

    def _new_meter(self) -> EpochMeter:
        config, manifest = self._parts.config, self._parts.epochs.source.manifest
        return EpochMeter(manifest, filler=config.static_shapes or config.replicas > 1)

    @property
    def done(self) -> int:
        """Steps of the training so far."""
        return self.state.epoch * self._parts.epochs.steps + self.state.step


def _say_epoch(entry: dict[str, Any], most: int) -> None:
    shown = ", ".join(f"{VALIDATION} {name} {value:.4f}" for name, value in entry.get(VALIDATION, {}).items())
    say(
        f"epoch {entry['epoch']} of at most {most}: {entry['seconds']:.1f} s, loss {entry['loss']:.4f} {shown}".rstrip()
        + f", {entry['real_steps_per_second']:,.0f} real steps/s, padding efficiency {entry['padding_efficiency']:.1%}"
    )


def _check_validation(loss: float, epoch: int, config: TrainerConfig) -> None:
    if not math.isfinite(loss):
        raise DataError(
            f"the loss on split '{VALIDATION}' is {loss} in epoch {epoch}; nothing was written: lower learning_rate "
            f"(now {config.learning_rate:g}), or set normalize: zscore for series with large values"
        )
