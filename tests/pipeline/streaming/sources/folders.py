"""Folders that a stream reads, and readers of them whose time passes only where they sleep."""

import bz2
import gzip
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.streaming.sources.folder import FolderReader, FolderSource
from pipeline.streaming.sources.source import Batch, Covered
from schemas.streams.positions import runs, union

PACKED: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": lambda content: bytes(pa.compress(content, codec="zstd", asbytes=True)),
}


class Clock:
    """Time that passes where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 0.01)


def reader_of(folder: Path, clock: Clock, covered: Covered | None = None, **settings: object) -> FolderReader:
    source = FolderSource(str(folder), **{"settle": 5.0, "poll": 1.0, **settings})  # type: ignore[arg-type]
    return FolderReader(source, 0, covered or {}, clock.read, clock.sleep)


def put(folder: Path, name: str, content: bytes, age: float = 1_000.0) -> Path:
    """Writes a file that was last changed so many seconds ago."""
    path = folder / name
    path.write_bytes(content)
    at = path.stat().st_mtime - age
    os.utime(path, (at, at))
    return path


def covered_by(batches: list[Batch]) -> Covered:
    found: dict[str, np.ndarray] = {}
    for batch in batches:
        found[batch.source] = union(
            [found.get(batch.source, runs(batch.starts[:0], batch.ends[:0])), runs(batch.starts, batch.ends)]
        )
    return found
