"""Convolution over the steps of padded sequences."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from schemas.errors import UsageError
from trainer.sequence_layers.masks import PACKAGE
from trainer.sequence_layers.padding import LengthsLayer, zero_padding
from trainer.sequence_layers.windows import check_windows, steps_before, window_count


@keras.saving.register_keras_serializable(package=PACKAGE)
class MaskedConvolution(LengthsLayer):
    """Convolves windows of real steps; whatever lies outside a sequence reads as 0, padding or not.

    Output step i looks at the `width` steps from i * stride - (width - stride) // 2 on, whatever the
    number of padded steps (see `windows`); if causal, at step i and the `width` - 1 before it.
    """

    def __init__(
        self,
        filters: int,
        width: int,
        stride: int = 1,
        causal: bool = False,
        activation: Any = "relu",
        **kwargs: Any,
    ) -> None:
        """Makes the convolution.

        Args:
          filters: Numbers of each step of the outputs.
          width: Steps of a window.
          stride: Steps from one window to the next; at most `width`.
          causal: Whether a step sees itself and earlier steps only, as it must where the next one is predicted.
          activation: As `keras.activations.get` takes it.
          **kwargs: Of `keras.layers.Layer`.

        Raises:
          UsageError: Such windows do not read every step, or a causal convolution has a stride.
        """
        super().__init__(**kwargs)
        check_windows("convolution", width, stride)
        if causal and stride != 1:
            raise UsageError(
                f"convolution: stride {stride} and causal; a causal convolution has an output at every step: "
                "set the stride to 1"
            )
        self.filters = filters
        self.width = width
        self.stride = stride
        self.causal = causal
        self.activation = keras.activations.get(activation)
        self.convolution = keras.layers.Conv1D(
            filters, width, strides=stride, padding="valid", activation=self.activation, dtype=self.dtype_policy
        )

    def build(self, inputs_shape: Any, lengths_shape: Any = None) -> None:
        """Makes the weights."""
        self.convolution.build((None, None, inputs_shape[-1]))
        self.built = True

    def call(self, inputs: Any, lengths: Any, state: Any = None) -> tuple[Any, Any]:
        """Convolves.

        Args:
          inputs: float (batch, steps, dims), steps >= 1.
          lengths: int32 (batch,); may be 0.
          state: Of `after`, to go on from, where it is causal; None: the beginning of a sequence.

        Returns:
          float (batch, ceil(steps / stride), filters), 0 at padded steps, and its lengths, int32 (batch,),
          ceil(length / stride).
        """
        x = self._surrounded(inputs, lengths) if state is None else _joined(state, inputs, lengths)
        lengths = window_count(lengths, self.stride)
        return zero_padding(self.convolution(x), lengths), lengths

    def _surrounded(self, inputs: Any, lengths: Any) -> Any:
        before = steps_before(self.width, self.stride, self.causal)
        return ops.pad(zero_padding(inputs, lengths), ((0, 0), (before, self.width - 1 - before), (0, 0)))

    def start(self, batch: Any, dims: int) -> Any:
        """Returns the state before the first step of `batch` rows of steps of `dims` numbers; see `after`."""
        return tf.zeros([batch, self.width - 1, dims], self.compute_dtype)

    def after(self, inputs: Any, lengths: Any, state: Any) -> Any:
        """Returns the steps that a causal convolution looks back at from behind the last one.

        Args:
          inputs: As for `call`.
          lengths: Likewise.
          state: Before the first step; of `start`, or what this returned.

        Returns:
          float (batch, width - 1, dims): the last real steps of each row, and before them those of `state`; a constant
          to what uses them, as the state of a recurrent layer is.
        """
        index = tf.expand_dims(lengths, 1) + tf.range(self.width - 1)
        return tf.stop_gradient(tf.gather(_joined(state, inputs, lengths), index, batch_dims=1))

    def get_config(self) -> dict[str, Any]:
        """Returns what a copy is made from."""
        own = {"filters": self.filters, "width": self.width, "stride": self.stride, "causal": self.causal}
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), **own, "activation": activation}


def _joined(state: Any, inputs: Any, lengths: Any) -> Any:
    return ops.concatenate([state, zero_padding(inputs, lengths)], axis=1)
