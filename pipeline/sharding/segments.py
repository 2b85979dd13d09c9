"""Encoded blocks on disk: what any shard takes of a block is one range of bytes.

The frames of a block stand one after another, sorted by split, bucket and order. Beside them lies
an index, a NumPy array of (order, length, size) for each record.
"""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline import files
from pipeline.recording import last_digest
from schemas.binary import contents
from schemas.buckets import Int64s

INDEX_TYPE = np.dtype([("order", "<u8"), ("length", "<i4"), ("size", "<i4")])
Index = npt.NDArray[np.void]


@dataclass(frozen=True)
class Group:
    """The records of one split and bucket within a segment: one range of rows, one of bytes."""

    split: str
    bucket: int
    first_row: int
    rows: int
    first_byte: int
    bytes: int


@dataclass(frozen=True)
class Segment:
    """Reference to the encoded records of a block.

    Attributes:
      path: Of the frames; the index is beside it.
      groups: One for each split and bucket that occurs.
      sha256: Of the frames; empty where nobody may take them up after this run.
    """

    path: str
    groups: tuple[Group, ...]
    sha256: str = ""


def write_segment(
    path: str, frames: pa.BinaryArray, splits: Int64s, buckets: Int64s, index: Index, split_names: list[str]
) -> Segment:
    """Sorts the records of a block and writes them.

    Args:
      path: Of the segment.
      frames: One for each record, binary, (records,).
      splits: Of each record, index into `split_names`, int64, (records,).
      buckets: Of each record, int64, (records,).
      index: INDEX_TYPE, (records,).
      split_names: All splits.
    """
    order = np.lexsort((index["order"], buckets, splits))
    files.write(path, in_order(frames, order))
    sha256 = last_digest()
    rows = index[order]
    files.write(_index_path(path), npy(rows))
    keys = np.stack([splits[order], buckets[order]])
    starts = np.flatnonzero(np.concatenate([[True], (np.diff(keys) != 0).any(axis=0)]))
    ends = np.concatenate([starts[1:], [len(order)]])
    before = np.concatenate([[0], np.cumsum(rows["size"], dtype=np.int64)])
    groups = (
        Group(split_names[keys[0, a]], int(keys[1, a]), int(a), int(b - a), int(before[a]), int(before[b] - before[a]))
        for a, b in zip(starts, ends, strict=True)
    )
    return Segment(path, tuple(groups), sha256)


def read_rows(segment: Segment, group: Group, least: int, beyond: int) -> tuple[Index, int]:
    """Returns the index rows of a group with least <= order < beyond, and where their frames begin."""
    rows = read_index(segment.path, range(group.first_row, group.first_row + group.rows))
    first, last = rows_between(rows, least, beyond)
    return rows[first:last], group.first_byte + int(rows["size"][:first].sum(dtype=np.int64))


def read_index(path: str, rows: range) -> Index:
    """Returns neighbouring index rows of a segment, given its path."""
    head, size = _npy_head(), INDEX_TYPE.itemsize
    return np.frombuffer(files.read_range(_index_path(path), head + rows.start * size, len(rows) * size), INDEX_TYPE)


def rows_between(rows: Index, least: int, beyond: int) -> tuple[int, int]:
    """Returns where the rows with least <= order < beyond begin and end, of rows sorted by order."""
    first = int(np.searchsorted(rows["order"], np.uint64(least), side="left"))
    last = len(rows) if beyond > 2**64 - 1 else int(np.searchsorted(rows["order"], np.uint64(beyond), side="left"))
    return first, last


def groups_of(segments: Iterable[Segment], split: str, bucket: int) -> Iterator[tuple[Segment, Group]]:
    """Yields the groups of one split and bucket."""
    for segment in segments:
        for group in segment.groups:
            if (group.split, group.bucket) == (split, bucket):
                yield segment, group


def in_order(frames: pa.BinaryArray, order: Int64s) -> memoryview:
    """Returns the frames one after another. Arrow needs several times their bytes for it meanwhile."""
    return contents(frames.take(pa.array(order)))[0].data


def npy(array: npt.NDArray[np.generic]) -> bytes:
    """Returns an array as the content of a .npy file."""
    sink = io.BytesIO()
    np.save(sink, array, allow_pickle=False)
    return sink.getvalue()


def _npy_head() -> int:
    """Bytes before the data of an index; NumPy pads the head so that its size stays the same."""
    return len(npy(np.zeros(0, INDEX_TYPE)))


def _index_path(path: str) -> str:
    return f"{path}.index"
