"""Raw records against the spec: what is kept, and why the others are not."""

import json
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.dataset_pb2 import DatasetSpec
from schemas.formats.fields import fields_of
from schemas.formats.jsonl import parse_jsonl
from schemas.ragged import Ragged
from schemas.records.examples import ExampleBlock
from schemas.records.identity import content_ids
from schemas.records.validate import validate
from schemas.spec import parse_spec

FILL = "say `missing: forward`, `zero` or `mean` in the spec to fill it"
FRAMES = "every frame of 'x' must hold 2 numbers"
FINITE = "every number of 'x' must be finite as a 32-bit float"
TOKENS = "id: id\nsequences: {t: {type: tokens%s}}"
SERIES = "id: id\nsequences: {x: {type: series, dims: 2%s}}"
PER_STEP = "id: id\nsequences: {t: {type: tokens%s}}\nlabel: {type: per_step_class}"
KEEP = ", empty: keep"
NULL, NAN, INF = None, float("nan"), float("inf")


def examples(spec: DatasetSpec | str, records: list[dict[str, Any]], for_training: bool = True) -> ExampleBlock:
    spec = parse_spec(spec) if isinstance(spec, str) else spec
    data = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    return validate(parse_jsonl(data, fields_of(spec, for_training)), spec)


def steps(sequence: Ragged | pa.Array | None) -> list[Any]:
    """Returns the sequence of each record: its tokens, or its frames."""
    assert isinstance(sequence, Ragged)
    rows: list[Any] = sequence.to_arrow().to_pylist()
    if pa.types.is_dictionary(sequence.values.type):
        return rows
    return [[row[i : i + sequence.dims] for i in range(0, len(row), sequence.dims)] for row in rows]


def rejections(spec: str, *records: dict[str, Any]) -> list[tuple[str, str]]:
    return [(r.reason, r.rule) for r in examples(spec, [{"id": "r"} | record for record in records]).rejected]


def test_good_records() -> None:
    spec = """
id: id
sequences:
  t: {type: tokens, from: text, tokenizer: words, lowercase: true}
  u: {type: tokens, lowercase: true}
  x: {type: series, dims: 2}
  y: {type: series, dims: 2, layout: flat}
label: {type: class}
"""
    block = examples(
        spec,
        [
            {"id": 7, "text": "The Cat", "u": ["A", "É"], "x": [[1, 2.5]], "y": [1, 2, 3, 4], "label": True},
            {"id": "b", "text": "!", "u": [1, 2], "x": [[0, 0], [0.0, -0.0]], "y": [0, 0], "label": "spam"},
        ],
    )
    assert block.ids.to_pylist() == ["7", "b"]
    assert steps(block.sequences["t"]) == [["the", "cat"], ["!"]]
    assert steps(block.sequences["u"]) == [["a", "é"], ["1", "2"]]
    assert steps(block.sequences["x"]) == [[[1, 2.5]], [[0, 0], [0, 0]]]
    assert steps(block.sequences["y"]) == [[[1, 2], [3, 4]], [[0, 0]]]
    assert block.sequences["x"].values.type == pa.float32()
    assert block.label.to_pylist() == ["true", "spam"]
    assert {name: cut.tolist() for name, cut in block.cut_steps.items()} == {name: [0, 0] for name in "tuxy"}
    assert (len(block), block.read, block.rejected, block.dropped, block.line_count) == (2, 2, [], Counter(), 2)
    assert block.lines.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("spec", "record", "reason", "rule"),
    [
        (TOKENS, {}, "missing_field", "field 't' must have a value; the record has no such field"),
        (TOKENS, {"t": NULL}, "missing_field", "field 't' must have a value; it is null"),
        (TOKENS, {"id": NULL, "t": []}, "missing_field", "field 'id' must have a value; it is null"),
        (TOKENS, {"T": []}, "missing_field", "field 't' must have a value; did you mean 'T'?"),
        (TOKENS, {"t": ["a", NULL]}, "null_value", "'t' must hold no null"),
        (
            TOKENS,
            {"t": []},
            "empty_sequence",
            "'t' must have one step or more; say `empty: keep` or `empty: drop` in the spec to allow none",
        ),
        (
            TOKENS % ", tokenizer: words",
            {"t": " \u2028"},
            "empty_sequence",
            "'t' must have one step or more; say `empty: keep` or `empty: drop` in the spec to allow none",
        ),
        (
            TOKENS % ", max_length: 2, too_long: reject",
            {"t": ["a"] * 3},
            "too_long",
            "'t' must have at most 2 steps; it has 3",
        ),
        (SERIES, {"x": [[1, 2], NULL]}, "null_value", f"'x' must hold no null in place of a frame; {FILL}"),
        (SERIES, {"x": [[1, NULL]]}, "null_value", f"'x' must hold no null; {FILL}"),
        (SERIES, {"x": [[1, 2], [3]]}, "wrong_dims", f"{FRAMES}; frame 2 of 2 holds 1"),
        (SERIES, {"x": [[1, 2], [3, 4, 5], [6]]}, "wrong_dims", f"{FRAMES}; frame 2 of 3 holds 3"),
        (SERIES, {"x": [[]]}, "wrong_dims", f"{FRAMES}; frame 1 of 1 holds 0"),
        (SERIES, {"x": [[1, 1e39]]}, "not_finite", "every number of 'x' must be finite as a 32-bit float"),
        (SERIES, {"x": [[1, NAN]]}, "not_finite", "every number of 'x' must be finite as a 32-bit float"),
        (SERIES, {"x": [[1, 2], [3, INF]]}, "not_finite", f"{FINITE}; one of frame 2 of 2 is not"),
        (SERIES, {"x": [[-INF, 1]]}, "not_finite", "every number of 'x' must be finite as a 32-bit float"),
        (
            SERIES % ", layout: flat",
            {"x": [1, 2, 3]},
            "wrong_dims",
            "'x' must hold a multiple of 2 numbers; it holds 3",
        ),
        (SERIES % ", layout: flat", {"x": [1, NULL]}, "null_value", f"'x' must hold no null; {FILL}"),
        (
            PER_STEP,
            {"t": ["a"], "label": ["x", "y"]},
            "label_length",
            "the label must have as many steps as 't'; they have 2 and 1",
        ),
        (
            PER_STEP,
            {"t": ["a", "b"], "label": ["x"]},
            "label_length",
            "the label must have as many steps as 't'; they have 1 and 2",
        ),
        (PER_STEP, {"t": ["a"], "label": [NULL]}, "null_value", "'label' must hold no null"),
        (PER_STEP, {"t": ["a"]}, "missing_field", "field 'label' must have a value; the record has no such field"),
        (
            TOKENS + "\nlabel: {type: number}",
            {"t": ["a"], "label": 1e39},
            "not_finite",
            "the label must be finite as a 32-bit float",
        ),
        (
            TOKENS + "\nlabel: {type: number}",
            {"t": ["a"], "label": NULL},
            "missing_field",
            "field 'label' must have a value; it is null",
        ),
        (
            TOKENS,
            {"t": [1.5]},
            "wrong_type",
            "field 't' must be a list of strings, of integers of 64 bits or of booleans; it is [1.5]",
        ),
    ],
)
def test_why_a_record_is_rejected(spec: str, record: dict[str, Any], reason: str, rule: str) -> None:
    spec = spec.replace("%s", "")
    good: dict[str, Any] = {"id": "r", "t": ["g", "g"], "x": [[0, 0]], "label": ["l", "l"]}
    if "flat" in spec:
        good["x"] = [0, 0]
    if "words" in spec:
        good["t"] = "g"
    if "number" in spec:
        good["label"] = 1
    assert rejections(spec, record) == [(reason, rule)]
    assert rejections(spec, good, record, good) == [(reason, rule)]


def test_where_a_rejected_record_stands() -> None:
    records: list[dict[str, Any]] = [
        {"id": "a", "t": ["x"]},
        {"id": "b", "t": []},
        {"id": "c", "t": ["x"]},
        {"id": "d"},
    ]
    block = examples(TOKENS % "", records)
    lines = [json.dumps(record) for record in records]
    offsets = [sum(len(line) + 1 for line in lines[:i]) for i in range(4)]
    assert [(r.line, r.offset, r.reason, r.excerpt) for r in block.rejected] == [
        (1, offsets[1], "empty_sequence", lines[1]),
        (3, offsets[3], "missing_field", lines[3]),
    ]
    assert (block.ids.to_pylist(), block.lines.tolist()) == (["a", "c"], [0, 2])
    assert block.offsets.tolist() == [offsets[0], offsets[2]]


def test_the_excerpt_has_no_end_of_line() -> None:
    spec = parse_spec(TOKENS % "")
    block = validate(parse_jsonl(b'{"id": 1, "t": []}\r\n', fields_of(spec)), spec)
    assert [rejected.excerpt for rejected in block.rejected] == ['{"id": 1, "t": []}']


RECORDS = [{"id": str(n), "t": [f"t{i}" for i in range(n)]} for n in (0, 2, 3, 4)]


@pytest.mark.parametrize(
    ("policies", "kept", "cut", "rejected", "dropped"),
    [
        ("", {"2": "01", "3": "012", "4": "0123"}, [0, 0, 0], ["empty_sequence"], {}),
        (", empty: drop", {"2": "01", "3": "012", "4": "0123"}, [0, 0, 0], [], {"empty t": 1}),
        (", empty: keep", {"0": "", "2": "01", "3": "012", "4": "0123"}, [0, 0, 0, 0], [], {}),
        (KEEP + ", max_length: 3", {"0": "", "2": "01", "3": "012", "4": "012"}, [0, 0, 0, 1], [], {}),
        (
            KEEP + ", max_length: 3, too_long: truncate_head",
            {"0": "", "2": "01", "3": "012", "4": "123"},
            [0, 0, 0, 1],
            [],
            {},
        ),
        (KEEP + ", max_length: 3, too_long: drop", {"0": "", "2": "01", "3": "012"}, [0, 0, 0], [], {"too long t": 1}),
        (KEEP + ", max_length: 3, too_long: reject", {"0": "", "2": "01", "3": "012"}, [0, 0, 0], ["too_long"], {}),
        (", max_length: 1, empty: drop", {"2": "0", "3": "0", "4": "0"}, [1, 2, 3], [], {"empty t": 1}),
        (
            ", max_length: 1, too_long: drop",
            {},
            [],
            ["empty_sequence"],
            {"too long t": 3},
        ),
    ],
)
def test_policies(
    policies: str, kept: dict[str, str], cut: list[int], rejected: list[str], dropped: dict[str, int]
) -> None:
    block = examples(TOKENS % policies, RECORDS)
    assert block.ids.to_pylist() == list(kept)
    assert steps(block.sequences["t"]) == [[f"t{i}" for i in digits] for digits in kept.values()]
    assert block.cut_steps["t"].tolist() == cut
    assert [r.reason for r in block.rejected] == rejected
    assert block.dropped == dropped
    assert block.read == 4


def test_frames_are_cut_whole() -> None:
    record = {"id": "a", "x": [[1, 2], [3, 4], [5, 6]]}
    block = examples(SERIES % ", max_length: 2, too_long: truncate_head", [record])
    assert steps(block.sequences["x"]) == [[[3, 4], [5, 6]]]
    assert block.cut_steps["x"].tolist() == [1]


@pytest.mark.parametrize(("policy", "kept"), [("truncate_tail", slice(0, 2)), ("truncate_head", slice(1, 3))])
def test_labels_of_steps_are_cut_with_the_steps(policy: str, kept: slice) -> None:
    records = [{"id": "a", "t": ["x", "y", "z"], "label": [1, 2, 3]}, {"id": "b", "t": ["x"], "label": [9]}]
    block = examples(PER_STEP % f", max_length: 2, too_long: {policy}", records)
    assert steps(block.sequences["t"]) == [["x", "y", "z"][kept], ["x"]]
    assert steps(block.label) == [["1", "2", "3"][kept], ["9"]]


def test_a_label_of_the_cut_length_is_still_of_the_wrong_length() -> None:
    record = {"id": "a", "t": ["x", "y", "z"], "label": ["1", "2"]}
    block = examples(PER_STEP % ", max_length: 2", [record])
    assert [r.reason for r in block.rejected] == ["label_length"]


def test_prediction_needs_no_label() -> None:
    spec = parse_spec(PER_STEP % "")
    block = examples(spec, [{"id": "a", "t": ["x"]}, {"t": ["x"]}, {"id": None, "t": "x"}], for_training=False)
    assert block.ids.to_pylist() == ["a", content_ids([pa.array([["x"]])]).to_pylist()[0]]
    assert [(item.reason, item.rule) for item in block.rejected] == [
        (
            "wrong_type",
            "field 't' must be a list of strings, of integers of 64 bits or of booleans; it is \"x\"; to cut a text "
            "into tokens, say `tokenizer: words` or another in the spec",
        )
    ]
    block = examples(spec, [{"id": "a", "t": ["x"]}], for_training=False)
    assert block.label is None
    assert len(block) == 1


def test_numbers_become_32_bit_floats() -> None:
    values = [0.1, 3.4028234e38, 1e-46, 16777217, 2**63, -0.0]
    block = examples(SERIES % ", layout: flat", [{"id": "a", "x": values}])
    stored = block.sequences["x"].values.to_numpy(zero_copy_only=False)
    assert stored.tobytes() == np.array(values, np.float64).astype(np.float32).tobytes()
    label = examples("sequences: {t: {type: tokens}}\nlabel: {type: number}", [{"t": ["a"], "label": 7}]).label
    assert label == pa.array([7.0], pa.float32())


def test_no_text_rule_and_no_length_rule_changes_an_id() -> None:
    rules = ["tokenizer: words", "tokenizer: words, lowercase: true", "tokenizer: characters, max_length: 2"]
    texts = [examples(f"sequences: {{t: {{type: tokens, {rule}}}}}", [{"t": "The Cat"}]) for rule in rules]
    assert len({block.ids[0].as_py() for block in texts}) == 1
    rules = ["", ", max_length: 1", ", lowercase: true"]
    lists = [examples(f"sequences: {{t: {{type: tokens{rule}}}}}", [{"t": ["The", "Cat"]}]) for rule in rules]
    assert len({block.ids[0].as_py() for block in lists}) == 1


def test_an_id_of_content_knows_nothing_of_other_records() -> None:
    spec = "sequences: {t: {type: tokens}, x: {type: series, dims: 1}}\nlabel: {type: class}"
    records: list[dict[str, Any]] = [{"t": ["a"], "x": [[i]], "label": i % 2} for i in range(5)]
    whole = examples(spec, [{"t": [], "x": [], "label": 0}, *records, {"t": 5}]).ids.to_pylist()
    assert whole == [examples(spec, [record]).ids[0].as_py() for record in records]
    assert len(set(whole)) == 5


class Oracle:
    """The rules one record at a time, for two sequences and a label per step."""

    def __init__(self, empty: str, too_long: str, most: int) -> None:
        self.empty, self.too_long, self.most = empty, too_long, most
        policies = f"empty: {empty}, max_length: {most}, too_long: {too_long}"
        self.spec = parse_spec(
            f"id: id\nsequences: {{t: {{type: tokens, {policies}}}, x: {{type: series, dims: 2, {policies}}}}}\n"
            "label: {type: per_step_class, of: t}"
        )

    def verdict(self, record: dict[str, Any]) -> tuple[str, str] | None:
        tokens, frames, label = record["t"], record["x"], record["label"]
        if tokens is None or frames is None or label is None:
            return "rejected", "missing_field"
        if None in tokens or None in frames:
            return "rejected", "null_value"
        if any(len(frame) != 2 for frame in frames):
            return "rejected", "wrong_dims"
        numbers = [number for frame in frames for number in frame]
        if None in numbers:
            return "rejected", "null_value"
        if any(not abs(number) < 3.5e38 for number in numbers):
            return "rejected", "not_finite"
        if None in label:
            return "rejected", "null_value"
        if len(label) != len(tokens):
            return "rejected", "label_length"
        for name, steps in (("t", tokens), ("x", frames)):
            if not steps and self.empty != "keep":
                return ("dropped", f"empty {name}") if self.empty == "drop" else ("rejected", "empty_sequence")
            if len(steps) > self.most and self.too_long in ("drop", "reject"):
                return ("dropped", f"too long {name}") if self.too_long == "drop" else ("rejected", "too_long")
        return None

    def cut(self, steps: list[Any]) -> list[Any]:
        return steps[-self.most :] if self.too_long == "truncate_head" else steps[: self.most]


def raw_records() -> st.SearchStrategy[list[dict[str, Any]]]:
    rare = st.integers(0, 9).map(lambda n: n == 0)
    name = st.sampled_from(["a", "b", "é", ""])
    number = st.sampled_from([0, 0.0, 1, -2.5, 1e38, 3])
    frame = st.tuples(number, number).map(list)

    def often(common: st.SearchStrategy[Any], *odd: Any) -> st.SearchStrategy[Any]:
        return st.tuples(rare, common, st.sampled_from(odd)).map(lambda drawn: drawn[2] if drawn[0] else drawn[1])

    tokens = st.lists(often(name, None), max_size=4)
    frames = st.lists(often(frame, None, [1], [], [1, 2, 3], [1, None], [NAN, 0], [1e39, 0], [0, -INF]), max_size=4)

    def with_label(drawn: tuple[Any, Any, bool, Any]) -> dict[str, Any]:
        text, series, odd, label = drawn
        return {"t": text, "x": series, "label": label if odd else [token and "L" for token in text or []]}

    label = st.none() | st.lists(often(name, None), max_size=4)
    return st.lists(st.tuples(often(tokens, None), often(frames, None), rare, label).map(with_label), max_size=12)


@given(
    raw_records(),
    st.sampled_from(["reject", "drop", "keep"]),
    st.sampled_from(["truncate_tail", "truncate_head", "drop", "reject"]),
    st.integers(1, 4),
)
def test_every_record_is_kept_rejected_or_dropped(
    records: list[dict[str, Any]], empty: str, too_long: str, most: int
) -> None:
    oracle = Oracle(empty, too_long, most)
    records = [{"id": f"r{i}"} | record for i, record in enumerate(records)]
    block = examples(oracle.spec, records)
    verdicts = [oracle.verdict(record) for record in records]
    kept = [record for record, verdict in zip(records, verdicts, strict=True) if verdict is None]
    assert block.ids.to_pylist() == [record["id"] for record in kept]
    assert steps(block.sequences["t"]) == [oracle.cut(record["t"]) for record in kept]
    wanted = [np.array(oracle.cut(record["x"]), np.float32).tolist() for record in kept]
    assert steps(block.sequences["x"]) == wanted
    assert steps(block.label) == [oracle.cut(record["label"]) for record in kept]
    for name in "tx":
        assert block.cut_steps[name].tolist() == [len(r[name]) - len(oracle.cut(r[name])) for r in kept]
    rejected = [(i, v[1]) for i, v in enumerate(verdicts) if v and v[0] == "rejected"]
    assert sorted((r.line, r.reason) for r in block.rejected) == rejected
    assert block.dropped == Counter(v[1] for v in verdicts if v and v[0] == "dropped")
    assert block.read == len(records) == len(block) + len(block.rejected) + block.dropped.total()
