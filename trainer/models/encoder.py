"""What reads the steps of a sequence: convolutions, then recurrent layers, each told which steps are real."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from trainer.recurrent.layer import Recurrent
from trainer.sequence_layers.convolution import MaskedConvolution
from trainer.sequence_layers.masks import PACKAGE
from trainer.sequence_layers.max_pooling import MaskedMaxPooling
from trainer.sequence_layers.padding import LengthsLayer
from trainer.sequence_layers.step_normalization import StepNormalization
from trainer.settings.model import NO_CELL


@keras.saving.register_keras_serializable(package=PACKAGE)
class Encoder(LengthsLayer):
    """Makes of each real step what its sequence says of it; with strides, of several steps at a time."""

    def __init__(self, settings: Mapping[str, Any], causal: bool = False, **kwargs: Any) -> None:
        """Makes the layers.

        Args:
          settings: The settings of `TrainerConfig` by name.
          causal: Whether a step must follow from itself and those before it alone.
          **kwargs: Of `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.settings = dict(settings)
        self.causal = causal
        self.convolutions = [self._convolution(filters) for filters in settings["conv_filters"]]
        pooled = self.convolutions if settings["max_pooling"] > 1 else []
        self.max_poolings = [self._max_pooling() for _ in pooled]
        layers = 0 if settings["cell"] == NO_CELL else settings["layers"]
        self.recurrent = [self._recurrent() for _ in range(layers)]
        normalized = len(self.convolutions) + layers if settings["layer_norm"] else 0
        self.normalizations = [StepNormalization(dtype=self.dtype_policy) for _ in range(normalized)]

    def _convolution(self, filters: int) -> MaskedConvolution:
        width, stride = self.settings["conv_width"], self.settings["conv_stride"]
        return MaskedConvolution(filters, width, stride, self.causal, dtype=self.dtype_policy)

    def _max_pooling(self) -> MaskedMaxPooling:
        width = self.settings["max_pooling"]
        return MaskedMaxPooling(width, width, dtype=self.dtype_policy)

    def _recurrent(self) -> Recurrent:
        cell, units, kernel = (self.settings[name] for name in ("cell", "units", "recurrent_kernel"))
        return Recurrent(cell, units, self.bidirectional, kernel, dtype=self.dtype_policy)

    @property
    def bidirectional(self) -> bool:
        """Whether sequences are read from their ends, too."""
        return bool(self.settings["bidirectional"]) and not self.causal and self.settings["cell"] != NO_CELL

    def output_size(self, size: int) -> int:
        """Returns the numbers of each step of the outputs, of steps of `size` numbers."""
        if self.recurrent:
            return int(self.settings["units"]) * (2 if self.bidirectional else 1)
        return int(self.settings["conv_filters"][-1]) if self.convolutions else size

    def build(self, inputs_shape: Any, lengths_shape: Any = None) -> None:
        """Makes the weights."""
        size = self._input_size = inputs_shape[-1]
        sizes = []
        for convolution in self.convolutions:
            convolution.build((None, None, size))
            size = convolution.filters
            sizes.append(size)
        for layer in self.recurrent:
            layer.build((None, None, size))
            size = self.output_size(size)
            sizes.append(size)
        for normalization, size in zip(self.normalizations, sizes, strict=False):
            normalization.build((None, None, size))
        self.built = True

    def call(
        self, inputs: Any, lengths: Any, states: Any = None, training: bool | None = None
    ) -> tuple[Any, Any, tuple[Any, ...]]:
        """Reads the real steps.

        Args:
          inputs: float (batch, steps, size), 0 at padded steps.
          lengths: int32 (batch,); may be 0.
          states: What reading another part before has returned, to go on from; none: the beginning of a sequence.
          training: Whether a gradient will be asked for.

        Returns:
          float (batch, steps, output_size), 0 at padded steps; its lengths, int32 (batch,): fewer, where
          convolutions have strides or are pooled; the states after the last step, see `start`.
        """
        x, after = inputs, []
        before = self._convolution_starts(tf.shape(inputs)[0]) if states is None else states
        for i, convolution in enumerate(self.convolutions):
            if self.causal:
                after.append(convolution.after(x, lengths, before[i]))
            x, lengths = convolution(x, lengths, before[i] if self.causal else None)
            if self.max_poolings:
                x, lengths = self.max_poolings[i](x, lengths)
            x = self._normalized(x, lengths, i)
        of_recurrent = None if states is None else states[len(after) :]
        for i, layer in enumerate(self.recurrent):
            x, state = layer(x, lengths, None if of_recurrent is None else of_recurrent[i], training=training)
            x = self._normalized(x, lengths, len(self.convolutions) + i)
            after.append(state)
        return x, lengths, tuple(after)

    def start(self, batch: Any) -> tuple[Any, ...]:
        """Returns the states before the first step of `batch` rows: of causal convolutions, then of recurrent layers.

        A convolution that is not causal has none: one who goes on after a piece is to have none of these.
        """
        return (*self._convolution_starts(batch), *(layer.start(batch) for layer in self.recurrent))

    def _convolution_starts(self, batch: Any) -> tuple[Any, ...]:
        if not self.causal:
            return ()
        sizes = [self._input_size, *(convolution.filters for convolution in self.convolutions)]
        return tuple(layer.start(batch, size) for layer, size in zip(self.convolutions, sizes, strict=False))

    def _normalized(self, x: Any, lengths: Any, index: int) -> Any:
        return self.normalizations[index](x, lengths) if self.normalizations else x

    def get_config(self) -> dict[str, Any]:
        """Returns what a copy is made from."""
        return {**super().get_config(), "settings": self.settings, "causal": self.causal}
