"""The fields of a raw record that a spec reads, and the types that they may have."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from schemas.dataset_pb2 import (
    ContextType,
    DatasetSpec,
    Layout,
    Missing,
    OrderAs,
    SequenceFeature,
    SequenceType,
    SplitBy,
    Tokenizer,
)
from schemas.errors import UsageError
from schemas.spec import NUMBER, PER_STEP_CLASS, event_time_of, reads_event_time, source_path, states_label
from schemas.times import UNIX_UNITS

ID, LABEL = "id", "label"
SPLIT, ORDER, EVENT_TIME = "/split", "/order", "/event_time"  # no feature has such a name

_NAME_TYPES = (pa.string(), pa.int64(), pa.bool_())
_NAME_LIST_TYPES = tuple(pa.list_(kind) for kind in _NAME_TYPES)
_FRAMES = pa.list_(pa.list_(pa.float64()))

Nested = dict[str, "Nested | pa.DataType"]


@dataclass(frozen=True)
class Field:
    """One field to read.

    Attributes:
      name: ID, LABEL, SPLIT (what decides the split), ORDER (what events are sorted by), EVENT_TIME, the name of
        a feature, `column_field` or `time_field`.
      path: Names from the outermost object inwards.
      types: Types that a value may have; strings, integers and booleans all become strings.
      required: Whether a record without a value is rejected.
    """

    name: str
    path: tuple[str, ...]
    types: tuple[pa.DataType, ...]
    required: bool = True

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        return _WORDS[self.types]

    @property
    def text_hint(self) -> str:
        """What to do where a value is a text and must not be one; empty where nothing is likely."""
        if self.types != _NAME_LIST_TYPES or self.name == LABEL:
            return ""
        return "; to cut a text into tokens, say `tokenizer: words` or another in the spec"


_WORDS = {
    _NAME_TYPES: "a string, an integer of 64 bits or a boolean",
    _NAME_LIST_TYPES: "a list of strings, of integers of 64 bits or of booleans",
    (pa.string(),): "a string",
    (pa.float64(),): "a number",
    (pa.list_(pa.float64()),): "a list of numbers",
    (pa.list_(pa.string()),): "a list of strings",
    (_FRAMES,): "a list of frames, each a list of numbers",
}


def fields_of(spec: DatasetSpec, for_training: bool = True) -> list[Field]:
    """Returns the fields that a resolved spec reads.

    Args:
      spec: A resolved spec.
      for_training: False for records to predict on: their label, split and event time are not read, and they
        need no id.

    Raises:
      UsageError: Two parts of the spec read one field as different types.
    """
    fields = [field for name, feature in spec.sequences.items() for field in _sequence_fields(name, feature)]
    for name, part in spec.context.items():
        types = (pa.float64(),) if part.type == ContextType.number else _NAME_TYPES
        fields.append(_field(name, source_path(part), types))
    if spec.HasField("id"):
        fields.append(_field(ID, spec.id, _NAME_TYPES, required=for_training))
    if for_training and states_label(spec):
        fields.append(_field(LABEL, source_path(spec.label), _label_types(spec)))
    if for_training and spec.split.by != SplitBy.hash:
        fields.append(_field(SPLIT, source_path(spec.split), _split_types(spec)))
    if for_training and reads_event_time(spec) and not spec.HasField("group"):
        fields.append(event_time_field(spec))
    fields.sort(key=lambda field: field.name)
    if not spec.HasField("group"):  # whose events are what is read
        _check_conflicts(fields)
    return fields


def event_fields_of(spec: DatasetSpec) -> list[Field]:
    """Returns the fields that a resolved spec with `group` reads of each event.

    An event holds one step of every sequence, so that a field is of the type that a step of the record's field
    has; what a record has once may stand in any of its events. ID is the key that events are grouped by.

    Raises:
      UsageError: Two parts of the spec read one field as different types.
    """
    group = spec.group
    fields = [_event_field(field, spec) for field in fields_of(spec) if not _is_derived(field, spec)]
    fields.append(_field(ID, group.by, _NAME_TYPES))
    is_number = group.order_as == OrderAs.number or group.time_format in UNIX_UNITS
    fields.append(_field(ORDER, group.order_by, (pa.float64(),) if is_number else (pa.string(),)))
    if reads_event_time(spec):
        fields.append(event_time_field(spec))
    fields.sort(key=lambda field: field.name)
    _check_conflicts(fields)
    return fields


def event_time_field(spec: DatasetSpec) -> Field:
    """Returns the field of the event time of records, or of events: EVENT_TIME, or ORDER where it sorts events.

    Raises:
      UsageError: The spec says no event time.
    """
    clock = event_time_of(spec)
    if clock is None:
        raise UsageError(
            "spec event_time: is missing; name the field that says when a record came to be, such as "
            "event_time: {from: at}"
        )
    kind = pa.float64() if clock.format in UNIX_UNITS else pa.string()
    return _field(EVENT_TIME if reads_event_time(spec) else ORDER, source_path(clock), (kind,))


def raw_fields_of(spec: DatasetSpec) -> list[Field]:
    """Returns the fields of what stands in the files: of events where the spec groups them, else of records.

    Raises:
      UsageError: Two parts of the spec read one field as different types.
    """
    return event_fields_of(spec) if spec.HasField("group") else fields_of(spec)


def holds_steps(field: Field) -> bool:
    """Returns whether a field of a record, as of `fields_of`, holds something for each step."""
    return bool(pa.types.is_list(field.types[0]))


def sequence_of(field: Field, spec: DatasetSpec) -> SequenceFeature | None:
    """Returns the sequence that a field belongs to, by itself or with others; None of a label and the like."""
    return spec.sequences.get(re.split(r"[\[/]", field.name)[0])


def column_field(series: str, dimension: int) -> str:
    """Returns the name of the field of one dimension, from 0, of a series of layout columns."""
    return f"{series}[{dimension}]"


def time_field(series: str) -> str:
    """Returns the name of the field of the times of a series."""
    return f"{series}/time"


def canonical_type(kind: pa.DataType) -> pa.DataType:
    """Returns the type of a column once it has been read, whatever the type in the record was."""
    if pa.types.is_list(kind):
        return pa.list_(canonical_type(kind.value_type))
    return pa.string() if pa.types.is_integer(kind) or pa.types.is_boolean(kind) else kind


def nested_types(fields: list[Field], chosen: Mapping[str, pa.DataType]) -> Nested:
    """Returns the chosen type of each field as a tree of names, the form of the raw record.

    Raises:
      UsageError: A field is read as two types, or both itself and a field within it.
    """
    tree: Nested = {}
    for field in fields:
        here = tree
        for name in field.path[:-1]:
            inner = here.setdefault(name, {})
            if not isinstance(inner, dict):
                raise UsageError(_conflict(field))
            here = inner
        if here.setdefault(field.path[-1], chosen[field.name]) != chosen[field.name]:
            raise UsageError(_conflict(field))
    return tree


def _check_conflicts(fields: list[Field]) -> None:
    nested_types(fields, {field.name: field.types[0] for field in fields})


def _conflict(field: Field) -> str:
    path = ".".join(field.path)
    return (
        f"'{path}' is read as {field.expected} for '{field.name}' and as something else elsewhere in the spec; "
        "correct one `from`"
    )


def _field(name: str, path: str, types: tuple[pa.DataType, ...], required: bool = True) -> Field:
    return Field(name, tuple(path.split(".")), types, required)


def _sequence_fields(name: str, feature: SequenceFeature) -> Iterator[Field]:
    if feature.HasField("derive"):
        return
    if feature.layout == Layout.columns:
        for i, path in enumerate(feature.columns):
            yield _field(column_field(name, i), path, (pa.list_(pa.float64()),))
    else:
        yield _field(name, source_path(feature), _sequence_types(feature))
    if feature.HasField("time"):
        kind = pa.float64() if feature.time.format in UNIX_UNITS else pa.string()
        yield _field(time_field(name), source_path(feature.time), (pa.list_(kind),))


def _sequence_types(feature: SequenceFeature) -> tuple[pa.DataType, ...]:
    if feature.type == SequenceType.tokens:
        return _NAME_LIST_TYPES if feature.tokenizer == Tokenizer.none else (pa.string(),)
    return (_FRAMES,) if feature.layout == Layout.frames else (pa.list_(pa.float64()),)


def _label_types(spec: DatasetSpec) -> tuple[pa.DataType, ...]:
    if spec.label.type == NUMBER:
        return (pa.float64(),)
    return _NAME_LIST_TYPES if spec.label.type == PER_STEP_CLASS else _NAME_TYPES


def _split_types(spec: DatasetSpec) -> tuple[pa.DataType, ...]:
    if spec.split.by != SplitBy.time:
        return _NAME_TYPES
    return (pa.float64(),) if spec.split.time_format in UNIX_UNITS else (pa.string(),)


def _event_field(field: Field, spec: DatasetSpec) -> Field:
    if not holds_steps(field):
        return replace(field, required=False)
    feature = sequence_of(field, spec)
    if feature is None or feature.type != SequenceType.series:
        return replace(field, types=_of_a_step(field))
    is_value = not field.name.endswith("/time")
    required = not (is_value and feature.missing != Missing.reject)
    several = is_value and feature.layout == Layout.flat and feature.dims > 1
    return replace(field, types=field.types if several else _of_a_step(field), required=required)


def _of_a_step(field: Field) -> tuple[pa.DataType, ...]:
    return tuple(kind.value_type for kind in field.types)


def _is_derived(field: Field, spec: DatasetSpec) -> bool:
    feature = sequence_of(field, spec)
    return feature is not None and feature.HasField("derive")
