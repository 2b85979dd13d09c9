"""The dataset spec: read from YAML, checked against itself, every default filled in."""

from pathlib import Path

import yaml

from schemas.dataset_pb2 import (
    ContextType,
    DatasetSpec,
    LabelType,
    SequenceFeature,
    SequenceType,
    TooLong,
)
from schemas.errors import DataError, UsageError
from schemas.messages import fill, to_plain
from schemas.spec_buckets import DEFAULT_BUCKETS, MAX_BUCKETS
from schemas.spec_checks import check_name, check_split_name, source_path
from schemas.spec_events import cuts_keys, event_time_of, reads_event_time
from schemas.spec_records import TEST, TRAIN, VALIDATION, leaders, resolve_records
from schemas.spec_sequences import resolve_sequences
from schemas.spec_vocabulary import (
    DEFAULT_TOP_K,
    check_sharing,
    vocabulary_features,
    vocabulary_options,
    vocabulary_owner,
)
from schemas.yaml_text import parse_yaml, read_yaml_file

# "class" is a keyword in Python, so the generated code has no attribute of this name.
CLASS = LabelType.Value.Value("class")
NUMBER = LabelType.number
PER_STEP_CLASS = LabelType.per_step_class
NEXT_STEP = LabelType.next_step

DEFAULT_FRACTIONS = {TRAIN: 0.9, VALIDATION: 0.1}

__all__ = [
    "CLASS",
    "DEFAULT_BUCKETS",
    "DEFAULT_FRACTIONS",
    "DEFAULT_TOP_K",
    "MAX_BUCKETS",
    "NEXT_STEP",
    "NUMBER",
    "PER_STEP_CLASS",
    "TEST",
    "TRAIN",
    "VALIDATION",
    "bucket_sequences",
    "category_features",
    "check_split_name",
    "cuts_keys",
    "cuts_records",
    "dump_spec",
    "event_time_of",
    "labelled_sequence",
    "leaders",
    "load_spec",
    "number_features",
    "parse_spec",
    "reads_event_time",
    "resolve",
    "series_sequences",
    "source_path",
    "states_label",
    "steps_of",
    "token_sequences",
    "vocabulary_features",
    "vocabulary_options",
    "vocabulary_owner",
]


def load_spec(path: str | Path) -> DatasetSpec:
    """Reads a spec from a YAML (or JSON) file on the local disk.

    Raises:
      UsageError: The file is missing, is no YAML, or holds a spec that cannot mean anything.
    """
    text = read_yaml_file(path, "spec", "`python -m pipeline infer INPUT` proposes one")
    try:
        return parse_spec(text)
    except DataError as error:
        raise UsageError(f"spec {path}: {error}") from None


def parse_spec(text: str) -> DatasetSpec:
    """Returns the resolved spec that a YAML text states.

    Raises:
      DataError: It is no YAML, or cannot mean anything.
    """
    values = parse_yaml(text)
    if values is None:
        raise DataError("is empty; `python -m pipeline infer INPUT` proposes a spec")
    return resolve(fill(DatasetSpec(), values))


def dump_spec(spec: DatasetSpec) -> str:
    """Returns a spec as YAML."""
    return yaml.safe_dump(to_plain(spec), sort_keys=False, allow_unicode=True, width=100)


def resolve(spec: DatasetSpec) -> DatasetSpec:
    """Checks a spec against itself and fills in every default.

    Args:
      spec: As a person wrote it; not changed. A resolved spec resolves to itself.

    Raises:
      DataError: A field that is missing or contradicts another; names its path and the remedy.
    """
    resolved = DatasetSpec()
    resolved.CopyFrom(spec)
    if not resolved.name:
        resolved.name = "dataset"
    check_name(resolved.name, "name")
    resolve_sequences(resolved)
    resolve_records(resolved)
    check_sharing(resolved)
    return resolved


def token_sequences(spec: DatasetSpec) -> list[str]:
    """Returns the names of the token sequences of a spec, sorted."""
    return sorted(name for name, feature in spec.sequences.items() if feature.type == SequenceType.tokens)


def series_sequences(spec: DatasetSpec) -> list[str]:
    """Returns the names of the series of a spec, sorted."""
    return sorted(name for name, feature in spec.sequences.items() if feature.type == SequenceType.series)


def bucket_sequences(spec: DatasetSpec) -> list[str]:
    """Returns the sequences the longest of which is the length that the buckets go by."""
    return [spec.buckets.by] if spec.buckets.by else leaders(spec)


def steps_of(feature: SequenceFeature) -> int:
    """Returns how many stored values make one step of a sequence."""
    return feature.dims if feature.type == SequenceType.series else 1


def category_features(spec: DatasetSpec) -> list[str]:
    """Returns the names of the categories of a spec's context, sorted."""
    return sorted(name for name, feature in spec.context.items() if feature.type == ContextType.category)


def number_features(spec: DatasetSpec) -> list[str]:
    """Returns the names of the numbers of a spec's context, sorted."""
    return sorted(name for name, feature in spec.context.items() if feature.type == ContextType.number)


def states_label(spec: DatasetSpec) -> bool:
    """Returns whether each record states a label; one of type next_step follows from a sequence."""
    return spec.HasField("label") and spec.label.type != NEXT_STEP


def labelled_sequence(spec: DatasetSpec) -> str | None:
    """Returns the sequence whose steps have labels; None where records have them, or nothing has."""
    return spec.label.of if spec.label.type in (PER_STEP_CLASS, NEXT_STEP) else None


def cuts_records(spec: DatasetSpec) -> bool:
    """Returns whether one record can become several examples."""
    return spec.HasField("window") or any(feature.too_long == TooLong.split for feature in spec.sequences.values())
