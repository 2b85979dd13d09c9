"""Segments of many blocks in one file, in the order of the shards: what a shard takes of it is one range.

For each shard, in their order, the file holds the frames, sorted by order, and then their index rows. Beside it lie
the positions of both, int64, (shards + 1, 2), so that a reader needs three small reads however large the file is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from pipeline import files
from pipeline.recording import last_digest
from pipeline.sharding.segments import INDEX_TYPE, Index

_POSITIONS = np.dtype("<i8")
_ROW = 2 * _POSITIONS.itemsize


@dataclass(frozen=True)
class GatheredSegment:
    """Reference to the encoded records of many blocks: as small for very many shards as for one.

    Attributes:
      path: Of the file; the positions are beside it.
      sha256: Of the file; empty where nobody may take it up after this run.
    """

    path: str
    sha256: str = ""


def write_gathered(path: str, parts: Iterable[tuple[memoryview, Index]]) -> GatheredSegment:
    """Writes what each shard takes.

    Args:
      path: Of the file.
      parts: Of each shard, in their order, without any left out: frames one after another, and their index rows.
    """
    positions = [0]

    def pieces() -> Iterator[bytes | memoryview]:
        for frames, rows in parts:
            content = rows.tobytes()
            positions.append(positions[-1] + frames.nbytes)
            positions.append(positions[-1] + len(content))
            yield frames
            yield content

    files.write_pieces(path, pieces(), lambda: path)
    sha256 = last_digest()
    files.write(_positions_path(path), np.array([*positions, positions[-1]], _POSITIONS).tobytes())
    return GatheredSegment(path, sha256)


def read_gathered(segment: GatheredSegment, shard: int) -> tuple[Index, int]:
    """Returns the index rows of a shard, given its number, and where their frames begin."""
    content = files.read_range(_positions_path(segment.path), shard * _ROW, 2 * _ROW)
    start, rows_start, end, _ = np.frombuffer(content, _POSITIONS).tolist()
    if rows_start == end:
        return np.empty(0, INDEX_TYPE), start
    return np.frombuffer(files.read_range(segment.path, rows_start, end - rows_start), INDEX_TYPE), start


def _positions_path(path: str) -> str:
    return f"{path}.positions"
