"""Blocks staged and encoded without a runner, then read back by protobuf."""

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from apache_beam.pvalue import TaggedOutput
from hypothesis import given
from hypothesis import strategies as st

from pipeline.analysis import Analysis
from pipeline.encode import EncodedBlock, _EncodeBlock, encode_block
from pipeline.job import Job
from pipeline.plan import DatasetPlan
from pipeline.sharding.segments import Segment
from pipeline.split_facts import WrittenFacts
from pipeline.stage import StagedBlock, _StageBlock
from pipeline.vocabulary.written import write_plan
from schemas.buckets import bucket_index
from tests.pipeline.helpers import example_values, make_job, plan_of, read_examples, with_all_ids, write_jsonl

SPEC = """
id: id
sequences:
  text: {type: tokens, vocabulary: {min_frequency: 2}, empty: keep}
  frames: {type: series, dims: 2, empty: keep, max_length: 3, too_long: truncate_head}
label: {from: tag, type: class}
split: {fractions: {train: 1.0}}
buckets: {count: 2}
"""
words = st.text("abß\n ", max_size=2)
frames = st.lists(
    st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=2, max_size=2), max_size=5
)
record_lists = st.lists(
    st.fixed_dictionaries({"text": st.lists(words, max_size=5), "frames": frames, "tag": st.sampled_from("xyz")}),
    min_size=1,
    max_size=8,
)


class Encoded(NamedTuple):
    """One block on its way through staging, planning and encoding."""

    job: Job
    plan: DatasetPlan
    block: EncodedBlock
    analysis: Analysis


def stage(job: Job, index: int = 0) -> tuple[StagedBlock, Analysis]:
    staged, tagged = _StageBlock(with_all_ids(job)).work(job.blocks()[index])
    return staged, tagged.value


def load(staged: StagedBlock) -> pa.RecordBatch:
    return pa.ipc.open_file(pa.py_buffer(Path(staged.path).read_bytes())).get_batch(0)


def encode(folder: Path, spec: str, records: list[Any]) -> Encoded:
    job = make_job(spec, write_jsonl(folder / "in.jsonl", records), folder / "out", block_bytes=1 << 20)
    staged, analysis = stage(job)
    plan = plan_of(job, analysis)
    vocabularies = {name: token_plan.vocabulary for name, token_plan in plan.tokens.items()}
    block = encode_block(load(staged), job.spec, vocabularies, plan.buckets, job.splits, plan.moments, {})
    return Encoded(job, plan, block, analysis)


def ids_of(tokens: list[str], counted: Counter[str], least: int) -> list[int]:
    """By falling count, then by bytes; 0 is padding and 1 is out of vocabulary."""
    known = [token for token, count in counted.items() if count >= least]
    ranked = sorted(known, key=lambda token: (-counted[token], token.encode()))
    return [ranked.index(token) + 2 if token in ranked else 1 for token in tokens]


@given(record_lists)
def test_examples_hold_what_the_records_say(records: list[dict[str, Any]]) -> None:
    records = [{"id": f"r{i}", **record} for i, record in enumerate(records)]
    counted = Counter(word for record in records for word in record["text"])
    classes = Counter(record["tag"] for record in records)
    ranked = sorted(classes, key=lambda name: (-classes[name], name))
    with tempfile.TemporaryDirectory() as folder:
        block = encode(Path(folder), SPEC, records).block
    examples = read_examples(b"".join(block.frames.to_pylist()))
    lengths = []
    for record, example in zip(records, examples, strict=True):
        kept = record["frames"][-3:]
        assert example == {
            "id": [record["id"].encode()],
            "text": ids_of(record["text"], counted, least=2),
            "text/length": [len(record["text"])],
            "frames": [number for frame in kept for number in frame],
            "frames/length": [len(kept)],
            "label": [ranked.index(record["tag"])],
        }
        lengths.append(max(len(record["text"]), len(kept)))
    assert block.index["length"].tolist() == lengths
    assert block.index["size"].tolist() == [len(frame) for frame in block.frames.to_pylist()]
    facts = block.facts["train"]
    assert (facts.records, facts.classes) == (
        len(records),
        Counter({i: classes[name] for i, name in enumerate(ranked)}),
    )
    assert facts.bucket_length.lengths == Counter(lengths)
    cut = [max(0, len(record["frames"]) - 3) for record in records]
    assert (facts.sequences["frames"].cut_records, facts.sequences["frames"].cut_steps) == (
        sum(steps > 0 for steps in cut),
        sum(cut),
    )
    assert facts.sequences["text"].oov_steps == sum(count for count in counted.values() if count == 1)


def test_the_bucket_follows_from_the_length(tmp_path: Path) -> None:
    records = [{"id": str(i), "text": ["a"] * i, "frames": [], "tag": "x"} for i in (1, 9, 2, 8, 1)]
    encoded = encode(tmp_path, SPEC, records)
    assert encoded.block.buckets.tolist() == [0, 1, 0, 1, 0]
    lengths = np.array([1, 9, 2, 8, 1], np.int64)
    assert encoded.block.buckets.tolist() == bucket_index(lengths, encoded.plan.buckets).tolist()


def test_per_step_classes_are_as_long_as_their_steps(tmp_path: Path) -> None:
    spec = """
id: id
sequences: {words: {type: tokens, max_length: 2}}
label: {from: tags, type: per_step_class}
split: {fractions: {train: 1.0}}
"""
    records = [
        {"id": "a", "words": ["v", "w", "v"], "tags": ["N", "V", "N"]},
        {"id": "b", "words": ["v"], "tags": ["X"]},
    ]
    block = encode(tmp_path, spec, records).block
    examples = [example_values(frame[12:-4]) for frame in block.frames.to_pylist()]
    # The third step was cut off before anything was counted: N, V and X once each.
    assert [example["label"] for example in examples] == [[0, 1], [2]]
    assert block.facts["train"].classes == Counter({0: 1, 1: 1, 2: 1})


def test_a_number_label_is_stored_as_it_is(tmp_path: Path) -> None:
    spec = "id: id\nsequences: {words: {type: tokens}}\nlabel: {type: number}\nsplit: {fractions: {train: 1.0}}"
    records = [{"id": "a", "words": ["v"], "label": 0.5}, {"id": "b", "words": ["v"], "label": -3}]
    encoded = encode(tmp_path, spec, records)
    examples = [example_values(frame[12:-4]) for frame in encoded.block.frames.to_pylist()]
    assert [example["label"] for example in examples] == [[0.5], [-3.0]]
    assert encoded.block.facts["train"].classes == Counter()
    assert list(encoded.plan.moments["label"].mean) == [-1.25]


@pytest.fixture
def strange_labels(tmp_path: Path) -> Job:
    """The second file is for testing and holds two labels that training never sees."""
    spec = "id: id\nsequences: {text: {type: tokens, tokenizer: words}}\nlabel: {type: class}"
    row = {"text": "a b"}
    train = write_jsonl(tmp_path / "a.jsonl", [{"id": str(i), "label": "xy"[i % 2], **row} for i in range(40)])
    labels = ["x", "new", "y", "ünknown"]
    test = write_jsonl(tmp_path / "b.jsonl", [b"", *({"id": f"t{name}", "label": name, **row} for name in labels)])
    return make_job(spec, [train, f"test={test}"], tmp_path / "out", block_bytes=Path(train).stat().st_size)


def encode_second(job: Job) -> tuple[Segment, WrittenFacts]:
    _, analysis = stage(job, 0)
    staged, _ = stage(job, 1)
    plan = write_plan(plan_of(job, analysis), job.output)
    outputs = list(_EncodeBlock(job).work(staged, plan))
    [facts] = [output.value for output in outputs if isinstance(output, TaggedOutput)]
    [segment] = [output for output in outputs if isinstance(output, Segment)]
    return segment, facts


def test_unknown_labels_are_rejected_with_their_lines(strange_labels: Job) -> None:
    segment, facts = encode_second(strange_labels)
    assert facts.rejected == Counter(unknown_label=2)
    assert [(block, item.line, item.excerpt) for block, item in facts.offenders["unknown_label"]] == [
        (1, 3, '"new"'),
        (1, 5, '"ünknown"'),
    ]
    content = Path(strange_labels.rejected_path(1, "encode")).read_text()
    rows = [json.loads(line) for line in content.splitlines()]
    lines = Path(strange_labels.inputs[1].path).read_bytes().split(b"\n")
    for row, number in zip(rows, (3, 5), strict=True):
        assert row["line"] == number
        assert row["offset"] == sum(len(line) + 1 for line in lines[: number - 1])
        assert row["reason"] == "unknown_label"
        assert row["rule"] == (
            f"a label must occur in the training split, and [{row['excerpt']}] does not; "
            "give more training records, say label.unknown: keep, or allow it with --max_rejected"
        )
    assert facts.splits["test"].records == 2
    assert read_examples(Path(segment.path).read_bytes())[0]["id"][0] in {b"tx", b"ty"}


def test_bytes_are_counted_by_place(strange_labels: Job) -> None:
    segment, facts = encode_second(strange_labels)
    assert facts.bytes == Counter({("test", 0): len(Path(segment.path).read_bytes())})


def test_a_block_of_which_nothing_is_left_has_no_segment(tmp_path: Path) -> None:
    spec = "sequences: {text: {type: tokens, tokenizer: words}}\nlabel: {type: class}"
    train = write_jsonl(tmp_path / "a.jsonl", [{"text": "a", "label": "x"}] * 3)
    test = write_jsonl(tmp_path / "b.jsonl", [{"text": "a", "label": "z"}])
    job = make_job(spec, [f"train={train}", f"test={test}"], tmp_path / "out", block_bytes=Path(train).stat().st_size)
    _, analysis = stage(job, 0)
    staged, _ = stage(job, 1)
    outputs = list(_EncodeBlock(job).work(staged, write_plan(plan_of(job, analysis), job.output)))
    assert [type(output) for output in outputs] == [TaggedOutput]
    assert outputs[0].value.rejected == Counter(unknown_label=1)
    assert outputs[0].value.splits == {}
