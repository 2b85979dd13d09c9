"""Pooling over steps as a summary that can be merged: a sequence may be read whole or piece by piece.

A state holds what each kind of pooling needs of the steps so far, float32 but for "steps". Merging is
associative and `start` changes nothing, so that any division of a sequence into pieces gives the same.

Attention keeps a running maximum of the scores, and sums of exp(score - maximum) and of that times the
step (Milakov & Gimelshein, "Online normalizer calculation for softmax", 2018), so that no score overflows.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from trainer.sequence_layers.padding import step_mask, zero_padding

State = dict[str, Any]
KINDS = ("mean", "max", "last", "attention")
_LOWEST = float(np.finfo(np.float32).min)
LOWEST_SCORE = -1e30  # lower than any score, and few enough that a difference of two is a number


def start(kinds: Sequence[str], batch: Any, size: int) -> State:
    """Returns the state before the first step.

    Args:
      kinds: Some of `KINDS`.
      batch: Rows.
      size: Numbers of each step.
    """
    zeros = ops.zeros((batch, size), "float32")
    column = ops.zeros((batch, 1), "float32")
    fields = {
        "mean": {"sum": zeros},
        "max": {"greatest": zeros + _LOWEST},
        "last": {"first": zeros, "last": zeros},
        "attention": {"top": column + LOWEST_SCORE, "weight": column, "weighted": zeros},
    }
    state: State = {"steps": ops.zeros((batch,), "int32")}
    for kind in kinds:
        state |= fields[kind]
    return state


def summarize(kinds: Sequence[str], outputs: Any, lengths: Any, scores: Any = None) -> State:
    """Returns the state of one piece by itself.

    Args:
      kinds: Some of `KINDS`.
      outputs: float (batch, steps, size), steps >= 1.
      lengths: int32 (batch,), real steps of this piece; 0 for a row that has ended, or not begun.
      scores: float (batch, steps) that attention goes by; needed for "attention" only.
    """
    outputs = ops.convert_to_tensor(outputs)
    state: State = {"steps": ops.convert_to_tensor(lengths, dtype="int32")}
    for kind in kinds:
        state |= _SUMMARIES[kind](outputs, lengths, scores)
    return state


def merge(earlier: State, later: State) -> State:
    """Returns the state of the steps of `earlier` followed by those of `later`, of the same kinds."""
    steps = earlier["steps"] + later["steps"]
    merged: State = {"steps": steps}
    if "sum" in earlier:
        merged["sum"] = earlier["sum"] + later["sum"]
    if "greatest" in earlier:
        merged["greatest"] = ops.maximum(earlier["greatest"], later["greatest"])
    if "last" in earlier:
        merged["first"] = ops.where(_has_steps(earlier), earlier["first"], later["first"])
        merged["last"] = ops.where(_has_steps(later), later["last"], earlier["last"])
    if "top" in earlier:
        merged["top"] = top = ops.maximum(earlier["top"], later["top"])
        scales = [ops.exp(state["top"] - top) for state in (earlier, later)]
        for field in ("weight", "weighted"):
            merged[field] = earlier[field] * scales[0] + later[field] * scales[1]
    return merged


def finish(state: State, kinds: Sequence[str], bidirectional: bool = False) -> Any:
    """Returns the pooled vectors, float32 (batch, size * kinds), in the order of `kinds`; zeros where no step was.

    Args:
      state: Of these kinds at least.
      kinds: Some of `KINDS`. "last" is what each direction has after its last step.
      bidirectional: Whether the second half of the outputs was read from the end.
    """
    pooled = ops.concatenate([_POOLED[kind](state, bidirectional) for kind in kinds], axis=-1)
    return ops.where(_has_steps(state), pooled, 0.0)


def _has_steps(state: State) -> Any:
    return ops.expand_dims(state["steps"] > 0, -1)


def _float32(values: Any) -> Any:
    return ops.cast(values, "float32")


def _summary_for_mean(outputs: Any, lengths: Any, scores: Any) -> State:
    return {"sum": ops.sum(zero_padding(_float32(outputs), lengths), axis=1)}


def _summary_for_max(outputs: Any, lengths: Any, scores: Any) -> State:
    return {"greatest": ops.max(ops.where(step_mask(outputs, lengths), _float32(outputs), _LOWEST), axis=1)}


def _summary_for_last(outputs: Any, lengths: Any, scores: Any) -> State:
    index = ops.reshape(ops.maximum(lengths - 1, 0), (-1, 1, 1))
    last = ops.squeeze(ops.take_along_axis(outputs, index, axis=1), 1)
    return {"first": _float32(outputs[:, 0]), "last": _float32(last)}


def _summary_for_attention(outputs: Any, lengths: Any, scores: Any) -> State:
    mask = step_mask(scores, lengths)
    scores = ops.where(mask, _float32(scores), LOWEST_SCORE)
    # The result does not depend on what is subtracted here, so neither does its gradient.
    top = ops.stop_gradient(ops.max(scores, axis=1, keepdims=True))
    factors = ops.where(mask, ops.exp(scores - top), 0.0)
    weighted = ops.sum(ops.expand_dims(factors, -1) * zero_padding(_float32(outputs), lengths), axis=1)
    return {"top": top, "weight": ops.sum(factors, axis=1, keepdims=True), "weighted": weighted}


def _mean(state: State, bidirectional: bool) -> Any:
    return state["sum"] / _float32(ops.expand_dims(ops.maximum(state["steps"], 1), -1))


def _max(state: State, bidirectional: bool) -> Any:
    return state["greatest"]


def _last(state: State, bidirectional: bool) -> Any:
    if not bidirectional:
        return state["last"]
    half = state["last"].shape[-1] // 2
    return ops.concatenate([state["last"][:, :half], state["first"][:, half:]], axis=-1)


def _attention(state: State, bidirectional: bool) -> Any:
    return state["weighted"] / (state["weight"] + ops.where(_has_steps(state), 0.0, 1.0))


_SUMMARIES: dict[str, Callable[[Any, Any, Any], State]] = {
    "mean": _summary_for_mean,
    "max": _summary_for_max,
    "last": _summary_for_last,
    "attention": _summary_for_attention,
}
_POOLED: dict[str, Callable[[State, bool], Any]] = {"mean": _mean, "max": _max, "last": _last, "attention": _attention}
