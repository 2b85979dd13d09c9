"""Layers that change the shape: repeats, added and removed steps, other axes."""

import math
from dataclasses import replace
from typing import Any

from keras import ops

from trainer.conversion.calls import Call, Rule, no_channels_first
from trainer.conversion.refusals import RefusedError, always
from trainer.conversion.values import Steps, Value, cleaned, gathered, lengthened, over_features, roots, steps_from


def repeat_vector(call: Call) -> Value:
    """A vector as often as each record has steps, where the fixed model repeated it for each of the fixed steps."""
    value, times = call.value, call.layer.n
    steps = repeated_steps(times, value.origins)
    if steps is None:
        return replace(value, tensor=call.copy()(value.tensor), clean=False)
    call.notes.repeats.append(call.layer.name)
    tensor = ops.where(over_features(steps.real, 3), ops.expand_dims(value.tensor, 1), 0.0)
    return Value(tensor, steps, None, value.origins, clean=True)


def repeated_steps(times: int, origins: tuple[Steps, ...]) -> Steps | None:
    """Returns the time axis whose fixed number of steps a repetition stands for; None where it is no such number.

    Raises:
      RefusedError: It may be that of several inputs.
    """
    found = [steps for steps in roots(origins) if steps.count == times]
    inputs = [steps for steps in found if not steps.parents]
    if len(inputs) > 1:
        names = " and ".join(f"'{steps.key[0]}'" for steps in inputs)
        raise RefusedError(
            f"repeats {times} times, and {names} have {times} steps each, so that nobody can say which is meant",
            "build the model with another fixed number of steps for each input",
        )
    return found[0] if found else None


def reshape(call: Call) -> Value:
    """Another shape of the features; the steps must stay as they are."""
    value, count = call.value, call.steps.count
    shape = tuple(call.layer.target_shape)
    features = tuple(value.tensor.shape[2:])
    if len(shape) < 2 or None in features or shape[0] not in (count, -1) or -1 in shape[1:]:
        raise always("Reshape")
    if math.prod(shape[1:]) != math.prod(features):
        raise always("Reshape")
    return replace(value, tensor=call.copy(target_shape=(-1, *shape[1:]))(value.tensor), kept=None, clean=False)


def flatten(call: Call) -> Value:
    """Never of a sequence."""
    raise always("Flatten")


def permute(call: Call) -> Value:
    """Another order of the features' axes; the time axis must stay where it is."""
    if call.layer.dims[0] != 1:
        raise always("Permute")
    return replace(call.value, tensor=call.copy()(call.value.tensor), kept=None, clean=False)


def up_sampling(call: Call) -> Value:
    """Every step several times."""
    return _other_length(call, call.copy()(call.value.tensor), call.layer.size, 0)


def zero_padding(call: Call) -> Value:
    """Zeros before and after the real steps."""
    no_channels_first(call.layer)
    return _other_length(call, call.copy()(cleaned(call.value).tensor), 1, sum(call.layer.padding))


def cropping(call: Call) -> Value:
    """Without the first and last real steps."""
    front, back = call.layer.cropping
    # The last real steps of a record need not be the last of the batch; those of a shorter one are padding afterwards.
    tensor = call.copy()(lengthened(call.value.tensor, front + back + 1, 0.0))
    return _other_length(call, tensor, 1, -front - back)


def item(call: Call) -> Value:
    """`x[:, n]`, a step counted from the first or the last real one; `x[:, :, ...]`, some features of every step."""
    value, key = call.value, call.args[1] if len(call.args) > 1 else call.kwargs["key"]
    key = tuple(key) if isinstance(key, tuple | list) else (key,)  # a file keeps it as a list
    if len(key) > 1 and key[:2] == (slice(None), slice(None)):
        tensor = value.tensor[key]
        if len(tensor.shape) > 1:
            return replace(value, tensor=tensor, kept=None, clean=False)
    if len(key) < 2 or key[0] != slice(None) or not isinstance(key[1], int) or set(map(repr, key[2:])) - _EVERYTHING:
        raise RefusedError(
            "takes some of the fixed number of steps", "take one step, as x[:, -1], or sum the steps up to a vector"
        )
    return _one_step(call, key[1])


def _one_step(call: Call, number: int) -> Value:
    """One real step of each record; zeros where a record has none of that number."""
    value, length = call.value, ops.expand_dims(call.steps.length, 1)
    index = ops.maximum(length + number, 0) if number < 0 else ops.zeros_like(length) + number
    reach = -number if number < 0 else number + 1
    taken = gathered(lengthened(cleaned(value).tensor, reach, 0.0), index)
    there = over_features(ops.greater_equal(length, reach), value.rank)
    return Value(ops.squeeze(ops.where(there, taken, 0.0), axis=1), origins=(call.steps, *value.origins))


_EVERYTHING = {repr(slice(None)), repr(Ellipsis)}


def _other_length(call: Call, tensor: Any, times: int, more: int) -> Value:
    steps = call.steps
    length = ops.maximum(steps.length * times + more, 0)
    count = None if steps.count is None else max(steps.count * times + more, 0)
    new = steps_from(steps, tensor, length, count, ("times", times, "more", more))
    return cleaned(Value(tensor, new, None, call.value.origins))


RULES: dict[str, Rule] = {
    "RepeatVector": repeat_vector,
    "Reshape": reshape,
    "Flatten": flatten,
    "Permute": permute,
    "UpSampling1D": up_sampling,
    "ZeroPadding1D": zero_padding,
    "Cropping1D": cropping,
}
OPERATIONS: dict[str, Rule] = {"GetItem": item}
