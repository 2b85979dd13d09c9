"""Parts of a record become vectors: a sequence with those aligned with it, a feature of the context."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from schemas.manifest import missing_feature, since_feature, sizes_feature
from trainer.layers import PACKAGE, CharacterMean, MaskedPooling, Standardize, sequence_mask

_CATEGORY_SIZE = 8  # numbers that stand for a category, at most: they go to the output layer, not to an LSTM
_LEAST_DROPPED = 8  # dimensions; of fewer, dropping whole ones would leave too little of a sequence


@keras.saving.register_keras_serializable(package=PACKAGE)
class SequenceBranch(keras.layers.Layer):
    """One sequence becomes one vector: embedding or standardisation, LSTM stack, pooling.

    Sequences aligned with it, and what is known of each step beside its values, are read with it:
    their numbers stand side by side in each step.
    """

    def __init__(self, source: Mapping[str, Any], settings: Mapping[str, Any], **kwargs: Any) -> None:
        """Makes the layers.

        Args:
          source: {"ids": rows of the embedding} for tokens, with "characters" where each is to be
            the mean of its characters; {"dims": of a frame} for a series, with "mean" and
            "variance" (dims,) where it is to be standardised, "missing" where its gaps are known and
            "since" where its times are. "aligned": such sources by name.
          settings: The settings of `TrainerConfig` by name.
          **kwargs: Of `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.source = dict(source)
        self.settings = dict(settings)
        self.entry = _entry_of(self.source, settings)
        self.aligned = dict(sorted(self.source.get("aligned", {}).items()))
        self.aligned_entries = [_entry_of(source, settings) for source in self.aligned.values()]
        size = self._step_size()
        self.input_dropout = keras.layers.SpatialDropout1D(settings["input_dropout"] if size >= _LEAST_DROPPED else 0.0)
        self.step_dropout = keras.layers.Dropout(settings["step_dropout"], noise_shape=(None, None, 1))
        self.stack = [self._lstm() for _ in range(settings["layers"])]
        self.pooling = MaskedPooling(settings["pooling"], settings["bidirectional"])

    def _step_size(self) -> int:
        return sum(_numbers_of(source, self.settings) for source in (self.source, *self.aligned.values()))

    def _lstm(self) -> keras.layers.Layer:
        lstm = keras.layers.LSTM(self.settings["units"], return_sequences=True)
        return keras.layers.Bidirectional(lstm) if self.settings["bidirectional"] else lstm

    @property
    def beside(self) -> list[str]:
        """Names of the features that `call` needs beside the values: those of an aligned sequence, missing, since."""
        names = [name for name in _features_of(self.name, self.source) if name != self.name]
        return names + [feature for name, source in self.aligned.items() for feature in _features_of(name, source)]

    @property
    def output_size(self) -> int:
        """Numbers of the vector."""
        directions = 2 if self.settings["bidirectional"] else 1
        return int(self.settings["units"] * directions * len(self.settings["pooling"]))

    def build(self, values_shape: Any = None, lengths_shape: Any = None) -> None:
        """Makes the weights; all shapes follow from the settings."""
        sources = [self.source, *self.aligned.values()]
        for source, entry in zip(sources, [self.entry, *self.aligned_entries], strict=True):
            if entry is not None:
                entry.build((None, None) if "ids" in source else (None, None, source["dims"]))
        size = self._step_size()
        for layer in self.stack:
            layer.build((None, None, size))
            size = layer.compute_output_shape((None, None, size))[-1]
        self.built = True

    def call(
        self, values: Any, lengths: Any, beside: Mapping[str, Any] | None = None, training: bool | None = None
    ) -> Any:
        """Reads the real steps.

        Args:
          values: int32 (batch, steps) or float32 (batch, steps, dims), steps >= 1; what stands at
            padded steps does not matter, as long as ids are ids.
          lengths: int32 (batch,), real steps, the first ones; may be 0.
          beside: By name: the features that the property `beside` lists, with as many steps.
          training: Whether dropout is on.

        Returns:
          float32 (batch, output_size).
        """
        features = {self.name: values, **(beside or {})}
        parts = _read_steps(self.name, self.source, self.entry, features)
        for (name, source), entry in zip(self.aligned.items(), self.aligned_entries, strict=True):
            parts += _read_steps(name, source, entry, features)
        x = ops.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]
        steps = ops.shape(values)[1]
        x = ops.where(ops.expand_dims(sequence_mask(lengths, steps), -1), x, 0.0)
        x = self.step_dropout(self.input_dropout(x, training=training), training=training)
        # cuDNN refuses a row without any real step; such a row reads one step of zeros here, and
        # the pooling leaves it out again.
        mask = sequence_mask(ops.maximum(lengths, 1), steps)
        for layer in self.stack:
            x = layer(x, mask=mask, training=training)
        return self.pooling(x, lengths)

    def get_config(self) -> dict[str, Any]:
        """Returns what a copy is made from."""
        return {**super().get_config(), "source": self.source, "settings": self.settings}


@keras.saving.register_keras_serializable(package=PACKAGE)
class ContextEntry(keras.layers.Layer):
    """One feature of the context becomes a vector: a small embedding of a category, a number by itself."""

    def __init__(self, source: Mapping[str, Any], settings: Mapping[str, Any], **kwargs: Any) -> None:
        """Makes the layers.

        Args:
          source: {"ids": rows of the embedding} for a category; {} for a number, with "mean" and
            "variance" (1,) where it is to be standardised.
          settings: The settings of `TrainerConfig` by name.
          **kwargs: Of `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.source = dict(source)
        self.settings = dict(settings)
        small = {**settings, "embedding_size": min(settings["embedding_size"], _CATEGORY_SIZE)}
        self.entry = _entry_of(self.source, small)
        self.output_size = small["embedding_size"] if "ids" in self.source else 1

    def build(self, values_shape: Any = None) -> None:
        """Makes the weights."""
        if self.entry is not None:
            self.entry.build((None,) if "ids" in self.source else (None, 1))
        self.built = True

    def call(self, values: Any) -> Any:
        """Returns float32 (batch, output_size) of int32 ids or float32 numbers, (batch,)."""
        if "ids" not in self.source:
            values = ops.expand_dims(values, -1)
        return values if self.entry is None else self.entry(values)

    def get_config(self) -> dict[str, Any]:
        """Returns what a copy is made from."""
        return {**super().get_config(), "source": self.source, "settings": self.settings}


def _entry_of(source: Mapping[str, Any], settings: Mapping[str, Any]) -> keras.layers.Layer | None:
    """Returns the layer that reads the values of a sequence; None where they are read as they are."""
    if "characters" in source:
        return CharacterMean(source["ids"], settings["embedding_size"])
    if "ids" in source:
        return keras.layers.Embedding(source["ids"], settings["embedding_size"])
    return Standardize(source["mean"], source["variance"]) if "mean" in source else None


def _numbers_of(source: Mapping[str, Any], settings: Mapping[str, Any]) -> int:
    """Returns how many numbers one step of a sequence becomes."""
    if "ids" in source:
        return int(settings["embedding_size"])
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
