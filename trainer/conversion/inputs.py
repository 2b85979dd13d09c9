"""The inputs of the converted model: which are sequences, and the lengths of those."""

from dataclasses import dataclass
from typing import Any

import keras

from trainer.conversion.clones import Clones
from trainer.conversion.per_step import ELEMENTWISE
from trainer.conversion.values import Value, cleaned, input_steps
from trainer.conversion.walk import graph_of, is_model

LENGTH = "length"


@dataclass(frozen=True)
class ModelInput:
    """An input of the converted model.

    Attributes:
      tensor: What it is fed with.
      length: The lengths of its records, (batch,) int32; None where it is no sequence.
      value: What the layers see: padded steps are zero.
    """

    tensor: Any
    length: Any
    value: Value


def model_inputs(graph: Any, clones: Clones) -> list[ModelInput]:
    """Returns the inputs in the order of the fixed model.

    Args:
      graph: Of the fixed model.
      clones: Give names that are free; the inputs keep theirs.
    """
    names = [clones.free_name(tensor._keras_history.operation.name) for tensor in graph.inputs]
    return [_input(graph, tensor, name, clones) for tensor, name in zip(graph.inputs, names, strict=True)]


def is_sequence(graph: Any, tensor: Any) -> bool:
    """Says whether an input has a time axis: it has (batch, steps, features), or is ids that get a vector each."""
    if len(tensor.shape) != 2:
        return len(tensor.shape) > 2
    return _reaches_embedding(graph, {id(tensor)})


def _input(graph: Any, original: Any, name: str, clones: Clones) -> ModelInput:
    if not is_sequence(graph, original):
        tensor = keras.Input(batch_shape=(None, *original.shape[1:]), dtype=original.dtype, name=name)
        return ModelInput(tensor, None, Value(tensor))
    tensor = keras.Input(batch_shape=(None, None, *original.shape[2:]), dtype=original.dtype, name=name)
    length = keras.Input(batch_shape=(None,), dtype="int32", name=clones.free_name(f"{name}_{LENGTH}"))
    steps = input_steps(tensor, length, original.shape[1], name)
    return ModelInput(tensor, length, cleaned(Value(tensor, steps)))


def _reaches_embedding(graph: Any, found: set[int]) -> bool:
    """Says whether one of these tensors, known by their ids, gets to an Embedding through element-wise layers."""
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            taken = [number for number, tensor in enumerate(node.input_tensors) if id(tensor) in found]
            if node.is_input or not taken:
                continue
            layer = node.operation
            if isinstance(layer, keras.layers.Embedding):
                return True
            if is_model(layer) and graph_of(layer) is not None:
                inner = graph_of(layer)
                if _reaches_embedding(inner, {id(inner.inputs[number]) for number in taken}):
                    return True
            elif type(layer).__name__ in {*ELEMENTWISE, "Activation", "Cast"}:
                found |= {id(tensor) for tensor in node.outputs}
    return False
