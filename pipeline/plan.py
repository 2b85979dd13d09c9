"""Everything that is decided once the records have been looked at: pure functions of an analysis."""

from dataclasses import dataclass, field

import numpy as np

from pipeline.analysis import Analysis
from pipeline.moments import to_message
from schemas.buckets import plan_buckets
from schemas.dataset_pb2 import DatasetSpec
from schemas.errors import DataError
from schemas.manifest_pb2 import Bucket, Moments
from schemas.records.fields import LABEL
from schemas.spec import NUMBER, token_sequences
from schemas.vocabulary import Vocabulary, first_token_id, rank


@dataclass(frozen=True)
class TokenPlan:
    """The vocabulary of one token sequence, or the classes of a label.

    Attributes:
      vocabulary: Tokens and ids.
      tokens: Tokens counted, all occurrences.
      distinct: Different tokens counted.
      covered: Occurrences of tokens that are in the vocabulary.
    """

    vocabulary: Vocabulary
    tokens: int
    distinct: int
    covered: int


@dataclass(frozen=True)
class DatasetPlan:
    """What the records will become.

    Attributes:
      buckets: In rising order of length.
      tokens: By name of the token sequence, and "label" for classes.
      moments: By name of the series, and "label" for a number.
    """

    buckets: list[Bucket]
    tokens: dict[str, TokenPlan]
    moments: dict[str, Moments] = field(default_factory=dict)


def plan_dataset(analysis: Analysis, spec: DatasetSpec) -> DatasetPlan:
    """Plans vocabularies, classes, normalisation and buckets from the training split.

    Args:
      analysis: Of all blocks.
      spec: A resolved spec.

    Raises:
      DataError: There is nothing to plan from.
    """
    if not analysis.train_records:
        raise DataError(_nothing_to_train_on(analysis))
    lengths = np.array(sorted(analysis.bucket_lengths), np.int64)
    counts = np.array([analysis.bucket_lengths[int(length)] for length in lengths], np.int64)
    tokens = {}
    for name in token_sequences(spec):
        options = spec.sequences[name].vocabulary
        tokens[name] = _plan_tokens(
            analysis,
            name,
            first_token_id(options.oov_buckets),
            top_k=options.top_k,
            min_frequency=options.min_frequency,
        )
    if spec.HasField("label") and spec.label.type != NUMBER:
        tokens[LABEL] = _plan_tokens(analysis, LABEL, first_id=0)
    return DatasetPlan(
        buckets=plan_buckets(lengths, counts, spec.buckets.count),
        tokens=tokens,
        moments={name: to_message(moments) for name, moments in sorted(analysis.moments.items())},
    )


def within_limit(rejected: int, read: int, allowed: int | float) -> bool:
    """Returns whether no more records are rejected than allowed: a count, or as a float a share of those read."""
    # Not allowed * read: 0.29 * 100 is less than 29.
    return (rejected / max(1, read) if isinstance(allowed, float) else rejected) <= allowed


def check_rejected(analysis: Analysis, allowed: int | float) -> str | None:
    """Returns why there are too many rejected records, or None.

    Args:
      analysis: Of all blocks.
      allowed: A count, or as a float a share of the records read.
    """
    rejected = analysis.rejected.total()
    if within_limit(rejected, analysis.read, allowed):
        return None
    by_reason = ", ".join(f"{reason} {count:,}" for reason, count in analysis.rejected.most_common())
    shown = f"{allowed:.4g} of the records" if isinstance(allowed, float) else f"{allowed:,}"
    return (
        f"{rejected:,} of {analysis.read:,} records rejected ({by_reason}), --max_rejected allows {shown}; "
        "mend the records or the spec, or allow more"
    )


def plan_shards(record_bytes: int, shard_bytes: int) -> int:
    """Returns how many shards a split and bucket of `record_bytes` is written to; 1 or more."""
    return max(1, -(-record_bytes // shard_bytes))


def shard_starts(count: int) -> list[int]:
    """Returns the least `order` (uint64) of the records of each of `count` shards."""
    return [-(-(i << 64) // count) for i in range(count)]


def _plan_tokens(analysis: Analysis, name: str, first_id: int, top_k: int = 0, min_frequency: int = 1) -> TokenPlan:
    tokens, counts = analysis.tokens[name].to_arrays()
    vocabulary = Vocabulary(rank(tokens, counts, top_k, min_frequency), first_id)
    falling = np.sort(counts.to_numpy())[::-1]
    return TokenPlan(vocabulary, int(falling.sum()), len(tokens), int(falling[: len(vocabulary.tokens)].sum()))


def _nothing_to_train_on(analysis: Analysis) -> str:
    if not analysis.read:
        return "the input holds no record (only blank lines); check the --input patterns"
    return (
        f"none of the {analysis.read:,} records read is left for the training split ({analysis.rejected.total():,} "
        f"rejected, {analysis.dropped.total():,} dropped, the others in other splits); check the spec's policies and "
        "fractions"
    )
