"""Length policies and windows, against what they mean one record at a time."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records.lengths import Pieces, apply_length_rules, check_alignment, pieces_of, steps_left_out
from schemas.records.verdicts import Verdicts
from schemas.spec import parse_spec

lengths_of_records = st.lists(st.integers(0, 30), max_size=12)


def spec_of(feature: str, rest: str = "") -> Any:
    return parse_spec(f"sequences: {{t: {{type: tokens, {feature}}}}}\n{rest}")


def ranges(pieces: Pieces) -> list[tuple[int, int, int]]:
    return list(zip(pieces.record.tolist(), pieces.start.tolist(), pieces.stop.tolist(), strict=True))


@given(lengths_of_records, st.integers(1, 9), st.sampled_from(["truncate_tail", "truncate_head", "truncate_both"]))
def test_truncation(lengths: list[int], most: int, policy: str) -> None:
    spec = spec_of(f"max_length: {most}, too_long: {policy}")
    pieces = pieces_of("t", np.array(lengths, np.int64), spec)
    kept = {
        "truncate_tail": lambda steps: steps[:most],
        "truncate_head": lambda steps: steps[-most:],
        "truncate_both": lambda steps: steps[(len(steps) - most) // 2 :][:most] if len(steps) > most else steps,
    }[policy]
    steps = [kept(list(range(length))) for length in lengths]
    assert [list(range(start, stop)) for _, start, stop in ranges(pieces)] == steps
    assert pieces.record.tolist() == list(range(len(lengths)))
    left = steps_left_out(pieces, np.array(lengths, np.int64))
    assert left.tolist() == [length - len(some) for length, some in zip(lengths, steps, strict=True)]


def test_both_ends_of_an_odd_rest() -> None:
    pieces = pieces_of("t", np.array([7, 8]), spec_of("max_length: 4, too_long: truncate_both"))
    assert ranges(pieces) == [(0, 1, 5), (1, 2, 6)]


@given(lengths_of_records, st.integers(1, 9))
def test_splitting_leaves_out_nothing(lengths: list[int], most: int) -> None:
    pieces = pieces_of("t", np.array(lengths, np.int64), spec_of(f"max_length: {most}, too_long: split"))
    for record, length in enumerate(lengths):
        own = [(start, stop) for i, start, stop in ranges(pieces) if i == record]
        assert [start for start, _ in own] == list(range(0, max(length, 1), most))
        assert [step for start, stop in own for step in range(start, stop)] == list(range(length))
        assert all(stop - start == most for start, stop in own[:-1])
    assert steps_left_out(pieces, np.array(lengths, np.int64)).sum() == 0


@given(lengths_of_records, st.integers(1, 9), st.integers(1, 9), st.sampled_from(["keep", "drop"]))
def test_windows(lengths: list[int], length: int, stride: int, rest: str) -> None:
    stride = min(stride, length)
    spec = spec_of("empty: keep", f"window: {{length: {length}, stride: {stride}, rest: {rest}}}")
    verdicts = Verdicts(len(lengths))
    apply_length_rules({"t": np.array(lengths, np.int64)}, spec, verdicts)
    kept = np.array(lengths, np.int64)[verdicts.open]
    assert verdicts.open.tolist() == [rest == "keep" or own >= length for own in lengths]
    pieces = pieces_of("t", kept, spec)
    left = steps_left_out(pieces, kept)
    for record, own in enumerate(kept.tolist()):
        windows = [(start, stop) for i, start, stop in ranges(pieces) if i == record]
        whole = [(start, start + length) for start in range(0, own - length + 1, stride)]
        covered = whole[-1][1] if whole else 0
        if rest == "keep" and (covered < own or not whole):
            whole.append((len(whole) * stride, own))
            covered = own
        assert windows == whole
        assert left[pieces.record == record].sum() == own - covered
        assert all(b - a == stride for (a, _), (b, _) in pairwise(windows))


def test_records_that_are_too_short_for_a_window_are_dropped_by_name() -> None:
    spec = spec_of("empty: keep", "window: {length: 4, rest: drop}")
    verdicts = Verdicts(3)
    apply_length_rules({"t": np.array([3, 4, 0])}, spec, verdicts)
    assert [verdicts.policies[i] if i >= 0 else "" for i in verdicts.policy_of] == [
        "shorter than a window t",
        "",
        "shorter than a window t",
    ]


def test_aligned_sequences() -> None:
    spec = parse_spec("sequences: {a: {type: tokens}, b: {type: series, dims: 2, aligned_with: a}}")
    verdicts = Verdicts(3)
    check_alignment({"a": np.array([1, 2, 0]), "b": np.array([1, 3, 0])}, spec, verdicts)
    assert verdicts.open.tolist() == [True, False, True]
    assert verdicts.rules == [("not_aligned", "'b' must have as many steps as 'a'")]


@pytest.mark.parametrize("policy", ["drop", "reject"])
def test_too_long_records(policy: str) -> None:
    verdicts = Verdicts(3)
    apply_length_rules({"t": np.array([2, 3, 4])}, spec_of(f"max_length: 3, too_long: {policy}"), verdicts)
    assert verdicts.open.tolist() == [True, True, False]
