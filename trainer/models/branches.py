"""Parts of a record become numbers: a sequence with those aligned with it, a feature of the context."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from schemas.errors import UsageError
from trainer.models.encoder import Encoder
from trainer.models.steps import StepReader, entry_of, numbers_of
from trainer.sequence_layers.masks import PACKAGE
from trainer.sequence_layers.padding import zero_padding
from trainer.sequence_layers.pooling import SequencePooling
from trainer.settings.model import FLOAT32

_CATEGORY_SIZE = 8  # numbers that stand for a category, at most: they go to the output layer, not to an LSTM
_LEAST_DROPPED = 32  # dimensions; of fewer, as of most series, each says something that no other one does


@keras.saving.register_keras_serializable(package=PACKAGE)
class SequenceBranch(keras.layers.Layer):
    """One sequence becomes one vector, or one for each step: reading of steps, encoder, pooling.

    Sequences aligned with it, and what is known of each step beside its values, are read with it:
    their numbers stand side by side in each step.
    """

    def __init__(
        self,
        source: Mapping[str, Any],
        settings: Mapping[str, Any],
        pooled: bool = True,
        causal: bool = False,
        **kwargs: Any,
    ) -> None:
        """Makes the layers.

        Args:
          source: {"ids": rows of the embedding} for tokens, with "characters" where each is to be
            the mean of its characters; {"dims": of a frame} for a series, with "mean" and
            "variance" (dims,) where it is to be standardised, "missing" where its gaps are known and
            "since" where its times are. "aligned": such sources by name.
          settings: The settings of `TrainerConfig` by name.
          pooled: Whether it becomes one vector; else one for each step.
          causal: Whether a step must follow from itself and those before it alone.
          **kwargs: Of `keras.layers.Layer`.

        Raises:
          UsageError: Each step is to become a vector, and the settings leave fewer steps.
        """
        super().__init__(**kwargs)
        self.source = dict(source)
        self.settings = dict(settings)
        self.pooled = pooled
        if not pooled:
            _check_every_step_remains(settings)
        self.causal = causal
        # Values are read in float32, whatever is computed of them: a raw number may not fit into 16 bits.
        self.reader = StepReader(self.source, settings, name=self.name, dtype=FLOAT32)
        whole = settings["input_dropout"] if self.reader.size >= _LEAST_DROPPED else 0.0
        self.input_dropout = keras.layers.SpatialDropout1D(whole)
        self.step_dropout = keras.layers.Dropout(settings["step_dropout"], noise_shape=(None, None, 1))
        self.encoder = Encoder(settings, causal, dtype=settings["precision"])
        kinds, both = settings["pooling"], self.encoder.bidirectional
        self.pooling = SequencePooling(kinds, both, dtype=settings["precision"]) if pooled else None

    @property
    def beside(self) -> list[str]:
        """Names of the features that `call` needs beside the values and the lengths."""
        return self.reader.beside

    @property
    def output_size(self) -> int:
        """Numbers of a vector."""
        return self.encoder.output_size(self.reader.size) * (len(self.settings["pooling"]) if self.pooled else 1)

    def build(self, values_shape: Any = None, lengths_shape: Any = None) -> None:
        """Makes the weights; all shapes follow from the settings."""
        self.reader.build()
        self.encoder.build((None, None, self.reader.size))
        if self.pooling is not None:
            self.pooling.build((None, None, self.encoder.output_size(self.reader.size)))
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
          training: Whether noise and dropout are on.

        Returns:
          float32 (batch, output_size), or (batch, steps, output_size) where it is not pooled, 0 at padded steps.
        """
        x, lengths, _ = self.read(values, lengths, beside, training=training)
        return x if self.pooling is None else self.pooling(x, lengths)

    def read(
        self,
        values: Any,
        lengths: Any,
        beside: Mapping[str, Any] | None = None,
        states: Any = None,
        training: bool | None = None,
    ) -> tuple[Any, Any, tuple[Any, ...]]:
        """Reads the real steps, as `call` does, without pooling; see `Encoder`."""
        x = zero_padding(self.reader({self.name: values, **(beside or {})}, training=training), lengths)
        x = self.step_dropout(self.input_dropout(x, training=training), training=training)
        read: tuple[Any, Any, tuple[Any, ...]] = self.encoder(x, lengths, states, training=training)
        return read

    def get_config(self) -> dict[str, Any]:
        """Returns what a copy is made from."""
        config = {"source": self.source, "settings": self.settings, "pooled": self.pooled}
        return {**super().get_config(), **config, "causal": self.causal}


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
        self.entry = entry_of(self.source, small)
        self.output_size = numbers_of(self.source, small) if "ids" in self.source else 1

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


def _check_every_step_remains(settings: Mapping[str, Any]) -> None:
    for name in ("conv_stride", "max_pooling"):
        if settings["conv_filters"] and settings[name] > 1:
            raise UsageError(
                f"{name}: {settings[name]} leaves fewer steps than there are labels, of which each step has one; "
                f"set {name}: 1"
            )
