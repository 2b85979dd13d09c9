"""The model that fits a data set follows from its manifest and the settings."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from schemas.dataset_pb2 import Missing, Normalize, Take
from schemas.errors import UsageError
from schemas.manifest import id_count
from schemas.manifest_pb2 import Manifest
from schemas.spec import TRAIN, leaders, series_sequences
from trainer.config import TrainerConfig, to_plain
from trainer.models.model import SequenceModel
from trainer.models.optimizer import make_optimizer
from trainer.settings.model import MODEL_SETTINGS
from trainer.tasks.class_weights import NONE, class_weights
from trainer.tasks.losses import CrossEntropy
from trainer.tasks.task import Task, target_of


def build_model(
    manifest: Manifest,
    config: TrainerConfig | None = None,
    epoch_steps: int = 1,
    class_names: Sequence[str] = (),
) -> SequenceModel:
    """Builds the model that fits a data set, compiled, with weights drawn by the config's seed.

    Args:
      manifest: Of the data set.
      config: Settings; none means the defaults.
      epoch_steps: Steps of an epoch, for a learning rate that falls over all epochs.
      class_names: In the order of their ids; for class weights that are given by name.

    Raises:
      UsageError: The data set's label is none that can be trained on, or settings do not fit it.
      DataError: Its classes are fewer than two.
    """
    config = config or TrainerConfig()
    target = target_of(manifest)
    keras.utils.set_random_seed(config.seed)
    plain = to_plain(config)
    settings = {name: plain[name] for name in MODEL_SETTINGS}
    model = SequenceModel(_sources(manifest), target, settings, _context(manifest), name="lengthwise")
    model.compile(
        optimizer=make_optimizer(config, epoch_steps),
        loss=_loss(model.task, manifest, config, class_names),
        weighted_metrics=list(model.task.keras_metrics),
    )
    return model


def _loss(task: Task, manifest: Manifest, config: TrainerConfig, class_names: Sequence[str]) -> keras.losses.Loss:
    """Returns the loss of the task, with the label smoothing and the class weights of the settings."""
    loss = task.loss()
    if not isinstance(loss, CrossEntropy):
        if config.label_smoothing or config.class_weights != NONE:
            asked = "label_smoothing" if config.label_smoothing else "class_weights"
            raise UsageError(f"{asked}: the label of the data set is no class; leave it out")
        return loss
    return CrossEntropy(config.label_smoothing, _class_weights(manifest, config, class_names))


def _class_weights(manifest: Manifest, config: TrainerConfig, names: Sequence[str]) -> list[float]:
    if config.class_weights == NONE:
        return []
    counts = list(manifest.statistics[TRAIN].classes)
    if not counts:
        raise UsageError("class_weights: the classes of the next step are tokens and have no weights; leave it out")
    if not names and isinstance(config.class_weights, Mapping):
        raise UsageError("class_weights: weights by name need the names of the classes; give class_names")
    numbered = names or [str(number) for number in range(len(counts))]
    return [float(weight) for weight in class_weights(numbered, counts, config.class_weights)]


def _sources(manifest: Manifest) -> dict[str, dict[str, Any]]:
    sources = {name: _source(name, manifest) for name in leaders(manifest.spec)}
    for name, feature in sorted(manifest.spec.sequences.items()):
        if feature.aligned_with:
            sources[feature.aligned_with].setdefault("aligned", {})[name] = _source(name, manifest)
    return sources


def _source(name: str, manifest: Manifest) -> dict[str, Any]:
    """Returns what a branch has to know of one sequence."""
    feature = manifest.spec.sequences[name]
    if name not in series_sequences(manifest.spec):
        ids = {"ids": id_count(manifest, name)}
        return ids | ({"characters": True} if feature.derive.take == Take.characters else {})
    source: dict[str, Any] = {"dims": feature.dims}
    if feature.normalize == Normalize.zscore:
        source |= _moments(name, manifest)
    if feature.missing not in {Missing.unspecified, Missing.reject}:
        source["missing"] = True
    if feature.HasField("time"):
        source["since"] = True
    return source


def _context(manifest: Manifest) -> dict[str, dict[str, Any]]:
    context: dict[str, dict[str, Any]] = {}
    for name, feature in sorted(manifest.spec.context.items()):
        if name in manifest.vocabularies:
            context[name] = {"ids": id_count(manifest, name)}
        else:
            context[name] = _moments(name, manifest) if feature.normalize == Normalize.zscore else {}
    return context


def _moments(name: str, manifest: Manifest) -> dict[str, list[float]]:
    moments = manifest.moments[name]
    return {"mean": list(moments.mean), "variance": list(moments.variance)}
