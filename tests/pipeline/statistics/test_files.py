"""Statistics of whole data sets: what the file says is what the shards hold."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.statistics import encoded_facts
from pipeline.verify import verify
from schemas.errors import DataError
from schemas.manifest import load_manifest
from schemas.messages import canonical_json, fill
from schemas.spec import parse_spec
from schemas.statistics_pb2 import DatasetStatistics
from tests.pipeline.helpers import (
    REVIEW_SPEC,
    Stored,
    prepare,
    published_tree,
    read_dataset,
    review_records,
    tree,
    write_jsonl,
)

EVERYTHING = """
id: id
sequences:
  text: {type: tokens, tokenizer: whitespace, vocabulary: {min_frequency: 3}, max_length: 12, empty: keep}
  x: {type: series, dims: 2, missing: forward, empty: keep}
context: {price: {type: number}, shop: {type: category, vocabulary: {min_frequency: 4}}}
label: {type: class}
split: {fractions: {train: 0.6, validation: 0.4}}
"""


def everything(count: int = 120) -> list[dict[str, Any]]:
    draw = np.random.default_rng(11)

    def number() -> float | None:
        return None if draw.random() < 0.1 else float(np.float32(draw.integers(-2, 3) * 0.3))

    return [
        {
            "id": f"r{i}",
            "text": " ".join(draw.choice([*"abcdefghijklmn"], size=draw.integers(0, 20))),
            "x": [[number(), number()] for _ in range(draw.integers(0, 9))],
            "price": float(draw.integers(0, 5)),
            "shop": str(draw.choice(["north", "south", f"rare{i}"])),
            "label": str(draw.choice(["b", "a", "c"])),
        }
        for i in range(count)
    ]


def statistics(folder: Path) -> DatasetStatistics:
    content = (folder / "statistics" / "statistics.json").read_bytes()
    found: DatasetStatistics = fill(DatasetStatistics(), json.loads(content))
    assert canonical_json(json.loads(content)) == content
    return found


def run(tmp_path: Path, spec: str, records: list[dict[str, Any]], **settings: Any) -> DatasetStatistics:
    source = write_jsonl(tmp_path / "in.jsonl", records)
    prepare(spec, source, tmp_path / "out", **settings)
    assert verify(str(tmp_path / "out"))["problems"] == []
    return statistics(tmp_path / "out")


def histogram(lengths: Any) -> dict[int, int]:
    return dict(zip(lengths.lengths, lengths.counts, strict=True))


def test_what_the_shards_hold(tmp_path: Path) -> None:
    records = {record["id"]: record for record in everything()}
    found = run(tmp_path, EVERYTHING, list(records.values()))
    stored = read_dataset(tmp_path / "out")
    assert sorted(found.splits) == ["train", "validation"]
    for name, split in found.splits.items():
        inside = [example for example in stored if example.split == name]
        raw = [records[example.id] for example in inside]
        text, x = split.sequences["text"], split.sequences["x"]
        assert split.records == len(inside) > 30
        assert histogram(text.lengths) == Counter(example.values["text/length"][0] for example in inside)
        assert histogram(text.uncut_lengths) == Counter(len(record["text"].split()) for record in raw)
        assert not x.HasField("uncut_lengths")
        assert text.oov_steps == sum(example.values["text"].count(1) for example in inside)
        check_oov_sums(text.oov_sums, inside)
        check_classes(text.by_class, inside)
        check_series(x.values, raw)
        prices = np.array([record["price"] for record in raw])
        price = split.numbers["price"]
        assert (price.count, price.missing, price.zeros) == (len(raw), 0, int((prices == 0).sum()))
        assert (price.min, price.max) == (prices.min(), prices.max())
        assert (price.mean, price.deviation) == pytest.approx((prices.mean(), prices.std()), rel=1e-12)
        shop = split.categories["shop"]
        assert (shop.count, shop.oov) == (len(raw), sum(example.values["shop"] == [1] for example in inside))
        assert shop.oov > 0
    check_tokens(found, [records[example.id] for example in stored if example.split == "train"])


def check_classes(by_class: Any, inside: list[Stored]) -> None:
    assert len(by_class) == 3
    for label, lengths in enumerate(by_class):
        own = [example for example in inside if example.values["label"] == [label]]
        assert histogram(lengths) == Counter(example.values["text/length"][0] for example in own)


def check_series(values: Any, raw: list[dict[str, Any]]) -> None:
    frames = np.array([frame for record in raw for frame in record["x"]], np.float64)
    for dimension, found in enumerate(values):
        own = frames[:, dimension]
        missing, own = int(np.isnan(own).sum()), own[~np.isnan(own)]
        assert missing > 0
        assert (found.count, found.missing, found.zeros) == (len(own), missing, int((own == 0).sum()))
        assert (found.min, found.max) == (own.min(), own.max())
        assert (found.mean, found.deviation) == pytest.approx((own.mean(), own.std()), rel=1e-12, abs=1e-12)


def check_tokens(found: DatasetStatistics, raw: list[dict[str, Any]]) -> None:
    columns = {
        "text": [token for record in raw for token in record["text"].split()[:12]],
        "shop": [record["shop"] for record in raw],
        "label": [record["label"] for record in raw],
    }
    assert sorted(found.tokens) == sorted(columns)
    for name, tokens in columns.items():
        counts = Counter(tokens)
        least = {"text": 3, "shop": 4, "label": 1}[name]
        ranked = sorted(((t, n) for t, n in counts.items() if n >= least), key=lambda entry: (-entry[1], entry[0]))
        own = found.tokens[name]
        first = 0 if name == "label" else 2
        assert [(entry.token, entry.count, entry.id) for entry in own.top] == [
            (token, count, first + i) for i, (token, count) in enumerate(ranked)
        ]
        assert own.occurring == len(ranked)
        for point in own.curve:
            assert point.share == sum(n for _, n in ranked[: point.rank]) / len(tokens)


@pytest.mark.parametrize("duplicates", ["keep", "reject"])
def test_blocks_and_workers_never_show(duplicates: str, tmp_path: Path) -> None:
    spec = EVERYTHING + f"duplicate_ids: {duplicates}\n"
    source = write_jsonl(tmp_path / "in.jsonl", everything())
    manifests = [
        prepare(spec, source, tmp_path / str(size), block_bytes=size, threads=threads)
        for size, threads in ((300, 2), (2_000, 1), (1 << 20, 1))
    ]
    assert len({str(manifest.statistics_files) for manifest in manifests}) == 1
    assert len({manifest.data_fingerprint for manifest in manifests}) == 1


@pytest.mark.parametrize(
    "rule", ["window: {length: 10, stride: 4}", "window: {length: 10, stride: 7, rest: drop}", "split"]
)
def test_uncut_lengths_are_those_of_records_and_not_of_their_pieces(rule: str, tmp_path: Path) -> None:
    draw = np.random.default_rng(5)
    words = [draw.choice(["w", f"rare{i}"], int(n)).tolist() for i, n in enumerate(draw.integers(1, 40, 80))]
    records = [{"id": i, "text": tokens} for i, tokens in enumerate(words)]
    options = ", max_length: 10, too_long: split" if rule == "split" else ""
    tokens_of = f"{{type: tokens, vocabulary: {{top_k: 9}}{options}}}"
    spec = f"id: id\nsequences: {{text: {tokens_of}}}\n{rule if rule != 'split' else ''}\n"
    found = run(tmp_path, spec, records)
    for name, split in found.splits.items():
        stored = [example for example in read_dataset(tmp_path / "out") if example.split == name]
        text = split.sequences["text"]
        assert histogram(text.lengths) == Counter(example.values["text/length"][0] for example in stored)
        parents = {int(example.values["id/parent"][0]) for example in stored}
        assert histogram(text.uncut_lengths) == Counter(len(records[parent]["text"]) for parent in parents)
        check_oov_sums(text.oov_sums, stored)


def check_oov_sums(sums: Any, stored: list[Stored]) -> None:
    """Those of records, of which the examples are pieces."""
    unknown, lengths = Counter[bytes](), Counter[bytes]()
    for example in stored:
        parent = example.values["id/parent"][0] if "id/parent" in example.values else example.id
        unknown[parent] += example.values["text"].count(1)
        lengths[parent] += len(example.values["text"])
    assert sum(unknown.values()) > 0
    found = (sums.records, *(int(sum_, 16) for sum_ in (sums.squares, sums.products, sums.length_squares)))
    assert found == (
        sum(n > 0 for n in lengths.values()),
        sum(x * x for x in unknown.values()),
        sum(x * lengths[parent] for parent, x in unknown.items()),
        sum(n * n for n in lengths.values()),
    )


def test_rejected_at_the_last_step_count_for_nothing(tmp_path: Path) -> None:
    """Their class is found unknown only when they are encoded."""
    train = [{"id": f"t{i}", "text": ["a"] * 3, "label": "x"} for i in range(4)]
    other = [{"id": "v0", "text": ["a"] * 5, "label": "x"}, {"id": "v1", "text": ["a"] * 7, "label": "y"}]
    inputs = [
        "train=" + write_jsonl(tmp_path / "train.jsonl", train),
        "test=" + write_jsonl(tmp_path / "test.jsonl", other),
    ]
    spec = "id: id\nsequences: {text: {type: tokens}}\nlabel: {type: class}\n"
    prepare(spec, inputs, tmp_path / "out", max_rejected=1)
    test = statistics(tmp_path / "out").splits["test"]
    assert (test.records, histogram(test.sequences["text"].lengths)) == (1, {5: 1})
    assert [histogram(lengths) for lengths in test.sequences["text"].by_class] == [{5: 1}]


def test_unknown_classes_have_no_place_among_the_classes(tmp_path: Path) -> None:
    train = [{"id": f"t{i}", "text": ["a"], "label": "x"} for i in range(4)]
    inputs = [
        "train=" + write_jsonl(tmp_path / "train.jsonl", train),
        "test=" + write_jsonl(tmp_path / "test.jsonl", [{"id": "v", "text": ["a"] * 5, "label": "y"}]),
    ]
    spec = "id: id\nsequences: {text: {type: tokens}}\nlabel: {type: class, unknown: keep}\n"
    prepare(spec, inputs, tmp_path / "out")
    test = statistics(tmp_path / "out").splits["test"]
    assert histogram(test.sequences["text"].lengths) == {5: 1}
    assert [histogram(lengths) for lengths in test.sequences["text"].by_class] == [{}]


def test_very_many_classes_are_not_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoded_facts, "MOST_CLASSES", 2)
    found = run(tmp_path, REVIEW_SPEC, review_records(30))
    assert not found.splits["train"].sequences["text"].by_class


def test_a_feature_that_is_always_empty_and_one_class(tmp_path: Path) -> None:
    spec = (
        "id: id\nsequences: {text: {type: tokens, empty: keep}, x: {type: series, dims: 1, empty: keep}}\n"
        "label: {type: class}\nsplit: {fractions: {train: 1.0}}\n"
    )
    found = run(tmp_path, spec, [{"id": i, "text": [], "x": [], "label": "only"} for i in range(3)])
    train = found.splits["train"]
    text, x = train.sequences["text"], train.sequences["x"]
    assert (histogram(text.lengths), text.lengths.mean, text.lengths.max) == ({0: 3}, 0.0, 0)
    assert [histogram(lengths) for lengths in text.by_class] == [{0: 3}]
    assert [(values.count, values.mean, values.max) for values in x.values] == [(0, 0.0, 0.0)]
    assert not found.tokens["text"].top
    assert [(entry.token, entry.count) for entry in found.tokens["label"].top] == [("only", 3)]


def test_the_file_is_replaced_with_the_data_set(tmp_path: Path) -> None:
    output = tmp_path / "out"
    for count in (30, 20):
        source = write_jsonl(tmp_path / "in.jsonl", review_records(count))
        manifest = prepare(REVIEW_SPEC, source, output, replace=True)
        assert tree(output) == published_tree(manifest)
        assert sum(split.records for split in statistics(output).splits.values()) == count
    files = load_manifest(output).statistics_files
    assert [re.sub("-[0-9a-f]{12}", "", file.path) for file in files] == [
        "statistics/features.pb",
        "statistics/schema.pbtxt",
        "statistics/statistics.json",
    ]
    for file in files:
        copy = output / re.sub("-[0-9a-f]{12}", "", file.path)
        assert copy.read_bytes() == (output / file.path).read_bytes()


def test_a_changed_file_is_found(tmp_path: Path) -> None:
    run(tmp_path, REVIEW_SPEC, review_records(30))
    [named] = [file for file in load_manifest(tmp_path / "out").statistics_files if file.path.endswith("json")]
    path = tmp_path / "out" / named.path
    path.write_bytes(path.read_bytes().replace(b"records", b"recordz"))
    [problem] = verify(str(tmp_path / "out"))["problems"]
    assert problem.startswith(f"{path}: has SHA-256 ")
    path.unlink()
    assert verify(str(tmp_path / "out"))["problems"] == [f"{path}: is missing; write the data set again"]


def test_no_split_has_the_name_of_the_folder() -> None:
    with pytest.raises(DataError, match="'statistics' is no name for a split"):
        parse_spec("sequences: {text: {type: tokens}}\nsplit: {fractions: {train: 0.5, statistics: 0.5}}\n")
