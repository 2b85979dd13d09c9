"""Each length policy, each way to fill, and each reason to refuse a record, within a graph, written out."""

from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from tests.trainer.export.reading import Case

NAN, INF = float("nan"), float("inf")
STEPS = {
    "no limit": ("", [0, 3, 9]),
    "truncate_tail": ("max_length: 4", [0, 4, 9]),
    "truncate_head": ("max_length: 4, too_long: truncate_head", [0, 4, 9]),
    "truncate_both": ("max_length: 4, too_long: truncate_both", [0, 4, 9]),
    "drop": ("max_length: 4, too_long: drop", [0, 4, 5]),
    "reject": ("max_length: 4, too_long: reject", [0, 4, 5]),
    "split": ("max_length: 4, too_long: split", [0, 4, 9]),
    "windows": ("window: {length: 4, stride: 3}", [0, 2, 4, 9]),
    "windows without rest": ("window: {length: 4, stride: 3, rest: drop}", [0, 2, 4, 9]),
    "windows that fit": ("window: {length: 4, stride: 2, rest: drop}", [8, 3]),
}
# By policy: status of each record, cut steps of each record; record, start and frames of each example.
WANTED: dict[str, tuple[list[str], list[int], list[tuple[int, int, list[int]]]]] = {
    "no limit": (["ok"] * 3, [0, 0, 0], [(0, 0, []), (1, 0, [0, 1, 2]), (2, 0, [*range(9)])]),
    "truncate_tail": (["ok"] * 3, [0, 0, 5], [(0, 0, []), (1, 0, [0, 1, 2, 3]), (2, 0, [0, 1, 2, 3])]),
    "truncate_head": (["ok"] * 3, [0, 0, 5], [(0, 0, []), (1, 0, [0, 1, 2, 3]), (2, 5, [5, 6, 7, 8])]),
    "truncate_both": (["ok"] * 3, [0, 0, 5], [(0, 0, []), (1, 0, [0, 1, 2, 3]), (2, 2, [2, 3, 4, 5])]),
    "drop": (["ok", "ok", "too_long"], [0, 0, 0], [(0, 0, []), (1, 0, [0, 1, 2, 3]), (2, 0, [])]),
    "reject": (["ok", "ok", "too_long"], [0, 0, 0], [(0, 0, []), (1, 0, [0, 1, 2, 3]), (2, 0, [])]),
    "split": (
        ["ok"] * 3,
        [0, 0, 0],
        [(0, 0, []), (1, 0, [0, 1, 2, 3]), (2, 0, [0, 1, 2, 3]), (2, 4, [4, 5, 6, 7]), (2, 8, [8])],
    ),
    "windows": (
        ["ok"] * 4,
        [0, 0, 0, 0],
        [
            (0, 0, []),
            (1, 0, [0, 1]),
            (2, 0, [0, 1, 2, 3]),
            (3, 0, [0, 1, 2, 3]),
            (3, 3, [3, 4, 5, 6]),
            (3, 6, [6, 7, 8]),
        ],
    ),
    "windows without rest": (
        ["too_short", "too_short", "ok", "ok"],
        [0, 0, 0, 2],
        [(0, 0, []), (1, 0, []), (2, 0, [0, 1, 2, 3]), (3, 0, [0, 1, 2, 3]), (3, 3, [3, 4, 5, 6])],
    ),
    "windows that fit": (
        ["ok", "too_short"],
        [0, 0],
        [(0, 0, [0, 1, 2, 3]), (0, 2, [2, 3, 4, 5]), (0, 4, [4, 5, 6, 7]), (1, 0, [])],
    ),
}


@pytest.mark.parametrize("policy", STEPS)
def test_which_steps_each_example_has(policy: str) -> None:
    rule, lengths = STEPS[policy]
    of_sequence, of_spec = ("", rule) if rule.startswith("window") else (f", {rule}" if rule else "", "")
    case = Case(f"sequences:\n  x: {{type: series, dims: 1, empty: keep{of_sequence}}}\n{of_spec}", {})
    found = case.read([{"x": [[float(step)] for step in range(length)]} for length in lengths])
    statuses, cut_steps, examples = WANTED[policy]
    assert [status.decode() for status in found.status.numpy()] == statuses
    assert found.cut_steps.numpy().tolist() == cut_steps
    shown = zip(found.record.numpy(), found.start.numpy(), found.features["x"].numpy(), strict=True)
    own = found.features["x/length"].numpy()
    assert [(i, start, row[:n, 0].tolist()) for (i, start, row), n in zip(shown, own, strict=True)] == examples
    assert found.features["x"].shape[1] == max(len(steps) for _, _, steps in examples)


@pytest.mark.parametrize(
    ("label", "start"),
    [
        ("", [2, 0]),
        ("label: {type: next_step, of: b, after: 1}", [1, 0]),
        ("label: {type: per_step_class, of: c}", [1, 0]),
    ],
)
def test_a_start_is_of_the_labelled_sequence_or_of_the_first_by_name(label: str, start: list[int]) -> None:
    limits = "empty: keep, too_long: truncate_head"
    case = Case(
        f"""
        sequences:
          b: {{type: tokens, max_length: 2, {limits}}}
          c: {{type: tokens, aligned_with: b}}
          a: {{type: tokens, max_length: 3, {limits}}}
        {label}
        """,
        {},
    )
    tokens = [b"a", b"b", b"k", b"ab", b"x"]
    found = case.read([{"a": tokens, "b": tokens[:3], "c": tokens[:3]}, {"a": [], "b": [], "c": []}])
    assert found.start.numpy().tolist() == start
    # Two of `a`, one of `b`, none of what is cut with `b`.
    assert found.cut_steps.numpy().tolist() == [3, 0]


@pytest.mark.parametrize(
    ("missing", "wanted"),
    [
        ("forward", [[0, 7], [1, 7], [1, 7], [1, 8]]),
        ("zero", [[0, 7], [1, 0], [0, 0], [0, 8]]),
        (
            "mean",
            [[np.float32(0.1), 7], [1, np.float32(1.1)], [np.float32(0.1), np.float32(1.1)], [np.float32(0.1), 8]],
        ),
    ],
)
def test_missing_numbers(missing: str, wanted: list[list[float]]) -> None:
    case = Case(f"sequences: {{x: {{type: series, dims: 2, missing: {missing}}}}}", {})
    # The number before the first one is of another record.
    found = case.read([{"x": [[5.0, 5.0]]}, {"x": [[NAN, 7.0], [1.0, NAN], [NAN, NAN], [NAN, 8.0]]}])
    assert found.features["x"].numpy()[1].tolist() == wanted
    assert found.features["x/missing"].numpy()[1].tolist() == [[1, 0], [0, 1], [1, 1], [1, 0]]
    assert found.features["x/missing"].numpy()[0].tolist() == [[0, 0]] * 4


def test_times_become_seconds_since_the_frame_before() -> None:
    case = Case("sequences: {x: {type: series, dims: 1, time: {from: at, format: unix_microseconds}}}", {})
    frames = [[1.0]] * 3
    found = case.read([{"x": frames, "x/time": [5, 5, 1_500_005]}, {"x": frames[:1], "x/time": [-9_000_000]}])
    assert found.features["x/since"].numpy().tolist() == [[0, 0, 1.5], [0, 0, 0]]


EVERYTHING = """
sequences:
  words: {type: tokens, tokenizer: words, empty: drop, max_length: 5, too_long: drop}
  pairs: {derive: {of: words, take: prefix, length: 2}}
  tags: {type: tokens, aligned_with: words}
  frames: {type: series, dims: 1, time: {from: at, format: unix_microseconds}, empty: keep}
  gaps: {type: series, dims: 1, missing: forward, empty: keep}
context: {age: {type: number}, source: {type: category}}
"""
GOOD: dict[str, Any] = {
    "words": b"ab b",
    "tags": [b"x", b"d"],
    "frames": [[1.0], [2.0]],
    "frames/time": [0, 1],
    "gaps": [[NAN]],
    "age": 4.0,
    "source": b"a",
}
BROKEN: list[tuple[str, dict[str, Any]]] = [
    ("ok", {}),
    ("invalid_utf8", {"words": b"a \xff"}),
    ("invalid_utf8", {"tags": [b"x", b"\xed\xa0\x80"]}),
    ("invalid_utf8", {"source": b"\xc3", "frames": [[NAN], [INF]], "words": b""}),
    ("not_finite", {"frames": [[1.0], [NAN]]}),
    ("not_finite", {"frames": [[1.0], [1e39]]}),
    ("not_finite", {"gaps": [[-1e39]]}),
    ("not_finite", {"age": NAN}),
    ("not_finite", {"age": INF, "words": b""}),
    ("not_finite", {"frames": [[INF], [1.0]], "frames/time": [1, 0]}),
    ("invalid_time", {"frames/time": [0, 2**62]}),
    ("invalid_time", {"frames/time": [-(2**63), 0, 0]}),
    ("not_aligned", {"frames/time": [1, 0, 0]}),
    ("not_aligned", {"tags": [b"x"]}),
    ("not_in_order", {"frames/time": [1, 0], "age": NAN}),
    ("not_in_order", {"frames/time": [1, 0], "gaps": [[INF]]}),
    ("not_aligned", {"words": b"", "tags": [b"x"]}),
    ("empty_sequence", {"words": b" \n\xe2\x80\x83", "tags": []}),
    ("too_long", {"words": b"a b a b a b", "tags": [b"x"] * 6}),
]


@cache
def everything() -> Case:
    return Case(EVERYTHING, {})


def test_the_first_rule_that_a_record_breaks_is_its_status() -> None:
    found = everything().read([{**GOOD, **changes} for _, changes in BROKEN])
    assert [status.decode() for status in found.status.numpy()] == [reason for reason, _ in BROKEN]
    assert found.record.numpy().tolist() == list(range(len(BROKEN)))
    for name, values in found.features.items():
        assert values.numpy()[0].any() or name == "gaps", name
        assert not values.numpy()[1:].any(), name


def test_what_was_refused_before_stays_so_whatever_the_record_holds() -> None:
    found = everything().read([{**GOOD, **changes} for _, changes in BROKEN], ["invalid_json"] * len(BROKEN))
    assert set(found.status.numpy().tolist()) == {b"invalid_json"}
    assert not any(values.numpy().any() for values in found.features.values())
    # One step of padding, as a layer of a model needs one.
    assert {values.shape[1] for values in found.features.values() if values.shape.rank > 1} == {1}


def test_the_features_of_one_record() -> None:
    found = everything().read([GOOD])

    def ids(name: str, *tokens: str) -> list[int]:
        return [int(i) for i in everything().vocabularies[name].encode(pa.array(tokens))]

    wanted = {
        "words": [ids("words", "ab", "b")],
        "words/length": [2],
        "pairs": [ids("pairs", "ab", "b")],
        "pairs/length": [2],
        "tags": [ids("tags", "x", "d")],
        "tags/length": [2],
        "frames": [[[1.0], [2.0]]],
        "frames/length": [2],
        "frames/since": [[0.0, np.float32(1e-6)]],
        "gaps": [[[0.0]]],
        "gaps/missing": [[[1.0]]],
        "gaps/length": [1],
        "age": [4.0],
        "source": ids("source", "a"),
    }
    assert {name: values.numpy().tolist() for name, values in found.features.items()} == wanted


def test_no_rule_is_applied_to_ready_tokens() -> None:
    case = Case("sequences: {x: {type: tokens, normalization: nfkc, lowercase: true}}", {})
    found = case.run({"x": tf.ragged.constant([["K", "k", "ﬁ"]])}, tf.constant([""]))
    assert found.features["x"].numpy()[0].tolist() == case.vocabularies["x"].encode(pa.array(["K", "k", "ﬁ"])).tolist()
    assert len(set(found.features["x"].numpy()[0])) == 3
