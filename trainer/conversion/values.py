"""What the conversion knows of a tensor: which steps are real, and which of them the fixed model skips."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import keras
from keras import ops


@dataclass(frozen=True)
class Steps:
    """The time axis of a sequence, which is axis 1 of its tensor.

    Attributes:
      count: Steps of the fixed model; None where that took any number.
      length: Real steps of each record, (batch,) int32.
      real: Which steps are real, (batch, steps) bool.
      key: Where they come from; equal keys mean equal lengths.
      parents: The time axes that this one was made of.
    """

    count: int | None
    length: Any
    real: Any
    key: tuple[Any, ...]
    parents: tuple["Steps", ...] = ()


@dataclass(frozen=True)
class Value:
    """A tensor of the converted model, and what stands for one of the fixed model.

    Attributes:
      tensor: In the converted model.
      steps: Its time axis; None for a tensor without one.
      kept: Which steps the mask of the fixed model keeps, (batch, steps) bool; None where it has no mask.
      origins: The time axes that the tensor was computed from.
      clean: Padded steps are zero, and Keras has attached no mask.
    """

    tensor: Any
    steps: Steps | None = None
    kept: Any = None
    origins: tuple[Steps, ...] = ()
    clean: bool = False

    @property
    def rank(self) -> int:
        """Dimensions of the tensor, the batch among them."""
        return len(self.tensor.shape)

    @property
    def mask(self) -> Any:
        """The steps that count, (batch, steps) bool: real, and kept by the fixed model; None means all."""
        if self.steps is None:
            return self.kept
        return self.steps.real if self.kept is None else ops.logical_and(self.steps.real, self.kept)


def step_numbers(tensor: Any) -> Any:
    """Returns the number of each step, (batch, steps) int32 from 0.

    It is counted, for the shape of a symbolic tensor does not say how many there are.
    """
    ones = ops.ones_like(tensor, dtype="int32")
    while len(ones.shape) > 2:
        ones = ops.take(ones, 0, axis=-1)
    return ops.cumsum(ones, axis=1) - 1


def steps_from(parent: Steps, tensor: Any, length: Any, count: int | None, change: tuple[Any, ...]) -> Steps:
    """Returns the time axis that a layer made of another one.

    Args:
      parent: The time axis before.
      tensor: What the layer returned, (batch, steps, ...).
      length: Of each record afterwards, (batch,) int32.
      count: Steps of the fixed model afterwards; None where it took any number.
      change: What the layer does to a length; equal changes of equal axes make equal axes.
    """
    real = ops.less(step_numbers(tensor), ops.expand_dims(length, 1))
    return Steps(count, length, real, (*parent.key, change), (parent,))


def both(one: Steps, other: Steps) -> Steps:
    """Returns the time axis of two sequences that are joined step by step: the shorter of a record's two counts."""
    if one.key == other.key:
        return one
    real = ops.logical_and(one.real, other.real)
    length = ops.minimum(one.length, other.length)
    return Steps(one.count, length, real, ("both", one.key, other.key), (one, other))


def roots(origins: Iterable[Steps]) -> list[Steps]:
    """Returns all time axes that these were made of, themselves included, inputs first, each once."""
    found: dict[tuple[Any, ...], Steps] = {}
    for origin in origins:
        for steps in [*roots(origin.parents), origin]:
            found.setdefault(steps.key, steps)
    return sorted(found.values(), key=lambda steps: bool(steps.parents))


def input_steps(tensor: Any, length: Any, count: int | None, name: str) -> Steps:
    """Returns the time axis of an input; a length below 0 or beyond the steps that are there counts as the nearest."""
    real = ops.less(step_numbers(tensor), ops.expand_dims(length, 1))
    return Steps(count, ops.sum(ops.cast(real, "int32"), axis=1), real, (name,))


def over_features(mask: Any, rank: int) -> Any:
    """Returns a (batch, steps) mask with axes of size 1 for the features of a tensor of this rank."""
    for _ in range(rank - 2):
        mask = ops.expand_dims(mask, -1)
    return mask


def cleaned(value: Value, fill: float = 0.0) -> Value:
    """Returns the value with `fill` in its padded steps, and without the mask that Keras may have attached."""
    if value.steps is None or (value.clean and fill == 0):
        return value
    where = over_features(value.steps.real, value.rank)
    return replace(value, tensor=ops.where(where, value.tensor, _number(fill, value.tensor)), clean=fill == 0)


def gathered(tensor: Any, index: Any) -> Any:
    """Returns the steps with these numbers.

    Args:
      tensor: (batch, steps, ...).
      index: (batch, other steps) int32, each within the steps.
    """
    return ops.take_along_axis(tensor, over_features(index, len(tensor.shape)), axis=1)


def padded(tensor: Any, front: int, back: int, fill: float) -> Any:
    """Returns a tensor with steps of `fill` before and behind its own."""
    if front == back == 0:
        return tensor
    around = [[0, 0], [front, back], *([0, 0] for _ in tensor.shape[2:])]
    return ops.pad(tensor, around, mode="constant", constant_values=fill)


def lengthened(tensor: Any, least: int, fill: float) -> Any:
    """Returns a tensor with steps of `fill` at its end where it has fewer than `least`, as where all records are short.

    How many there are is not known before the model runs, so that the first and the other steps are put together.
    """
    if least == 1:
        return tensor
    first = ops.take(padded(tensor, 0, least, fill), list(range(least)), axis=1)
    return ops.concatenate([first, tensor[:, least:]], axis=1)


def lowest(tensor: Any) -> float:
    """Returns the lowest number that the type of a tensor can hold."""
    return float(ops.finfo(tensor.dtype).min) if hasattr(ops, "finfo") else _LOWEST[tensor.dtype]


_LOWEST = {
    "float16": -65504.0,
    "bfloat16": -3.3895313892515355e38,
    "float32": -3.4028234663852886e38,
    "float64": -1.7976931348623157e308,
}


def _number(fill: float, tensor: Any) -> float | int:
    """Keeps a tensor of whole numbers one: a fill of another type would change it."""
    return fill if keras.backend.is_float_dtype(tensor.dtype) else int(fill)
