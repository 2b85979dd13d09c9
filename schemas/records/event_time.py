"""When records, and events, came to be."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from schemas.dataset_pb2 import DatasetSpec
from schemas.formats.fields import event_time_field
from schemas.formats.jsonl import parse_jsonl
from schemas.formats.lines import BYTE_ORDER_MARK
from schemas.ragged import Int64s
from schemas.records.moments import read_moments
from schemas.records.verdicts import Mask, Verdicts
from schemas.spec import event_time_of, source_path


def read_event_time(column: pa.Array, spec: DatasetSpec, verdicts: Verdicts) -> Int64s:
    """Returns event times in microseconds since 1970 UTC, int64, (records,); 0 where one is bad.

    Args:
      column: As `event_time_field` asks for it.
      spec: A resolved spec that says an event time.
      verdicts: Of the records; rejects those whose event time is none.
    """
    clock = event_time_of(spec)
    assert clock is not None
    part = "event_time" if spec.HasField("event_time") else "group"
    return read_moments(column, source_path(clock), clock.format, clock.zone, part, verdicts)


def event_times(lines: Sequence[bytes], spec: DatasetSpec) -> tuple[Int64s, Mask]:
    """Returns the event time of raw records, in microseconds since 1970 UTC, and which of them have none.

    A line is judged as it would be if it stood alone in a file: bad where it holds no JSON object, or one that has
    no value, or no time, in the field. Other fields are not looked at.

    Args:
      lines: UTF-8, without newlines; one that has a newline in it is not one line, and bad.
      spec: A resolved spec.

    Returns:
      int64, (lines,), 0 where a line is bad; and which are, (lines,).

    Raises:
      UsageError: The spec says no event time.
    """
    block = parse_jsonl(join_records(lines), [field := event_time_field(spec)], 0, spec.input.max_record_bytes)
    verdicts = Verdicts(len(block.offsets))
    read = read_event_time(block.columns[field.name], spec, verdicts)
    times, bad = np.zeros(len(lines), np.int64), np.ones(len(lines), bool)
    times[block.lines], bad[block.lines] = read, ~verdicts.open
    return times, bad


def join_records(lines: Sequence[bytes]) -> bytes:
    """Returns lines as the content of one file, in which each is what it would be in a file of its own.

    A line with a newline in it is an empty one there, so that lines keep their numbers.
    """
    data = b"\n".join(lines)
    if data.count(b"\n") >= max(len(lines), 1):
        lines = [b"" if b"\n" in line else line for line in lines]
        data = b"\n".join(lines)
    if data.find(BYTE_ORDER_MARK, 1) > 0:
        data = b"\n".join([line.removeprefix(BYTE_ORDER_MARK) for line in lines])
    return data
