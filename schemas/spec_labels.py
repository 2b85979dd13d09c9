"""What a spec says of the label: one of the record, one for each step, or the next step of a sequence."""

from schemas.dataset_pb2 import DatasetSpec, Label, LabelType, SequenceType, Take, TooLong, UnknownLabel
from schemas.errors import DataError
from schemas.spec_checks import check_at_least, check_one_of, check_path, refuse_fields, set_source, source_path

_OF_STEPS = {LabelType.per_step_class, LabelType.next_step}
# What keeps the last steps of a record, or the whole record, or nothing of it.
_KEEPS_ENDS = {TooLong.unspecified, TooLong.truncate_head, TooLong.drop, TooLong.reject}


def resolve_label(spec: DatasetSpec, leaders: list[str]) -> None:
    """Checks the label of a spec whose sequences are resolved already, and fills in its defaults.

    Args:
      spec: With a label; changed.
      leaders: Names of the sequences with a length of their own, sorted.

    Raises:
      DataError: A field that is missing or contradicts another; names its path and the remedy.
    """
    label = spec.label
    if not label.HasField("type"):
        raise DataError("label.type: is missing; say class, number, per_step_class or next_step")
    if label.type in _OF_STEPS:
        _resolve_of(label, spec, leaders)
    else:
        refuse_fields(label, ("of",), "label", "but for types per_step_class and next_step")
    if label.type == LabelType.next_step:
        _resolve_next_step(label, spec)
    else:
        refuse_fields(label, ("end", "after", "horizon"), "label", "but for type next_step")
        _resolve_stored(label)


def _resolve_stored(label: Label) -> None:
    if not source_path(label):
        set_source(label, "label")
    check_path(source_path(label), "label.from")
    if label.type == LabelType.number:
        refuse_fields(label, ("unknown", "classes_file"), "label", "for type number")
    elif not label.HasField("unknown"):
        label.unknown = UnknownLabel.reject
    if label.HasField("classes_file") and not label.classes_file:
        raise DataError("label.classes_file: is empty; name a file with one class a line")


def _resolve_of(label: Label, spec: DatasetSpec, leaders: list[str]) -> None:
    if not label.HasField("of"):
        if len(leaders) > 1:
            raise DataError(f"label.of: is missing; say which steps are labelled: {', '.join(leaders)}")
        label.of = leaders[0]
    check_one_of(label.of, spec.sequences, "label.of", "sequence")


def _resolve_next_step(label: Label, spec: DatasetSpec) -> None:
    refuse_fields(label, ("from",), "label", "for type next_step, which follows from its sequence")
    refuse_fields(label, ("unknown", "classes_file"), "label", "for type next_step, whose classes are ids of tokens")
    feature = spec.sequences[label.of]
    if feature.derive.take == Take.characters:
        raise DataError(
            f"label.of: '{label.of}' has any number of characters a step, none of which is the next step; "
            "name tokens of one id a step, or a series"
        )
    if not label.HasField("after"):
        label.after = 1
    check_at_least(label.after, 1, "label.after")
    if feature.type == SequenceType.series:
        refuse_fields(label, ("end",), "label", "for a series, whose end is no frame")
        if not label.HasField("horizon"):
            label.horizon = 1
        check_at_least(label.horizon, 1, "label.horizon")
        return
    refuse_fields(label, ("horizon",), "label", "for tokens, which are predicted one step ahead")
    if not label.HasField("end"):
        label.end = False
    if label.end:
        _check_ends(label, spec)


def _check_ends(label: Label, spec: DatasetSpec) -> None:
    """An example that is cut off does not end where its record does, and nothing stored says which ones are."""
    if spec.HasField("window"):
        raise DataError("label.end: a window does not end where its record does; leave out `end` or `window`")
    leader = spec.sequences[label.of].aligned_with or label.of
    too_long = spec.sequences[leader].too_long
    if too_long not in _KEEPS_ENDS:
        raise DataError(
            f"label.end: sequences.{leader}.too_long: {TooLong.Value.Name(too_long)} cuts ends off; leave out `end`, "
            "or say truncate_head, drop or reject"
        )
