import itertools
import tempfile
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sharding.segments import INDEX_TYPE, Segment, groups_of, in_order, npy, read_rows, write_segment

SPLITS = ["train", "test"]
LAST = 2**64 - 1


class Record(NamedTuple):
    order: int
    split: int
    bucket: int
    data: bytes


orders = st.one_of(st.integers(0, LAST), st.sampled_from([0, 1, 2**63, LAST - 1, LAST]))
records = st.builds(Record, orders, st.integers(0, 1), st.integers(0, 2), st.binary(min_size=1, max_size=5))


def write(path: Path, block: list[Record]) -> Segment:
    index = np.array([(record.order, len(record.data), len(record.data)) for record in block], INDEX_TYPE)
    splits = np.array([record.split for record in block], np.int64)
    buckets = np.array([record.bucket for record in block], np.int64)
    frames = pa.array([record.data for record in block], pa.binary())
    return write_segment(str(path), frames, splits, buckets, index, SPLITS)


def read(segment: Segment, split: str, bucket: int, least: int, beyond: int) -> list[tuple[int, bytes]]:
    rows = []
    for found, group in groups_of([segment], split, bucket):
        index, at = read_rows(found, group, least, beyond)
        ends = [at, *(at + np.cumsum(index["size"])).tolist()]
        data = Path(found.path).read_bytes()
        rows += [(row["order"], data[a:b]) for row, a, b in zip(index, ends[:-1], ends[1:], strict=True)]
    return rows


@given(st.lists(records, min_size=1, max_size=20), st.lists(orders, max_size=3))
def test_every_record_is_in_one_range_of_its_group(block: list[Record], cuts: list[int]) -> None:
    ends = [0, *sorted(cuts), 1 << 64]
    with tempfile.TemporaryDirectory() as folder:
        segment = write(Path(folder) / "block", block)
        for split in (0, 1):
            for bucket in (0, 1, 2):
                wanted = [record for record in block if (record.split, record.bucket) == (split, bucket)]
                in_order = [(r.order, r.data) for r in sorted(wanted, key=lambda record: record.order)]
                assert read(segment, SPLITS[split], bucket, 0, 1 << 64) == in_order
                pieces = [read(segment, SPLITS[split], bucket, a, b) for a, b in itertools.pairwise(ends)]
                assert [row for piece in pieces for row in piece] == in_order
                for piece, a, b in zip(pieces, ends, ends[1:], strict=False):
                    assert all(a <= order < b for order, _ in piece)


def test_groups_say_where_their_rows_and_bytes_lie(tmp_path: Path) -> None:
    block = [Record(5, 1, 2, b"abc"), Record(9, 0, 1, b"de"), Record(1, 1, 2, b"f"), Record(7, 0, 0, b"ghij")]
    segment = write(tmp_path / "block", block)
    assert (tmp_path / "block").read_bytes() == b"ghij" + b"de" + b"f" + b"abc"
    assert [(g.split, g.bucket, g.first_row, g.rows, g.first_byte, g.bytes) for g in segment.groups] == [
        ("train", 0, 0, 1, 0, 4),
        ("train", 1, 1, 1, 4, 2),
        ("test", 2, 2, 2, 6, 4),
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["block", "block.index"]


def test_records_of_one_order_keep_the_order_of_the_block(tmp_path: Path) -> None:
    block = [Record(3, 0, 0, data) for data in (b"b", b"a", b"c")]
    segment = write(tmp_path / "block", block)
    assert read(segment, "train", 0, 3, 4) == [(3, b"b"), (3, b"a"), (3, b"c")]
    assert read(segment, "train", 0, 0, 3) == []
    assert read(segment, "train", 0, 4, 1 << 64) == []


def test_the_first_and_the_last_order_there_is(tmp_path: Path) -> None:
    segment = write(tmp_path / "block", [Record(LAST, 0, 0, b"last"), Record(0, 0, 0, b"first")])
    assert read(segment, "train", 0, 0, 1) == [(0, b"first")]
    assert read(segment, "train", 0, 1, LAST) == []
    assert read(segment, "train", 0, LAST, 1 << 64) == [(LAST, b"last")]


def test_groups_of_passes_over_other_splits_and_buckets(tmp_path: Path) -> None:
    draw = Random(1)
    blocks = [[Record(draw.getrandbits(64), i % 2, i, b"x")] for i in range(3)]
    segments = [write(tmp_path / str(i), block) for i, block in enumerate(blocks)]
    assert [segment for segment, _ in groups_of(segments, "train", 2)] == [segments[2]]
    assert list(groups_of(segments, "test", 2)) == []


def test_frames_in_order() -> None:
    frames = pa.array([b"-", b"a", b"", b"bc"], pa.binary())
    assert in_order(frames[1:], np.array([2, 1, 0])) == b"bca"
    assert in_order(frames, np.array([3])) == b"bc"
    assert in_order(frames[:0], np.zeros(0, np.int64)) == b""


def test_npy_is_read_by_numpy(tmp_path: Path) -> None:
    path = tmp_path / "index.npy"
    array: Any = np.array([(1, 2, 3)], INDEX_TYPE)
    path.write_bytes(npy(array))
    assert np.load(path, allow_pickle=False).tolist() == [(1, 2, 3)]
