"""Layers that treat every step by itself."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
from keras import ops

from trainer.conversion.calls import Call, Rule
from trainer.conversion.refusals import RefusedError
from trainer.conversion.values import Value, cleaned, lowest, over_features

# These look at each number by itself; without a feature axis, others would look along the time axis.
ELEMENTWISE = frozenset(
    [
        "ActivityRegularization",
        "AlphaDropout",
        "Dropout",
        "ELU",
        "GaussianDropout",
        "GaussianNoise",
        "Identity",
        "LeakyReLU",
        "ReLU",
        "Rescaling",
    ]
)
ALONG_FEATURES = {"softmax", "log_softmax", "glu", "sparsemax"}


def per_step(call: Call) -> Value:
    """A layer that does the same at every step."""
    _check_rank(call)
    value = call.value
    out = call.copy()(value.tensor, **call.training)
    return replace(value, tensor=out, kept=call.passed(value), clean=False)


def normalization(call: Call) -> Value:
    """A layer that normalizes along axes, of which the time axis must be none."""
    value, axis = call.value, call.layer.axis
    axes = [number % value.rank for number in (axis if isinstance(axis, Sequence) else [axis]) if number is not None]
    if 1 in axes or axis is None:
        raise RefusedError(
            f"normalizes along the time axis (axis={axis})", "build it with axis=-1, over the features, and train again"
        )
    given = {}
    if isinstance(call.layer, keras.layers.BatchNormalization) and axes == [value.rank - 1]:
        # The statistics of a batch, in training, are those of its real steps. Keras asks for a mask of all other axes.
        every = ops.ones_like(value.tensor[..., 0], dtype="bool")
        given = {"mask": ops.logical_and(over_features(value.mask, value.rank - 1), every)}
    out = call.copy()(value.tensor, **given, **call.training)
    return replace(value, tensor=out, kept=call.passed(value), clean=False)


def shared_along_axes(call: Call) -> Value:
    """PReLU, which has a number for each step unless it shares them along the time axis."""
    if 1 not in (call.layer.shared_axes or []):
        raise RefusedError(
            "has a weight for each of the fixed number of steps", "build it with shared_axes=[1] and train again"
        )
    return per_step(call)


def softmax(call: Call) -> Value:
    """The softmax along the features, or along the steps that count."""
    value, axis = call.value, call.layer.axis
    axes = [number % value.rank for number in (axis if isinstance(axis, Sequence) else [axis])]
    if axes == [1]:
        return _softmax_along_steps(value)
    if 1 in axes:
        raise RefusedError(
            f"is computed along the time axis and others at once (axis={axis})", "compute it along one axis"
        )
    out = call.copy()(cleaned(value).tensor)  # an attached mask would be taken for one of features
    return replace(value, tensor=out, kept=call.passed(value), clean=False)


def time_distributed(call: Call) -> Value:
    """Any layer, at every step."""
    value = call.value if call.value.kept is not None else cleaned(call.value)  # no mask where there was none
    given = {} if value.kept is None else {"mask": value.mask}
    out = call.copy()(value.tensor, **given, **call.training)
    return replace(value, tensor=out, kept=value.kept, clean=False)


def embedding(call: Call) -> Value:
    """Vectors of ids; id 0 goes on being skipped where the fixed model skipped it."""
    value, layer = call.value, call.layer
    kept: Any = None
    if layer.mask_zero and not call.sentinel_is_data:
        if value.rank > 2 and value.steps is not None:
            raise RefusedError("has mask_zero=True on ids of more than one per step", "build it with mask_zero=False")
        kept = ops.not_equal(value.tensor, 0)
        call.notes.sentinels[layer.name] = "id 0"
    out = call.copy(mask_zero=False)(value.tensor)
    return replace(value, tensor=out, kept=kept, clean=False)


def masking(call: Call) -> Value:
    """Steps of which every number is the sentinel go on being skipped."""
    value, layer = call.value, call.layer
    if call.sentinel_is_data:
        return value
    if value.rank < 3:
        raise RefusedError("stands before sequences without a feature axis", "leave it out")
    kept = ops.any(ops.not_equal(value.tensor, layer.mask_value), axis=-1)
    call.notes.sentinels[layer.name] = f"{layer.mask_value:g} in every feature"
    out = ops.where(ops.expand_dims(kept, -1), value.tensor, 0.0)
    if value.rank > 3:
        raise RefusedError("masks what is not a step: its input has more than one feature axis", "leave it out")
    return replace(value, tensor=out, kept=kept, clean=False)


def _softmax_along_steps(value: Value) -> Value:
    where = over_features(value.mask, value.rank)
    scores = ops.where(where, value.tensor, lowest(value.tensor))
    # All scores of a record without a step are alike, so that nothing but this makes them zero.
    return replace(value, tensor=ops.where(where, ops.softmax(scores, axis=1), 0.0), clean=value.kept is None)


def _check_rank(call: Call) -> None:
    layer = call.layer
    kind = type(layer).__name__
    plain = kind == "Activation" and getattr(layer.activation, "__name__", "") not in ALONG_FEATURES
    if call.value.rank < 3 and not plain and kind not in ELEMENTWISE:
        raise RefusedError(
            "looks along the time axis, for its input has one number per step and no feature axis",
            "give it (batch, steps, features)",
        )


RULES: dict[str, Rule] = {
    **dict.fromkeys(ELEMENTWISE, per_step),
    **dict.fromkeys(["Activation", "Dense", "SpatialDropout1D", "Discretization"], per_step),
    **dict.fromkeys(
        ["BatchNormalization", "LayerNormalization", "Normalization", "RMSNormalization", "UnitNormalization"],
        normalization,
    ),
    "PReLU": shared_along_axes,
    "Softmax": softmax,
    "TimeDistributed": time_distributed,
    "Embedding": embedding,
    "Masking": masking,
}
