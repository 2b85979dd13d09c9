"""Measures the seconds of training steps, and what they follow from."""

import time
from typing import Any

import numpy as np
import tensorflow as tf

from schemas.manifest_pb2 import Manifest
from schemas.prediction_batches import step_outputs
from schemas.spans.folder import Data, load_data
from schemas.spec import TRAIN
from trainer.batches.room import limits_within
from trainer.config import TrainerConfig, limits_of
from trainer.models.build import build_model
from trainer.profiling.inputs import batch_spec, synthetic_batch
from trainer.profiling.seconds import Measurement, StepSeconds, fit_seconds, median_relative_error
from trainer.profiling.shapes import Shape, longest_by_leader, shapes_to_measure
from trainer.progress import say, tracked
from trainer.training.step import make_train_step

# Of all rounds over the shapes together, unless the least number of rounds takes longer.
_SECONDS = 20.0
_LEAST_ROUNDS, _MOST_ROUNDS = 3, 50


class StepTimer:
    """Trains the model of the settings on synthetic batches."""

    def __init__(self, manifest: Manifest, config: TrainerConfig) -> None:
        """Builds the model.

        Raises:
          UsageError, DataError: See `build_model`.
        """
        self._manifest = manifest
        self._step = make_train_step(build_model(manifest, config), batch_spec(manifest))

    def seconds(self, shape: Shape, repeats: int, most_seconds: float = float("inf")) -> float:
        """Returns the median seconds of a training step on a batch.

        The first step is left out: it traces the function, or makes room for a shape that is new.

        Args:
          shape: Of the batch.
          repeats: Steps that are measured.
          most_seconds: After which no other step is begun, once three were measured.
        """
        batch = self.batch(shape)
        self.once(batch)
        measured: list[float] = []
        while len(measured) < min(repeats, 3) or (len(measured) < repeats and sum(measured) < most_seconds):
            measured.append(self.once(batch))
        return float(np.median(measured))

    def batch(self, shape: Shape) -> tuple[Any, ...]:
        """Returns a batch to train on."""
        return synthetic_batch(self._manifest, shape)

    def once(self, batch: tuple[Any, ...]) -> float:
        """Returns the seconds of one training step."""
        started = time.perf_counter()
        self._step(*batch).numpy()  # waits for the result
        return time.perf_counter() - started


def profile_steps(data: Data, config: TrainerConfig) -> dict[str, Any]:
    """Measures the training steps of the model of the settings on this machine.

    Args:
      data: Folder of the data set, or a range of spans; only its manifest is read.
      config: Settings.

    Returns:
      {"seconds": {"batch", "step", "padded_step" (see `StepSeconds`), "padded_steps", "examples" (budget and cap of a
      batch)}, "median_relative_error" of the fit, "device", "measurements": [{"examples", "steps", "seconds"}]}.

    Raises:
      UsageError: The data set's label is none that can be trained on.
      DataError: The data set cannot be used.
    """
    manifest = load_data(data)
    longest = max(longest_by_leader(manifest).values())
    shortest = min(manifest.statistics[TRAIN].bucket_length.lengths)
    limits = limits_within(limits_of(config), step_outputs(manifest))
    shapes = shapes_to_measure(min(shortest, longest), longest, limits)
    measurements = _measured(StepTimer(manifest, config), shapes)
    fitted = fit_seconds(measurements)
    seconds = _spec_fields(fitted, config)
    say(f"in the spec: buckets: {{seconds: {{{', '.join(f'{name}: {value}' for name, value in seconds.items())}}}}}")
    return {
        "seconds": seconds,
        "median_relative_error": round(median_relative_error(fitted, measurements), 4),
        "device": device_kind(),
        "measurements": [
            {"examples": item.examples, "steps": item.steps, "seconds": _rounded(item.seconds)} for item in measurements
        ],
    }


def device_kind() -> str:
    """Returns the name of the first GPU, or "CPU"; claims nothing of the GPU's memory."""
    for device in tf.config.list_physical_devices("GPU"):
        return str(tf.config.experimental.get_device_details(device).get("device_name", "GPU"))
    return "CPU"


def _measured(timer: StepTimer, shapes: list[Shape]) -> list[Measurement]:
    """Returns the median seconds of each shape, of rounds over all of them: a busy moment is no shape's own."""
    batches = [timer.batch(shape) for shape in shapes]
    timer.once(batches[0])  # traces the function, which belongs to no shape
    # The first round is left out: it makes room for shapes that are new.
    first = sum(timer.once(batch) for batch in tracked(batches, len(batches), "warming up"))
    rounds = min(max(int(_SECONDS / first), _LEAST_ROUNDS), _MOST_ROUNDS)
    items = tracked(batches * rounds, len(batches) * rounds, "measuring")
    seconds = np.median(np.array([timer.once(batch) for batch in items]).reshape(rounds, -1), axis=0)
    return [Measurement(shape.examples, shape.steps, float(of)) for shape, of in zip(shapes, seconds, strict=True)]


def _spec_fields(fitted: StepSeconds, config: TrainerConfig) -> dict[str, float | int]:
    return {
        "batch": _rounded(fitted.batch),
        "step": _rounded(fitted.step),
        "padded_step": _rounded(fitted.padded_step),
        "padded_steps": config.batch_padded_steps,
        "examples": config.max_batch_size,
    }


def _rounded(seconds: float) -> float:
    """Four digits: more would say nothing."""
    return float(f"{seconds:.4g}")
