"""What a spec says of events: how they are grouped, and when each came to be."""

from schemas.dataset_pb2 import DatasetSpec, DuplicateEvents, OrderAs, TimeField, Tokenizer
from schemas.errors import DataError, UsageError
from schemas.spec_checks import check_at_least, check_clock, check_path, refuse_fields, set_source, source_path
from schemas.streams.windows import DAY, parse_length
from schemas.times import ISO8601

_LENGTHS = ("window", "session_gap")
_LONGEST_DAYS = 36_500  # a hundred years


def resolve_events(spec: DatasetSpec) -> None:
    """Checks `group` and `event_time`, and fills in their defaults.

    Raises:
      DataError: A field that is missing or contradicts another; names its path and the remedy.
    """
    if spec.HasField("group"):
        _resolve_group(spec)
    if spec.HasField("event_time"):
        _resolve_event_time(spec)


def event_time_of(spec: DatasetSpec) -> TimeField | None:
    """Returns where a record, or an event, says when it came to be; None where the spec does not say.

    Where events are sorted by a time, that is their event time, too.

    Args:
      spec: A resolved spec.
    """
    return spec.event_time if spec.HasField("event_time") else _order_time(spec)


def reads_event_time(spec: DatasetSpec) -> bool:
    """Returns whether the event time of a resolved spec is read for itself, and is not what events are sorted by."""
    return spec.HasField("event_time") and _order_time(spec) is None


def cuts_keys(spec: DatasetSpec) -> bool:
    """Returns whether one key of events can have several records."""
    return any(spec.group.HasField(field) for field in ("window", "session_gap", "max_events"))


def _order_time(spec: DatasetSpec) -> TimeField | None:
    group = spec.group
    if group.order_as != OrderAs.time:
        return None
    clock = TimeField(format=group.time_format)
    set_source(clock, group.order_by)
    if group.HasField("zone"):
        clock.zone = group.zone
    return clock


def _resolve_group(spec: DatasetSpec) -> None:
    group = spec.group
    for field in ("by", "order_by"):
        if not getattr(group, field):
            raise DataError(f"group.{field}: is missing; name a field of the events")
        check_path(getattr(group, field), f"group.{field}")
    if spec.HasField("id"):
        raise DataError("id: means nothing with `group`, whose key is the id; remove it")
    if not group.HasField("order_as"):
        group.order_as = OrderAs.number
    if group.order_as == OrderAs.time:
        check_clock(group, "time_format", "group")
    else:
        refuse_fields(group, ("time_format", "zone", *_LENGTHS), "group", "but for `order_as: time`")
    for field in _LENGTHS:
        if group.HasField(field):
            _check_length(getattr(group, field), f"group.{field}")
    if group.HasField("max_events"):
        check_at_least(group.max_events, 1, "group.max_events")
    if not group.HasField("duplicates"):
        group.duplicates = DuplicateEvents.keep
    for name, feature in sorted(spec.sequences.items()):
        if feature.tokenizer not in {Tokenizer.unspecified, Tokenizer.none}:
            raise DataError(f"sequences.{name}.tokenizer: an event is one token of a group's sequence; remove it")


def _check_length(text: str, path: str) -> None:
    try:
        length = parse_length(text, path)
    except UsageError as error:
        raise DataError(str(error)) from None
    if length > _LONGEST_DAYS * DAY:
        raise DataError(f"{path}: {text} is out of range; it must be {_LONGEST_DAYS}d or less")


def _resolve_event_time(spec: DatasetSpec) -> None:
    clock = spec.event_time
    if not source_path(clock):
        raise DataError("event_time.from: is missing; name the field that says when a record came to be")
    check_path(source_path(clock), "event_time.from")
    if not clock.HasField("format"):
        clock.format = ISO8601
    check_clock(clock, "format", "event_time")
    order = _order_time(spec)
    if order is not None and clock != order:
        raise DataError(
            f"event_time: {_shown(clock)}, and events are sorted by the time {_shown(order)}; remove event_time, which "
            "is what they are sorted by"
        )


def _shown(clock: TimeField) -> str:
    zone = f" in {clock.zone}" if clock.zone else ""
    return f"'{source_path(clock)}' as {clock.format}{zone}"
