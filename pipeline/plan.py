"""Everything that is decided once the records have been looked at: pure functions of an analysis."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from pipeline.analysis import Analysis
from pipeline.moments import to_message
from pipeline.statistics.details import token_statistics
from pipeline.vocabulary.rules import VocabularyRule, vocabulary_rules
from pipeline.vocabulary.token_files import PARTITIONS
from schemas.buckets import Int64s, plan_buckets, plan_buckets_at_knee
from schemas.dataset_pb2 import Buckets, DatasetSpec
from schemas.errors import RefusedError
from schemas.manifest_pb2 import Bucket, Manifest, Moments
from schemas.statistics_pb2 import TokenStatistics
from schemas.vocabulary import Vocabulary, as_tokens, ranked

_MOST_ROWS = 1_000_000  # of one counting task, some 100 MB with common tokens, until each partition is a task
_WORTH_A_THREAD = 250_000


@dataclass(frozen=True)
class TokenPlan:
    """The vocabulary of one token sequence, or the classes of a label.

    Attributes:
      vocabulary: Tokens and ids.
      tokens: Tokens counted, all occurrences.
      distinct: Different tokens counted.
      covered: Occurrences of tokens that are in the vocabulary.
      error: What counts may be too small by.
      statistics: The most frequent tokens, for people.
    """

    vocabulary: Vocabulary
    tokens: int
    distinct: int
    covered: int
    error: int = 0
    statistics: TokenStatistics = field(default_factory=TokenStatistics)


@dataclass(frozen=True)
class StagedParts:
    """Which parts of which blocks are staged; as small for very many blocks as for one.

    Attributes:
      blocks: Their number.
      uncommon: Index and number of parts of each block that has not exactly one.
    """

    blocks: int
    uncommon: tuple[tuple[int, int], ...] = ()

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yields (block, part), in order."""
        uncommon = dict(self.uncommon)
        for block in range(self.blocks):
            yield from ((block, part) for part in range(uncommon.get(block, 1)))

    @classmethod
    def of(cls, parts: Mapping[int, int], blocks: int) -> "StagedParts":
        """Returns those of an analysis, whose `parts` leave out blocks that have none."""
        counts = ((block, parts.get(block, 0)) for block in range(blocks))
        return cls(blocks, tuple((block, count) for block, count in counts if count != 1))


@dataclass(frozen=True)
class CountingTask:
    """A part of the tokens of one column to count.

    Attributes:
      number: Its place among all tasks.
      name: Of the token sequence, or "label" for classes.
      partitions: Which of the partitions of `pipeline.vocabulary.token_files`.
      staged: What has counts.
    """

    number: int
    name: str
    partitions: range
    staged: "StagedParts"


@dataclass(frozen=True)
class TokenCandidates:
    """What may come into a vocabulary.

    Attributes:
      ranked: Tokens (large_string) and counts (int64), each token once; the vocabulary is among them.
      tokens: Occurrences of all tokens, these and others.
      distinct: All different tokens, these and others; of approximate counts those that have one.
      error: What counts may be too small by.
    """

    ranked: pa.Table
    tokens: int
    distinct: int
    error: int = 0

    def joined(self, other: "TokenCandidates") -> "TokenCandidates":
        """Returns these and those of other tokens."""
        both = pa.concat_tables([self.ranked, other.ranked])
        return TokenCandidates(
            both, self.tokens + other.tokens, self.distinct + other.distinct, max(self.error, other.error)
        )


@dataclass(frozen=True)
class DatasetPlan:
    """What the records will become.

    Attributes:
      buckets: In rising order of length.
      tokens: By name of the vocabulary, and "label" for classes.
      moments: By name of the series, and "label" for a number.
      shared: Name of the vocabulary of each feature that has none of its own.
    """

    buckets: list[Bucket]
    tokens: dict[str, TokenPlan]
    moments: dict[str, Moments] = field(default_factory=dict)
    shared: dict[str, str] = field(default_factory=dict)


def plan_counting(
    distinct: Mapping[str, int], staged: StagedParts, threads: int, whole: Collection[str] = ()
) -> list[CountingTask]:
    """Returns the tasks that count the tokens of all blocks: each partition of each column in exactly one.

    Args:
      distinct: By name of the token column: different tokens of each block, added up.
      staged: What has counts.
      threads: Of a worker; a count that takes a while is shared out among them.
      whole: Columns that one task must count.
    """
    tasks: list[CountingTask] = []
    for name, rows in distinct.items():
        parts = 1 if name in whole else max(-(-rows // _MOST_ROWS), min(threads, -(-rows // _WORTH_A_THREAD)))
        ends = np.linspace(0, PARTITIONS, min(PARTITIONS, max(1, parts)) + 1).astype(int).tolist()
        tasks += [CountingTask(len(tasks) + i, name, range(*ends[i : i + 2]), staged) for i in range(len(ends) - 1)]
    return tasks


def plan_dataset(
    analysis: Analysis,
    candidates: Mapping[str, TokenCandidates],
    spec: DatasetSpec,
    given: Mapping[str, pa.StringArray] | None = None,
    base: Manifest | None = None,
    more: int = 0,
) -> DatasetPlan:
    """Plans vocabularies, classes, normalisation and buckets from the training split.

    Args:
      analysis: Of all blocks.
      candidates: By name of the token column.
      spec: A resolved spec.
      given: Entries of the vocabularies that files or the base of a span state, by name.
      base: Of a span, which takes normalisation and buckets from it and needs no training record.
      more: Most entries added to each vocabulary of the base.

    Raises:
      RefusedError: There is nothing to plan from.
    """
    if not (analysis.train_records or (base and analysis.read)):
        raise RefusedError(_nothing_to_train_on(analysis))
    lengths = np.array(sorted(analysis.bucket_lengths), np.int64)
    counts = np.array([analysis.bucket_lengths[int(length)] for length in lengths], np.int64)
    rules, stated = vocabulary_rules(spec, more), given or {}
    own = {name: to_message(moments) for name, moments in sorted(analysis.moments.items())}
    return DatasetPlan(
        buckets=list(base.buckets) if base else _plan_buckets(lengths, counts, spec.buckets),
        tokens={name: _plan_tokens(name, candidates[name], rule, stated.get(name)) for name, rule in rules.items()},
        moments=dict(base.moments) if base else own,
        shared={feature: name for name, rule in rules.items() for feature in rule.features[1:]},
    )


def within_limit(rejected: int, read: int, allowed: int | float) -> bool:
    """Returns whether no more records are rejected than allowed: a count, or as a float a share of those read."""
    # Not allowed * read: 0.29 * 100 is less than 29.
    return (rejected / max(1, read) if isinstance(allowed, float) else rejected) <= allowed


def check_rejected(analysis: Analysis, allowed: int | float) -> str | None:
    """Returns why there are too many rejected records, or None.

    Args:
      analysis: Of all blocks.
      allowed: A count, of events and records together, or as a float a share of the records read; of events, too,
        by themselves, for one bad event costs its record one step and not its place.
    """
    totals = [("records", analysis.rejected, analysis.read)]
    if analysis.events:
        totals.insert(0, ("events", analysis.events.rejected, analysis.found))
    if isinstance(allowed, float):
        fits = all(within_limit(rejected.total(), read, allowed) for _, rejected, read in totals)
    else:
        fits = within_limit(sum(rejected.total() for _, rejected, _ in totals), analysis.found, allowed)
    if fits:
        return None
    parts = []
    for what, rejected, read in totals:
        if rejected or not analysis.events:
            by_reason = ", ".join(f"{reason} {count:,}" for reason, count in rejected.most_common())
            parts.append(f"{rejected.total():,} of {read:,} {what} rejected ({by_reason})")
    what = " and ".join(what for what, *_ in totals)
    shown = f"{100 * allowed:.4g}% of the {what}" if isinstance(allowed, float) else f"{allowed:,}"
    return f"{', '.join(parts)}, --max_rejected allows {shown}; mend the {what} or the spec, or allow more"


def plan_shards(record_bytes: int, shard_bytes: int) -> int:
    """Returns how many shards a split and bucket of `record_bytes` is written to; 1 or more."""
    return max(1, -(-record_bytes // shard_bytes))


def shard_starts(count: int) -> list[int]:
    """Returns the least `order` (uint64) of the records of each of `count` shards."""
    return [-(-(i << 64) // count) for i in range(count)]


def _plan_buckets(lengths: Int64s, counts: Int64s, wanted: Buckets) -> list[Bucket]:
    seconds = wanted.seconds if wanted.HasField("seconds") else None
    if wanted.HasField("most"):
        return plan_buckets_at_knee(lengths, counts, wanted.most, seconds)
    return plan_buckets(lengths, counts, wanted.count, seconds)


def _plan_tokens(
    name: str, candidates: TokenCandidates, rule: VocabularyRule, stated: pa.StringArray | None
) -> TokenPlan:
    entries, covered = rule.entries(candidates.ranked, stated)
    vocabulary = Vocabulary(as_tokens(entries, name), rule.first_id)
    counted = ranked(rule.candidates(candidates.ranked, stated))
    statistics = token_statistics(counted, candidates.tokens, vocabulary)
    return TokenPlan(vocabulary, candidates.tokens, candidates.distinct, covered, candidates.error, statistics)


def _nothing_to_train_on(analysis: Analysis) -> str:
    if analysis.found and not analysis.read:
        return f"all of the {analysis.found:,} events read are rejected, so that no record is left; correct the spec"
    if not analysis.read:
        return "the input holds no record (blank lines and headers are none); check the --input patterns"
    return (
        f"none of the {analysis.read:,} records read is left for the training split ({analysis.rejected.total():,} "
        f"rejected, {analysis.dropped.total():,} dropped, the others in other splits); check the spec's policies and "
        "fractions"
    )
