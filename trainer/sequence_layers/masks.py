"""Which steps are real: the mask comes from the lengths and is passed on by hand.

Keras can carry a mask along with a tensor, but layers drop it silently, `Concatenate` makes padding
valid, and newer versions stop it at every RNN. Here each layer that needs a mask makes one of the
lengths, and what padding holds cannot matter: it is set to 0.
"""

from typing import Any

from keras import ops

PACKAGE = "lengthwise"  # that Keras finds layers under when it reads a model


def sequence_mask(lengths: Any, steps: Any) -> Any:
    """Returns which steps are real, bool (batch, steps).

    Args:
      lengths: int32 (batch,), real steps, the first ones.
      steps: Steps with padding.
    """
    return ops.expand_dims(ops.arange(steps, dtype="int32"), 0) < ops.expand_dims(lengths, 1)
