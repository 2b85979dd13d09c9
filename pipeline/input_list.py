"""The list of very many input files in a file: a graph that holds them all is refused by engines, and slow to build."""

import functools
import hashlib
from collections.abc import Sequence

import pyarrow as pa

from pipeline import files
from pipeline.blocks import InputFile
from schemas.errors import DataError
from schemas.formats.reading import Reading

_LIST = pa.schema(
    {
        "path": pa.string(),
        "bytes": pa.int64(),
        "split": pa.string(),
        "reading": pa.list_(pa.string(), 3),
        "starts": pa.list_(pa.int64()),
        "changed": pa.float64(),
    }
)
_ROWS = 10_000  # of a record batch


def dump_inputs(inputs: Sequence[InputFile]) -> bytes:
    """Returns the content of a file that lists inputs."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, _LIST, options=options) as writer:
        for start in range(0, len(inputs), _ROWS):
            columns = zip(*inputs[start : start + _ROWS], strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, _LIST, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=_LIST))
    return bytes(sink.getvalue())


def parse_inputs(content: bytes) -> tuple[InputFile, ...]:
    """Returns the inputs that a file lists."""
    found: list[InputFile] = []
    readings: dict[tuple[str, ...], Reading] = {}
    for batch in pa.ipc.open_stream(content):
        path, size, split, reading, starts, changed = (column.to_pylist() for column in batch.columns)
        alike = (readings.setdefault(tuple(values), Reading(*values)) for values in reading)
        found += map(InputFile, path, size, split, alike, map(tuple, starts), changed)
    return tuple(found)


def digest_of_list(content: bytes) -> str:
    """Returns what the name of the file holds, so that it never goes stale."""
    return hashlib.sha256(content).hexdigest()[:16]


@functools.lru_cache(maxsize=1)
def read_inputs(path: str) -> tuple[InputFile, ...]:
    """Reads a file that lists inputs, once per process.

    Raises:
      DataError: It cannot be read, or is not what was written.
    """
    content = files.read(path)
    if not files.stem(path).endswith(digest_of_list(content)):
        raise DataError(f"{path}: is not what was written; something else writes to the staging folder; run again")
    return parse_inputs(content)
