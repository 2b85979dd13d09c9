"""The messages of tensorflow-metadata: what they say is what is found in the shards, feature by feature."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import schema_pb2 as schemas
from tensorflow_metadata.proto.v0 import statistics_pb2 as standard

from pipeline.statistics import standard_form
from pipeline.statistics.standard_form import SEQUENCE_STEP, common_statistics, histogram_statistics, moments_statistics
from schemas.manifest_pb2 import Manifest
from tests.pipeline.helpers import Stored, prepare, read_dataset, write_jsonl

SPEC = """
id: id
sequences:
  words: {type: tokens, vocabulary: {min_frequency: 30}}
  letters: {type: tokens, derive: {of: words, take: characters}}
  x: {type: series, dims: 2, missing: zero, aligned_with: words, time: {from: t, format: unix_seconds}}
context: {price: {type: number}, shop: {type: category, vocabulary: {min_frequency: 12}}}
label: {from: y, type: per_step_class, of: words}
window: {length: 8, stride: 5}
split: {fractions: {train: 0.6, validation: 0.4}}
"""


def records(count: int = 90) -> list[dict[str, Any]]:
    draw = np.random.default_rng(3)
    return [
        {
            "id": f"r{i}",
            "words": draw.choice(["aa", "b", "c c", "<d>", f"rare{i}"], size=n).tolist(),
            "x": [[float(draw.integers(-3, 4)), None if draw.random() < 0.2 else 1.5] for _ in range(n)],
            "t": np.cumsum(draw.integers(1, 9, n)).tolist(),
            "y": draw.choice(["up", "down"], size=n).tolist(),
            "grade": int(draw.integers(0, 3)),
            "price": float(draw.integers(0, 3)),
            "shop": str(draw.choice(["north", "south", f"rare{i}"])),
        }
        for i, n in enumerate(draw.integers(1, 20, count).tolist())
    ]


def run(tmp_path: Path, spec: str) -> tuple[Manifest, dict[str, dict[str, Any]], schemas.Schema]:
    """The manifest, the written statistics by split and feature, and the schema."""
    manifest = prepare(spec, write_jsonl(tmp_path / "in.jsonl", records()), tmp_path / "out")
    folder = tmp_path / "out" / "statistics"
    found = standard.DatasetFeatureStatisticsList.FromString((folder / "features.pb").read_bytes())
    assert [dataset.name for dataset in found.datasets] == sorted(manifest.statistics)
    for dataset in found.datasets:
        assert dataset.num_examples == manifest.statistics[dataset.name].records
    by_split = {
        dataset.name: {feature.path.step[-1]: feature for feature in dataset.features} for dataset in found.datasets
    }
    return manifest, by_split, text_format.Parse((folder / "schema.pbtxt").read_text(), schemas.Schema())


def test_what_the_shards_hold(tmp_path: Path) -> None:
    manifest, by_split, _ = run(tmp_path, SPEC)
    stored = read_dataset(tmp_path / "out")
    for split, features in by_split.items():
        inside = [example for example in stored if example.split == split]
        assert list(features) == [feature.name for feature in manifest.features]
        for feature in manifest.features:
            check_feature(features[feature.name], feature.dtype, inside, feature.name)
        x = features["x"]
        assert {entry.name: entry.num for entry in x.custom_stats} == {
            "missing": sum(sum(example.values["x/missing"]) for example in inside)
        }


def check_feature(found: Any, dtype: str, inside: list[Stored], name: str) -> None:
    values = [example.values[name] for example in inside]
    flat = [value for some in values for value in some]
    if name == "x":  # what was filled in counts for nothing
        flags = [flag for example in inside for flag in example.values["x/missing"]]
        flat = [value for value, flag in zip(flat, flags, strict=True) if not flag]
    types = {"bytes": found.STRING, "int64": found.INT, "float": found.FLOAT}
    assert found.type == types[dtype]
    text = dtype == "bytes" or name in ("words", "letters", "shop", "label")
    assert found.HasField("string_stats") == text
    own = found.string_stats if text else found.num_stats
    lengths = [len(some) for some in values]
    common = own.common_stats
    assert (common.num_non_missing, common.num_missing, common.tot_num_values) == (len(inside), 0, sum(lengths))
    assert (common.min_num_values, common.max_num_values) == (min(lengths), max(lengths))
    if dtype == "bytes":
        assert own.avg_length == pytest.approx(np.mean([len(value) for value in flat]))
    elif text:
        counts = Counter(flat)
        assert {int(entry.value): entry.frequency for entry in own.top_values} == counts
        assert [entry.frequency for entry in own.top_values] == sorted(counts.values(), reverse=True)
        assert own.unique in (0, len(counts))
    else:
        numbers = np.array(flat, np.float64)
        assert (own.min, own.max, own.num_zeros) == (numbers.min(), numbers.max(), int((numbers == 0).sum()))
        assert own.mean == pytest.approx(numbers.mean(), rel=1e-12, abs=1e-12)
        assert own.std_dev == pytest.approx(numbers.std(), rel=1e-9, abs=1e-12)


def test_ids_have_names(tmp_path: Path) -> None:
    manifest, by_split, _ = run(tmp_path, SPEC)
    entry = manifest.vocabularies["words"]
    lines = (tmp_path / "out" / entry.path).read_text().splitlines()
    for split in ("train", "validation"):
        words = by_split[split]["words"]
        custom = {statistic.name: statistic for statistic in words.custom_stats}
        counts = {entry.value: entry.frequency for entry in words.string_stats.top_values}
        named = {bucket.label: bucket.sample_count for bucket in custom["tokens"].rank_histogram.buckets}
        assert named == {token: counts[str(i + 2)] for i, token in enumerate(lines)}
        assert custom["out_of_vocabulary"].num == counts["1"] == manifest.statistics[split].lengths["words"].oov_steps
    [names] = by_split["train"]["label"].custom_stats
    assert {bucket.label for bucket in names.rank_histogram.buckets} == {"up", "down"}


def test_the_schema_says_how_records_are_parsed(tmp_path: Path) -> None:
    manifest, _, schema = run(tmp_path, SPEC)
    assert schema.represent_variable_length_as_ragged
    features = {feature.name: feature for feature in schema.feature}
    types = {"bytes": schemas.BYTES, "int64": schemas.INT, "float": schemas.FLOAT}
    for stored in manifest.features:
        feature = features.pop(stored.name)
        assert (feature.type, feature.presence.min_fraction) == (types[stored.dtype], 1)
        assert (feature.HasField("shape"), feature.HasField("value_count")) == (not stored.variable, stored.variable)
        if stored.variable:
            assert feature.value_count.min == stored.dims
    assert not features
    domains = {feature.name: feature.int_domain for feature in schema.feature if feature.HasField("int_domain")}
    bounds = {name: (domain.min, domain.max) for name, domain in domains.items() if domain.is_categorical}
    sizes = {name: entry.size + 1 for name, entry in manifest.vocabularies.items()}
    assert bounds == {**{name: (1, size) for name, size in sizes.items()}, "label": (0, 1)}


def test_feature_lists_stand_in_a_struct(tmp_path: Path) -> None:
    manifest, by_split, schema = run(tmp_path, SPEC + "stored_as: sequence_example\n")
    many = {stored.name for stored in manifest.features if stored.variable}
    for features in by_split.values():
        assert {name for name, feature in features.items() if feature.path.step[0] == SEQUENCE_STEP} == many
    [struct] = [feature for feature in schema.feature if feature.type == schemas.STRUCT]
    assert struct.name == SEQUENCE_STEP
    assert {feature.name for feature in struct.struct_domain.feature} == many
    assert {feature.name for feature in schema.feature} - {SEQUENCE_STEP} == {
        stored.name for stored in manifest.features if not stored.variable
    }


def test_frequent_tokens_with_any_ids(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("".join(f"[unused{i}]\n" for i in range(150)) + "aa\nb\n")
    special = ", ".join(f"s{i}" for i in range(150))
    spec = SPEC.replace("{min_frequency: 30}", f"{{file: {file}}}")
    spec = spec.replace("{min_frequency: 12}", f"{{special_tokens: [{special}]}}")
    _, by_split, _ = run(tmp_path, spec)
    stored = read_dataset(tmp_path / "out")
    for split, features in by_split.items():
        for name, most in (("words", {1, 152, 153}), ("shop", {152, 153})):
            counts = Counter(id_ for example in stored if example.split == split for id_ in example.values[name])
            told = {int(entry.value): entry.frequency for entry in features[name].string_stats.top_values}
            assert told.items() <= counts.items()
            assert most <= set(told)


def test_no_more_of_many_oov_buckets_than_the_most_frequent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standard_form, "TOP_TOKENS", 25)
    _, by_split, _ = run(tmp_path, SPEC.replace("{min_frequency: 30}", "{top_k: 1, oov_buckets: 100000}"))
    stored = read_dataset(tmp_path / "out")
    for split, features in by_split.items():
        counts = Counter(id_ for example in stored if example.split == split for id_ in example.values["words"])
        own = features["words"].string_stats
        told = {int(entry.value): entry.frequency for entry in own.top_values}
        assert told.items() <= counts.items()
        unknown = [count for id_, count in told.items() if id_ <= 100_000]
        everything = sorted((count for id_, count in counts.items() if id_ <= 100_000), reverse=True)
        assert unknown == everything[:25]
        assert own.unique == (len(counts) if split == "train" else 0)


def test_different_ids_of_features_that_share_a_vocabulary(tmp_path: Path) -> None:
    rows = [
        {"id": f"r{i}", "words": [f"often{j}" for j in range(100)], "other": [f"rare{i}"], "y": 1} for i in range(9)
    ]
    spec = """
id: id
sequences: {words: {type: tokens}, other: {type: tokens, vocabulary: {shared_with: words}}}
label: {from: y, type: number}
split: {fractions: {train: 1.0}}
"""
    prepare(spec, write_jsonl(tmp_path / "in.jsonl", rows), tmp_path / "out")
    content = (tmp_path / "out" / "statistics" / "features.pb").read_bytes()
    [dataset] = standard.DatasetFeatureStatisticsList.FromString(content).datasets
    unique = {feature.path.step[-1]: feature.string_stats.unique for feature in dataset.features}
    assert (unique["words"], unique["other"]) == (0, 0)  # of one of them by itself nothing is known


@pytest.mark.parametrize(("empty", "least"), [("keep", 0), ("reject", 1)])
def test_a_label_and_empty_sequences(empty: str, least: int, tmp_path: Path) -> None:
    spec = (
        f"id: id\nsequences: {{words: {{type: tokens, empty: {empty}}}}}\n"
        "label: {from: grade, type: class, unknown: keep}\nsplit: {fractions: {train: 1.0}}\n"
    )
    _, by_split, schema = run(tmp_path, spec)
    counts = Counter(record["grade"] for record in records())
    label = by_split["train"]["label"]
    assert [entry.frequency for entry in label.string_stats.top_values] == sorted(counts.values(), reverse=True)
    assert label.string_stats.unique == 3
    features = {feature.name: feature for feature in schema.feature}
    assert features["words"].value_count.min == least
    assert (features["label"].int_domain.min, features["label"].int_domain.max) == (-1, 2)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=200))
def test_histograms(values: list[int]) -> None:
    found = histogram_statistics(Counter(values))
    assert (found.min, found.max, found.num_zeros) == (min(values), max(values), values.count(0))
    assert found.median == np.quantile(values, 0.5, method="inverted_cdf")
    equal, quantiles = found.histograms
    assert (equal.type, quantiles.type) == (standard.Histogram.STANDARD, standard.Histogram.QUANTILES)
    assert sum(bucket.sample_count for bucket in equal.buckets) == len(values)
    assert len(equal.buckets) == (10 if len(set(values)) > 1 else 1)
    for bucket in equal.buckets[:-1]:
        inside = [v for v in values if bucket.low_value <= v < bucket.high_value]
        assert bucket.sample_count == len(inside)
    assert sum(bucket.sample_count for bucket in quantiles.buckets) == pytest.approx(len(values))
    for i, bucket in enumerate(quantiles.buckets):
        assert bucket.low_value == np.quantile(values, i / 10, method="inverted_cdf")
        assert bucket.high_value == np.quantile(values, (i + 1) / 10, method="inverted_cdf")


def test_nothing_to_say() -> None:
    assert histogram_statistics({}) == standard.NumericStatistics()
    assert moments_statistics([]) == standard.NumericStatistics()
    assert common_statistics({3: 0}) == standard.CommonStatistics()
