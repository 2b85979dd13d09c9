"""What a person says about TFRecords of others: read from YAML, checked against itself, every default filled in."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from schemas.dataset_pb2 import StoredAs
from schemas.errors import DataError, UsageError
from schemas.manifest_pb2 import Bucket
from schemas.messages import fill, nearest
from schemas.spec import CLASS, NEXT_STEP, NUMBER, PER_STEP_CLASS
from schemas.spec_checks import check_name
from schemas.tfrecords_pb2 import RecordCompression, RecordFeature, RecordFeatureType, RecordSpec
from schemas.yaml_text import parse_yaml, read_yaml_file

KINDS = RecordFeatureType
INT64, FLOAT, BYTES = "int64", "float", "bytes"
_DTYPES = {
    KINDS.tokens: INT64,
    KINDS.series: FLOAT,
    KINDS.text: BYTES,
    KINDS.number: FLOAT,
    KINDS.category: INT64,
    KINDS.id: BYTES,
}
_LABEL_DTYPES = {CLASS: INT64, NUMBER: FLOAT, PER_STEP_CLASS: INT64}
_SEQUENCES = (KINDS.tokens, KINDS.series, KINDS.text)


@dataclass(frozen=True)
class Stored:
    """How one feature stands in a record.

    Attributes:
      dtype: "int64", "float" or "bytes".
      many: Whether it has steps; else it has exactly one value.
    """

    dtype: str
    many: bool


def load_record_spec(path: str | Path) -> RecordSpec:
    """Reads a spec from a YAML file on the local disk.

    Raises:
      UsageError: The file is missing, is no YAML, or holds a spec that cannot mean anything.
    """
    text = read_yaml_file(path, "features", "docs/training.md shows one")
    try:
        return parse_record_spec(text)
    except UsageError as error:
        raise UsageError(f"features {path}: {error}") from None


def parse_record_spec(text: str) -> RecordSpec:
    """Returns the resolved spec that a YAML text states.

    Raises:
      UsageError: It is no YAML, or cannot mean anything.
    """
    try:
        values = parse_yaml(text)
    except DataError as error:
        raise UsageError(str(error)) from None
    return record_spec_from(values if values is not None else {})


def record_spec_from(values: object) -> RecordSpec:
    """Returns the resolved spec that plain values state: checked, with every default.

    Args:
      values: A mapping, as YAML states it.

    Raises:
      UsageError: An unknown name, a value of another type, or fields that contradict each other; names the path and
        the remedy.
    """
    try:
        spec = fill(RecordSpec(), values)
        _resolve(spec)
    except DataError as error:
        raise UsageError(str(error)) from None
    return spec


def sequences_of(spec: RecordSpec) -> list[str]:
    """Returns the names of the features that have steps, sorted."""
    return sorted(name for name, feature in spec.features.items() if feature.type in _SEQUENCES)


def bucket_sequences(spec: RecordSpec) -> list[str]:
    """Returns the sequences the longest of which is the length that the buckets go by."""
    return [spec.bucket_by] if spec.bucket_by else sequences_of(spec)


def is_measured(spec: RecordSpec) -> bool:
    """Says whether the lengths in the files decide where the buckets lie or how large the last batches are."""
    return not spec.boundaries or not spec.longest


def buckets_of(boundaries: Sequence[int]) -> list[Bucket]:
    """Returns the buckets whose longest lengths, but that of the last, are given."""
    first = [0, *(bound + 1 for bound in boundaries)]
    closed = [Bucket(min_length=low, max_length=high) for low, high in zip(first, boundaries, strict=False)]
    return [*closed, Bucket(min_length=first[-1])]


def stored_features(spec: RecordSpec, names: Sequence[str] | None = None, label: bool = True) -> dict[str, Stored]:
    """Returns what a parser finds in each record, by its name there.

    Args:
      spec: Resolved.
      names: The features of a batch that are wanted; none means all.
      label: Whether the label is wanted.

    Raises:
      DataError: Two features read one in two ways.
    """
    found: dict[str, Stored] = {}
    for name in sorted(spec.features) if names is None else names:
        feature = spec.features[name]
        _add(found, feature.feature, Stored(_DTYPES[feature.type], feature.type in _SEQUENCES), f"features.{name}")
        if feature.length:
            _add(found, feature.length, Stored(INT64, False), f"features.{name}.length")
    if label and spec.HasField("label"):
        stored = Stored(_LABEL_DTYPES[spec.label.type], spec.label.type == PER_STEP_CLASS)
        _add(found, spec.label.feature, stored, "label")
    return found


def _add(found: dict[str, Stored], name: str, stored: Stored, path: str) -> None:
    before = found.setdefault(name, stored)
    if before != stored:
        raise DataError(
            f"{path}: reads '{name}' as {_shown(stored)}, and another feature as {_shown(before)}; say one of them"
        )


def _shown(stored: Stored) -> str:
    return f"a list of {stored.dtype}" if stored.many else f"exactly one {stored.dtype}"


def _resolve(spec: RecordSpec) -> None:
    if not spec.stored_as:
        spec.stored_as = StoredAs.example
    if not spec.compression:
        spec.compression = RecordCompression.none
    for name in sorted(spec.features):
        _resolve_feature(name, spec.features[name])
    if not sequences_of(spec):
        raise DataError("features: name one sequence or more (type: tokens, series or text)")
    _resolve_label(spec)
    if spec.HasField("bucket_by"):
        _check_sequence(spec, spec.bucket_by, "bucket_by")
    _check_bounds(spec)
    stored_features(spec)


def _resolve_feature(name: str, feature: RecordFeature) -> None:
    path = f"features.{name}"
    check_name(name, path)
    if not feature.type:
        valid = ", ".join(value for value in KINDS.Value.DESCRIPTOR.values_by_name if value != "unspecified")
        raise DataError(f"{path}.type: must be said; valid: {valid}")
    if not feature.feature:
        feature.feature = name
    if feature.type not in _SEQUENCES and feature.HasField("length"):
        raise DataError(f"{path}.length: means nothing without steps; remove it")
    if feature.type != KINDS.series and feature.HasField("dims"):
        raise DataError(f"{path}.dims: means nothing without type: series; remove it")
    if feature.type == KINDS.series and feature.dims < 1:
        raise DataError(f"{path}.dims: say how many numbers a step of the series has, 1 or more")
    if feature.type != KINDS.series:
        feature.dims = 1


def _resolve_label(spec: RecordSpec) -> None:
    if not spec.HasField("label"):
        return
    if not spec.label.type:
        raise DataError("label.type: must be said; valid: class, number, per_step_class")
    if spec.label.type == NEXT_STEP:
        raise DataError("label.type: next_step is made of prepared data sets only; leave the label out")
    if not spec.label.feature:
        spec.label.feature = "label"
    if spec.label.type != PER_STEP_CLASS:
        if spec.label.HasField("of"):
            raise DataError("label.of: means nothing without type: per_step_class; remove it")
        return
    if not spec.label.of:
        if len(sequences_of(spec)) > 1:
            raise DataError(f"label.of: say whose steps have the classes; valid: {', '.join(sequences_of(spec))}")
        spec.label.of = sequences_of(spec)[0]
    _check_sequence(spec, spec.label.of, "label.of")


def _check_sequence(spec: RecordSpec, name: str, path: str) -> None:
    if name not in sequences_of(spec):
        raise DataError(f"{path}: '{name}' is no sequence of features; {nearest(name, sequences_of(spec))}")


def _check_bounds(spec: RecordSpec) -> None:
    for i, bound in enumerate(spec.boundaries):
        if bound < 0:
            raise DataError(f"boundaries[{i}]: {bound} is out of range; a length is 0 or more")
    for low, high in pairwise(spec.boundaries):
        if high <= low:
            raise DataError(f"boundaries: {high} follows {low}; they must rise")
    least = max([1, *(bound + 1 for bound in spec.boundaries)])
    if spec.HasField("longest") and spec.longest < least:
        raise DataError(f"longest: {spec.longest} is out of range; the last bucket begins at {least}")
