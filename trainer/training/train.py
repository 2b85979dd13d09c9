"""Training: epochs of known length, stopped early on the validation split, best weights kept."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import tensorflow as tf

from schemas.contract import read_classes, read_contract, read_vocabularies
from schemas.errors import DataError, UsageError
from schemas.manifest_pb2 import Manifest
from schemas.messages import nearest
from schemas.prediction_batches import step_outputs
from schemas.spans.folder import Data, explained, folder_of, load_data, span_names
from schemas.spec import TRAIN, VALIDATION
from trainer.batches.batching import Batching
from trainer.batches.epochs import Epochs
from trainer.batches.room import batching_within, room_notes
from trainer.batches.sizes import BatchLimits
from trainer.batches.source import SplitSource
from trainer.config import TrainerConfig, batching_of, dump_config, limits_of
from trainer.evaluate import EVALUATION_BATCHES, Evaluator
from trainer.model_folder import LEARNING_NAME, check_output
from trainer.models.build import build_model
from trainer.models.model import SequenceModel
from trainer.models.pretrained import start_embeddings
from trainer.progress import say
from trainer.saved import write_model
from trainer.training.continuing import load_earlier, start_from
from trainer.training.dry_run import dry_run
from trainer.training.events import EventFile, event_files
from trainer.training.folder import TENSORBOARD, Origin, TrainingFolder
from trainer.training.guard import Guard
from trainer.training.offenders import describe_not_finite
from trainer.training.picture import draw_learning
from trainer.training.replicas import ReplicaStep, strategy_of
from trainer.training.run import Parts, Run
from trainer.training.step import TrainStep, make_train_step
from trainer.training.summary import say_summary, summarise


def train(
    data: Data,
    output: str | Path,
    config: TrainerConfig,
    replace: bool = False,
    fresh: bool = False,
    continue_from: str | Path | None = None,
    also: Callable[[SequenceModel, Manifest], Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Trains a model on a data set and writes its folder; goes on where the same training was stopped.

    Args:
      data: Folder of the data set, or a range of spans.
      output: Folder of the model.
      config: Settings.
      replace: Whether a model that stands there already is replaced.
      fresh: Whether to begin anew, and remove the state of a training that was stopped.
      continue_from: Folder of a trained model with whose weights to begin; none: with random ones.
      also: Returns more that training.json is to say, of the model with the weights that are kept and of the data.

    Returns:
      What training.json says; "metrics" are those of the validation split with the best weights.

    Raises:
      UsageError: The output exists, another process trains or was stopped there, or the label cannot be trained on.
      DataError: The data set cannot be used, the model does not fit it, or the loss is no longer a number.
      Stopped: A signal told it to; the same call goes on from there.
    """
    manifest, data, output = load_data(data), folder_of(data), Path(output)
    check_output(output, replace)
    with explained(data, manifest):
        earlier = None if continue_from is None else load_earlier(Path(continue_from), data, manifest, config)
        contract = read_contract(data, manifest)
    batching = batching_within(batching_of(config), manifest)
    epochs = Epochs(SplitSource(data, manifest, TRAIN), batching, training=True)
    strategy = strategy_of(config.replicas)
    with explained(data, manifest), strategy.scope() if strategy is not None else nullcontext():
        model = build_model(manifest, config, epochs.steps, read_classes(data, manifest))
        vectors = _start_embeddings(model, data, manifest, config)
        grown = None if earlier is None else start_from(earlier, model, data, manifest, vectors)
    _say_notes(model, config, epochs)
    if not epochs.examples:
        raise DataError(f"{data}: split '{TRAIN}' has no examples; nothing can be learnt from it")
    validation = _validation(data, manifest, model, config)
    folder = TrainingFolder(output, fresh)
    try:
        origin = _origin(manifest, "" if earlier is None else earlier.fingerprint)
        run = _train(_parts(model, config, epochs, validation, strategy, folder, origin))
        summary = summarise(run.state, model, config, epochs, str(output))
        beside = {"pretrained_embeddings": vectors, "continued_from": grown, "spans": span_names(manifest)}
        beside |= also(model, manifest) if also else {}
        summary |= {name: facts for name, facts in beside.items() if facts}
        write_model(output, model, {**contract, **_pictures(folder, summary)}, config, summary)
    except BaseException:
        folder.close()
        raise
    folder.remove()
    say_summary(summary)
    return summary


def _start_embeddings(model: SequenceModel, data: Path, manifest: Manifest, config: TrainerConfig) -> dict[str, Any]:
    """Returns what training.json says of the word vectors that embeddings start from; {} where there are none."""
    if not config.pretrained_embeddings:  # reading vocabularies takes a while
        return {}
    return start_embeddings(model, manifest, read_vocabularies(data, manifest), config)


def _train(parts: Parts) -> Run:
    """Trains, from the newest checkpoint if there is one."""
    config, epochs = parts.config, parts.epochs
    say(dump_config(config).rstrip())
    say(f"training on {epochs.examples} examples in {epochs.steps} steps an epoch, batches of {_range(epochs)}")
    if parts.validation is None:
        say(
            f"nothing to measure in a split '{VALIDATION}': training for all {config.epochs} epochs, the last weights "
            "are kept"
        )
    run = Run(parts)
    checkpoint, damaged = parts.folder.newest()
    for path in damaged:
        say(f"warning: {path}: is damaged; the one before it is used")
    if checkpoint is not None:
        run.resume(checkpoint)
    if config.dry_run:
        dry_run(epochs, config, parts.step, parts.guard)
    events = EventFile(parts.folder.tensorboard, run.done) if config.tensorboard else None
    try:
        run.go(events)
    finally:
        if events is not None:
            events.close()
    return run


def _parts(
    model: SequenceModel,
    config: TrainerConfig,
    epochs: Epochs,
    validation: Evaluator | None,
    strategy: tf.distribute.Strategy | None,
    folder: TrainingFolder,
    origin: Origin,
) -> Parts:
    spec = epochs.element_spec
    with strategy.scope() if strategy is not None else nullcontext():
        guard = Guard(model, config.seed)
    step: TrainStep
    if strategy is None:
        step = make_train_step(model, spec, config.jit_compile, guard)
    else:
        step = ReplicaStep(strategy, model, spec, guard)

    def name_guilty(epoch: int, number: int) -> str:
        return describe_not_finite(epochs, config, model, step, guard, (epoch, number))

    return Parts(model, config, epochs, validation, step, guard, folder, origin, name_guilty)


def _origin(manifest: Manifest, model: str) -> Origin:
    return Origin(manifest.fingerprint, {part.name: part.fingerprint for part in manifest.parts}, model)


def _pictures(folder: TrainingFolder, summary: dict[str, Any]) -> dict[str, bytes]:
    """Returns what is kept beside the model to be looked at, by path."""
    events = {f"{TENSORBOARD}/{name}": content for name, content in event_files(folder.tensorboard).items()}
    return {LEARNING_NAME: draw_learning(summary["history"], summary["best_epoch"]), **events}


def _say_notes(model: SequenceModel, config: TrainerConfig, epochs: Epochs) -> None:
    """Says what a person should know of settings that the label overrides, a line each."""
    notes = room_notes(limits_of(config), step_outputs(epochs.source.manifest))
    if config.warmup_steps >= config.epochs * epochs.steps > 0:
        notes.append(
            f"warning: warmup_steps: {config.warmup_steps} are all of the {config.epochs * epochs.steps} steps of the "
            "training at most; the learning rate only rises"
        )
    if config.bidirectional and model.task.forward:
        notes.append(
            "bidirectional: has no effect on a next_step label: what comes next must not be read before, so sequences "
            "are read forward only"
        )
    for line in [*notes, *epochs.warnings]:
        say(line)


def _validation(data: Path, manifest: Manifest, model: SequenceModel, config: TrainerConfig) -> Evaluator | None:
    if VALIDATION not in manifest.statistics or not manifest.statistics[VALIDATION].records:
        return None
    batching = Batching(config.batching, validation_limits(config))
    with explained(data, manifest):
        evaluator = Evaluator(model, SplitSource(data, manifest, VALIDATION), batching)
    if not evaluator.measurable:
        say(f"warning: no example of split '{VALIDATION}' has a label that the training split has, too")
        return None
    if config.monitor not in evaluator.names:
        raise UsageError(
            f"monitor: '{config.monitor}' is not measured here; {nearest(config.monitor, evaluator.names)}"
        )
    return evaluator


def validation_limits(config: TrainerConfig) -> BatchLimits:
    """Returns how large batches of validation may be: as in `evaluate`, but no more than twice those of training.

    Who lowers the budget for want of memory must not run out of it at the end of the first epoch; a batch that is only
    read takes less than half of the memory of one that is learnt from.
    """
    limits = EVALUATION_BATCHES.limits
    return replace(
        limits,
        padded_steps=min(limits.padded_steps, 2 * config.batch_padded_steps),
        max_examples=min(limits.max_examples, 2 * config.max_batch_size),
    )


def _range(epochs: Epochs) -> str:
    low, high = min(epochs.sizes), max(epochs.sizes)
    return f"{low} examples" if low == high else f"{low} to {high} examples"
