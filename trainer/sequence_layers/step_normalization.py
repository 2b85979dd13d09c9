"""Layer normalisation of each step of padded sequences."""

from typing import Any

import keras

from schemas.errors import UsageError
from trainer.sequence_layers.masks import PACKAGE
from trainer.sequence_layers.padding import LengthsLayer, zero_padding


@keras.saving.register_keras_serializable(package=PACKAGE)
class StepNormalization(LengthsLayer):
    """Layer normalisation over the numbers of each step (Ba et al., 2016), which no other step has a part in.

    `keras.layers.LayerNormalization` makes its learnt offset of a padded step, so that padding would no
    longer be 0 behind it, and its gradient NaN where padding is; so padding is set to 0 before and after.
    """

    def __init__(self, epsilon: float = 1e-3, **kwargs: Any) -> None:
        """Makes the normalisation.

        Args:
          epsilon: Added to the variance.
          **kwargs: Of `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.normalization = keras.layers.LayerNormalization(epsilon=epsilon, dtype=self.dtype_policy)

    def build(self, inputs_shape: Any, lengths_shape: Any = None) -> None:
        """Makes the weights.

        Raises:
          UsageError: A step is a single number, of which normalisation leaves nothing.
        """
        if inputs_shape[-1] == 1:
            raise UsageError(
                "step normalization: steps are 1 number; normalised over itself it would always be 0: "
                "leave it out (layer_norm: false), or put a layer with more numbers before it (units)"
            )
        self.normalization.build((None, None, inputs_shape[-1]))
        self.built = True

    def call(self, inputs: Any, lengths: Any) -> Any:
        """Returns float (batch, steps, dims), 0 at padded steps, of such inputs and int32 lengths (batch,)."""
        return zero_padding(self.normalization(zero_padding(inputs, lengths)), lengths)

    def compute_output_shape(self, inputs_shape: Any, lengths_shape: Any = None) -> Any:
        """Returns the inputs' shape."""
        return inputs_shape

    def get_config(self) -> dict[str, Any]:
        """Returns what a copy is made from."""
        return {**super().get_config(), "epsilon": self.epsilon}
