"""Events of one part of a block in a file, in partitions of their keys that are the same for every block.

The file holds a record batch of Arrow for each partition, and before them their positions, int64, so that a reader
fetches the one that it asks for, however many there are.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline import files
from schemas.buckets import Int64s
from schemas.dataset_pb2 import DatasetSpec
from schemas.formats.fields import ID
from schemas.hashing import hash_strings
from schemas.records.events import Events, event_schema

PIECE, OFFSET, LINE = "/piece", "/offset", "/line"
_POSITION = np.dtype("<i8")
_PLACE = [pa.field(PIECE, pa.int32()), pa.field(OFFSET, pa.int64()), pa.field(LINE, pa.int64())]


class EventFile(NamedTuple):
    """Reference to the events of a part of a block; sorts as they stand in the input.

    Attributes:
      block: Index of the block.
      part: Its place in the block, from 0.
      path: Of the file.
      sha256: Of its content; empty where nobody may take it up after this run.
    """

    block: int
    part: int
    path: str
    sha256: str = ""


def partition_of(keys: pa.StringArray, partitions: int) -> npt.NDArray[np.int64]:
    """Returns the partition of each key, int64, (n,), in [0, partitions)."""
    upper = hash_strings(keys) >> np.uint64(32)
    found: npt.NDArray[np.int64] = ((upper * np.uint64(partitions)) >> np.uint64(32)).astype(np.int64)
    return found


def write_events(path: str, events: Events, pieces: Int64s, partitions: int, spec: DatasetSpec) -> None:
    """Writes the events of a part of a block.

    Args:
      path: Of the file.
      events: With positions in their files, and lines in their pieces.
      pieces: int64, (events,); the piece of the block that each stands in.
      partitions: How many.
      spec: A resolved spec with `group`.
    """
    places = {PIECE: pieces.astype(np.int32), OFFSET: events.offsets, LINE: events.lines}
    schema = file_schema(spec)
    batch = pa.record_batch([{**events.columns, **places}[name] for name in schema.names], schema=schema)
    partition = partition_of(events.columns[ID], partitions)
    order = np.argsort(partition, kind="stable")
    ends = np.searchsorted(partition[order], np.arange(partitions + 1)).tolist()
    inside = batch.take(pa.array(order))
    messages = [inside.slice(start, end - start).serialize() for start, end in pairwise(ends)]
    head = (partitions + 1) * _POSITION.itemsize
    positions = np.cumsum([head, *(message.size for message in messages)]).astype(_POSITION)
    files.write(path, b"".join([positions.tobytes(), *messages]))


def read_events_of(path: str, partition: int, schema: pa.Schema) -> pa.RecordBatch:
    """Returns the events of a partition in a file, in the order of the block; `schema` as of `file_schema`."""
    with files.reading(path) as stream:
        stream.seek(partition * _POSITION.itemsize)
        start, end = np.frombuffer(stream.read(2 * _POSITION.itemsize), _POSITION).tolist()
        stream.seek(start)
        message = stream.read(end - start)
    return pa.ipc.read_record_batch(pa.py_buffer(message), schema)


def file_schema(spec: DatasetSpec) -> pa.Schema:
    """Returns the columns of a file: those of events, and where each stands."""
    return pa.schema([*event_schema(spec), *_PLACE])
