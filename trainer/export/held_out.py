"""The records by which an export is checked: some that the model was not trained on, and extremes made of them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from schemas.dataset_pb2 import DatasetSpec
from schemas.errors import UsageError
from schemas.formats.fields import LABEL, SPLIT, event_fields_of, fields_of
from schemas.formats.joined import join_blocks
from schemas.formats.raw import RawBlock
from schemas.formats.sources import SourcePart, find_sources, read_sources
from schemas.ragged import Int64s
from schemas.records.events import read_events
from schemas.records.grouping import EventTable, group_events
from schemas.records.splits import place_examples, split_names
from schemas.records.subwords import Subwords
from schemas.records.unlabelled import unlabelled_spec
from schemas.records.validate import validate
from schemas.spec import DEFAULT_FRACTIONS, TRAIN
from trainer.saved import SavedModel

MOST_RECORDS = 256
_MOST_BYTES = 1 << 28  # of records that are looked through; those of a group beyond them are not missed
_NO_RECORDS = "say --records with a file of raw records by which the export can be checked"


def given_records(patterns: Sequence[str], saved: SavedModel) -> RawBlock:
    """Returns the first of the records of some files, `MOST_RECORDS` at most.

    Args:
      patterns: Paths, folders or patterns.
      saved: The model.

    Raises:
      UsageError: A pattern matches no file, or a file that nobody says how to read.
      DataError: A file is damaged, or no record can be read.
    """
    found = []
    for raw in _records(patterns, unlabelled_spec(saved.manifest.spec)):
        found.append(raw)
        if sum(len(one.offsets) for one in found) >= MOST_RECORDS:
            break
    return _joined(found, f"--records {patterns[0]}: holds no record that can be read; name another file")


def held_out_records(saved: SavedModel) -> RawBlock:
    """Returns records of the data set's own input that the model was not trained on, `MOST_RECORDS` at most.

    Where files of the input are of another split than the one for training, they are of these; else the rule of the
    spec says which are held out. Records that the spec refuses are among them: they are refused again.

    Raises:
      UsageError: The files are gone, or hold no such record.
      DataError: A file is damaged.
    """
    inputs = saved.manifest.inputs
    # Spans may share files, and those of old ones may be gone.
    among_spans = len(saved.manifest.parts) > 1
    others = [*dict.fromkeys(file.path for file in inputs if file.split not in {"", TRAIN})]
    paths = others or [*dict.fromkeys(file.path for file in inputs)]
    gone = next((path for path in paths if not Path(path).is_file()), None)
    if among_spans and any(Path(path).is_file() for path in paths):
        paths, gone = [path for path in paths if Path(path).is_file()], None
    if gone is not None or not paths:
        which = f"{gone}, of which the data set was made, is not there" if gone else "the manifest names no input"
        raise UsageError(f"{saved.folder}: {which}; {_NO_RECORDS}")
    spec = DatasetSpec()
    spec.CopyFrom(saved.manifest.spec)
    spec.ClearField("label")
    spec.ClearField("event_time")
    found = []
    for raw in _records(paths, spec):
        found.append(raw if others else take_records(raw, _rows_held_out(raw, spec, saved.subwords)))
        if sum(len(one.offsets) for one in found) >= MOST_RECORDS:
            break
    return _joined(found, f"{saved.folder}: no record of {paths[0]} is held out of training; {_NO_RECORDS}")


def take_records(raw: RawBlock, rows: Int64s) -> RawBlock:
    """Returns some records of a block, in the order in which they are named; the others are forgotten."""
    places = rows.tolist()
    return replace(
        raw,
        columns={name: column.take(pa.array(rows)) for name, column in raw.columns.items()},
        offsets=raw.offsets[rows],
        lines=np.arange(len(rows)),
        rejected=[],
        line_count=len(rows),
        received=lambda i: raw.received(places[i]),
        explain=lambda i: raw.explain(places[i]),
    )


def _records(patterns: Sequence[str], spec: DatasetSpec) -> Iterator[RawBlock]:
    """Yields records of files; those that events make, where the spec groups these, at once."""
    grouped = spec.HasField("group")
    fields = event_fields_of(spec) if grouped else [*fields_of(spec)]
    if not grouped:
        fields = [replace(field, required=False) if field.name == "id" else field for field in fields]
    parts = read_sources(find_sources(patterns, spec.input), spec.input, fields)
    if grouped:
        yield from _grouped(parts, spec)
        return
    for part in parts:
        yield part.raw
        if part.consumed > _MOST_BYTES:
            return


def _grouped(parts: Iterator[SourcePart], spec: DatasetSpec) -> Iterator[RawBlock]:
    columns: list[dict[str, pa.Array]] = []
    for part in parts:
        columns.append(read_events(part.raw, spec).columns)
        if part.consumed > _MOST_BYTES:
            break
    together = {name: pa.concat_arrays([one[name] for one in columns]) for name in columns[0]} if columns else {}
    count = len(next(iter(together.values()), []))
    if count:
        yield group_events(EventTable(together, np.arange(count), np.zeros(count, np.int64)), spec).raw


def _rows_held_out(raw: RawBlock, spec: DatasetSpec, subwords: dict[str, Subwords]) -> Int64s:
    """Returns the records that are not for training, and those that no split has."""
    examples = validate(raw, spec, subwords)
    fractions = spec.split.fractions or DEFAULT_FRACTIONS
    splits, names = place_examples(examples, spec, fractions).splits, split_names(spec, fractions)
    training = examples.lines[splits == names.index(TRAIN)]
    rows: Int64s = np.flatnonzero(~np.isin(raw.lines, training))
    return rows


def _joined(blocks: Sequence[RawBlock], problem: str) -> RawBlock:
    """Returns the first records of blocks, without what only training reads."""
    if not any(len(block.offsets) for block in blocks):
        raise UsageError(problem)
    raw = join_blocks(blocks, [0] * len(blocks), [0] * len(blocks), 1).raw
    raw = take_records(raw, np.arange(min(len(raw.offsets), MOST_RECORDS)))
    unread = {SPLIT, LABEL}
    columns = {name: column for name, column in raw.columns.items() if name not in unread}
    return replace(raw, columns=columns, fields=[field for field in raw.fields if field.name not in unread])
