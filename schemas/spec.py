"""The dataset spec: read from YAML, checked against itself, every default filled in."""

import math
import re
from pathlib import Path
from typing import Any

import yaml

from schemas.dataset_pb2 import (
    DatasetSpec,
    Empty,
    LabelType,
    Layout,
    Normalize,
    SequenceFeature,
    SequenceType,
    SplitBy,
    Tokenizer,
    TooLong,
)
from schemas.errors import DataError, UsageError
from schemas.messages import fill, nearest, to_plain
from schemas.yaml_text import parse_yaml

# "class" is a keyword in Python, so the generated code has no attribute of this name.
CLASS = LabelType.Value.Value("class")
NUMBER = LabelType.number
PER_STEP_CLASS = LabelType.per_step_class

TRAIN, VALIDATION, TEST = "train", "validation", "test"
DEFAULT_FRACTIONS = {TRAIN: 0.9, VALIDATION: 0.1}
DEFAULT_BUCKETS = 8
DEFAULT_TOP_K = 50_000
MAX_BUCKETS = 1_000

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_RESERVED_NAMES = {"id", "label"}  # features of every stored record
_OTHER_FOLDERS = ("failed", "rejected", "vocabulary")
_TOKENS_ONLY = ("tokenizer", "lowercase", "vocabulary")
_SERIES_ONLY = ("dims", "layout", "normalize")


def load_spec(path: str | Path) -> DatasetSpec:
    """Reads a spec from a YAML (or JSON) file on the local disk.

    Raises:
      UsageError: The file is missing, is no YAML, or holds a spec that cannot mean anything.
    """
    try:
        return parse_spec(Path(path).read_bytes().decode("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"spec {path}: no such file; `python -m pipeline infer INPUT` proposes one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"spec {path}: cannot be read: {error}") from None
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
    _check_name(resolved.name, "name")
    if resolved.HasField("id"):
        _check_path(resolved.id, "id")
    if not resolved.sequences:
        raise DataError("sequences: names no sequence; a data set needs one or more")
    for name in sorted(resolved.sequences):
        _resolve_sequence(name, resolved.sequences[name])
    _resolve_label(resolved)
    _resolve_split(resolved)
    _resolve_buckets(resolved)
    return resolved


def source_path(message: Any) -> str:
    """Returns the field path that a resolved feature or label is read from ("from" is a keyword)."""
    return str(getattr(message, "from"))


def token_sequences(spec: DatasetSpec) -> list[str]:
    """Returns the names of the token sequences of a spec, sorted."""
    return sorted(name for name, feature in spec.sequences.items() if feature.type == SequenceType.tokens)


def series_sequences(spec: DatasetSpec) -> list[str]:
    """Returns the names of the series of a spec, sorted."""
    return sorted(name for name, feature in spec.sequences.items() if feature.type == SequenceType.series)


def bucket_sequences(spec: DatasetSpec) -> list[str]:
    """Returns the sequences the longest of which is the length that the buckets go by."""
    return [spec.buckets.by] if spec.buckets.by else sorted(spec.sequences)


def steps_of(feature: SequenceFeature) -> int:
    """Returns how many stored values make one step of a sequence."""
    return feature.dims if feature.type == SequenceType.series else 1


def _check_path(text: str, path: str) -> None:
    if not all(text.split(".")):
        raise DataError(f"{path}: '{text}' is no field path; write names joined by '.', as in review.text")


def check_split_name(name: str, path: str) -> None:
    """Checks the name of a split, which is also that of a folder of the data set.

    Raises:
      DataError: It is no name, or that of another folder; `path` says where it stands.
    """
    _check_name(name, path)
    if name.lower() in _OTHER_FOLDERS or name != name.lower():
        raise DataError(f"{path}: '{name}' is no name for a split; use lower case, and not {', '.join(_OTHER_FOLDERS)}")


def _check_name(name: str, path: str) -> None:
    if not _NAME.fullmatch(name):
        raise DataError(f"{path}: '{name}' is no name; use letters, digits, '_' and '-', beginning with a letter")


def _resolve_sequence(name: str, feature: SequenceFeature) -> None:
    path = f"sequences.{name}"
    _check_name(name, path)
    if name in _RESERVED_NAMES:
        raise DataError(
            f"{path}: the name '{name}' is taken by every stored record; use another and say `from: {name}`"
        )
    if not source_path(feature):
        setattr(feature, "from", name)
    _check_path(source_path(feature), f"{path}.from")
    if not feature.HasField("type"):
        raise DataError(f"{path}.type: is missing; say tokens or series")
    foreign = _SERIES_ONLY if feature.type == SequenceType.tokens else _TOKENS_ONLY
    for field in foreign:
        if feature.HasField(field):
            kind = "tokens" if feature.type == SequenceType.tokens else "series"
            raise DataError(f"{path}.{field}: means nothing for type {kind}; remove it")
    if feature.type == SequenceType.tokens:
        _resolve_tokens(feature, path)
    else:
        _resolve_series(feature, path)
    _resolve_policies(feature, path)


def _resolve_tokens(feature: SequenceFeature, path: str) -> None:
    if not feature.HasField("tokenizer"):
        feature.tokenizer = Tokenizer.none
    if not feature.HasField("lowercase"):
        feature.lowercase = False
    options = feature.vocabulary
    if not options.HasField("top_k"):
        options.top_k = DEFAULT_TOP_K
    if not options.HasField("min_frequency"):
        options.min_frequency = 1
    if not options.HasField("oov_buckets"):
        options.oov_buckets = 1
    _at_least(options.top_k, 0, f"{path}.vocabulary.top_k")
    _at_least(options.min_frequency, 1, f"{path}.vocabulary.min_frequency")
    if options.oov_buckets != 1:
        raise DataError(f"{path}.vocabulary.oov_buckets: {options.oov_buckets} is not supported; it must be 1")


def _resolve_series(feature: SequenceFeature, path: str) -> None:
    if not feature.HasField("layout"):
        feature.layout = Layout.frames
    if not feature.HasField("dims"):
        raise DataError(f"{path}.dims: is missing; say how many numbers one frame holds")
    _at_least(feature.dims, 1, f"{path}.dims")
    if not feature.HasField("normalize"):
        feature.normalize = Normalize.none


def _resolve_policies(feature: SequenceFeature, path: str) -> None:
    if feature.HasField("max_length"):
        _at_least(feature.max_length, 1, f"{path}.max_length")
        if not feature.HasField("too_long"):
            feature.too_long = TooLong.truncate_tail
    elif feature.HasField("too_long"):
        raise DataError(f"{path}.too_long: means nothing without max_length; say max_length or remove it")
    if not feature.HasField("empty"):
        feature.empty = Empty.reject


def _resolve_label(spec: DatasetSpec) -> None:
    if not spec.HasField("label"):
        return
    label = spec.label
    if not source_path(label):
        setattr(label, "from", "label")
    _check_path(source_path(label), "label.from")
    if not label.HasField("type"):
        raise DataError("label.type: is missing; say class, number or per_step_class")
    if label.type != PER_STEP_CLASS:
        if label.HasField("of"):
            raise DataError("label.of: means nothing but for type per_step_class; remove it")
        return
    if not label.HasField("of"):
        if len(spec.sequences) > 1:
            raise DataError(f"label.of: is missing; say which steps are labelled: {', '.join(sorted(spec.sequences))}")
        label.of = next(iter(spec.sequences))
    _check_sequence(spec, label.of, "label.of")


def _resolve_split(spec: DatasetSpec) -> None:
    split = spec.split
    if not split.HasField("by"):
        split.by = SplitBy.hash
    if not split.HasField("salt"):
        split.salt = 0
    for name, share in sorted(split.fractions.items()):
        check_split_name(name, f"split.fractions.{name}")
        if not 0 <= share <= 1:
            raise DataError(f"split.fractions.{name}: {share} is no share; it must lie in [0, 1]")
    total = math.fsum(split.fractions.values())
    if split.fractions and not math.isclose(total, 1, abs_tol=1e-9):
        raise DataError(f"split.fractions: add up to {total:.6g}; they must add up to 1")
    if split.fractions and not split.fractions.get(TRAIN):
        raise DataError("split.fractions.train: is missing or 0; vocabulary and buckets come from the training split")


def _resolve_buckets(spec: DatasetSpec) -> None:
    buckets = spec.buckets
    buckets.SetInParent()
    if buckets.HasField("by"):
        _check_sequence(spec, buckets.by, "buckets.by")
    if not buckets.HasField("count"):
        buckets.count = DEFAULT_BUCKETS
    if not 1 <= buckets.count <= MAX_BUCKETS:
        raise DataError(f"buckets.count: {buckets.count} is out of range; it must lie in [1, {MAX_BUCKETS}]")


def _check_sequence(spec: DatasetSpec, name: str, path: str) -> None:
    if name not in spec.sequences:
        raise DataError(f"{path}: '{name}' is no sequence of this spec; {nearest(name, spec.sequences)}")


def _at_least(value: int, least: int, path: str) -> None:
    if value < least:
        raise DataError(f"{path}: {value} is out of range; it must be {least} or more")
