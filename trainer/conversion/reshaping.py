"""Layers that change the shape: repeats, added and removed steps, other axes."""

import math
from dataclasses import replace
from typing import Any

from keras import ops

from trainer.conversion.calls import Call, Rule, no_channels_first
from trainer.conversion.refusals import RefusedError, always
from trainer.conversion.values import Steps, Value, cleaned, over_features, roots, steps_from


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
    value, (front, back) = call.value, call.layer.cropping
    # The last real steps of a record are not the last of the batch: steps are removed in front only.
    around = [[0, 0], [0, front + 1], [0, 0]]  # one at least is left
    tensor = call.copy(cropping=(front, 0))(ops.pad(value.tensor, around))
    return _other_length(call, tensor, 1, -front - back)


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
