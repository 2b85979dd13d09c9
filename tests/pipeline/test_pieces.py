"""Windows, records that are split, aligned sequences and the context, from raw records to shards."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.verify import verify
from schemas.errors import DataError
from schemas.manifest_pb2 import Manifest
from tests.pipeline.helpers import Stored, failures, prepare, read_dataset, write_jsonl

SPLIT = "split: {fractions: {train: 0.6, validation: 0.2, test: 0.2}}\n"
SERIES = (
    "id: id\nsequences:\n  x: {type: series, dims: 2, EMPTY}\n  tags: {type: tokens, aligned_with: x}\n"
    "label: {from: states, type: per_step_class, of: x}\n" + SPLIT
)


def series_records(count: int = 60) -> list[dict[str, Any]]:
    draw = np.random.default_rng(3)
    lengths = draw.integers(1, 40, count).tolist()
    return [
        {
            "id": f"s{i}",
            "x": [[float(i), float(step)] for step in range(length)],
            "tags": [f"t{step % 3}" for step in range(length)],
            "states": [f"c{step % 2}" for step in range(length)],
        }
        for i, length in enumerate(lengths)
    ]


def run(tmp_path: Path, spec: str, records: list[dict[str, Any]], **settings: Any) -> tuple[Manifest, list[Stored]]:
    source = write_jsonl(tmp_path / "in.jsonl", records)
    manifest = prepare(spec, source, tmp_path / "out", **settings)
    assert verify(str(tmp_path / "out"))["problems"] == []
    return manifest, read_dataset(tmp_path / "out")


def frames(stored: Stored) -> list[float]:
    """The second number of each frame is its step in the record."""
    return [float(value) for value in stored.values["x"][1::2]]


@pytest.mark.parametrize(
    ("rule", "empty"),
    [
        ("window: {length: 10, stride: 4}\n", ""),
        ("window: {length: 10, stride: 10, rest: drop}\n", "empty: reject"),
        ("", "max_length: 10, too_long: split"),
    ],
)
def test_a_record_becomes_several_examples(rule: str, empty: str, tmp_path: Path) -> None:
    records = series_records()
    manifest, stored = run(tmp_path, SERIES.replace("EMPTY", empty) + rule, records)
    counts = manifest.counts
    short = sum(len(record["x"]) < 10 for record in records) if "drop" in rule else 0
    assert dict(counts.dropped) == ({"shorter than a window x": short} if short else {})
    assert (counts.read, counts.kept, counts.examples) == (60, 60 - short, len(stored))
    by_parent = defaultdict(list)
    for example in stored:
        parent = example.values["id/parent"][0].decode()
        by_parent[parent].append((example.values["id/start"][0], example))
        own = [float(step) for step in range(len(frames(example)))]
        assert frames(example) == [example.values["id/start"][0] + step for step in own]
        assert example.values["x/length"] == example.values["tags/length"] == [len(own)]
        assert len(example.values["label"]) == len(example.values["tags"]) == len(own)
        assert set(example.values["x"][::2]) <= {float(parent[1:])}
    for parent, pieces in by_parent.items():
        pieces.sort(key=lambda piece: piece[0])
        assert [example.id for _, example in pieces] == [f"{parent}#{i}" for i in range(len(pieces))]
        assert len({example.split for _, example in pieces}) == 1, "no record is in two splits"
        steps = {step for _, example in pieces for step in frames(example)}
        whole = len(records[int(parent[1:])]["x"])
        assert steps == set(range(whole - whole % 10 if "drop" in rule else whole))
    cut = sum(split.lengths["x"].truncated_steps for split in manifest.statistics.values())
    assert cut == sum(len(record["x"]) % 10 for record in records if len(record["x"]) >= 10) * ("drop" in rule)


def test_one_layout_whatever_the_blocks_are(tmp_path: Path) -> None:
    spec = SERIES.replace("EMPTY", "") + "window: {length: 7, stride: 3}\n"
    found = [run(tmp_path / str(size), spec, series_records(), block_bytes=size)[0] for size in (500, 5_000)]
    assert found[0].data_fingerprint == found[1].data_fingerprint


def test_a_label_that_training_lacks_costs_the_whole_record(tmp_path: Path) -> None:
    records = series_records()
    spec = SERIES.replace("EMPTY", "") + "window: {length: 5}\n"
    _, stored = run(tmp_path / "first", spec, records)
    elsewhere = {example.values["id/parent"][0].decode() for example in stored if example.split != "train"}
    chosen = min(name for name in elsewhere if len(records[int(name[1:])]["x"]) > 10)
    records[int(chosen[1:])]["states"][-1] = "never in training"
    manifest, stored = run(tmp_path / "second", spec, records, max_rejected=1)
    assert dict(manifest.counts.rejected) == {"unknown_label": 1}
    assert manifest.counts.kept == 59
    assert chosen not in {example.values["id/parent"][0].decode() for example in stored}


def test_sequences_that_are_not_aligned_are_rejected(tmp_path: Path) -> None:
    records = series_records(5)
    records[2]["tags"].append("one too many")
    source = write_jsonl(tmp_path / "in.jsonl", records)
    with pytest.raises(DataError) as raised:
        prepare(SERIES.replace("EMPTY", ""), source, tmp_path / "out")
    assert "in.jsonl, line 3 (byte " in str(raised.value)
    assert "not_aligned: 'tags' must have as many steps as 'x'; they have 8 and 7; received {" in str(raised.value)
    assert [path.name for path in failures(tmp_path / "out")] == ["error.json", "rejected.jsonl"]


CONTEXT = (
    "id: id\nsequences: {text: {type: tokens, tokenizer: whitespace}}\n"
    "context:\n  age: {type: number, from: who.age, normalize: zscore}\n"
    "  land: {type: category, from: who.land, vocabulary: {min_frequency: 2}}\n" + SPLIT
)


def test_the_context(tmp_path: Path) -> None:
    records = [
        {"id": str(i), "text": "a b", "who": {"age": i / 4, "land": "de" if i % 3 else f"rare{i}"}} for i in range(30)
    ]
    manifest, stored = run(tmp_path, CONTEXT, records)
    assert manifest.vocabularies["land"].size == 1
    train = [int(example.id) for example in stored if example.split == "train"]
    assert manifest.moments["age"].count == len(train)
    assert manifest.moments["age"].mean == [pytest.approx(np.mean(train) / 4)]
    assert manifest.vocabularies["land"].tokens == len(train)
    for example in stored:
        i = int(example.id)
        assert example.values["age"] == [i / 4]
        assert example.values["land"] == [2 if i % 3 else 1]
    named = {feature.name: (feature.dtype, feature.variable) for feature in manifest.features}
    assert (named["age"], named["land"]) == (("float", False), ("int64", False))


@pytest.mark.parametrize(
    ("who", "reason", "rule"),
    [
        ({"land": "de"}, "missing_field", "field 'who.age' must have a value; the record has no such field"),
        ({"age": "4", "land": "de"}, "wrong_type", "field 'who.age' must be a number; it is \"4\""),
        ({"age": 1e300, "land": "de"}, "not_finite", "'age' must be finite as a 32-bit float"),
        ({"age": 1, "land": None}, "missing_field", "field 'who.land' must have a value; it is null"),
    ],
)
def test_a_bad_context(who: dict[str, Any], reason: str, rule: str, tmp_path: Path) -> None:
    records = [{"id": str(i), "text": "a", "who": {"age": 1, "land": "de"}} for i in range(20)]
    records[7]["who"] = who
    source = write_jsonl(tmp_path / "in.jsonl", records)
    with pytest.raises(DataError) as raised:
        prepare(CONTEXT, source, tmp_path / "out")
    assert f"{reason}: {rule}; received" in str(raised.value)
