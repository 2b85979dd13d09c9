"""What stands in each step of a sequence, side by side: its own values, and those of what is aligned with it."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from schemas.manifest import missing_feature, since_feature, sizes_feature
from trainer.sequence_layers.characters import CharacterMean
from trainer.sequence_layers.masks import PACKAGE
from trainer.sequence_layers.one_hot import OneHot
from trainer.sequence_layers.standardize import Standardize
from trainer.settings.model import ONE_HOT


@keras.saving.register_keras_serializable(package=PACKAGE)
class StepReader(keras.layers.Layer):
    """Makes the numbers of each step: embedded or standardised values, with what is known beside them."""

    def __init__(self, source: Mapping[str, Any], settings: Mapping[str, Any], **kwargs: Any) -> None:
        """Makes the layers.

        Args:
          source: See `trainer.models.branches.SequenceBranch`.
          settings: The settings of `TrainerConfig` by name.
          **kwargs: Of `keras.layers.Layer`; `name` is that of the sequence.
        """
        super().__init__(**kwargs)
        self.source = dict(source)
        self.settings = dict(settings)
        self._aligned = dict(sorted(self.source.get("aligned", {}).items()))
        self.entries = [entry_of(source, settings) for source in self._sources.values()]
        self.noise = keras.layers.GaussianNoise(settings["input_noise"])

    @property
    def _sources(self) -> dict[str, Mapping[str, Any]]:
        return {self.name: self.source, **self._aligned}

    @property
    def beside(self) -> list[str]:
        """Names of the features that are read beside the values: those of an aligned sequence, missing, since."""
        names = [feature for name, source in self._sources.items() for feature in _features_of(name, source)]
        return [name for name in names if name != self.name]

    @property
    def size(self) -> int:
        """Numbers of a step."""
        return sum(self.sizes.values())

    @property
    def sizes(self) -> dict[str, int]:
        """Numbers of a step that are of each sequence."""
        return {name: numbers_of(source, self.settings) for name, source in self._sources.items()}

    @property
    def entry_by_name(self) -> dict[str, keras.layers.Layer | None]:
        """The layer that reads the values of each sequence; None where they are read as they are."""
        return dict(zip(self._sources, self.entries, strict=True))

    def build(self, *shapes: Any) -> None:
        """Makes the weights; all shapes follow from the sources."""
        for source, entry in zip(self._sources.values(), self.entries, strict=True):
            if entry is not None:
                entry.build((None, None) if "ids" in source else (None, None, source["dims"]))
        self.built = True

    def call(self, features: Mapping[str, Any], training: bool | None = None) -> Any:
        """Returns float32 (batch, steps, size) of the features by name; noise is added in training alone."""
        parts: list[Any] = []
        for (name, source), entry in zip(self._sources.items(), self.entries, strict=True):
            values, *known = _read_steps(name, source, entry, features)
            # Only what is standardised has the deviation of 1 that the noise is a share of.
            parts += [self.noise(values, training=training) if "mean" in source else values, *known]
        return ops.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]

    def get_config(self) -> dict[str, Any]:
        """Returns what a copy is made from."""
        return {**super().get_config(), "source": self.source, "settings": self.settings}


def entry_of(source: Mapping[str, Any], settings: Mapping[str, Any]) -> keras.layers.Layer | None:
    """Returns the layer that reads the values of a sequence; None where they are read as they are."""
    if "characters" in source:
        return CharacterMean(source["ids"], settings["embedding_size"])
    if "ids" in source:
        one_hot = settings["token_input"] == ONE_HOT
        return OneHot(source["ids"]) if one_hot else keras.layers.Embedding(source["ids"], settings["embedding_size"])
    return Standardize(source["mean"], source["variance"]) if "mean" in source else None


def numbers_of(source: Mapping[str, Any], settings: Mapping[str, Any]) -> int:
    """Returns how many numbers one step of a sequence becomes."""
    if "ids" in source:
        one_hot = settings["token_input"] == ONE_HOT and "characters" not in source
        return int(source["ids"] if one_hot else settings["embedding_size"])
    return int(source["dims"]) * (2 if "missing" in source else 1) + int("since" in source)


def _features_of(name: str, source: Mapping[str, Any]) -> list[str]:
    """Returns the names of the features that `_read_steps` reads."""
    kinds = {"missing": missing_feature, "since": since_feature, "characters": sizes_feature}
    return [name, *(feature(name) for kind, feature in kinds.items() if kind in source)]


def _read_steps(name: str, source: Mapping[str, Any], entry: Any, features: Mapping[str, Any]) -> list[Any]:
    """Returns the numbers of each step of one sequence, float32 (batch, steps, ...) each."""
    values = features[name]
    if "characters" in source:
        return [entry(values, features[sizes_feature(name)])]
    parts = [values if entry is None else entry(values)]
    if "missing" in source:
        parts.append(features[missing_feature(name)])
    if "since" in source:
        # Gaps of seconds and of months are of one scale as logarithms.
        parts.append(ops.log1p(ops.expand_dims(features[since_feature(name)], -1)))
    return parts
