import hashlib
import itertools
import tempfile
from collections import Counter
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.job import Job
from pipeline.sharding.segments import INDEX_TYPE, Segment, write_segment
from pipeline.sharding.shards import Piece, ShardTask, _WriteShard, part_bytes_of, part_starts, shard_tasks
from schemas.manifest_pb2 import Shard

LAST = 2**64 - 1


class Record(NamedTuple):
    order: int
    bucket: int
    data: bytes


orders = st.one_of(st.integers(0, LAST), st.sampled_from([0, 7, 2**63, LAST]))
records = st.builds(Record, orders, st.integers(0, 1), st.binary(min_size=1, max_size=4))


def job_in(folder: str) -> Job:
    return Job(spec_bytes=b"", inputs=(), fractions={}, output=folder, run="run", block_bytes=1)


def write_blocks(folder: str, blocks: list[list[Record]]) -> list[Segment]:
    segments = []
    for i, block in enumerate(blocks):
        if block:
            index = np.array([(r.order, len(r.data), len(r.data)) for r in block], INDEX_TYPE)
            buckets = np.array([r.bucket for r in block], np.int64)
            frames = pa.array([r.data for r in block], pa.binary())
            zeros = np.zeros(len(block), np.int64)
            segments.append(write_segment(f"{folder}/segments/{i}", frames, zeros, buckets, index, ["train"]))
    return segments


def write_shards(folder: str, blocks: list[list[Record]], shard_bytes: int) -> list[Shard]:
    sizes: Counter[tuple[str, int]] = Counter()
    for record in (record for block in blocks for record in block):
        sizes["train", record.bucket] += len(record.data)
    segments = write_blocks(folder, blocks)
    writer = _WriteShard(job_in(folder))
    return [shard for task in shard_tasks(sizes, shard_bytes) for shard in writer.process(task, segments)]


def content(folder: str, shards: list[Shard], bucket: int) -> bytes:
    mine = sorted((shard for shard in shards if shard.bucket == bucket), key=lambda shard: shard.index)
    return b"".join((Path(folder) / shard.path).read_bytes() for shard in mine)


@given(st.lists(records, min_size=1, max_size=16), st.integers(1, 30), st.randoms(use_true_random=False))
def test_any_blocks_and_any_shards_hold_the_same(rows: list[Record], shard_bytes: int, draw: Random) -> None:
    """Each record exactly once, by order and then by content, whatever it stood beside."""
    blocks: list[list[Record]] = [[] for _ in range(draw.randint(1, 4))]
    for row in draw.sample(rows, len(rows)):
        draw.choice(blocks).append(row)
    with tempfile.TemporaryDirectory() as folder:
        shards = write_shards(folder, blocks, shard_bytes)
        for bucket in (0, 1):
            mine = sorted((row.order, row.data) for row in rows if row.bucket == bucket)
            assert content(folder, shards, bucket) == b"".join(data for _, data in mine)
        assert sum(shard.records for shard in shards) == len(rows)


@given(st.lists(records, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_names_and_indexes_do_not_depend_on_the_blocks(rows: list[Record], draw: Random) -> None:
    results = []
    for count in (1, 3):
        blocks: list[list[Record]] = [[] for _ in range(count)]
        for row in draw.sample(rows, len(rows)):
            draw.choice(blocks).append(row)
        with tempfile.TemporaryDirectory() as folder:
            results.append([shard.SerializeToString(deterministic=True) for shard in write_shards(folder, blocks, 8)])
    assert results[0] == results[1]


def test_a_shard_says_what_it_holds(tmp_path: Path) -> None:
    blocks = [[Record(5, 1, b"ccc")], [Record(LAST, 1, b"d"), Record(0, 1, b"aa")]]
    [shard] = write_shards(str(tmp_path), blocks, 100)
    assert (tmp_path / shard.path).read_bytes() == b"aacccd"
    assert (shard.split, shard.bucket, shard.index) == ("train", 1, 0)
    assert (shard.bytes, shard.records, shard.steps, shard.min_length, shard.max_length) == (6, 3, 6, 1, 3)
    assert shard.sha256 == hashlib.sha256(b"aacccd").hexdigest()
    assert shard.path == f"train/bucket-01-shard-00000-of-00001-{shard.sha256[:12]}.tfrecord"
    assert shard.index_path == shard.path.replace(".tfrecord", ".index")
    index = (tmp_path / shard.index_path).read_bytes()
    assert hashlib.sha256(index).hexdigest() == shard.index_sha256
    rows = np.load(tmp_path / shard.index_path, allow_pickle=False)
    assert rows.tolist() == [(0, 2), (2, 3), (5, 1)]


def test_a_shard_without_a_record_is_not_written(tmp_path: Path) -> None:
    shards = write_shards(str(tmp_path), [[Record(0, 0, b"ab"), Record(1, 0, b"cd")]], 1)
    assert [(shard.index, shard.records) for shard in shards] == [(0, 2)]
    assert shards[0].path.startswith("train/bucket-00-shard-00000-of-00004-")


@pytest.mark.parametrize("order", [0, LAST])
def test_records_of_one_id_are_in_the_order_of_their_bytes(tmp_path: Path, order: int) -> None:
    blocks = [[Record(order, 0, data)] for data in (b"zz", b"a", b"m", b"a")]
    [shard] = write_shards(str(tmp_path), blocks, 100)
    assert (tmp_path / shard.path).read_bytes() == b"aamzz"
    assert np.load(tmp_path / shard.index_path, allow_pickle=False).tolist() == [(0, 1), (1, 1), (2, 1), (3, 2)]


def test_tasks_are_sorted_and_cover_every_order() -> None:
    tasks = shard_tasks({("train", 1): 25, ("test", 0): 10, ("train", 0): 1}, 10)
    assert [(t.split, t.bucket, t.index, t.count) for t in tasks] == [
        ("test", 0, 0, 1),
        ("train", 0, 0, 1),
        ("train", 1, 0, 3),
        ("train", 1, 1, 3),
        ("train", 1, 2, 3),
    ]
    assert [task.number for task in tasks] == [0, 1, 2, 3, 4]
    assert tasks[0] == ShardTask(0, "test", 0, 0, 1, 0, 1 << 64)
    last = tasks[2:]
    assert [last[0].least, last[0].beyond, last[1].beyond, last[2].beyond] == [
        0,
        last[1].least,
        last[2].least,
        1 << 64,
    ]
    assert shard_tasks({}, 10) == []


@given(st.lists(st.lists(records, min_size=1, max_size=9), min_size=1, max_size=4), st.integers(1, 40))
@example([[Record(0, 0, b"x")] * 3 + [Record(1, 0, b"x")]], 2)
def test_parts_hold_every_record_once_and_never_cut_an_order_apart(blocks: list[list[Record]], most: int) -> None:
    pieces = []
    for block in blocks:
        rows = np.array(sorted((r.order, len(r.data), len(r.data)) for r in block), INDEX_TYPE)
        pieces.append(Piece("", rows, 0))
    starts = part_starts(pieces, most)
    everything = np.sort(np.concatenate([piece.rows for piece in pieces]), order="order")
    assert starts == sorted(set(starts))
    found = []
    for least, beyond in itertools.pairwise([0, *starts, 1 << 64]):
        rows = np.concatenate([piece.between(least, beyond).rows for piece in pieces])
        assert len(rows)
        # One record, or one order, may be more than a part; what came before it is not.
        last = rows["order"] == rows["order"].max()
        assert rows["size"][~last].sum() < most + rows["size"].max()
        found += rows["order"].tolist()
    assert sorted(found) == everything["order"].tolist()


@pytest.mark.parametrize("part", [1, 40, 10**6])
def test_parts_of_any_size_make_the_same_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    draw = Random(3)
    rows = [Record(draw.choice([7, draw.getrandbits(64)]), 0, draw.randbytes(draw.randint(1, 9))) for _ in range(60)]
    wanted = write_shards(str(tmp_path / "whole"), [rows], 200)
    monkeypatch.setattr("pipeline.sharding.shards._PART_BYTES", part)
    monkeypatch.setattr("pipeline.sharding.shards._LEAST_READ", 1)
    found = write_shards(str(tmp_path / "parts"), [rows[:20], rows[20:]], 200)
    assert [(shard.path, shard.sha256, shard.index_sha256) for shard in found] == [
        (shard.path, shard.sha256, shard.index_sha256) for shard in wanted
    ]


@pytest.mark.parametrize("gathered", [False, True])
@pytest.mark.parametrize("local", [False, True])
def test_parts_of_a_shard_grow_with_what_they_are_read_from(gathered: bool, local: bool) -> None:
    sizes = [part_bytes_of(pieces, gathered, local) for pieces in (1, 100, 1_000, 10_000)]
    assert sizes == sorted(sizes)
    assert sizes[0] == part_bytes_of(0, gathered, local) >= 2 << 20
    assert all(size / pieces >= 16 << 10 for size, pieces in zip(sizes, (1, 100, 1_000, 10_000), strict=True))
    assert part_bytes_of(100, gathered, False) >= part_bytes_of(100, gathered, True)
