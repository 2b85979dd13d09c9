"""Whole data sets on the embedded runner: what they hold, and what that does not depend on."""

import hashlib
import random
from collections import Counter
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest

from pipeline import PrepareDataset, plan_job
from pipeline.verify import verify
from schemas.buckets import bucket_index, plan_buckets
from schemas.errors import UsageError
from schemas.formats.blocks import file_digest
from schemas.manifest import load_manifest
from schemas.manifest_pb2 import Manifest
from schemas.spec import parse_spec
from tests.pipeline.conftest import Written
from tests.pipeline.helpers import (
    FULL_SIZE,
    REVIEW_SPEC,
    jsonl,
    make_job,
    prepare,
    published_tree,
    read_dataset,
    run_job,
    tree,
    write_jsonl,
)

SHARD_BYTES = 2_000


def vocabulary_of(folder: Path, path: str) -> list[str]:
    return (folder / path).read_text(encoding="utf-8").split("\n")[:-1]


def test_the_data_set_has_several_of_everything(reviews: Written) -> None:
    """Otherwise the tests below would show little."""
    places = Counter((shard.split, shard.bucket) for shard in reviews.manifest.shards)
    assert len(reviews.manifest.buckets) == 3
    assert set(places) == {(split, bucket) for split in ("train", "validation", "test") for bucket in range(3)}
    assert min(places["train", bucket] for bucket in range(3)) >= 2
    assert Path(reviews.source).stat().st_size > 10 * 700


def test_every_record_is_there_once(reviews: Written) -> None:
    stored = read_dataset(reviews.folder)
    assert sorted(record.id for record in stored) == sorted(record["id"] for record in reviews.records)
    counts = reviews.manifest.counts
    assert (counts.read, counts.kept, dict(counts.rejected), dict(counts.dropped)) == (150, 150, {}, {})


def test_records_hold_what_was_read(reviews: Written) -> None:
    """Decoded by the published vocabulary, every text is what it was, but for words seen once."""
    manifest = reviews.manifest
    words = vocabulary_of(reviews.folder, manifest.vocabularies["text"].path)
    classes = vocabulary_of(reviews.folder, manifest.classes.path)
    by_id = {record["id"]: record for record in reviews.records}
    stored = read_dataset(reviews.folder)
    train = Counter(
        word for record in stored if record.split == "train" for word in by_id[record.id]["text"].split(" ")
    )
    ranked = sorted((word for word in train if train[word] >= 2), key=lambda word: (-train[word], word.encode()))
    assert words == ranked
    for record in stored:
        source = by_id[record.id]
        tokens = source["text"].split(" ")
        assert record.values["text"] == [words.index(word) + 2 if word in words else 1 for word in tokens]
        assert record.values["text/length"] == [len(tokens)]
        assert record.length == len(tokens)
        assert classes[record.values["label"][0]] == str(source["stars"])


def test_statistics_are_counted_from_what_was_written(reviews: Written) -> None:
    stored = read_dataset(reviews.folder)
    for split, statistics in reviews.manifest.statistics.items():
        mine = [record for record in stored if record.split == split]
        lengths = Counter(record.length for record in mine)
        assert statistics.records == len(mine)
        for histogram in (statistics.lengths["text"], statistics.bucket_length):
            assert dict(zip(histogram.lengths, histogram.counts, strict=True)) == lengths
            assert list(histogram.lengths) == sorted(lengths)
            assert histogram.steps == sum(record.length for record in mine)
        unknown = sum(record.values["text"].count(1) for record in mine)
        assert statistics.lengths["text"].oov_steps == unknown
        classes = Counter(record.values["label"][0] for record in mine)
        assert list(statistics.classes) == [classes[i] for i in range(3)]


def test_buckets_are_planned_from_the_training_split(reviews: Written) -> None:
    import numpy as np

    train = reviews.manifest.statistics["train"].bucket_length
    planned = plan_buckets(np.array(train.lengths, np.int64), np.array(train.counts, np.int64), 3)
    assert list(reviews.manifest.buckets) == planned
    for record in read_dataset(reviews.folder):
        assert record.bucket == bucket_index(np.array([record.length]), planned)[0]


def test_shards_add_up_to_the_manifest(reviews: Written) -> None:
    stored = read_dataset(reviews.folder)
    for shard in reviews.manifest.shards:
        assert shard.bytes == (reviews.folder / shard.path).stat().st_size
    for split in ("train", "validation", "test"):
        mine = [record for record in stored if record.split == split]
        shards = [shard for shard in reviews.manifest.shards if shard.split == split]
        assert sum(shard.records for shard in shards) == len(mine)
        assert sum(shard.steps for shard in shards) == sum(record.length for record in mine)


def test_nothing_is_left_but_what_is_published(reviews: Written) -> None:
    assert tree(reviews.folder) == published_tree(reviews.manifest)
    assert load_manifest(reviews.folder) == reviews.manifest
    assert verify(str(reviews.folder))["problems"] == []


def test_copies_for_people(reviews: Written) -> None:
    assert (reviews.folder / "spec.yaml").read_text() == REVIEW_SPEC
    for name, entry in (("text", reviews.manifest.vocabularies["text"]), ("label", reviews.manifest.classes)):
        copy = (reviews.folder / "vocabulary" / f"{name}.txt").read_bytes()
        assert copy == (reviews.folder / entry.path).read_bytes()
        assert entry.size == copy.count(b"\n")


@pytest.mark.parametrize("block_bytes", [64, 333, FULL_SIZE])
def test_the_size_of_a_block_changes_nothing(reviews: Written, tmp_path: Path, block_bytes: int) -> None:
    manifest = prepare(REVIEW_SPEC, reviews.source, tmp_path / "data", block_bytes=block_bytes, shard_bytes=SHARD_BYTES)
    assert manifest.data_fingerprint == reviews.manifest.data_fingerprint
    assert manifest.shards == reviews.manifest.shards


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_and_the_names_of_files_change_nothing(reviews: Written, tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    records = draw.sample(reviews.records, len(reviews.records))
    cuts = [0, *sorted(draw.sample(range(150), 4)), 150]
    names = draw.sample(["z", "a", "m", "part 1", "ü"], 5)
    patterns = [
        write_jsonl(tmp_path / f"{name}.jsonl", records[start:end])
        for name, start, end in zip(names, cuts, cuts[1:], strict=False)
    ]
    manifest = prepare(REVIEW_SPEC, patterns, tmp_path / "data", shard_bytes=SHARD_BYTES)
    assert [file.path for file in manifest.inputs] == sorted(patterns)
    assert sum(file.records for file in manifest.inputs) == 150
    assert manifest.data_fingerprint == reviews.manifest.data_fingerprint
    assert manifest.fingerprint != reviews.manifest.fingerprint


@pytest.mark.parametrize("block_bytes", [700, FULL_SIZE])
def test_a_file_for_each_record_changes_nothing(reviews: Written, tmp_path: Path, block_bytes: int) -> None:
    """Several files share a block: some empty, some without a last newline or with a byte order mark."""
    for i, record in enumerate(reviews.records):
        content = jsonl([record])
        content = b"\xef\xbb\xbf" + content if i % 5 == 0 else content
        (tmp_path / f"{i:03d}.jsonl").write_bytes(content.removesuffix(b"\n") if i % 3 else content)
    for i in (0, 77, 149):
        (tmp_path / f"{i:03d}-empty.jsonl").write_bytes(b"")
    patterns = [str(tmp_path / "?[0-4]*.jsonl"), str(tmp_path / "?[5-9]*.jsonl")]
    settings = {"block_bytes": block_bytes, "shard_bytes": SHARD_BYTES}
    job = make_job(REVIEW_SPEC, patterns, tmp_path / "data", **settings)
    assert len(job.inputs) == 153
    assert len(job.blocks()) < (2 if block_bytes == FULL_SIZE else 75)
    manifest = run_job(job)
    assert manifest.data_fingerprint == reviews.manifest.data_fingerprint
    assert manifest.shards == reviews.manifest.shards
    for file in manifest.inputs:
        content = Path(file.path).read_bytes()
        assert (file.records, file.bytes) == (bool(content), len(content))
        assert file.digest == file_digest([hashlib.sha256(content).digest()] if content else [])
    again = prepare(REVIEW_SPEC, patterns[::-1], tmp_path / "again", **settings)
    assert again.fingerprint == manifest.fingerprint


@pytest.mark.parametrize("shard_bytes", [200, 1 << 27])
def test_the_data_fingerprint_knows_nothing_of_shards(reviews: Written, tmp_path: Path, shard_bytes: int) -> None:
    manifest = prepare(REVIEW_SPEC, reviews.source, tmp_path / "data", shard_bytes=shard_bytes)
    assert len(manifest.shards) != len(reviews.manifest.shards)
    assert manifest.data_fingerprint == reviews.manifest.data_fingerprint


RUNNERS = {
    "again": [],
    "direct runner": ["--runner=DirectRunner"],
    "every bundle twice": ["--direct_runner_bundle_repeat=2"],
    "two threads": ["--direct_running_mode=multi_threading", "--direct_num_workers=2"],
    "two processes": ["--direct_running_mode=multi_processing", "--direct_num_workers=2"],
}


@pytest.mark.parametrize("threads", [2, 5])
def test_any_number_of_threads_writes_the_same(reviews: Written, tmp_path: Path, threads: int) -> None:
    settings = {"shard_bytes": SHARD_BYTES, "threads": threads}
    manifest = prepare(REVIEW_SPEC, reviews.source, tmp_path / "whole", **settings)
    assert manifest.fingerprint == reviews.manifest.fingerprint
    many_blocks = prepare(REVIEW_SPEC, reviews.source, tmp_path / "blocks", block_bytes=300, **settings)
    assert many_blocks.data_fingerprint == reviews.manifest.data_fingerprint


@pytest.mark.parametrize("name", RUNNERS)
def test_any_runner_writes_the_same(reviews: Written, tmp_path: Path, name: str) -> None:
    manifest = prepare(REVIEW_SPEC, reviews.source, tmp_path / "data", *RUNNERS[name], shard_bytes=SHARD_BYTES)
    assert manifest.fingerprint == reviews.manifest.fingerprint
    assert (tmp_path / "data" / "manifest.json").read_bytes() == (reviews.folder / "manifest.json").read_bytes()
    assert tree(tmp_path / "data") == tree(reviews.folder)


GOLDEN_SPEC = """
id: id
sequences: {text: {type: tokens, tokenizer: words}}
split: {fractions: {train: 1.0}}
buckets: {count: 1}
"""
GOLDEN_SHARD = "5d6d123bc28fc50f887dcd7aa21cc63216704ae95aa6187190b6e3cbf8afdf33"
GOLDEN_VOCABULARY = "f9d5d3683c4ce5c0bf42f608b3185dd31ef933f844be84f5a512c6e0818f22aa"


def test_the_bytes_of_a_small_data_set_stay_the_same(tmp_path: Path) -> None:
    """Whatever changes these changes every data set: raise the format version and say why."""
    records = [{"id": "a", "text": "It's a cat, a naïve\tcat!"}, {"id": "b", "text": "東京 a\\b"}]
    manifest = prepare(GOLDEN_SPEC, write_jsonl(tmp_path / "in.jsonl", records), tmp_path / "data")
    tokens = vocabulary_of(tmp_path / "data", manifest.vocabularies["text"].path)
    assert tokens == ["a", "cat", "!", ",", "It's", "\\\\", "b", "naïve", "東京"]
    assert [shard.sha256 for shard in manifest.shards] == [GOLDEN_SHARD]
    assert manifest.vocabularies["text"].sha256 == GOLDEN_VOCABULARY


def test_prepare_dataset_within_a_pipeline_of_ones_own(reviews: Written, tmp_path: Path) -> None:
    transform = PrepareDataset(parse_spec(REVIEW_SPEC), inputs=[reviews.source], output=str(tmp_path / "data"))
    seen = tmp_path / "seen"

    def remember(manifest: Manifest) -> None:
        seen.write_text(manifest.fingerprint)

    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        manifest = pipeline | "Prepare" >> transform
        _ = manifest | "Remember" >> beam.Map(remember)
        _ = pipeline | "Other" >> beam.Create([1, 2]) | "Add" >> beam.CombineGlobally(sum)
    written = load_manifest(tmp_path / "data")
    assert seen.read_text() == written.fingerprint
    assert written.counts == reviews.manifest.counts
    assert written.statistics == reviews.manifest.statistics
    assert Path(transform.job.staging).is_dir()
    # Without the text of a person, the resolved spec stands beside the data.
    assert parse_spec((tmp_path / "data" / "spec.yaml").read_text()) == parse_spec(REVIEW_SPEC)


def test_prepare_dataset_checks_its_settings_when_it_is_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="matches no file"):
        PrepareDataset(parse_spec(REVIEW_SPEC), inputs=[str(tmp_path / "*.jsonl")], output="out")
    with pytest.raises(TypeError, match="PrepareDataset needs a spec"):
        PrepareDataset(inputs=["a.jsonl"], output="out")


def test_two_data_sets_in_one_pipeline(reviews: Written, tmp_path: Path) -> None:
    spec = parse_spec(REVIEW_SPEC)
    jobs: dict[str, Any] = {
        name: plan_job(spec, [reviews.source], str(tmp_path / name), block_bytes=700, shard_bytes=SHARD_BYTES)
        for name in ("one", "two")
    }
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        for name, job in jobs.items():
            _ = pipeline | name >> PrepareDataset(job=job)
    assert load_manifest(tmp_path / "one") == load_manifest(tmp_path / "two") == reviews.manifest
