"""Training: epochs of known length, stopped early on the validation split, best weights kept."""

import time
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
from trainer.batches.room import batching_within, room_notes, step_outputs
from trainer.batches.source import SplitSource
from trainer.config import TrainerConfig, batching_of, dump_config, limits_of, to_plain
from trainer.evaluate import EVALUATION_BATCHES, Evaluator
from trainer.model_folder import check_output
from trainer.models.build import build_model
from trainer.models.model import SequenceModel
from trainer.models.pretrained import start_embeddings
from trainer.progress import say
from trainer.saved import read_classes, read_contract, read_vocabularies, write_model
from trainer.training.run import Run


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
    batching = batching_within(batching_of(config), manifest)
    epochs = Epochs(SplitSource(data, manifest, TRAIN), batching, training=True)
    model = build_model(manifest, config, epochs.steps, read_classes(data, manifest))
    vectors = start_embeddings(model, manifest, read_vocabularies(data, manifest), config)
    for line in [*_notes(model, config, manifest), *epochs.warnings]:
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
    run = Run(model, config, validation)
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
        **({"pretrained_embeddings": vectors} if vectors else {}),
        "versions": {"keras": keras.__version__, "tensorflow": tf.__version__},
    }
    write_model(output, model, contract, config, summary)
    return summary


def _notes(model: SequenceModel, config: TrainerConfig, manifest: Manifest) -> list[str]:
    """Returns what a person should know of the kernel, and of settings that the label overrides, a line each."""
    notes = [*model.kernel_notes(), *room_notes(limits_of(config), step_outputs(manifest))]
    if config.bidirectional and model.task.forward:
        notes.append(
            "bidirectional: has no effect on a next_step label: what comes next must not be read before, so sequences "
            "are read forward only"
        )
    return notes


def _validation(data: Path, manifest: Manifest, model: SequenceModel, method: str) -> Evaluator | None:
    if VALIDATION not in manifest.statistics or not manifest.statistics[VALIDATION].records:
        return None
    return Evaluator(model, SplitSource(data, manifest, VALIDATION), Batching(method, EVALUATION_BATCHES.limits))


def _range(epochs: Epochs) -> str:
    low, high = min(epochs.sizes), max(epochs.sizes)
    return f"{low} examples" if low == high else f"{low} to {high} examples"
