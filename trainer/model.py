"""The model: a branch for each sequence, their vectors side by side, one output layer."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from schemas.dataset_pb2 import Normalize
from schemas.errors import DataError, UsageError
from schemas.manifest import length_feature
from schemas.manifest_pb2 import Manifest
from schemas.records.fields import LABEL
from schemas.spec import CLASS, NUMBER, series_sequences, token_sequences
from schemas.vocabulary import first_token_id
from trainer.config import TrainerConfig, to_plain
from trainer.layers import PACKAGE, SequenceBranch, Unstandardize

# The settings that decide what the model is, as against how it is trained.
_MODEL_SETTINGS = (
    "embedding_size",
    "lstm_units",
    "lstm_layers",
    "bidirectional",
    "pooling",
    "input_dropout",
    "step_dropout",
    "dropout",
)


@keras.saving.register_keras_serializable(package=PACKAGE)
class SequenceModel(keras.Model):
    """Masked LSTMs over one or more sequences of a record.

    Takes {NAME: padded values, NAME/length: int32 (batch,)} for every sequence, as `open_dataset`
    gives them. Returns float32 (batch, classes) probabilities, or float32 (batch,) numbers in the
    label's own units.
    """

    def __init__(
        self,
        sources: Mapping[str, Mapping[str, Any]],
        target: Mapping[str, Any],
        settings: Mapping[str, Any],
        **kwargs: Any,
    ) -> None:
        """Makes the layers and their weights; every shape is known from the start.

        Args:
          sources: By name of the sequence, see `SequenceBranch`.
          target: {"classes": number of classes} or {"mean": (1,), "variance": (1,)} of a number.
          settings: Settings of `TrainerConfig` by name.
          **kwargs: Of `keras.Model`.
        """
        super().__init__(**kwargs)
        self.sources = {name: dict(source) for name, source in sources.items()}
        self.target = dict(target)
        self.settings = dict(settings)
        self.branches = [SequenceBranch(self.sources[name], settings, name=name) for name in sorted(self.sources)]
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
        for branch in self.branches:
            branch.build()
        self.head.build((None, sum(branch.output_size for branch in self.branches)))
        self.built = True

    def call(self, features: Mapping[str, Any], training: bool | None = None) -> Any:
        """Predicts; features beyond the sequences and their lengths are passed over."""
        vectors = [
            branch(features[branch.name], features[length_feature(branch.name)], training=training)
            for branch in self.branches
        ]
        x = self.dropout(ops.concatenate(vectors, axis=-1), training=training)
        outputs = self.finish(self.head(x))
        return outputs if "classes" in self.target else ops.squeeze(outputs, -1)

    def get_config(self) -> dict[str, Any]:
        """Returns what a copy is made from."""
        config = {"sources": self.sources, "target": self.target, "settings": self.settings}
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
    settings = {name: plain[name] for name in _MODEL_SETTINGS}
    model = SequenceModel(_sources(manifest), target, settings, name="lengthwise")
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
    sources: dict[str, dict[str, Any]] = {}
    for name in token_sequences(manifest.spec):
        vocabulary = manifest.vocabularies[name]
        sources[name] = {"ids": int(first_token_id(vocabulary.oov_buckets) + vocabulary.size)}
    for name in series_sequences(manifest.spec):
        feature = manifest.spec.sequences[name]
        sources[name] = {"dims": feature.dims}
        if feature.normalize == Normalize.zscore:
            moments = manifest.moments[name]
            sources[name] |= {"mean": list(moments.mean), "variance": list(moments.variance)}
    return sources


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
