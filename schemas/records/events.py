"""Events of raw records: each holds one step of every sequence, and is judged by itself.

A bad event is rejected as a record is; the sequence that it would have been of is made from the others.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.dataset_pb2 import DatasetSpec, OrderAs, SplitBy
from schemas.formats.explain import MISSING_FIELD, NOT_FINITE
from schemas.formats.fields import (
    EVENT_TIME,
    LABEL,
    ORDER,
    SPLIT,
    Field,
    canonical_type,
    event_fields_of,
    fields_of,
    holds_steps,
)
from schemas.formats.raw import RawBlock
from schemas.formats.rejected import Rejected
from schemas.ragged import Int64s
from schemas.records.event_time import read_event_time
from schemas.records.labels import finite_numbers
from schemas.records.nulls import nulls
from schemas.records.series import WRONG_DIMS
from schemas.records.splits import read_split
from schemas.records.validate import judge, rejections
from schemas.records.verdicts import Verdicts
from schemas.spec import NUMBER, PER_STEP_CLASS, number_features

NOT_EXACT = "not_exact"
_EXACT = 2.0**53  # beyond it a float64 is not told apart from its neighbours among the whole numbers


@dataclass(frozen=True)
class Events:
    """Good events of a block, in its order.

    Attributes:
      columns: By name of the field, as `event_schema` says; null where an event does not say what it need not.
      offsets: int64, (events,); position of each in its file, as of `RawBlock`.
      lines: int64, (events,); as of `RawBlock`.
      rejected: The others.
    """

    columns: dict[str, pa.Array]
    offsets: Int64s
    lines: Int64s
    rejected: list[Rejected]

    @property
    def read(self) -> int:
        """Events read: good and bad."""
        return len(self.offsets) + len(self.rejected)


def event_schema(spec: DatasetSpec) -> pa.Schema:
    """Returns the columns of events.

    ORDER is what they are sorted by: float64 (a number), int64 (microseconds of a time) or string. EVENT_TIME, where
    that is another one: int64, microseconds.
    """
    types = {field.name: canonical_type(field.types[0]) for field in event_fields_of(spec)}
    if spec.group.order_as == OrderAs.time:
        types[ORDER] = pa.int64()
    if EVENT_TIME in types:
        types[EVENT_TIME] = pa.int64()
    return pa.schema(list(types.items()))


def step_fields(spec: DatasetSpec) -> list[Field]:
    """Returns the fields of a record that hold something for each step."""
    return [field for field in _fields_read(spec) if holds_steps(field)]


def once_fields(spec: DatasetSpec) -> list[Field]:
    """Returns the fields of a record that hold one thing, whatever its length."""
    return [field for field in _fields_read(spec) if not holds_steps(field)]


def read_events(block: RawBlock, spec: DatasetSpec) -> Events:
    """Returns the events of a block of raw records.

    Args:
      block: With the columns of `event_fields_of(spec)`.
      spec: A resolved spec with `group`.
    """
    verdicts = Verdicts(len(block.offsets))
    for wanted in block.fields:
        if wanted.required:
            verdicts.reject(nulls(block.columns[wanted.name]), MISSING_FIELD, f"'{wanted.name}' must have a value")
    columns = block.columns | {ORDER: _read_order(block.columns[ORDER], spec, verdicts)}
    if EVENT_TIME in columns:
        columns[EVENT_TIME] = pa.array(read_event_time(columns[EVENT_TIME], spec, verdicts))
    columns |= {field.name: _whole_step(field, columns[field.name], spec, verdicts) for field in step_fields(spec)}
    _judge_steps(replace(block, columns=columns), spec, verdicts)
    _judge_once(columns, spec, verdicts)
    keep = verdicts.open
    mask = pa.array(keep)
    return Events(
        columns={kind.name: columns[kind.name].filter(mask).cast(kind.type) for kind in event_schema(spec)},
        offsets=block.offsets[keep],
        lines=block.lines[keep],
        rejected=block.rejected + rejections(block, verdicts),
    )


def as_lists(field: Field, column: pa.Array, ends: Int64s) -> pa.Array:
    """Returns steps as lists of them, as a record has them.

    Args:
      field: Of the record.
      column: Of events, one after another.
      ends: int64, (lists + 1,); the event with which each list begins, and the number of events.
    """
    if column.type == canonical_type(field.types[0]):  # several numbers of a flat series
        ends, column = column.offsets.to_numpy()[ends], column.values
    return pa.ListArray.from_arrays(pa.array(ends.astype(np.int32)), column)


def _fields_read(spec: DatasetSpec) -> list[Field]:
    read = {field.name for field in event_fields_of(spec)}
    return [field for field in fields_of(spec) if field.name in read]


def _read_order(column: pa.Array, spec: DatasetSpec, verdicts: Verdicts) -> pa.Array:
    group = spec.group
    if group.order_as == OrderAs.text:
        return column
    if group.order_as == OrderAs.number:
        numbers = column.to_numpy(zero_copy_only=False)
        verdicts.reject(~np.isfinite(numbers), NOT_FINITE, f"'{group.order_by}' must be finite")
        rule = (
            f"'{group.order_by}' must be 2^53 or less to be told apart from its neighbours; "
            "say `order_as: time` with unix_nanoseconds, or `order_as: text`"
        )
        verdicts.reject(np.abs(numbers) > _EXACT, NOT_EXACT, rule)
        return column
    return pa.array(read_event_time(column, spec, verdicts))


def _whole_step(field: Field, column: pa.Array, spec: DatasetSpec, verdicts: Verdicts) -> pa.Array:
    """Returns a column in which a flat series of several dimensions holds all numbers of one step in each event."""
    if column.type != canonical_type(field.types[0]):
        return column
    dims = spec.sequences[field.name].dims
    lists = pc.fill_null(column, pa.scalar([None] * dims, column.type)) if column.null_count else column
    wrong = np.diff(lists.offsets.to_numpy()) != dims
    verdicts.reject(wrong, WRONG_DIMS, f"'{field.name}' of an event must hold {dims} numbers")
    return lists


def _judge_steps(block: RawBlock, spec: DatasetSpec, verdicts: Verdicts) -> None:
    """Judges every event as a record of one step."""
    only = DatasetSpec()
    only.CopyFrom(spec)
    only.ClearField("context")
    if spec.HasField("label") and spec.label.type != PER_STEP_CLASS:
        only.ClearField("label")
    for name, feature in spec.sequences.items():
        if feature.HasField("derive"):
            del only.sequences[name]
    one_each = np.arange(verdicts.count + 1)
    lists = {field.name: as_lists(field, block.columns[field.name], one_each) for field in step_fields(spec)}
    judge(replace(block, columns=lists), only, verdicts)


def _judge_once(columns: dict[str, pa.Array], spec: DatasetSpec, verdicts: Verdicts) -> None:
    """Judges what a record has once, where an event says it."""

    def finite(what: str) -> Callable[[pa.Array, Verdicts], object]:
        return lambda column, own: finite_numbers(column, what, own)

    for name in number_features(spec):
        _judge_given(columns[name], finite(f"'{name}'"), verdicts)
    if spec.HasField("label") and spec.label.type == NUMBER:
        _judge_given(columns[LABEL], finite("the label"), verdicts)
    if spec.split.by == SplitBy.time:
        _judge_given(columns[SPLIT], lambda column, own: read_split(column, spec, own), verdicts)


def _judge_given(column: pa.Array, look: Callable[[pa.Array, Verdicts], object], verdicts: Verdicts) -> None:
    given = ~nulls(column)
    own = Verdicts(int(given.sum()))
    look(column.filter(pa.array(given)), own)
    for i, (reason, rule) in enumerate(own.rules):
        broken = np.zeros(verdicts.count, bool)
        broken[given] = own.rule_of == i
        verdicts.reject(broken, reason, rule)
