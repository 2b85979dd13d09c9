"""Every kind of sequence, label and policy, from the raw record to the record on disk."""

from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.verify import verify
from schemas.manifest_pb2 import Manifest
from tests.pipeline.helpers import prepare, published_tree, read_dataset, tree, write_jsonl

TRAIN_ONLY = "split: {fractions: {train: 1.0}}\n"


def written(
    tmp_path: Path, spec: str, records: list[Any], **settings: Any
) -> tuple[Manifest, dict[str, dict[str, Any]]]:
    """The manifest, and the stored values of each record by its id."""
    output = tmp_path / "data"
    manifest = prepare(spec, write_jsonl(tmp_path / "in.jsonl", records), output, **settings)
    counts = manifest.counts
    assert counts.read == counts.kept + sum(counts.rejected.values()) + sum(counts.dropped.values())
    assert verify(str(output))["problems"] == []
    assert tree(output) == published_tree(manifest)
    stored = read_dataset(output)
    assert len(stored) == counts.kept
    return manifest, {record.id: record.values for record in stored}


def test_tokens_that_are_integers(tmp_path: Path) -> None:
    spec = "id: id\nsequences: {items: {type: tokens}}\n" + TRAIN_ONLY
    records = [{"id": i, "items": items} for i, items in enumerate([[7, 7, -1], [2**62]])]
    manifest, stored = written(tmp_path, spec, records)
    vocabulary = (tmp_path / "data" / manifest.vocabularies["items"].path).read_text()
    assert vocabulary == f"7\n-1\n{2**62}\n"
    assert stored["0"] == {"id": [b"0"], "items": [2, 2, 3], "items/length": [3]}
    assert stored["1"]["items"] == [4]


@pytest.mark.parametrize("layout", ["frames", "flat"])
def test_series(tmp_path: Path, layout: str) -> None:
    spec = (
        f"id: id\nsequences: {{sound: {{type: series, dims: 2, layout: {layout}, normalize: zscore}}}}\n" + TRAIN_ONLY
    )
    draw = np.random.default_rng(5)
    series = {f"s{i}": draw.normal(1e6, 1e-3, (i + 1, 2)).astype(np.float32) for i in range(12)}
    records = [
        {"id": name, "sound": (frames if layout == "frames" else frames.reshape(-1)).tolist()}
        for name, frames in series.items()
    ]
    manifest, stored = written(tmp_path, spec, records, block_bytes=100)
    for name, frames in series.items():
        assert stored[name]["sound"] == frames.reshape(-1).tolist()
        assert stored[name]["sound/length"] == [len(frames)]
    everything = np.concatenate(list(series.values()))
    moments = manifest.moments["sound"]
    assert moments.count == len(everything)
    for dimension in (0, 1):
        exact = [Fraction(float(x)) for x in everything[:, dimension]]
        mean = sum(exact, Fraction(0)) / len(exact)
        assert moments.mean[dimension] == float(mean)
        assert moments.variance[dimension] == float(sum(((x - mean) ** 2 for x in exact), Fraction(0)) / len(exact))
        assert moments.min[dimension] == everything[:, dimension].min()
        assert moments.max[dimension] == everything[:, dimension].max()


@pytest.mark.parametrize(
    ("missing", "first", "second"),
    [
        ("forward", [0, 3, 1, 3, 1, 5, 9, 5], [0, 0]),
        ("zero", [0, 3, 1, 0, 0, 5, 9, 0], [0, 0]),
        ("mean", [5, 3, 1, 4, 5, 5, 9, 4], [5, 4]),
    ],
)
def test_missing_numbers(tmp_path: Path, missing: str, first: list[int], second: list[int]) -> None:
    """What is filled never counts in the moments; 7 and 8 are of another split."""
    spec = f"id: id\nsequences: {{x: {{type: series, dims: 2, missing: {missing}}}}}\nbuckets: {{count: 1}}\n"
    train = [{"id": "a", "x": [[None, 3], [1, None], [None, 5], [9, None]]}, {"id": "b", "x": [None]}]
    inputs = [
        "train=" + write_jsonl(tmp_path / "train.jsonl", train),
        "validation=" + write_jsonl(tmp_path / "validation.jsonl", [{"id": "v", "x": [[7, 8], [None, 8]]}]),
    ]
    manifest = prepare(spec, inputs, tmp_path / "data")
    assert verify(str(tmp_path / "data"))["problems"] == []
    stored = {record.id: record.values for record in read_dataset(tmp_path / "data")}
    assert stored["a"]["x"] == first
    assert stored["a"]["x/missing"] == [1, 0, 0, 1, 1, 0, 0, 1]
    assert (stored["b"]["x"], stored["b"]["x/missing"]) == (second, [1, 1])
    assert stored["v"]["x"] == [7, 8, {"forward": 7, "zero": 0, "mean": 5}[missing], 8]
    assert stored["v"]["x/missing"] == [0, 0, 1, 0]
    moments = manifest.moments["x"]
    assert (moments.count, list(moments.counts)) == (2, [])
    assert (list(moments.mean), list(moments.variance)) == ([5, 4], [16, 1])
    assert (list(moments.min), list(moments.max)) == ([1, 3], [9, 5])


def test_a_dimension_that_is_missing_everywhere(tmp_path: Path) -> None:
    spec = "id: id\nsequences: {x: {type: series, dims: 2, missing: mean, normalize: zscore}}\n" + TRAIN_ONLY
    records = [{"id": "a", "x": [[1, None], [3, None]]}, {"id": "b", "x": [None]}]
    manifest, stored = written(tmp_path, spec, records)
    assert (stored["a"]["x"], stored["b"]["x"]) == ([1, 0, 3, 0], [2, 0])
    moments = manifest.moments["x"]
    assert (moments.count, list(moments.counts)) == (2, [2, 0])
    assert (list(moments.mean), list(moments.variance)) == ([2, 0], [1, 0])


def test_columns_with_times(tmp_path: Path) -> None:
    spec = (
        "sequences: {x: {type: series, layout: columns, columns: [lat, lon], missing: zero, max_length: 2, "
        "too_long: truncate_head, time: {from: at, format: iso8601, zone: UTC}}}\n" + TRAIN_ONLY
    )
    times = ["2024-01-01 00:00", "2024-01-01 00:01", "2024-01-02 00:01"]
    manifest, stored = written(tmp_path, spec, [{"lat": [1, 2, 3], "lon": [4, None, 6], "at": times}])
    [record] = stored.values()
    assert record == {
        "id": record["id"],
        "x": [2, 0, 3, 6],
        "x/length": [2],
        "x/missing": [0, 1, 0, 0],
        "x/since": [60, 86_400],
    }
    assert [(f.name, f.dtype, f.variable, f.dims) for f in manifest.features][1:] == [
        ("x", "float", True, 2),
        ("x/length", "int64", False, 1),
        ("x/missing", "int64", True, 2),
        ("x/since", "float", True, 1),
    ]


def test_moments_come_from_the_training_split(tmp_path: Path) -> None:
    spec = "id: id\nsequences: {sound: {type: series, dims: 1, layout: flat}}\nlabel: {from: y, type: number}\n"
    train = write_jsonl(tmp_path / "train.jsonl", [{"id": str(i), "sound": [i], "y": 2 * i} for i in range(4)])
    rest = write_jsonl(tmp_path / "rest.jsonl", [{"id": "z", "sound": [1e30], "y": -1e30}])
    manifest = prepare(spec, [train, f"validation={rest}"], tmp_path / "data")
    assert (manifest.moments["sound"].count, list(manifest.moments["sound"].mean)) == (4, [1.5])
    label = manifest.moments["label"]
    assert (list(label.mean), list(label.variance), list(label.min), list(label.max)) == ([3.0], [5.0], [0.0], [6.0])
    assert not manifest.HasField("classes")
    [record] = [record for record in read_dataset(tmp_path / "data") if record.split == "validation"]
    assert record.values["label"] == [float(np.float32(-1e30))]


def test_per_step_classes(tmp_path: Path) -> None:
    spec = "id: id\nsequences: {words: {type: tokens}}\nlabel: {from: tags, type: per_step_class}\n" + TRAIN_ONLY
    records = [
        {"id": "a", "words": ["x", "y", "z"], "tags": ["N", "V", "N"]},
        {"id": "b", "words": ["x"], "tags": ["O"]},
        {"id": "c", "words": ["x", "y"], "tags": ["N"]},
    ]
    manifest, stored = written(tmp_path, spec, records, max_rejected=1)
    assert dict(manifest.counts.rejected) == {"label_length": 1}
    assert (tmp_path / "data" / "vocabulary" / "label.txt").read_text() == "N\nO\nV\n"
    assert (stored["a"]["label"], stored["b"]["label"]) == ([0, 2, 0], [1])
    assert list(manifest.statistics["train"].classes) == [2, 1, 1]


POLICY_SPEC = "id: id\nsequences: {text: {type: tokens, tokenizer: words, %s}}\n" + TRAIN_ONLY
POLICY_RECORDS = [
    {"id": "empty", "text": " "},
    {"id": "short", "text": "a"},
    {"id": "fits", "text": "a b c"},
    {"id": "long", "text": "a b c d e"},
]


@pytest.mark.parametrize(
    ("policy", "kept", "rejected", "dropped", "cut"),
    [
        ("empty: keep", {"empty": 0, "short": 1, "fits": 3, "long": 5}, {}, {}, (0, 0)),
        ("empty: drop", {"short": 1, "fits": 3, "long": 5}, {}, {"empty text": 1}, (0, 0)),
        (
            "empty: reject, max_length: 3, too_long: drop",
            {"short": 1, "fits": 3},
            {"empty_sequence": 1},
            {"too long text": 1},
            (0, 0),
        ),
        ("max_length: 3, too_long: reject", {"short": 1, "fits": 3}, {"empty_sequence": 1, "too_long": 1}, {}, (0, 0)),
        ("max_length: 3, empty: drop", {"short": 1, "fits": 3, "long": 3}, {}, {"empty text": 1}, (1, 2)),
        (
            "max_length: 1, too_long: truncate_head, empty: keep",
            {"empty": 0, "short": 1, "fits": 1, "long": 1},
            {},
            {},
            (2, 6),
        ),
    ],
)
def test_length_policies(
    tmp_path: Path,
    policy: str,
    kept: dict[str, int],
    rejected: dict[str, int],
    dropped: dict[str, int],
    cut: tuple[int, int],
) -> None:
    manifest, stored = written(tmp_path, POLICY_SPEC % policy, POLICY_RECORDS, max_rejected=2, block_bytes=20)
    assert {name: values["text/length"][0] for name, values in stored.items()} == kept
    assert {name: len(values["text"]) for name, values in stored.items()} == kept
    counts = manifest.counts
    assert (counts.read, counts.kept) == (4, len(kept))
    assert (dict(counts.rejected), dict(counts.dropped)) == (rejected, dropped)
    lengths = manifest.statistics["train"].lengths["text"]
    assert (lengths.truncated_records, lengths.truncated_steps) == cut
    assert dict(zip(lengths.lengths, lengths.counts, strict=True)) == Counter(kept.values())


@pytest.mark.parametrize(("policy", "wanted"), [("truncate_tail", "ab"), ("truncate_head", "de")])
def test_which_end_is_cut(tmp_path: Path, policy: str, wanted: str) -> None:
    spec = f"id: id\nsequences: {{text: {{type: tokens, tokenizer: words, max_length: 2, too_long: {policy}}}}}\n"
    manifest, stored = written(tmp_path, spec + TRAIN_ONLY, [{"id": "long", "text": "a b c d e"}])
    vocabulary = (tmp_path / "data" / manifest.vocabularies["text"].path).read_text().split()
    assert [vocabulary[i - 2] for i in stored["long"]["text"]] == list(wanted)


def test_records_identical_in_content(tmp_path: Path) -> None:
    """They share an id, and so a split and a shard; each is kept."""
    spec = "sequences: {text: {type: tokens, tokenizer: words}}\nbuckets: {count: 2}"
    records = [{"text": "a b"}] * 30 + [{"text": f"c {i}"} for i in range(30)]
    shards = []
    for block_bytes in (16, 1 << 20):
        output = tmp_path / str(block_bytes)
        source = write_jsonl(tmp_path / "in.jsonl", records)
        manifest = prepare(spec, source, output, block_bytes=block_bytes, shard_bytes=300)
        shards.append(list(manifest.shards))
        ids = Counter(record.id for record in read_dataset(output))
        assert sorted(ids.values()) == [1] * 30 + [30]
        assert {len(record_id) for record_id in ids} == {32}
    assert shards[0] == shards[1]


def test_records_of_one_given_id(tmp_path: Path) -> None:
    """Their order is that of their bytes, whichever comes first."""
    spec = "id: id\nduplicate_ids: keep\nsequences: {text: {type: tokens, tokenizer: words}}\n" + TRAIN_ONLY
    spec += "buckets: {count: 1}"
    records = [{"id": "same", "text": text} for text in ("b", "a", "c", "a")]
    prints = set()
    for i, rows in enumerate((records, records[::-1])):
        source = write_jsonl(tmp_path / f"{i}.jsonl", rows)
        prints.add(prepare(spec, source, tmp_path / str(i), block_bytes=10).data_fingerprint)
    assert len(prints) == 1


def test_a_record_of_several_megabytes_across_many_blocks(tmp_path: Path) -> None:
    spec = "id: id\nsequences: {text: {type: tokens, tokenizer: whitespace}}\n" + TRAIN_ONLY
    words = [f"w{i % 1000}" for i in range(700_000)]
    records = [{"id": "small", "text": "a"}, {"id": "large", "text": " ".join(words)}, {"id": "last", "text": "b"}]
    manifest, stored = written(tmp_path, spec, records, block_bytes=100_000, shard_bytes=50_000)
    assert (tmp_path / "in.jsonl").stat().st_size > 3_000_000
    assert {name: values["text/length"] for name, values in stored.items()} == {
        "small": [1],
        "large": [700_000],
        "last": [1],
    }
    vocabulary = (tmp_path / "data" / manifest.vocabularies["text"].path).read_text().split("\n")
    assert [vocabulary[i - 2] for i in stored["large"]["text"]] == words


def test_two_sequences_and_buckets_by_one_of_them(tmp_path: Path) -> None:
    spec = """
id: id
sequences:
  a: {type: tokens, empty: keep}
  b: {type: series, dims: 1, layout: flat, empty: keep}
buckets: {by: b, count: 2}
"""
    records = [{"id": str(i), "a": ["x"] * (20 - i), "b": [0.5] * i} for i in range(20)]
    manifest, stored = written(tmp_path, spec + TRAIN_ONLY, records)
    for record in read_dataset(tmp_path / "data"):
        assert record.length == int(record.id)
        assert record.bucket == (int(record.id) > manifest.buckets[0].max_length)
    assert stored["3"]["a/length"] == [17]


def test_files_of_their_own_splits(tmp_path: Path) -> None:
    spec = "id: id\nsequences: {text: {type: tokens, tokenizer: words}}\nlabel: {type: class}"
    patterns = []
    for split, count in (("train", 60), ("test", 20)):
        rows = [{"id": f"{split}{i}", "text": "a b", "label": i % 2} for i in range(count)]
        patterns.append(f"{split}={write_jsonl(tmp_path / f'{split}.jsonl', rows)}")
    manifest = prepare(spec, patterns, tmp_path / "data")
    by_split: dict[str, list[str]] = {}
    for record in read_dataset(tmp_path / "data"):
        by_split.setdefault(record.split, []).append(record.id)
    assert set(by_split) == {"train", "validation", "test"}
    assert sorted(by_split["test"]) == sorted(f"test{i}" for i in range(20))
    assert len(by_split["train"]) + len(by_split["validation"]) == 60
    assert 0 < len(by_split["validation"]) < 20
    assert [(file.split, file.records) for file in manifest.inputs] == [("test", 20), ("train", 60)]


def test_a_longer_record_of_another_split_is_in_the_last_bucket(tmp_path: Path) -> None:
    spec = "id: id\nsequences: {text: {type: tokens, tokenizer: words}}\nbuckets: {count: 2}"
    train = write_jsonl(tmp_path / "a.jsonl", [{"id": str(i), "text": "a " * i} for i in (1, 2, 9)])
    test = write_jsonl(tmp_path / "b.jsonl", [{"id": "long", "text": "a " * 50}])
    empty = write_jsonl(tmp_path / "c.jsonl", [{"id": "v", "text": "a"}])
    patterns = [f"train={train}", f"test={test}", f"validation={empty}"]
    manifest = prepare(spec, patterns, tmp_path / "data")
    [record] = [record for record in read_dataset(tmp_path / "data") if record.id == "long"]
    assert (record.split, record.bucket, record.length) == ("test", len(manifest.buckets) - 1, 50)
