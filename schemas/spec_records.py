"""What a spec says beside its sequences: input, context, label, split, group, window, buckets."""

import math

from schemas.dataset_pb2 import (
    ContextType,
    DatasetSpec,
    DuplicateIds,
    Format,
    Normalize,
    Rest,
    Split,
    SplitBy,
    StoredAs,
    TooLong,
)
from schemas.errors import DataError
from schemas.spec_buckets import resolve_buckets
from schemas.spec_checks import (
    check_at_least,
    check_clock,
    check_one_of,
    check_path,
    check_split_name,
    refuse_fields,
    set_source,
    source_path,
)
from schemas.spec_drift import resolve_drift
from schemas.spec_events import resolve_events
from schemas.spec_labels import resolve_label
from schemas.spec_sequences import check_feature_name
from schemas.spec_vocabulary import resolve_vocabulary
from schemas.times import parse_time

TRAIN, VALIDATION, TEST = "train", "validation", "test"
DEFAULT_MAX_RECORD_BYTES = 64 << 20  # 64 MiB

_SPLIT_FIELDS = {
    SplitBy.hash: ("fractions",),
    SplitBy.group: ("fractions", "from"),
    SplitBy.field: ("from", "names"),
    SplitBy.time: ("from", "before", "otherwise", "time_format", "zone"),
}
_ALL_SPLIT_FIELDS = {field for fields in _SPLIT_FIELDS.values() for field in fields}


def leaders(spec: DatasetSpec) -> list[str]:
    """Returns the sequences that have a length of their own, sorted; the others are aligned with one of them."""
    return sorted(name for name, feature in spec.sequences.items() if not feature.HasField("aligned_with"))


def resolve_records(spec: DatasetSpec) -> None:
    """Checks all of a spec but its sequences, which are resolved already, and fills in the defaults.

    Raises:
      DataError: A field that is missing or contradicts another; names its path and the remedy.
    """
    if spec.HasField("id"):
        check_path(spec.id, "id")
    if not spec.HasField("duplicate_ids"):
        spec.duplicate_ids = DuplicateIds.reject if spec.HasField("id") else DuplicateIds.keep
    if not spec.HasField("stored_as"):
        spec.stored_as = StoredAs.example
    for name in sorted(spec.context):
        _resolve_context(name, spec)
    if spec.HasField("label"):
        resolve_label(spec, leaders(spec))
    _resolve_input(spec)
    _resolve_split(spec)
    resolve_events(spec)
    _resolve_window(spec)
    resolve_buckets(spec)
    resolve_drift(spec)
    _check_pieces(spec)


def _resolve_context(name: str, spec: DatasetSpec) -> None:
    feature, path = spec.context[name], f"context.{name}"
    check_feature_name(name, path)
    if name in spec.sequences:
        raise DataError(f"{path}: is the name of a sequence, too; use another and say `from`")
    if not source_path(feature):
        set_source(feature, name)
    check_path(source_path(feature), f"{path}.from")
    if not feature.HasField("type"):
        raise DataError(f"{path}.type: is missing; say number or category")
    if feature.type == ContextType.category:
        refuse_fields(feature, ("normalize",), path, "for type category")
        resolve_vocabulary(feature.vocabulary, f"{path}.vocabulary")
    else:
        refuse_fields(feature, ("vocabulary",), path, "for type number")
        if not feature.HasField("normalize"):
            feature.normalize = Normalize.none


def _resolve_input(spec: DatasetSpec) -> None:
    given = spec.input
    given.SetInParent()
    if given.delimiter and (len(given.delimiter.encode()) != 1 or given.delimiter in '"\r\n'):
        raise DataError(
            f"input.delimiter: {given.delimiter!r} is none; it must be one character of ASCII, and no quote"
        )
    if given.HasField("format") and given.format != Format.csv:
        refuse_fields(given, ("delimiter",), "input", "but for format csv")
        if given.format != Format.tsv:
            refuse_fields(given, ("header", "columns", "quotes"), "input", "but for formats csv and tsv")
    if not given.HasField("header") and given.format in {Format.unspecified, Format.csv, Format.tsv}:
        given.header = not given.columns
    if not given.HasField("quotes") and given.HasField("header"):
        given.quotes = True
    if given.HasField("header") and not given.header and not given.columns:
        raise DataError("input.columns: is missing; without a header, name the columns in their order")
    if len(set(given.columns)) < len(given.columns):
        raise DataError("input.columns: names a column twice; each needs a name of its own")
    if not given.HasField("max_record_bytes"):
        given.max_record_bytes = DEFAULT_MAX_RECORD_BYTES
    check_at_least(given.max_record_bytes, 1, "input.max_record_bytes")


def _resolve_split(spec: DatasetSpec) -> None:
    split = spec.split
    if not split.HasField("by"):
        split.by = SplitBy.hash
    if not split.HasField("salt"):
        split.salt = 0
    by = SplitBy.Value.Name(split.by)
    refuse_fields(split, sorted(_ALL_SPLIT_FIELDS - set(_SPLIT_FIELDS[split.by])), "split", f"for `by: {by}`")
    if split.by != SplitBy.hash:
        if not source_path(split):
            raise DataError(f"split.from: is missing; name the field that decides, by {by}")
        check_path(source_path(split), "split.from")
    if split.by in {SplitBy.hash, SplitBy.group}:
        _check_fractions(spec)
    elif split.by == SplitBy.field:
        _resolve_split_names(spec)
    else:
        _resolve_split_times(spec)


def _check_fractions(spec: DatasetSpec) -> None:
    fractions = spec.split.fractions
    for name, share in sorted(fractions.items()):
        check_split_name(name, f"split.fractions.{name}")
        if not 0 <= share <= 1:
            raise DataError(f"split.fractions.{name}: {share} is no share; it must lie in [0, 1]")
    total = math.fsum(fractions.values())
    if fractions and not math.isclose(total, 1, abs_tol=1e-9):
        raise DataError(f"split.fractions: add up to {total:.6g}; they must add up to 1")
    if fractions and not fractions.get(TRAIN):
        raise DataError("split.fractions.train: is missing or 0; vocabulary and buckets come from the training split")


def _resolve_split_names(spec: DatasetSpec) -> None:
    names = spec.split.names
    for value, name in sorted(names.items()):
        check_split_name(name, f"split.names.{value}")
    if not names:
        names.update({name: name for name in (TRAIN, VALIDATION, TEST)})
    if TRAIN not in names.values():
        raise DataError(
            "split.names: no value means train, from which vocabulary and buckets come; where names are said, none "
            "means itself: say `train: train`, too"
        )


def _resolve_split_times(spec: DatasetSpec) -> None:
    split = spec.split
    if not split.before:
        raise DataError("split.before: is missing; say for each split the time before which its records lie")
    for name in sorted(split.before):
        check_split_name(name, f"split.before.{name}")
    if not split.HasField("otherwise"):
        split.otherwise = TEST
    check_split_name(split.otherwise, "split.otherwise")
    if split.otherwise in split.before:
        raise DataError(f"split.otherwise: '{split.otherwise}' stands under `before`, too; name another split")
    if TRAIN not in {*split.before, split.otherwise}:
        raise DataError("split.before.train: is missing; vocabulary and buckets come from the training split")
    check_clock(split, "time_format", "split")
    _check_split_times(split)


def _check_split_times(split: Split) -> None:
    names: dict[int, str] = {}
    for name, text in sorted(split.before.items()):
        time = parse_time(text, split.time_format, split.zone)
        if time is None:
            raise DataError(
                f"split.before.{name}: '{text}' is no time as '{split.time_format}' writes it; correct it, or "
                "say split.zone where a time states no offset"
            )
        if time in names:
            raise DataError(f"split.before.{name}: is the same time as that of '{names[time]}'; use a later one")
        names[time] = name


def _resolve_window(spec: DatasetSpec) -> None:
    if not spec.HasField("window"):
        return
    window = spec.window
    if not window.HasField("of"):
        window.of = leaders(spec)[0]
    check_one_of(window.of, leaders(spec), "window.of", "sequence with a length of its own")
    if not window.HasField("length"):
        raise DataError("window.length: is missing; say how many steps a window has")
    check_at_least(window.length, 1, "window.length")
    if not window.HasField("stride"):
        window.stride = window.length
    check_at_least(window.stride, 1, "window.stride")
    if window.stride > window.length:
        raise DataError(f"window.stride: {window.stride} would leave out steps; it must be {window.length} or less")
    if not window.HasField("rest"):
        window.rest = Rest.keep
    refuse_fields(spec.sequences[window.of], ("max_length", "too_long"), f"sequences.{window.of}", "with `window`")


def _check_pieces(spec: DatasetSpec) -> None:
    """Where one record becomes several examples, all of its sequences are cut at the same steps."""
    cut = [name for name, feature in spec.sequences.items() if feature.too_long == TooLong.split]
    what = f"sequences.{min(cut)}.too_long: split" if cut else "window" if spec.HasField("window") else ""
    if what and len(leaders(spec)) > 1:
        raise DataError(
            f"{what}: cuts every sequence at the same steps, and {', '.join(leaders(spec))} have lengths of their own; "
            "say `aligned_with` where they have as many steps, or leave them out"
        )
