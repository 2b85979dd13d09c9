"""Events become records: those of one key, in their order, one step each.

Nothing here goes through events or keys one by one. What decides is what the events say and where they stand,
never the order in which they arrive.
"""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.dataset_pb2 import DatasetSpec, DuplicateEvents, SplitBy
from schemas.formats.explain import MISSING_FIELD
from schemas.formats.fields import ID, ORDER, SPLIT, Field, event_fields_of, fields_of
from schemas.formats.raw import RawBlock
from schemas.formats.rejected import Rejected, excerpt
from schemas.messages import canonical_json
from schemas.ragged import Int64s
from schemas.records.events import as_lists, once_fields, step_fields
from schemas.records.nulls import nulls
from schemas.records.sessions import cut_keys, record_ids
from schemas.records.verdicts import Mask
from schemas.spec import cuts_keys

DIFFERENT_VALUES = "different_values"
DUPLICATE_EVENT = "duplicate_event"
DUPLICATE_POLICY = "duplicate event"
_SHOWN_STEPS = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class EventTable:
    """All events of some keys, in the order of their files and positions.

    Attributes:
      columns: As of `Events`.
      offsets: int64, (events,); position of each in its file.
      apart: int64, (events,); events of one key with another number here are of another record.
    """

    columns: dict[str, pa.Array]
    offsets: Int64s
    apart: Int64s


class Grouped(NamedTuple):
    """Records made of events.

    Attributes:
      raw: The records, with the columns of `fields_of(spec)` and ID, in the order of `seen`. SPLIT is the key where a
        hash decides the split and a key may have several records. `lines` are numbers of records, from 0.
      first: int64, (records and those that raw rejects,); the first event of each by order, as a row of the table.
      seen: int64, (records and those that raw rejects,), rising; the event of each that stands first.
      rejected: Events; `line` is the row of each.
      dropped: Events, by policy.
      kept: Events that are in a record, whatever becomes of this.
      tied: Of these, events of the same order as another of their key that is not the same in all else.
    """

    raw: RawBlock
    first: Int64s
    seen: Int64s
    rejected: list[Rejected]
    dropped: Counter[str]
    kept: int
    tied: int


def group_events(events: EventTable, spec: DatasetSpec) -> Grouped:
    """Returns the records that events make.

    Args:
      events: All events of each of their keys.
      spec: A resolved spec with `group`.
    """
    rows, record = _sorted_by_key(events)
    ties = _find_ties(events, rows, record, spec)
    tied = ties.tied
    rejected: list[Rejected] = []
    dropped: Counter[str] = Counter()
    if spec.group.duplicates != DuplicateEvents.keep and ties.repeated.any():
        left, repeated = ~ties.repeated, np.sort(rows[ties.repeated])
        rows, record, tied = rows[left], record[left], tied[left]
        if spec.group.duplicates == DuplicateEvents.reject:
            rejected = [_reject_event(events, int(row), spec) for row in repeated]
        else:
            dropped[DUPLICATE_POLICY] = len(repeated)
    ordinals = None
    if cuts_keys(spec):
        rows, record, ordinals = cut_keys(rows, record, _ranks(events.columns[ORDER])[rows], spec)
    starts = np.flatnonzero(np.diff(record, prepend=-1))
    seen = np.minimum.reduceat(rows, starts) if len(rows) else rows
    who = _who(events, pa.array(rows[starts]), ordinals, spec)
    raw = _records(events, rows, record, np.append(starts, len(rows)), who, spec)
    return Grouped(raw, rows[starts], seen, rejected, dropped, len(rows), int(tied.sum()))


def _who(events: EventTable, first: pa.Array, ordinals: Int64s | None, spec: DatasetSpec) -> dict[str, pa.Array]:
    """Returns ID of the records that begin with these events, and SPLIT where it must be the key.

    So that a key has one split where a hash decides; `ordinals` as of `Cut`, None where a key has one record.
    """
    keys = events.columns[ID].take(first)
    if ordinals is None:
        return {ID: keys}
    ids = record_ids(keys, events.columns[ORDER].take(first), ordinals)
    return {ID: ids, SPLIT: keys} if spec.split.by == SplitBy.hash else {ID: ids}


def _sorted_by_key(events: EventTable) -> tuple[Int64s, Int64s]:
    """Returns the rows of the events by record and order, ties as they stand, and the record of each, from 0.

    Records are in the order in which their keys first occur.
    """
    keys = events.columns[ID].dictionary_encode().indices.to_numpy().astype(np.int64)
    if events.apart.any():
        keys = keys + events.apart * (int(keys.max()) + 1)
        keys = pa.array(keys).dictionary_encode().indices.to_numpy().astype(np.int64)
    rows = np.lexsort((_ranks(events.columns[ORDER]), keys))
    return rows, np.cumsum(np.diff(keys[rows], prepend=keys[rows][:1]) != 0)


def _ranks(order: pa.Array) -> npt.NDArray[Any]:
    """Returns numbers that compare as the values do."""
    if not pa.types.is_string(order.type):
        return np.asarray(order.to_numpy())
    encoded = order.dictionary_encode()
    ranks = np.empty(len(encoded.dictionary), np.int64)
    ranks[pc.sort_indices(encoded.dictionary).to_numpy()] = np.arange(len(ranks))
    found: npt.NDArray[Any] = ranks[encoded.indices.to_numpy()]
    return found


class _Ties(NamedTuple):
    """Events, sorted, that have the order of another one of their record, (events,) each.

    Attributes:
      repeated: The same as one before in all that is read.
      tied: There is one of the same order that is not the same.
    """

    repeated: Mask
    tied: Mask


def _find_ties(events: EventTable, rows: Int64s, record: Int64s, spec: DatasetSpec) -> _Ties:
    ties = _Ties(np.zeros(len(rows), bool), np.zeros(len(rows), bool))
    ranks = _ranks(events.columns[ORDER])[rows]
    tie = np.cumsum((np.diff(record, prepend=-1) != 0) | (np.diff(ranks, prepend=ranks[:1]) != 0))
    candidates = np.flatnonzero(np.bincount(tie)[tie] > 1)
    if not len(candidates):
        return ties
    index = pa.array(rows[candidates])
    content = tie[candidates]
    for field in event_fields_of(spec):
        if field.name not in {ID, ORDER}:
            for values in _codes(events.columns[field.name].take(index)):
                content = np.unique(content * (int(values.max()) + 1) + values, return_inverse=True)[1]
    first = np.unique(content, return_index=True)[1]
    ties.repeated[candidates] = True
    ties.repeated[candidates[first]] = False
    different = np.bincount(tie[candidates[first]], minlength=int(tie[-1]) + 1)
    ties.tied[candidates] = different[tie[candidates]] > 1
    return ties


def _codes(column: pa.Array) -> list[Int64s]:
    """Returns numbers that are the same for the same values; of lists, which all have one length, for each place."""
    if pa.types.is_list(column.type):
        size = max((len(item) for item in (column.drop_null()[:1])), default=0)
        whole = pc.fill_null(column, pa.scalar([None] * size, column.type)) if column.null_count else column
        values = pc.list_flatten(whole)
        return [code for i in range(size) for code in _codes(values.take(pa.array(np.arange(i, len(values), size))))]
    if pa.types.is_floating(column.type):
        numbers = column.to_numpy(zero_copy_only=False)
        column = pa.array(numbers + 0.0, from_pandas=True)  # NaN is missing, and -0 is 0
    return [column.dictionary_encode(null_encoding="encode").indices.to_numpy().astype(np.int64)]


def _records(
    events: EventTable, rows: Int64s, record: Int64s, ends: Int64s, who: dict[str, pa.Array], spec: DatasetSpec
) -> RawBlock:
    """Returns the records of sorted events; `ends` are the places at which each begins, and the number of events."""
    index = pa.array(rows)
    columns = dict(who)
    for field in step_fields(spec):
        columns[field.name] = as_lists(field, events.columns[field.name].take(index), ends)
    offsets = events.offsets[rows[ends[:-1]]]
    problems: dict[int, str] = {}
    for field in once_fields(spec):
        column = events.columns[field.name].take(index)
        columns[field.name], different = _first_said(column, record, len(ends) - 1)
        if not (field.name == SPLIT and spec.split.by == SplitBy.time):
            for i, place in different.items():
                problems.setdefault(i, _rule(field, columns[field.name][i].as_py(), column[place].as_py()))
    block = _block(columns, offsets, np.arange(len(offsets)), spec)
    if not problems:
        return block
    rejected = [
        Rejected("", int(offsets[i]), i, DIFFERENT_VALUES, rule, excerpt(block.received(i)))
        for i, rule in sorted(problems.items())
    ]
    keep = np.ones(len(offsets), bool)
    keep[list(problems)] = False
    mask = pa.array(keep)
    left = {name: column.filter(mask) for name, column in columns.items()}
    return replace(_block(left, offsets[keep], np.flatnonzero(keep), spec), rejected=rejected)


def _first_said(column: pa.Array, record: Int64s, count: int) -> tuple[pa.Array, dict[int, int]]:
    """Returns the first value of each record, (count,), and the first event that says another, by record.

    Args:
      column: Of events, by record and order.
      record: int64, (events,); the record of each, from 0.
      count: Records.
    """
    said = np.flatnonzero(~nulls(column))
    first = np.full(count, -1)
    first[record[said][::-1]] = said[::-1]
    values = column.take(pa.array(first, mask=first < 0))
    [code] = _codes(column)
    other = said[code[said] != code[first[record[said]]]]
    records, places = np.unique(record[other], return_index=True)
    return values, dict(zip(records.tolist(), other[places].tolist(), strict=True))


def _rule(field: Field, one: object, other: object) -> str:
    shown = " and ".join(excerpt(canonical_json(value)) for value in (one, other))
    return f"all events of a record must say the same of '{'.'.join(field.path)}'; these say {shown}"


def _block(columns: dict[str, pa.Array], offsets: Int64s, numbers: Int64s, spec: DatasetSpec) -> RawBlock:
    fields = [field for field in fields_of(spec) if field.name in columns]
    key = next(field for field in event_fields_of(spec) if field.name == ID)

    def received(i: int) -> bytes:
        return canonical_json({_path(field): _shown(columns[field.name], i) for field in [key, *fields]})

    def explain(i: int) -> tuple[str, str]:
        missing = next(field for field in fields if not columns[field.name][i].is_valid)
        return MISSING_FIELD, f"field '{'.'.join(missing.path)}' must have a value in one event of a record or more"

    return RawBlock(
        columns=columns,
        offsets=offsets,
        lines=numbers,
        rejected=[],
        line_count=len(offsets),
        fields=fields,
        received=received,
        explain=explain,
    )


def _shown(column: pa.Array, i: int) -> Any:
    value = column[i : i + 1]
    if pa.types.is_list(value.type):
        value = pc.list_slice(value, 0, _SHOWN_STEPS)
    return value[0].as_py()


def _reject_event(events: EventTable, row: int, spec: DatasetSpec) -> Rejected:
    rule = "an event must not say the same as one before it in the same record; see group.duplicates in the spec"
    shown = {_path(field): _shown(events.columns[field.name], row) for field in event_fields_of(spec)}
    for field in event_fields_of(spec):
        if pa.types.is_int64(events.columns[field.name].type):  # a time
            moment = _EPOCH + timedelta(microseconds=events.columns[field.name][row].as_py())
            shown[_path(field)] = moment.isoformat()
    return Rejected("", int(events.offsets[row]), row, DUPLICATE_EVENT, rule, excerpt(canonical_json(shown)))


def _path(field: Field) -> str:
    return ".".join(field.path)
