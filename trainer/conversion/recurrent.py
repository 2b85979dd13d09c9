"""Recurrent layers: they skip the padded steps by the mask that they are given."""

from dataclasses import replace
from typing import Any

import keras
from keras import ops

from trainer.conversion.calls import Call, Rule, tensors
from trainer.conversion.refusals import RefusedError
from trainer.conversion.values import Steps, Value, gathered, step_numbers


def recurrent(call: Call) -> list[Value]:
    """LSTM, GRU, SimpleRNN, RNN and ConvLSTM, alone or in both directions."""
    layer, steps, value = call.layer, call.steps, call.value
    _check(layer)
    state = call.args[1] if len(call.args) > 1 else call.kwargs.get("initial_state")
    given = {} if state is None else {"initial_state": tensors(state)}
    out = call.copy(unroll=False)(value.tensor, mask=value.mask, **given, **call.training)
    found = keras.tree.flatten(out)
    whole = _sequences(layer)
    if whole and getattr(layer, "go_backwards", False):
        found[0] = backwards(found[0], steps)
    sequences = [replace(value, tensor=tensor, clean=False) for tensor in found[:whole]]
    origins = (steps, *value.origins)
    return [*sequences, *(Value(tensor, origins=origins) for tensor in found[whole:])]


def backwards(tensor: Any, steps: Steps) -> Any:
    """Returns what a layer said from the last step to the first, with the real steps in front.

    The layer began with the padded steps, so that a record of `length` real steps stands in the last `length`.
    """
    ones = step_numbers(tensor)
    padded = ops.expand_dims(ops.max(ones, axis=1) + 1 - steps.length, 1)
    # In this order: Keras 3.15 takes a second term of (batch, 1) for a bias where there are as many steps as rows.
    return gathered(tensor, ops.minimum(padded + ones, ops.max(ones, axis=1, keepdims=True)))


def _sequences(layer: Any) -> int:
    """Returns how many of the outputs are sequences."""
    if not layer.return_sequences:
        return 0
    return 2 if isinstance(layer, keras.layers.Bidirectional) and layer.merge_mode is None else 1


def _check(layer: Any) -> None:
    if layer.stateful:
        raise RefusedError(
            "is stateful: it goes on where the last batch ended, and not with the record that it is given",
            "build the model with stateful=False, give it the weights with set_weights, and convert that",
        )
    if isinstance(layer, keras.layers.Bidirectional):
        if layer.forward_layer.go_backwards:
            raise RefusedError("goes backwards in its forward layer", "exchange its layers")
        if not isinstance(layer.forward_layer, keras.layers.RNN):
            raise RefusedError("wraps no recurrent layer of Keras", "wrap LSTM, GRU, SimpleRNN or RNN")
    elif getattr(layer, "zero_output_for_mask", False) and not layer.return_sequences:
        raise RefusedError(
            "answers zeros where its last step is masked (zero_output_for_mask=True)",
            "build it with zero_output_for_mask=False",
        )


KINDS = ["LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"]
RULES: dict[str, Rule] = dict.fromkeys(KINDS, recurrent)
