"""The sequences of a spec: each checked against itself and the others, every default filled in."""

from schemas.dataset_pb2 import (
    DatasetSpec,
    Empty,
    Layout,
    Missing,
    Normalization,
    Normalize,
    SequenceFeature,
    SequenceType,
    Take,
    Tokenizer,
    TooLong,
)
from schemas.errors import DataError
from schemas.spec_checks import (
    check_at_least,
    check_clock,
    check_name,
    check_one_of,
    check_path,
    refuse_fields,
    set_source,
    source_path,
)
from schemas.spec_vocabulary import resolve_vocabulary

_RESERVED_NAMES = {"id", "label"}  # features of every stored record
_TOKENS_ONLY = ("tokenizer", "lowercase", "vocabulary", "normalization", "tokenizer_file", "derive")
_SERIES_ONLY = ("dims", "layout", "normalize", "columns", "missing", "time")
_LENGTH_POLICIES = ("max_length", "too_long", "empty")
_MADE_FROM_TEXT = ("from", "tokenizer", "lowercase", "normalization", "tokenizer_file")


def resolve_sequences(spec: DatasetSpec) -> None:
    """Checks the sequences of a spec and fills in their defaults.

    Raises:
      DataError: A field that is missing or contradicts another; names its path and the remedy.
    """
    if not spec.sequences:
        raise DataError("sequences: names no sequence; a data set needs one or more")
    for name in sorted(spec.sequences):
        _resolve_sequence(name, spec.sequences[name])
    for name in sorted(spec.sequences):
        _resolve_alignment(name, spec)


def check_feature_name(name: str, path: str) -> None:
    """Checks the name of a sequence or of a feature of the context.

    Raises:
      DataError: It is no name, or one that every stored record uses.
    """
    check_name(name, path)
    if name in _RESERVED_NAMES:
        raise DataError(
            f"{path}: the name '{name}' is taken by every stored record; use another and say `from: {name}`"
        )


def _resolve_sequence(name: str, feature: SequenceFeature) -> None:
    path = f"sequences.{name}"
    check_feature_name(name, path)
    if not feature.HasField("type"):
        if not feature.HasField("derive"):
            raise DataError(f"{path}.type: is missing; say tokens or series")
        feature.type = SequenceType.tokens
    is_tokens = feature.type == SequenceType.tokens
    kind = "for type tokens" if is_tokens else "for type series"
    refuse_fields(feature, _SERIES_ONLY if is_tokens else _TOKENS_ONLY, path, kind)
    if feature.HasField("derive"):
        _resolve_derived(feature, path)
        return
    if feature.layout != Layout.columns:
        if not source_path(feature):
            set_source(feature, name)
        check_path(source_path(feature), f"{path}.from")
    (_resolve_tokens if is_tokens else _resolve_series)(feature, path)
    if not feature.HasField("aligned_with"):
        _resolve_policies(feature, path)


def _resolve_derived(feature: SequenceFeature, path: str) -> None:
    derive = feature.derive
    refuse_fields(feature, (*_MADE_FROM_TEXT, *_LENGTH_POLICIES), path, "for a sequence that is derived from another")
    for field in ("of", "take"):
        if not derive.HasField(field):
            what = "name a sequence of tokens" if field == "of" else f"say {', '.join(list(Take.Value.keys())[1:])}"
            raise DataError(f"{path}.derive.{field}: is missing; {what}")
    if derive.take in {Take.prefix, Take.suffix}:
        if not derive.HasField("length"):
            raise DataError(f"{path}.derive.length: is missing; say how many characters")
        check_at_least(derive.length, 1, f"{path}.derive.length")
    else:
        refuse_fields(derive, ("length",), f"{path}.derive", "but for prefix and suffix")
    resolve_vocabulary(feature.vocabulary, f"{path}.vocabulary")


def _resolve_tokens(feature: SequenceFeature, path: str) -> None:
    if not feature.HasField("tokenizer"):
        feature.tokenizer = Tokenizer.none
    if not feature.HasField("normalization"):
        feature.normalization = Normalization.none
    if feature.tokenizer == Tokenizer.subwords:
        if not feature.tokenizer_file:
            raise DataError(f"{path}.tokenizer_file: is missing; name a file of the library `tokenizers`")
        if feature.lowercase or feature.normalization != Normalization.none:
            raise DataError(f"{path}.tokenizer: subwords normalise as their file says; remove the other text rules")
    else:
        refuse_fields(feature, ("tokenizer_file",), path, "but for tokenizer subwords")
    if not feature.HasField("lowercase"):
        feature.lowercase = False
    resolve_vocabulary(feature.vocabulary, f"{path}.vocabulary")


def _resolve_series(feature: SequenceFeature, path: str) -> None:
    if not feature.HasField("layout"):
        feature.layout = Layout.frames
    if feature.layout == Layout.columns:
        _resolve_columns(feature, path)
    else:
        refuse_fields(feature, ("columns",), path, "but for layout columns")
    if not feature.HasField("dims"):
        raise DataError(f"{path}.dims: is missing; say how many numbers one frame holds")
    check_at_least(feature.dims, 1, f"{path}.dims")
    if not feature.HasField("normalize"):
        feature.normalize = Normalize.none
    if not feature.HasField("missing"):
        feature.missing = Missing.reject
    if feature.HasField("time"):
        _check_time(feature, path)


def _resolve_columns(feature: SequenceFeature, path: str) -> None:
    refuse_fields(feature, ("from",), path, "for layout columns, whose fields stand under `columns`")
    if not feature.columns:
        raise DataError(f"{path}.columns: is missing; name the field of each dimension")
    for i, column in enumerate(feature.columns):
        check_path(column, f"{path}.columns[{i}]")
    if not feature.HasField("dims"):
        feature.dims = len(feature.columns)
    if feature.dims != len(feature.columns):
        raise DataError(f"{path}.dims: is {feature.dims}, and there are {len(feature.columns)} columns; remove dims")


def _check_time(feature: SequenceFeature, path: str) -> None:
    if not source_path(feature.time):
        raise DataError(f"{path}.time.from: is missing; name the field that holds a time for each frame")
    check_path(source_path(feature.time), f"{path}.time.from")
    check_clock(feature.time, "format", f"{path}.time")


def _resolve_policies(feature: SequenceFeature, path: str) -> None:
    if feature.HasField("max_length"):
        check_at_least(feature.max_length, 1, f"{path}.max_length")
        if not feature.HasField("too_long"):
            feature.too_long = TooLong.truncate_tail
    elif feature.HasField("too_long"):
        raise DataError(f"{path}.too_long: means nothing without max_length; say max_length or remove it")
    if not feature.HasField("empty"):
        feature.empty = Empty.reject


def _resolve_alignment(name: str, spec: DatasetSpec) -> None:
    feature, path = spec.sequences[name], f"sequences.{name}"
    if feature.HasField("derive"):
        of = feature.derive.of
        check_one_of(of, set(spec.sequences) - {name}, f"{path}.derive.of", "other sequence")
        source = spec.sequences[of]
        if source.type != SequenceType.tokens or source.HasField("derive"):
            raise DataError(f"{path}.derive.of: '{of}' must be a sequence of tokens that is not derived itself")
        feature.aligned_with = source.aligned_with or of
        return
    if not feature.HasField("aligned_with"):
        return
    leader = feature.aligned_with
    check_one_of(leader, set(spec.sequences) - {name}, f"{path}.aligned_with", "other sequence")
    first = spec.sequences[leader].aligned_with or spec.sequences[leader].derive.of
    if first:
        raise DataError(f"{path}.aligned_with: '{leader}' is aligned with '{first}' itself; name '{first}'")
    refuse_fields(feature, _LENGTH_POLICIES, path, f"for a sequence that is cut as '{leader}' is")
