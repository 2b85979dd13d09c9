"""Where the events of one key become several records: by windows of time, by the time between them, by their number.

What decides is what the events of a key say, all of them; never where they stand or when they come.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.dataset_pb2 import DatasetSpec, Group
from schemas.errors import UsageError
from schemas.formats.fields import ID, ORDER, raw_fields_of
from schemas.formats.jsonl import parse_jsonl
from schemas.ragged import Int64s
from schemas.records.event_time import event_times, join_records
from schemas.records.events import Events, read_events
from schemas.records.verdicts import Mask
from schemas.streams.windows import SECOND, parse_length, windows_of


class Cut(NamedTuple):
    """Events of keys that have several records each.

    Attributes:
      rows: int64, (events,); the events by record and order. Records stand as the first to stand of their events.
      record: int64, (events,); the record of each, from 0.
      ordinals: int64, (records,); how many records of its key that begin with the same order come before each.
    """

    rows: Int64s
    record: Int64s
    ordinals: Int64s


def cut_keys(rows: Int64s, key: Int64s, order: npt.NDArray[Any], spec: DatasetSpec) -> Cut:
    """Returns the records that the events of each key make.

    Args:
      rows: int64, (events,); by key and order.
      key: int64, (events,); of each, from 0 and rising.
      order: (events,); numbers that compare as what events are sorted by: of a time, its microseconds.
      spec: A resolved spec that cuts keys.
    """
    begins = _begins(key, order, spec.group)
    if spec.group.HasField("max_events"):
        place = np.arange(len(rows)) - np.flatnonzero(begins)[np.cumsum(begins) - 1]
        begins |= place % spec.group.max_events == 0
    starts = np.flatnonzero(begins)
    numbers = np.arange(len(starts))
    again = ~_changes(key[starts]) & ~_changes(order[starts])
    ordinals = numbers - np.maximum.accumulate(np.where(again, 0, numbers))
    by_place = np.argsort(np.minimum.reduceat(rows, starts) if len(rows) else starts)
    number = np.empty_like(numbers)
    number[by_place] = numbers
    record = number[np.cumsum(begins) - 1]
    moved = np.argsort(record, kind="stable")
    return Cut(rows[moved], record[moved], ordinals[by_place])


def record_ids(keys: pa.StringArray, first: pa.Array, ordinals: Int64s) -> pa.StringArray:
    """Returns the ids of records of keys that may have several: KEY@ORDER, or KEY@ORDER~2 and so on.

    ORDER is that of the first event: of a time 2026-11-22T06:40:00Z, with six more digits where it has microseconds.

    Args:
      keys: string, (records,).
      first: Order of the first event of each, as of `event_schema`.
      ordinals: As of `Cut`.
    """
    shown = _shown(first)
    numbered = pc.binary_join_element_wise(shown, pc.cast(pa.array(ordinals + 1), pa.string()), "~")
    return pc.binary_join_element_wise(keys, pc.if_else(pa.array(ordinals > 0), numbered, shown), "@")


def closing_times(lines: Sequence[bytes], spec: DatasetSpec) -> Int64s:
    """Returns the time from which on nothing can come to the session of each event, microseconds, (lines,).

    A session is what `group.window` and `group.session_gap` leave; `group.max_events` cuts it when it is complete. It
    may go on until `session_gap` behind its last event, that moment included, and no longer than its window. As long as
    no event comes whose own time is earlier than one that was closed at, sessions are those of all events at once.

    Args:
      lines: Raw events, all that there are so far of each session; as of `event_times`.
      spec: A resolved spec whose group says a window or a session_gap.

    Returns:
      int64; of a line that is rejected, and so in no session, its event time, and 0 where it has none.

    Raises:
      UsageError: The group says neither.
    """
    if not (spec.group.HasField("window") or spec.group.HasField("session_gap")):
        raise UsageError(
            "spec group.session_gap: is missing; without it or group.window nobody can say when a key has all of its "
            "events; say one of them, such as session_gap: 30m"
        )
    raw = parse_jsonl(join_records(lines), raw_fields_of(spec), 0, spec.input.max_record_bytes)
    events = read_events(raw, spec)
    closing, refused = np.zeros(len(lines), np.int64), np.ones(len(lines), bool)
    closing[events.lines], refused[events.lines] = _closings(events, spec.group), False
    others = np.flatnonzero(refused)
    closing[others], _ = event_times([lines[i] for i in others.tolist()], spec)
    return closing


def _begins(key: Int64s, times: npt.NDArray[Any], group: Group) -> Mask:
    """Returns which events begin a session, whatever the number of its events; by key and time."""
    begins = _changes(key)
    if group.HasField("window"):
        begins |= _changes(windows_of(times, parse_length(group.window, "group.window")))
    if group.HasField("session_gap"):
        begins |= np.diff(times, prepend=times[:1]) > parse_length(group.session_gap, "group.session_gap")
    return begins


def _changes(values: npt.NDArray[Any]) -> Mask:
    """Returns which values differ from the one before; the first one does."""
    changes = np.ones(len(values), bool)
    changes[1:] = values[1:] != values[:-1]
    return changes


def _closings(events: Events, group: Group) -> Int64s:
    keys = events.columns[ID].dictionary_encode().indices.to_numpy()
    times = events.columns[ORDER].to_numpy()
    rows = np.lexsort((times, keys))
    begins = _begins(keys[rows], times[rows], group)
    last = times[rows][np.append(np.flatnonzero(begins)[1:], len(rows)) - 1] if len(rows) else times
    ends = []
    if group.HasField("session_gap"):
        ends.append(last + parse_length(group.session_gap, "group.session_gap") + 1)
    if group.HasField("window"):
        length = parse_length(group.window, "group.window")
        ends.append(windows_of(last, length) + length)
    closing: Int64s = np.empty_like(times)
    closing[rows] = np.minimum.reduce(ends)[np.cumsum(begins) - 1]
    return closing


def _shown(order: pa.Array) -> pa.StringArray:
    """Returns what events are sorted by as text that holds neither @ nor ~, so that no two ids are the same."""
    if pa.types.is_string(order.type):
        escaped = order
        for character, code in (("%", "%25"), ("@", "%40"), ("~", "%7E")):
            escaped = pc.replace_substring(escaped, character, code)
        return escaped
    if pa.types.is_int64(order.type):
        micros = order.to_numpy()
        whole = pa.array(micros // SECOND).cast(pa.timestamp("s")).cast(pa.string())
        text = pc.if_else(pa.array(micros % SECOND == 0), whole, order.cast(pa.timestamp("us")).cast(pa.string()))
        return pc.binary_join_element_wise(pc.replace_substring(text, " ", "T"), "Z", "")
    return pa.array(
        [str(int(value)) if value == int(value) else repr(value) for value in order.to_pylist()], pa.string()
    )
