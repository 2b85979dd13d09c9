"""Length policies and windows: which steps of each record become an example, and of which record each is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from schemas.dataset_pb2 import DatasetSpec, Empty, Rest, SequenceFeature, TooLong, Window
from schemas.ragged import Int64s
from schemas.records.verdicts import Found, Mask, Verdicts
from schemas.spec import leaders

EMPTY_SEQUENCE = "empty_sequence"
TOO_LONG = "too_long"
TOO_SHORT = "too_short"  # of a record that has no whole window, where each record is to be told of
NOT_ALIGNED = "not_aligned"

Maximum = Callable[[Any, int], Any]


@dataclass(frozen=True)
class Pieces:
    """Ranges of steps that become examples; all of one record stand together, in order.

    Attributes:
      record: int64, (examples,); the record that each is of.
      start: int64, (examples,); first step.
      stop: int64, (examples,); the step behind the last.
    """

    record: Int64s
    start: Int64s
    stop: Int64s


def check_alignment(lengths: Mapping[str, Int64s], spec: DatasetSpec, verdicts: Verdicts) -> None:
    """Rejects the records in which an aligned sequence has not as many steps as the one it is aligned with."""
    for name in sorted(lengths):
        leader = spec.sequences[name].aligned_with
        if leader:
            own, other = lengths[name], lengths[leader]
            rule = f"'{name}' must have as many steps as '{leader}'"
            verdicts.reject(own != other, NOT_ALIGNED, rule, steps_found(own, other))


def steps_found(own: Int64s, other: Int64s) -> Found:
    """Returns what says how many steps a record has of two sequences that must have as many."""
    return lambda i: f"they have {own[i]:,} and {other[i]:,}"


def apply_length_rules(lengths: Mapping[str, Int64s], spec: DatasetSpec, verdicts: Verdicts) -> None:
    """Rejects and drops the records that a length policy says this of."""
    for name in leaders(spec):
        feature, own = spec.sequences[name], lengths[name]
        _apply_empty(name, own == 0, feature, verdicts)
        if feature.HasField("max_length"):
            longer = own > feature.max_length
            if feature.too_long == TooLong.drop:
                verdicts.drop(longer, f"too long {name}")
            elif feature.too_long == TooLong.reject:
                rule = f"'{name}' must have at most {feature.max_length} steps"
                verdicts.reject(longer, TOO_LONG, rule, _number_of(own))
    window = spec.window
    if spec.HasField("window") and window.rest == Rest.drop:
        verdicts.drop(lengths[window.of] < window.length, f"shorter than a window {window.of}")


def pieces_of(name: str, lengths: Int64s, spec: DatasetSpec) -> Pieces:
    """Returns the steps of each record that become examples, by the policy of a sequence.

    Args:
      name: A sequence with a length of its own.
      lengths: int64, (records,); of records that are kept.
      spec: A resolved spec.
    """
    window = window_of(name, spec)
    if window is not None:
        return _windows(lengths, window)
    return Pieces(np.arange(len(lengths)), *steps_kept(spec.sequences[name], lengths, np.maximum))


def window_of(name: str, spec: DatasetSpec) -> Window | None:
    """Returns the window that a sequence is cut by; None where a record stays one example."""
    feature = spec.sequences[name]
    if spec.HasField("window"):
        return spec.window
    if feature.too_long == TooLong.split:
        return Window(length=feature.max_length, stride=feature.max_length, rest=Rest.keep)
    return None


def steps_kept(feature: SequenceFeature, lengths: Any, maximum: Maximum) -> tuple[Any, Any]:
    """Returns the first step that a record keeps, and the one behind the last, int64, (records,) each.

    Args:
      feature: A resolved sequence that is not cut by windows.
      lengths: int64, (records,): an array, or a tensor of a graph.
      maximum: That of its library, element by element.
    """
    start = 0 * lengths
    if not feature.HasField("max_length"):
        return start, lengths
    beyond = maximum(lengths - feature.max_length, 0)
    start = {TooLong.truncate_head: beyond, TooLong.truncate_both: beyond // 2}.get(feature.too_long, start)
    return start, start + lengths - beyond


def window_counts(window: Window, lengths: Any, maximum: Maximum) -> Any:
    """Returns how many windows a record has, int64, (records,): one every `stride` steps, and one of the rest if kept.

    Args:
      window: Resolved.
      lengths: int64, (records,): an array, or a tensor of a graph.
      maximum: That of its library, element by element.
    """
    if window.rest == Rest.keep:
        return -(-maximum(lengths - window.length, 0) // window.stride) + 1
    return maximum(lengths - window.length + window.stride, 0) // window.stride


def steps_left_out(pieces: Pieces, lengths: Int64s) -> Int64s:
    """Returns how many steps of a record are in no example, int64, (examples,); told of its last example.

    Args:
      pieces: As `pieces_of` returned them.
      lengths: int64, (records,); as they were.
    """
    last = np.ones(len(pieces.record), bool)
    last[:-1] = pieces.record[1:] != pieces.record[:-1]
    first = np.concatenate([[True], last[:-1]])[: len(last)]
    # Windows overlap or touch, so that only what lies before the first and behind the last is left out.
    left = np.zeros(len(pieces.record), np.int64)
    left[last] = pieces.start[first] + lengths[pieces.record[last]] - pieces.stop[last]
    return left


def _number_of(steps: Int64s) -> Found:
    return lambda i: f"it has {steps[i]:,}"


def _apply_empty(name: str, empty: Mask, feature: SequenceFeature, verdicts: Verdicts) -> None:
    if feature.empty == Empty.drop:
        verdicts.drop(empty, f"empty {name}")
    elif feature.empty == Empty.reject:
        rule = f"'{name}' must have one step or more; say `empty: keep` or `empty: drop` in the spec to allow none"
        verdicts.reject(empty, EMPTY_SEQUENCE, rule)


def _windows(lengths: Int64s, window: Window) -> Pieces:
    """Returns windows of `length` steps, one every `stride`, and of the rest what no window covers yet."""
    counts: Int64s = window_counts(window, lengths, np.maximum)
    record = np.repeat(np.arange(len(lengths)), counts)
    start = (np.arange(len(record)) - np.repeat(np.cumsum(counts) - counts, counts)) * window.stride
    return Pieces(record, start, np.minimum(start + window.length, lengths[record]))
