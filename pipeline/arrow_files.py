"""Arrow files, whole in memory: a job's own, between its steps."""

from collections.abc import Iterable

import pyarrow as pa

from pipeline import files


def write_batches(path: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Writes record batches to a file, not compressed."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    files.write(path, memoryview(sink.getvalue()))


def read_table(path: str) -> pa.Table:
    """Returns all that a file holds."""
    return pa.ipc.open_file(pa.py_buffer(files.read(path))).read_all()
