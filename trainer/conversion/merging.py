"""Layers that take several sequences: sums, concatenation, products, attention."""

from functools import reduce
from typing import Any

import keras
from keras import ops

from trainer.conversion.calls import Call, Rule, origins, tensors
from trainer.conversion.refusals import RefusedError
from trainer.conversion.values import Steps, Value, both, cleaned

_SAME_STEPS = "give both the steps of one input, or sum each up to a vector first"


def merge(call: Call) -> Value:
    """Add, Multiply and the like, step by step; a vector counts for every step."""
    values = call.values
    for value in values:
        if value.steps is None and value.rank > 2 and value.tensor.shape[1] != 1:
            raise RefusedError(
                "joins a sequence with one of a fixed number of steps, which records of other lengths do not have",
                _SAME_STEPS,
            )
    return Value(call.copy()(tensors(call.args[0])), _joined(values), _all_masks(values), origins(values))


def operation(call: Call) -> Value:
    """An operation of `keras.ops` that looks at each number by itself; operations hand on no mask."""
    values = call.values
    highest = max(value.rank for value in values)
    _check_constants(call, highest)
    for value in values:
        if value.steps is None and value.rank > 0 and (value.rank != highest or value.tensor.shape[1] != 1):
            raise RefusedError("joins a sequence with what has no steps of its own", _SAME_STEPS)
    out = call.layer(*tensors(call.args), **tensors(call.kwargs))
    return Value(out, _joined(values), None, origins(values))


def _check_constants(call: Call, highest: int) -> None:
    """Refuses an array that has a number for each of the fixed steps, such as embedded positions."""
    for leaf in keras.tree.flatten((call.args, call.kwargs)):
        shape = () if isinstance(leaf, Value) else tuple(getattr(leaf, "shape", ()))
        if len(shape) >= highest - 1 and shape[-(highest - 1)] != 1:
            raise RefusedError("joins a sequence with an array for the fixed number of steps", _SAME_STEPS)


def concatenate(call: Call) -> Value:
    """The features of several sequences side by side."""
    values = call.values
    axis = call.layer.axis % values[0].rank
    if axis == 1:
        raise RefusedError(
            "puts sequences one behind the other, along the time axis",
            "join them along the features (axis=-1), or sum each up to a vector first",
        )
    if any(value.steps is None for value in values):
        raise RefusedError("joins a sequence with what has no steps of its own", "repeat the vector with RepeatVector")
    return Value(call.copy()(tensors(call.args[0])), _joined(values), _all_masks(values), origins(values))


def dot(call: Call) -> Value:
    """Products summed along an axis: the steps of two sequences, or the features of a sequence and a vector."""
    one, other = call.values
    axes = call.layer.axes
    first, second = (axes, axes) if isinstance(axes, int) else axes
    first, second = first % one.rank, second % other.rank
    cleaner = [cleaned(one).tensor, cleaned(other).tensor]
    found = origins([one, other])
    along = (one.steps is not None and first == 1, other.steps is not None and second == 1)
    if along == (True, True):
        _joined([one, other])
        return Value(call.copy()(cleaner), origins=found)
    if any(along) or (one.steps and other.steps) or (one.rank > 2 and other.rank > 2):
        raise RefusedError(
            "makes a matrix of steps by steps, or sums along the time axis of one sequence only", "use Attention"
        )
    return Value(call.copy()(cleaner), one.steps or other.steps, None, found)


def attention(call: Call) -> Value:
    """Attention and AdditiveAttention: the padded steps of what is attended to get no weight."""
    _check_scores(call)
    values = list(call.args[0])
    _check_keys(values[1:])
    query = values[0]
    masks = [None if query.kept is None else query.mask, values[1].mask]
    options = {name: call.kwargs[name] for name in ("use_causal_mask",) if call.kwargs.get(name)}
    given = {} if masks == [None, None] else {"mask": masks}
    out = call.copy()([cleaned(value).tensor for value in values], **given, **options, **call.training)
    return Value(out, query.steps, query.kept, origins(values))


def multi_head_attention(call: Call) -> Value:
    """MultiHeadAttention and GroupedQueryAttention."""
    _check_scores(call)
    names = ("query", "value", "key")
    given = {**dict(zip(names, call.args, strict=False)), **{n: call.kwargs[n] for n in names if n in call.kwargs}}
    given = {name: value for name, value in given.items() if value is not None}
    query = given["query"]
    _check_heads(call, query)
    _check_keys([value for name, value in given.items() if name != "query"])
    masks = {f"{name}_mask": value.mask for name, value in given.items() if name != "query" and value.mask is not None}
    options = {name: call.kwargs[name] for name in ("use_causal_mask",) if call.kwargs.get(name)}
    clean = {name: cleaned(value).tensor for name, value in given.items()}
    out = call.copy()(**clean, **masks, **options, **call.training)
    return Value(out, query.steps, None, origins(given.values()))


def _joined(values: list[Value]) -> Steps:
    return reduce(both, [value.steps for value in values if value.steps is not None])


def _all_masks(values: list[Value]) -> Any:
    """Returns the mask that Keras hands on: of steps that any input keeps, if every input has a mask."""
    masks = [value.kept for value in values]
    return None if any(mask is None for mask in masks) else reduce(ops.logical_or, masks)


def _check_keys(values: list[Value]) -> None:
    """Values and keys belong together step by step."""
    if len({value.steps.key if value.steps else None for value in values}) > 1:
        raise RefusedError("has keys and values of different lengths", _SAME_STEPS)


def _check_scores(call: Call) -> None:
    if call.kwargs.get("return_attention_scores"):
        raise RefusedError(
            "returns its scores, a matrix of steps by steps", "call it without return_attention_scores=True"
        )


def _check_heads(call: Call, query: Value) -> None:
    if call.kwargs.get("attention_mask") is not None:
        raise RefusedError("is given a mask by hand, made for the fixed number of steps", "leave the mask away")
    if getattr(call.layer, "_attention_axes", None) not in (None, (1,), [1]):
        raise RefusedError("attends along other axes than the time axis", "build it without attention_axes")
    if query.kept is not None:
        raise RefusedError(
            "attends evenly to all fixed steps where its query is masked (Masking, or mask_zero=True)",
            "convert with --sentinel_is_data if the sentinel never occurs in records, or train without it",
        )


MERGES = ["Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"]
RULES: dict[str, Rule] = {
    **dict.fromkeys(MERGES, merge),
    "Concatenate": concatenate,
    "Dot": dot,
    "Attention": attention,
    "AdditiveAttention": attention,
    "MultiHeadAttention": multi_head_attention,
    "GroupedQueryAttention": multi_head_attention,
}
OPERATIONS: dict[str, Rule] = dict.fromkeys(
    [
        "Abs",
        "Add",
        "Cast",
        "Divide",
        "Elu",
        "Equal",
        "Exp",
        "Gelu",
        "Greater",
        "GreaterEqual",
        "LeakyRelu",
        "Less",
        "LessEqual",
        "LogicalAnd",
        "LogicalNot",
        "LogicalOr",
        "Maximum",
        "Minimum",
        "Multiply",
        "Negative",
        "NotEqual",
        "Relu",
        "Sigmoid",
        "Silu",
        "Sqrt",
        "Square",
        "Subtract",
        "Tanh",
        "TrueDivide",
    ],
    operation,
)
