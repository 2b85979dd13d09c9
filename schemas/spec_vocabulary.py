"""The vocabularies of a spec: the options of each, and which features share one."""

from schemas.dataset_pb2 import ContextType, CountBy, DatasetSpec, SequenceType, VocabularyOptions
from schemas.errors import DataError
from schemas.spec_checks import check_at_least, check_one_of, refuse_fields

DEFAULT_TOP_K = 50_000

_COUNTING = ("top_k", "min_frequency", "count_by", "approximate")
_BESIDE_SHARED = (*_COUNTING, "oov_buckets", "special_tokens", "file")


def resolve_vocabulary(options: VocabularyOptions, path: str) -> None:
    """Checks the options of a vocabulary and fills in their defaults.

    Args:
      options: Of a vocabulary of its own, or with the name of the feature whose vocabulary is shared, which
        `check_sharing` looks at.
      path: Of the options.

    Raises:
      DataError: An option is out of range or means nothing beside another.
    """
    if options.HasField("shared_with"):
        refuse_fields(options, _BESIDE_SHARED, path, f"beside shared_with; '{options.shared_with}' says it for both")
        return
    if not options.HasField("oov_buckets"):
        options.oov_buckets = 1
    check_at_least(options.oov_buckets, 1, f"{path}.oov_buckets")
    if options.HasField("file"):
        _check_file(options, path)
        return
    _check_special_tokens(options, path)
    if options.HasField("approximate"):
        check_at_least(options.approximate, 1, f"{path}.approximate")
    if not options.HasField("top_k"):
        options.top_k = min(DEFAULT_TOP_K, options.approximate or DEFAULT_TOP_K)
    if not options.HasField("min_frequency"):
        options.min_frequency = 1
    if not options.HasField("count_by"):
        options.count_by = CountBy.occurrences
    check_at_least(options.top_k, 0, f"{path}.top_k")
    check_at_least(options.min_frequency, 1, f"{path}.min_frequency")
    if 0 < options.approximate < options.top_k:
        raise DataError(
            f"{path}.approximate: {options.approximate} tokens are counted at a time, of which no {options.top_k} can "
            "be kept; say a smaller top_k, or count more"
        )


def check_sharing(spec: DatasetSpec) -> None:
    """Checks which features share the vocabulary of another, all else being resolved.

    Raises:
      DataError: The other one is missing, has no vocabulary of its own, or is derived.
    """
    having = vocabulary_features(spec)
    for name in having:
        owner = vocabulary_options(spec, name).shared_with
        if not owner:
            continue
        path = f"{'sequences' if name in spec.sequences else 'context'}.{name}.vocabulary.shared_with"
        check_one_of(owner, set(having) - {name}, path, "other token sequence or category")
        further = vocabulary_options(spec, owner).shared_with
        if further == name:
            raise DataError(
                f"{path}: '{owner}' shares the vocabulary of '{name}' itself; one of them must have its own: remove one"
            )
        if further:
            raise DataError(f"{path}: '{owner}' shares the vocabulary of '{further}' itself; name '{further}'")
        for derived in (name, owner):
            if derived in spec.sequences and spec.sequences[derived].HasField("derive"):
                raise DataError(
                    f"{path}: '{derived}' is derived from other tokens and needs a vocabulary of its own; remove it"
                )


def vocabulary_features(spec: DatasetSpec) -> list[str]:
    """Returns the features that have a vocabulary, their own or a shared one: token sequences, then categories."""
    sequences = sorted(name for name, feature in spec.sequences.items() if feature.type == SequenceType.tokens)
    categories = sorted(name for name, feature in spec.context.items() if feature.type == ContextType.category)
    return [*sequences, *categories]


def vocabulary_owner(spec: DatasetSpec, name: str) -> str:
    """Returns the feature whose vocabulary a token sequence or a category uses: itself, or the one it shares with."""
    return vocabulary_options(spec, name).shared_with or name


def vocabulary_options(spec: DatasetSpec, name: str) -> VocabularyOptions:
    """Returns the options of the vocabulary that stand at a token sequence or a category."""
    return spec.sequences[name].vocabulary if name in spec.sequences else spec.context[name].vocabulary


def _check_file(options: VocabularyOptions, path: str) -> None:
    why = "beside `file`, which states all tokens and their order"
    if options.special_tokens:
        raise DataError(f"{path}.special_tokens: means nothing {why}; put them into the file")
    if not options.file:
        raise DataError(f"{path}.file: is empty; name a file with one token a line")
    refuse_fields(options, _COUNTING, path, why)


def _check_special_tokens(options: VocabularyOptions, path: str) -> None:
    seen: set[str] = set()
    for i, token in enumerate(options.special_tokens):
        if not token:
            raise DataError(f"{path}.special_tokens[{i}]: is empty; a special token needs a character or more")
        if token in seen:
            raise DataError(f"{path}.special_tokens[{i}]: '{token}' stands there twice; remove one")
        seen.add(token)
