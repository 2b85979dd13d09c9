"""Greatest values of windows of steps of padded sequences."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from trainer.sequence_layers.masks import PACKAGE
from trainer.sequence_layers.padding import LengthsLayer, step_mask, zero_padding
from trainer.sequence_layers.windows import check_windows, steps_before, window_count


@keras.saving.register_keras_serializable(package=PACKAGE)
class MaskedMaxPooling(LengthsLayer):
    """Takes the greatest of each number over windows of steps, of which only the real ones count.

    Output step i looks at the `width` steps from i * stride - (width - stride) // 2 on, whatever the
    number of padded steps (see `windows`). At least one of them is real if output step i is.
    """

    def __init__(self, width: int, stride: int, **kwargs: Any) -> None:
        """Chooses the windows.

        Args:
          width: Steps of a window.
          stride: Steps from one window to the next; at most `width`.
          **kwargs: Of `keras.layers.Layer`.

        Raises:
          UsageError: Such windows do not read every step.
        """
        super().__init__(**kwargs)
        check_windows("max pooling", width, stride)
        self.width = width
        self.stride = stride

    def call(self, inputs: Any, lengths: Any) -> tuple[Any, Any]:
        """Pools.

        Args:
          inputs: float (batch, steps, dims), steps >= 1.
          lengths: int32 (batch,); may be 0.

        Returns:
          float (batch, ceil(steps / stride), dims), 0 at padded steps, and its lengths, int32 (batch,),
          ceil(length / stride).
        """
        inputs = ops.convert_to_tensor(inputs)
        lowest = tf.as_dtype(inputs.dtype).min  # a number, so that no window can have an infinite one
        before = steps_before(self.width, self.stride)
        x = ops.where(step_mask(inputs, lengths), inputs, ops.cast(lowest, inputs.dtype))
        x = ops.pad(x, ((0, 0), (before, self.width - 1 - before), (0, 0)), constant_values=lowest)
        lengths = window_count(lengths, self.stride)
        return zero_padding(ops.max_pool(x, self.width, self.stride, padding="valid"), lengths), lengths

    def get_config(self) -> dict[str, Any]:
        """Returns what a copy is made from."""
        return {**super().get_config(), "width": self.width, "stride": self.stride}
