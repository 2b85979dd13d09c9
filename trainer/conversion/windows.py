"""Layers that look at windows of steps: convolution and pooling.

What a padded step is must be what Keras puts around a record that stands alone: zeros for a convolution, nothing for
pooling. With strides, `same` puts half of what is missing in front, and what is missing depends on the length
(https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2): such records are shifted, each by its own number.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from keras import ops

from trainer.conversion.calls import Call, Rule, no_channels_first
from trainer.conversion.refusals import RefusedError
from trainer.conversion.values import (
    Value,
    cleaned,
    gathered,
    lengthened,
    lowest,
    over_features,
    padded,
    step_numbers,
    steps_from,
)


@dataclass(frozen=True)
class Window:
    """The windows of a layer.

    Attributes:
      reach: Steps from the first to the last of a window.
      stride: Steps from a window to the next.
      padding: "valid", "same" or "causal".
    """

    reach: int
    stride: int
    padding: str

    def count(self, steps: Any) -> Any:
        """Returns how many windows there are for this many steps: one number, or (batch,) int32."""
        before = steps - self.reach if self.padding == "valid" else steps - 1
        windows = before // self.stride + 1  # rounds down below zero, too: no window where there is no step
        return max(windows, 0) if isinstance(windows, int) else ops.maximum(windows, 0)

    def in_front(self, length: Any) -> Any:
        """Returns how many steps `same` puts before a record, (batch,) int32."""
        missing = (self.count(length) - 1) * self.stride + self.reach - length
        return ops.maximum(missing, 0) // 2


def convolution(call: Call) -> Value:
    """Conv1D and its relatives."""
    layer = call.layer
    no_channels_first(layer)
    reach = (layer.kernel_size[0] - 1) * layer.dilation_rate[0] + 1
    window = Window(reach, layer.strides[0], layer.padding)
    value = cleaned(call.value)
    if window.padding == "same" and window.stride > 1:
        out = call.copy(padding="valid")(_shifted(value.tensor, call.steps.length, window, 0.0))
    else:
        out = call.copy()(_lengthened(value.tensor, window, 0.0))
    return _windowed(call, out, window)


def max_pooling(call: Call) -> Value:
    """The largest number of the real steps of each window."""
    no_channels_first(call.layer)
    window, fill = _pool(call.layer), lowest(call.value.tensor)
    value = cleaned(call.value, fill)
    if window.padding == "same":
        return _windowed(
            call, call.copy(padding="valid")(_shifted(value.tensor, call.steps.length, window, fill)), window
        )
    return _windowed(call, call.copy()(_lengthened(value.tensor, window, fill)), window)


def average_pooling(call: Call) -> Value:
    """The average of the real steps of each window."""
    no_channels_first(call.layer)
    window, value = _pool(call.layer), cleaned(call.value)
    if window.padding == "valid":
        return _windowed(call, call.copy()(_lengthened(value.tensor, window, 0.0)), window)
    layer = call.copy(padding="valid")
    real = ops.cast(over_features(call.steps.real, 3), value.tensor.dtype)
    share = layer(_shifted(real, call.steps.length, window, 0.0))
    sums = layer(_shifted(value.tensor, call.steps.length, window, 0.0))
    return _windowed(call, ops.divide(sums, ops.where(ops.greater(share, 0.0), share, 1.0)), window)


def _pool(layer: Any) -> Window:
    size = layer.pool_size if isinstance(layer.pool_size, int) else layer.pool_size[0]
    stride = layer.strides if isinstance(layer.strides, int) else layer.strides[0]
    return Window(size, stride, layer.padding)


def _windowed(call: Call, out: Any, window: Window) -> Value:
    """Returns what a layer said of windows; Keras hands on no mask here."""
    steps = call.steps
    if window == Window(window.reach, 1, window.padding) and window.padding != "valid":
        return cleaned(Value(out, steps, None, call.value.origins))
    count = None if steps.count is None else window.count(steps.count)
    change = (window.reach if window.padding == "valid" else None, window.stride)
    new = steps_from(steps, out, window.count(steps.length), count, change)
    return cleaned(Value(out, new, None, call.value.origins))


def _lengthened(tensor: Any, window: Window, fill: float) -> Any:
    """Returns a tensor with as many steps as a window without padding reaches over."""
    return lengthened(tensor, window.reach, fill) if window.padding == "valid" else tensor


def _shifted(tensor: Any, length: Any, window: Window, fill: float) -> Any:
    """Puts before each record what `same` puts there, and enough after it for its last window."""
    most = (window.reach - 1) // 2
    # An index that reaches beyond the record finds `fill`, before it as well as after it.
    wide = padded(tensor, most, window.reach - 1, fill)
    numbers = step_numbers(padded(tensor, 0, window.reach - 1, fill))
    return gathered(wide, numbers + most - ops.expand_dims(window.in_front(length), 1))


def global_max(call: Call) -> Value:
    """The largest number of all real steps; 0 of none. Keras heeds no mask here."""
    no_channels_first(call.layer)
    value = cleaned(call.value, lowest(call.value.tensor))
    out = ops.max(value.tensor, axis=1, keepdims=call.layer.keepdims)
    some = over_features(ops.greater(ops.expand_dims(call.steps.length, 1), 0), len(out.shape))
    some = some if call.layer.keepdims else ops.greater(ops.expand_dims(call.steps.length, 1), 0)
    return Value(ops.where(some, out, 0.0), origins=(call.steps, *value.origins))


def global_average(call: Call) -> Value:
    """The average of all real steps that the fixed model does not skip; 0 of a record without a step."""
    no_channels_first(call.layer)
    value = call.value
    where = over_features(value.mask, value.rank)
    keepdims = call.layer.keepdims
    total = ops.sum(ops.where(where, value.tensor, 0.0), axis=1, keepdims=keepdims)
    count = ops.sum(ops.cast(where, value.tensor.dtype), axis=1, keepdims=keepdims)
    empty = ops.expand_dims(ops.equal(call.steps.length, 0), 1)
    empty = ops.expand_dims(empty, 1) if keepdims else empty
    out = ops.divide(total, ops.where(empty, 1.0, count))
    return Value(out, origins=(call.steps, *value.origins))


def over_steps(call: Call) -> Value:
    """`ops.sum`, `ops.mean` and `ops.max` of all real steps, or of the features of each; operations heed no mask."""
    layer, value = call.layer, replace(call.value, kept=None)
    axes = [
        axis % value.rank
        for axis in (layer.axis if isinstance(layer.axis, Sequence) else [layer.axis])
        if axis is not None
    ]
    kind = type(layer).__name__
    if 1 not in axes and axes and 0 not in axes:
        return replace(value, tensor=layer(value.tensor), clean=False)
    if axes != [1] or getattr(layer, "initial", None) is not None:
        raise RefusedError(
            f"is computed along the time axis and others at once (axis={layer.axis})", "give it axis=1 alone"
        )
    if kind == "Sum":
        return Value(layer(cleaned(value).tensor), origins=(call.steps, *value.origins))
    return (global_max if kind == "Max" else global_average)(replace(call, args=(value,), kwargs={}))


RULES: dict[str, Rule] = {
    **dict.fromkeys(["Conv1D", "DepthwiseConv1D", "SeparableConv1D"], convolution),
    "MaxPooling1D": max_pooling,
    "AveragePooling1D": average_pooling,
    "GlobalMaxPooling1D": global_max,
    "GlobalAveragePooling1D": global_average,
}
OPERATIONS: dict[str, Rule] = dict.fromkeys(["Max", "Mean", "Sum"], over_steps)
