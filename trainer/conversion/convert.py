"""A Keras model of a fixed number of steps becomes one that takes any length with masking."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from schemas.errors import DataError
from trainer.conversion.calls import Notes
from trainer.conversion.inputs import model_inputs
from trainer.conversion.loading import checked_graph, load_fixed
from trainer.conversion.refusals import refusal_text
from trainer.conversion.values import cleaned
from trainer.conversion.walk import Walk


@dataclass(frozen=True)
class Conversion:
    """A converted model.

    Attributes:
      model: It.
      sequences: For each input whether it is a sequence, in the order of the fixed model.
      layers: How many layers it has of the fixed model.
      notes: What to tell.
      sentinel_is_data: Nothing is skipped for its value.
    """

    model: Any
    sequences: tuple[bool, ...]
    layers: int
    notes: Notes
    sentinel_is_data: bool


def convert(model: Any, sentinel_is_data: bool = False) -> Any:
    """Returns a model that takes records of any length, with the weights of one of a fixed number of steps.

    It is a functional model of Keras' own layers and operations. Its inputs are those of the fixed model with any
    number of steps, (batch, steps, ...), then for each sequence an input NAME_length, (batch,) int32: the real steps
    of each record, which stand in front of its padded ones. What the padded steps hold changes nothing; outputs of a
    padded step are zero.

    Args:
      model: A functional or Sequential model, or the path of a .keras file with one. It stays as it is.
      sentinel_is_data: Steps that Masking or Embedding(mask_zero=True) skip in the fixed model are data.

    Raises:
      DataError: Layers cannot be converted, all of which are named; or the file is damaged or unsafe.
    """
    if isinstance(model, str | Path):
        return converted(load_fixed(Path(model)), str(model), sentinel_is_data).model
    return converted(model, getattr(model, "name", "model"), sentinel_is_data).model


def converted(fixed: Any, name: str, sentinel_is_data: bool) -> Conversion:
    """Converts a model.

    Args:
      fixed: The model of a fixed number of steps.
      name: What errors call it.
      sentinel_is_data: Nothing is skipped for its value.

    Raises:
      DataError: See `convert`.
    """
    graph = checked_graph(fixed, name)
    walk = Walk(sentinel_is_data)
    inputs = model_inputs(graph, walk.clones)
    lengths = [part.length for part in inputs if part.length is not None]
    if not lengths:
        raise DataError(
            f"{name}: takes no sequence: no input is (batch, steps, features) or goes into an Embedding; "
            "feed a sequence of one number a step as (batch, steps, 1), and convert a model that begins there"
        )
    out = walk.outputs(graph, [part.value for part in inputs])
    if walk.refusals:
        raise DataError(refusal_text(name, list(walk.refusals)))
    outputs = keras.tree.map_structure(lambda value: cleaned(value).tensor, out)
    walk.clones.keep_names(outputs)
    model = keras.Model([*(part.tensor for part in inputs), *lengths], outputs, name=fixed.name)
    walk.clones.fill()
    sequences = tuple(part.length is not None for part in inputs)
    return Conversion(model, sequences, len(walk.clones), walk.notes, sentinel_is_data)
