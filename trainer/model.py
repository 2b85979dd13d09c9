"""The model: a branch for each sequence, their vectors and the context side by side, one output layer."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from schemas.dataset_pb2 import Missing, Normalize, Take
from schemas.errors import DataError, UsageError
from schemas.formats.fields import LABEL
from schemas.manifest import length_feature
from schemas.manifest_pb2 import Manifest
from schemas.spec import CLASS, NUMBER, leaders, series_sequences
from schemas.vocabulary import first_token_id
from trainer.branches import ContextEntry, SequenceBranch
from trainer.config import TrainerConfig, to_plain
from trainer.layers import PACKAGE, Unstandardize
from trainer.settings.model import MODEL_SETTINGS


@keras.saving.register_keras_serializable(package=PACKAGE)
class SequenceModel(keras.Model):
    """Masked LSTMs over one or more sequences of a record, and its context.

    Takes the features that `open_dataset` gives: {NAME: padded values, NAME/length: int32 (batch,)}
    for every sequence, and what there is beside them. Returns float32 (batch, classes)
    probabilities, or float32 (batch,) numbers in the label's own units.
    """

    def __init__(
        self,
        sources: Mapping[str, Mapping[str, Any]],
        target: Mapping[str, Any],
        settings: Mapping[str, Any],
        context: Mapping[str, Mapping[str, Any]] | None = None,
        **kwargs: Any,
    ) -> None:
        """Makes the layers and their weights; every shape is known from the start.

        Args:
          sources: By name of the sequence with a length of its own, see `SequenceBranch`.
          target: {"classes": number of classes} or {"mean": (1,), "variance": (1,)} of a number.
          settings: Settings of `TrainerConfig` by name.
          context: By name of the feature, see `ContextEntry`.
          **kwargs: Of `keras.Model`.
        """
        super().__init__(**kwargs)
        self.sources = {name: dict(source) for name, source in sources.items()}
        self.target = dict(target)
        self.settings = dict(settings)
        self.branches = [SequenceBranch(self.sources[name], settings, name=name) for name in sorted(self.sources)]
        self.context = {name: dict(source) for name, source in (context or {}).items()}
        self.context_entries = [ContextEntry(self.context[name], settings, name=name) for name in sorted(self.context)]
        self.dropout = keras.layers.Dropout(settings["dropout"])
        if "classes" in self.target:
            self.head = keras.layers.Dense(self.target["classes"], name="output")
            self.finish = keras.layers.Activation("softmax", dtype="float32")
        else:
            self.head = keras.layers.Dense(1, name="output")
            self.finish = Unstandardize(self.target["mean"], self.target["variance"], dtype="float32")
        self.build()

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights."""
        parts: list[SequenceBranch | ContextEntry] = [*self.branches, *self.context_entries]
        for part in parts:
            part.build()
        self.head.build((None, sum(part.output_size for part in parts)))
        self.built = True

    def call(self, features: Mapping[str, Any], training: bool | None = None) -> Any:
        """Predicts; features that are none of its inputs, such as ids, are passed over."""
        vectors = [self._vector(branch, features, training) for branch in self.branches]
        x = self.dropout(ops.concatenate(vectors, axis=-1), training=training)
        if self.context_entries:
            x = ops.concatenate([x, *(entry(features[entry.name]) for entry in self.context_entries)], axis=-1)
        outputs = self.finish(self.head(x))
        return outputs if "classes" in self.target else ops.squeeze(outputs, -1)

    def _vector(self, branch: SequenceBranch, features: Mapping[str, Any], training: bool | None) -> Any:
        beside = {name: features[name] for name in branch.beside}
        return branch(features[branch.name], features[length_feature(branch.name)], beside, training=training)

    def get_config(self) -> dict[str, Any]:
        """Returns what a copy is made from."""
        config = {"sources": self.sources, "target": self.target, "settings": self.settings, "context": self.context}
        return {"name": self.name, **config}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "SequenceModel":
        """Returns a copy with weights of its own."""
        return cls(**config)


@keras.saving.register_keras_serializable(package=PACKAGE)
class ScaledSquaredError(keras.losses.Loss):
    """(prediction - label)^2 / variance: the squared error in units that do not depend on the label's."""

    def __init__(self, variance: float, name: str = "scaled_squared_error", **kwargs: Any) -> None:
        """Sets the scale; a variance of 0 counts as 1."""
        super().__init__(name=name, **kwargs)
        self.variance = float(variance)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the error of each example, (batch,)."""
        return ops.square(y_pred - ops.cast(y_true, y_pred.dtype)) / (self.variance or 1.0)

    def get_config(self) -> dict[str, Any]:
        """Returns what a copy is made from."""
        return {**super().get_config(), "variance": self.variance}


def build_model(manifest: Manifest, config: TrainerConfig | None = None) -> SequenceModel:
    """Builds the model that fits a data set, compiled, with weights drawn by the config's seed.

    Args:
      manifest: Of the data set.
      config: Settings; none means the defaults.

    Raises:
      UsageError: The data set's label is none that can be trained on.
      DataError: Its classes are fewer than two.
    """
    config = config or TrainerConfig()
    target = _target(manifest)
    keras.utils.set_random_seed(config.seed)
    plain = to_plain(config)
    settings = {name: plain[name] for name in MODEL_SETTINGS}
    model = SequenceModel(_sources(manifest), target, settings, _context(manifest), name="lengthwise")
    model.compile(
        optimizer=keras.optimizers.Adam(config.learning_rate, global_clipnorm=config.clip_norm or None),
        loss=_loss(target),
        weighted_metrics=["accuracy"] if "classes" in target else ["mae"],
    )
    return model


def without_optimizer(model: SequenceModel) -> SequenceModel:
    """Returns a copy for prediction: the weights, without what only training needs."""
    copy = SequenceModel.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    return copy


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
        ids = {"ids": _id_count(name, manifest)}
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
            context[name] = {"ids": _id_count(name, manifest)}
        else:
            context[name] = _moments(name, manifest) if feature.normalize == Normalize.zscore else {}
    return context


def _id_count(name: str, manifest: Manifest) -> int:
    vocabulary = manifest.vocabularies[name]
    return int(first_token_id(vocabulary.oov_buckets) + vocabulary.size)


def _moments(name: str, manifest: Manifest) -> dict[str, list[float]]:
    moments = manifest.moments[name]
    return {"mean": list(moments.mean), "variance": list(moments.variance)}


def _target(manifest: Manifest) -> dict[str, Any]:
    label = manifest.spec.label if manifest.spec.HasField("label") else None
    if label is not None and label.type == CLASS:
        if manifest.classes.size < 2:
            raise DataError(f"label: has {manifest.classes.size} class(es) in the data set; training needs 2 or more")
        return {"classes": int(manifest.classes.size)}
    if label is not None and label.type == NUMBER:
        moments = manifest.moments[LABEL]
        return {"mean": list(moments.mean), "variance": list(moments.variance)}
    received = "no label" if label is None else "a per_step_class label"
    raise UsageError(
        f"label: the data set has {received}; class and number labels are what can be trained: "
        "name one in the spec and write the data set again"
    )


def _loss(target: Mapping[str, Any]) -> keras.losses.Loss:
    if "classes" in target:
        return keras.losses.SparseCategoricalCrossentropy()
    return ScaledSquaredError(float(np.asarray(target["variance"])[0]))
