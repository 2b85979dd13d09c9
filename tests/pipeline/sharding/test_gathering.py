"""Segments of many blocks become few, and every shard holds what it held."""

import dataclasses
import tempfile
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.resuming import codec
from pipeline.sharding.gathered_files import GatheredSegment, read_gathered
from pipeline.sharding.gathering import FEW_BLOCKS, _Gather, gather, set_of, sets_of, together
from pipeline.sharding.shards import ShardTask, _WriteShard, shard_tasks
from pipeline.split_facts import WrittenFacts
from schemas.manifest import dump_manifest
from schemas.manifest_pb2 import Shard
from tests.pipeline.helpers import REVIEW_SPEC, make_job, published_tree, review_records, run_job, tree, write_jsonl
from tests.pipeline.sharding.test_shards import Record, job_in, records, write_blocks

MIB = 1 << 20


def shards_of(folder: str, blocks: list[list[Record]], shard_bytes: int, sets: int) -> list[bytes]:
    """Returns the shards of records; gathered in `sets` sets before, where these are not 0."""
    sizes: Counter[tuple[str, int]] = Counter()
    for record in (record for block in blocks for record in block):
        sizes["train", record.bucket] += len(record.data)
    segments = write_blocks(folder, blocks)
    tasks = shard_tasks(sizes, shard_bytes)
    read = [gather(f"{folder}/gathered/{i}", segments[i::sets], tasks) for i in range(sets)] if sets else segments
    writer = _WriteShard(job_in(folder))
    shards: list[Shard] = [shard for task in tasks for shard in writer.process(task, list(read))]
    return [shard.SerializeToString(deterministic=True) for shard in shards]  # with the digests of shard and index


@given(
    st.lists(st.lists(records, min_size=1, max_size=6), min_size=1, max_size=5),
    st.integers(1, 30),
    st.integers(1, 3),
    st.integers(1, 40),
    st.integers(1, 3),
)
def test_shards_of_gathered_segments_are_the_same(
    blocks: list[list[Record]], shard_bytes: int, sets: int, part_bytes: int, index_rows: int
) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr("pipeline.sharding.gathering._PART_BYTES", part_bytes)
        patch.setattr("pipeline.sharding.gathering._INDEX_ROWS", index_rows)
        wanted = shards_of(f"{folder}/a", blocks, shard_bytes, 0)
        assert shards_of(f"{folder}/b", blocks, shard_bytes, sets) == wanted


def test_a_set_says_where_each_shard_lies(tmp_path: Path) -> None:
    blocks = [[Record(5, 1, b"ccc"), Record(1, 0, b"a")], [Record(2**63, 1, b"dd")]]
    tasks = shard_tasks({("train", 0): 1, ("train", 1): 5}, 3)
    gathered = gather(f"{tmp_path}/set", write_blocks(str(tmp_path), blocks), tasks)
    found = [read_gathered(gathered, task.number) for task in tasks]
    assert [(rows["order"].tolist(), start) for rows, start in found] == [([1], 0), ([5], 17), ([2**63], 36)]
    assert (tmp_path / "set").stat().st_size == 6 + 3 * 16


def test_a_shard_without_records_in_a_set_takes_nothing_of_it(tmp_path: Path) -> None:
    tasks = shard_tasks({("test", 0): 1, ("train", 0): 4, ("train", 1): 9}, 1)
    gathered = gather(f"{tmp_path}/set", write_blocks(str(tmp_path), [[Record(0, 0, b"abcd")]]), tasks)
    assert [len(read_gathered(gathered, task.number)[0]) for task in tasks] == [0, 1, *[0] * 12]


@given(st.integers(1, 10**14), st.sampled_from([1 * MIB, 8 * MIB, 64 * MIB]))
def test_sets_grow_as_the_root_of_the_blocks(size: int, block_bytes: int) -> None:
    sets, blocks = sets_of(size, block_bytes), -(-size // block_bytes)
    if blocks <= FEW_BLOCKS:
        assert sets == 0
    else:
        assert (sets - 1) ** 2 < blocks <= sets**2


def test_inputs_of_ordinary_size_are_not_gathered() -> None:
    assert sets_of(8 << 30, 8 * MIB) == 0
    assert sets_of((8 << 30) + 1, 8 * MIB) == 33
    assert sets_of(10**12, 8 * MIB) == 346


def test_sets_are_of_about_one_size_and_do_not_depend_on_the_folder() -> None:
    sizes = Counter(set_of(f"a/block-{i:07d}-00000", 346) for i in range(119_210))
    assert len(sizes) == 346
    assert max(sizes.values()) < 1.3 * 119_210 / 346
    assert set_of("gs://x/block-0000007-00001", 99) == set_of("y/block-0000007-00001", 99)


@given(st.integers(1, 300), st.integers(0, 10**9), st.integers(1, 10**8))
def test_runs_of_shards_hold_every_shard_once_and_fit(count: int, size: int, part_bytes: int) -> None:
    tasks = [ShardTask(i, "train", 0, i, count, i, i + 1) for i in range(count)]
    runs = together(tasks, size, part_bytes)
    assert [task for run in runs for task in run] == tasks
    assert all(run[-1].beyond == after[0].least for run, after in pairwise(runs))
    assert all(len(run) == 1 or len(run) * size <= part_bytes * count for run in runs)


def test_a_data_set_is_the_same_whether_its_segments_are_gathered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", review_records(150))
    plain = make_job(REVIEW_SPEC, source, tmp_path / "plain", shard_bytes=2_000)
    monkeypatch.setattr("pipeline.sharding.gathering.FEW_BLOCKS", 2)
    gathered = make_job(REVIEW_SPEC, source, tmp_path / "gathered", shard_bytes=2_000)
    assert (plain.sets, gathered.sets) == (0, 4)
    wanted, found = run_job(plain), run_job(gathered)
    assert dump_manifest(found) == dump_manifest(wanted)
    assert tree(tmp_path / "gathered") == tree(tmp_path / "plain") == published_tree(wanted)


LABELS = REVIEW_SPEC + "duplicate_ids: keep_first\n"
ALIKE = "name: a\nid: id\nduplicate_ids: keep\nsequences: {text: {type: tokens, tokenizer: whitespace}}\n"
SERIES = "name: s\nsequences: {x: {type: series, dims: 2, normalize: zscore}}\n"
AGAIN = [record | {"text": "other words"} for record in review_records(150)[::7]]
CASES: dict[str, tuple[str, dict[str, list[dict[str, Any]]]]] = {
    "several splits, ids again": (LABELS, {"": [*review_records(150), *AGAIN]}),
    "named splits, empty buckets": (
        "name: n\nid: id\nduplicate_ids: keep\nsequences: {text: {type: tokens, tokenizer: words}}\n",
        {"train=": review_records(90), "validation=": review_records(60, seed=3), "test=": review_records(1)},
    ),
    "one id, several texts": (ALIKE, {"": [record | {"id": "same"} for record in review_records(150)]}),
    "one record many times": (ALIKE, {"": review_records(1) * 150}),
    "series": (SERIES, {"": [{"x": [[i, 2 * i]] * (3 + i % 9)} for i in range(150)]}),
    "one bucket": (ALIKE + "buckets: {count: 1}\n", {"": review_records(150)}),
    "one record in many blocks": (ALIKE, {"": [{"id": "a", "text": "a b " * 1_000}]}),
    "pieces of records": (
        "name: p\nid: id\nsequences: {text: {type: tokens, tokenizer: words, max_length: 4, too_long: split}}\n",
        {"": review_records(150)},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_every_kind_of_data_set_is_the_same_whether_its_segments_are_gathered(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, records = CASES[case]
    splits = {split: split.strip("=") or "in" for split in records}
    source = [f"{split}{write_jsonl(tmp_path / f'{splits[split]}.jsonl', records[split])}" for split in records]
    wanted = run_job(make_job(spec, source, tmp_path / "plain", shard_bytes=1_500))
    monkeypatch.setattr("pipeline.sharding.gathering.FEW_BLOCKS", 2)
    job = make_job(spec, source, tmp_path / "gathered", shard_bytes=1_500)
    assert job.sets > 1
    assert dump_manifest(run_job(job)) == dump_manifest(wanted)
    assert tree(tmp_path / "gathered") == tree(tmp_path / "plain") == published_tree(wanted)


def test_gathered_segments_are_taken_up(tmp_path: Path) -> None:
    segments = write_blocks(str(tmp_path), [[Record(1, 0, b"a")], [Record(2, 0, b"b")]])
    job = dataclasses.replace(job_in(str(tmp_path)), key="key", sets=1)
    facts = WrittenFacts(bytes=Counter({("train", 0): 2}))
    known = [dataclasses.replace(segment, sha256="12") for segment in segments]
    [first] = _Gather(job).process((0, known), facts)
    before = Path(first.path).stat().st_mtime_ns
    assert list(_Gather(job).process((0, known[::-1]), facts)) == [first]
    assert Path(first.path).stat().st_mtime_ns == before
    assert first.sha256
    Path(first.path).write_bytes(b"damaged")
    assert list(_Gather(job).process((0, known), facts)) == [first]
    assert Path(first.path).read_bytes() != b"damaged"


def test_a_reference_is_taken_up_as_it_was() -> None:
    gathered = GatheredSegment("path", "ab")
    assert codec.decode(codec.encode(gathered), GatheredSegment) == gathered
