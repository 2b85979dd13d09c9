"""Events become the records to predict for: all events of the input are in memory at once."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from schemas.dataset_pb2 import DatasetSpec
from schemas.formats.rejected import Rejected
from schemas.formats.sources import SourcePart
from schemas.ragged import Int64s
from schemas.records.events import event_schema, read_events
from schemas.records.grouping import EventTable, group_events
from schemas.records.unlabelled import validate_unlabelled
from trainer.prediction.records import Located, lines_of, ranked


class _Events(NamedTuple):
    """Events of all parts and where they stand: `offsets` and `lines` from 0, the others as of `Located`."""

    columns: dict[str, pa.Array]
    offsets: Int64s
    order: Int64s
    paths: list[str]
    files: Int64s
    lines: Int64s
    refused: list[Rejected]
    refused_order: Int64s
    consumed: int


def locate_events(parts: Iterable[SourcePart], spec: DatasetSpec) -> Located:
    """Returns the records that events make; each stands where the first of its events does, a refused one where it is.

    Args:
      parts: Of all the input.
      spec: Of `unlabelled_spec`, with `group`.
    """
    events = _all_events(parts, spec)
    grouped = group_events(EventTable(events.columns, events.offsets, np.zeros_like(events.offsets)), spec)
    block = validate_unlabelled(grouped.raw, spec)
    rows = np.concatenate([lines_of(grouped.rejected), grouped.seen[lines_of(block.rejected)]])
    seen = grouped.seen[block.lines]
    refused_order = np.concatenate([events.refused_order, events.order[rows]])
    order, refused_order, _ = ranked(events.order[seen], refused_order)
    return Located(
        block=block,
        order=order,
        paths=events.paths,
        files=events.files[seen],
        lines=events.lines[seen] + 1,
        refused=[*events.refused, *_placed([*grouped.rejected, *block.rejected], rows, events)],
        refused_order=refused_order,
        consumed=events.consumed,
    )


def _placed(rejected: list[Rejected], rows: Int64s, events: _Events) -> list[Rejected]:
    """Returns what was rejected with the place of its event."""
    places = zip(rejected, events.files[rows].tolist(), events.lines[rows].tolist(), strict=True)
    return [item.placed(events.paths[file], line - item.line) for item, file, line in places]


def _all_events(parts: Iterable[SourcePart], spec: DatasetSpec) -> _Events:
    schema = event_schema(spec)
    tables = [schema.empty_table()]
    paths: list[str] = []
    refused: list[Rejected] = []
    found: dict[str, list[Int64s]] = {
        name: [np.zeros(0, np.int64)] for name in ("offset", "order", "file", "line", "bad")
    }
    before = consumed = 0
    for part in parts:
        events = read_events(part.raw, spec)
        tables.append(pa.table(events.columns, schema=schema))
        offsets, lines = part.places.positions(events.offsets, events.lines)
        found["offset"].append(offsets)
        found["line"].append(lines)
        found["order"].append(before + events.lines)
        found["file"].append(len(paths) + part.places.piece_of(events.lines))
        found["bad"].append(before + lines_of(events.rejected))
        refused += part.places.place(events.rejected, part.paths)
        paths += part.paths
        before += part.raw.line_count
        consumed = part.consumed
    table = pa.concat_tables(tables)
    columns = {name: table[name].combine_chunks() for name in table.column_names}
    offset, order, file, line, bad = (np.concatenate(arrays) for arrays in found.values())
    return _Events(columns, offset, order, paths, file, line, refused, bad, consumed)
