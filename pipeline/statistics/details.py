"""The statistics that people and other tools look at: pure functions of what was counted.

Exact numbers are rounded once, here, so that neither the order of the records nor the number of workers
ever shows. Nothing is infinite or no number: where there is nothing to take a mean of, it is 0.
"""

import math
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction

import numpy as np
import pyarrow as pa

from pipeline.moments import ExactMoments
from pipeline.split_facts import SequenceFacts, SplitFacts
from pipeline.statistics.record_facts import TOP_TOKENS, OovSums
from schemas import statistics_pb2
from schemas.dataset_pb2 import DatasetSpec
from schemas.formats.fields import LABEL
from schemas.spec import category_features, number_features, series_sequences
from schemas.statistics_pb2 import (
    CategoryStatistics,
    CoveredShare,
    DatasetStatistics,
    LengthDetails,
    NumberStatistics,
    Quantile,
    SequenceDetails,
    SplitDetails,
    TokenCount,
    TokenStatistics,
)
from schemas.vocabulary import Vocabulary

SHARES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)
_CURVE_POINTS = 60


def dataset_statistics(
    splits: Mapping[str, SplitFacts], tokens: Mapping[str, TokenStatistics], spec: DatasetSpec, classes: int
) -> DatasetStatistics:
    """Returns the statistics of a data set.

    Args:
      splits: By split: what was written.
      tokens: By name of the token sequence or category, and "label" for classes.
      spec: A resolved spec.
      classes: Number of classes; 0 where the label has none.
    """
    return DatasetStatistics(
        splits={name: _split_details(facts, spec, classes) for name, facts in splits.items()}, tokens=tokens
    )


def length_details(lengths: Mapping[int, int]) -> LengthDetails:
    """Returns what follows from a histogram.

    Args:
      lengths: Records by length.
    """
    values = sorted(length for length, count in lengths.items() if count)
    counts = [lengths[value] for value in values]
    records = sum(counts)
    if not records:
        return LengthDetails()
    steps = sum(value * count for value, count in zip(values, counts, strict=True))
    squares = sum(value * value * count for value, count in zip(values, counts, strict=True))
    return LengthDetails(
        lengths=values,
        counts=counts,
        records=records,
        steps=steps,
        min=values[0],
        max=values[-1],
        mean=steps / records,
        deviation=deviation(Fraction(squares, records) - Fraction(steps, records) ** 2),
        quantiles=[Quantile(share=share, length=length) for share, length in _quantiles(values, counts)],
    )


def quantile(values: list[int], counts: list[int], share: Fraction) -> int:
    """Returns the least value that at least this share of the records does not exceed.

    Args:
      values: All different, rising; one or more.
      counts: Records of each; 1 or more.
      share: In [0, 1].
    """
    ends = np.cumsum(np.array(counts, np.int64))
    wanted = math.ceil(share * int(ends[-1]))
    return values[int(np.searchsorted(ends, max(1, wanted)))]


def number_statistics(moments: ExactMoments, missing: int = 0) -> NumberStatistics:
    """Returns the statistics of the numbers of one dimension.

    Args:
      moments: Without missing numbers.
      missing: How many are.
    """
    if not moments.count:
        return NumberStatistics(missing=missing)
    return NumberStatistics(
        count=moments.count,
        missing=missing,
        zeros=moments.zeros,
        mean=float(moments.mean()),
        deviation=deviation(moments.variance()),
        min=moments.least + 0.0,  # -0.0 becomes 0.0, for which of them comes first depends on the order
        max=moments.greatest + 0.0,
        exact_sum=f"{moments.total:x}",
        exact_squares=f"{moments.squares:x}",
    )


def oov_message(sums: OovSums) -> statistics_pb2.OovSums:
    """Returns sums over records as they are stated."""
    return statistics_pb2.OovSums(
        records=sums.records,
        squares=f"{sums.squares:x}",
        products=f"{sums.products:x}",
        length_squares=f"{sums.length_squares:x}",
    )


def token_statistics(ranked: pa.Table, tokens: int, vocabulary: Vocabulary) -> TokenStatistics:
    """Returns the most frequent tokens of a vocabulary, and what share of all occurrences the first ones cover.

    Args:
      ranked: The tokens of the vocabulary, the most frequent first: columns token (strings) and count (int64).
      tokens: Occurrences of all tokens, these and others.
      vocabulary: That says their ids.
    """
    if not ranked.num_rows:
        return TokenStatistics()
    top = ranked.slice(0, TOP_TOKENS)
    ids = vocabulary.encode(top["token"].combine_chunks()).tolist()
    counts = ranked["count"].to_numpy()
    covered = np.cumsum(counts)
    ranks = np.unique(np.geomspace(1, len(covered), _CURVE_POINTS).round().astype(np.int64))
    return TokenStatistics(
        top=[
            TokenCount(token=token, count=count, id=entry)
            for token, count, entry in zip(top["token"].to_pylist(), top["count"].to_pylist(), ids, strict=True)
        ],
        curve=[CoveredShare(rank=rank, share=int(covered[rank - 1]) / max(1, tokens)) for rank in ranks.tolist()],
        occurring=int(np.count_nonzero(counts)),
    )


def deviation(variance: Fraction) -> float:
    """Returns the square root of a variance."""
    return math.sqrt(float(variance))


def _split_details(facts: SplitFacts, spec: DatasetSpec, classes: int) -> SplitDetails:
    numbers = [*number_features(spec), LABEL] if LABEL in facts.details.numbers else number_features(spec)
    return SplitDetails(
        records=facts.records,
        sequences={name: _sequence_details(name, facts, spec, classes) for name in facts.sequences},
        numbers={name: number_statistics(facts.details.numbers[name][0]) for name in numbers},
        categories={
            name: CategoryStatistics(count=facts.records, oov=facts.details.unknown[name])
            for name in category_features(spec)
        },
    )


def _sequence_details(name: str, facts: SplitFacts, spec: DatasetSpec, classes: int) -> SequenceDetails:
    sequence, details = facts.sequences[name], facts.details
    found = SequenceDetails(lengths=length_details(sequence.lengths), oov_steps=sequence.oov_steps)
    if name in details.oov:
        found.oov_sums.CopyFrom(oov_message(details.oov[name]))
    if details.uncut[name] != sequence.lengths:
        found.uncut_lengths.CopyFrom(length_details(details.uncut[name]))
    if name in details.by_class and not details.by_class[name].too_many:
        found.by_class.extend(length_details(lengths) for lengths in _by_class(facts, name, classes))
    if name in series_sequences(spec):
        steps = _steps(sequence)
        found.values.extend(number_statistics(moments, steps - moments.count) for moments in details.numbers[name])
    return found


def _by_class(facts: SplitFacts, name: str, classes: int) -> list[Counter[int]]:
    """Returns the lengths of each class."""
    lengths: list[Counter[int]] = [Counter() for _ in range(classes)]
    for (label, length), count in facts.details.by_class[name].pairs.items():
        lengths[label][length] = count
    return lengths


def _steps(facts: SequenceFacts) -> int:
    return sum(length * count for length, count in facts.lengths.items())


def _quantiles(values: list[int], counts: list[int]) -> list[tuple[float, int]]:
    # A share is the decimal as it is written: 0.1 is a tenth, not the float beside it.
    return [(share, quantile(values, counts, Fraction(str(share)))) for share in SHARES]
