"""Statistics of several data sets become those of all their records together, exactly.

The result equals what one run over the union of the records with the same vocabularies and classes states: whole
numbers are added, and what follows from them is computed and rounded once, as there. `tokens` is left out: the most
frequent tokens of the union can lie beyond the hundred that each part tells of, and its curve beyond the ranks.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from pipeline.moments import ExactMoments
from pipeline.statistics.details import length_details, number_statistics, oov_message
from pipeline.statistics.record_facts import MOST_PAIRS, OovSums
from schemas.errors import DataError
from schemas.statistics_pb2 import (
    CategoryStatistics,
    DatasetStatistics,
    LengthDetails,
    NumberStatistics,
    SequenceDetails,
    SplitDetails,
)


def merge_statistics(parts: Sequence[DatasetStatistics]) -> DatasetStatistics:
    """Returns the statistics of the records of all parts together, without `tokens`.

    Args:
      parts: Of data sets of one spec that share vocabularies and classes. Where some have more classes behind those
        of the others, these count as having none of them.

    Raises:
      DataError: A part does not state exact sums, see `exact_moments`.
    """
    names = sorted({name for part in parts for name in part.splits})
    return DatasetStatistics(
        splits={name: merge_splits([part.splits[name] for part in parts if name in part.splits]) for name in names}
    )


def merge_splits(parts: Sequence[SplitDetails]) -> SplitDetails:
    """Returns what is known of the examples of all parts together; parts may be different splits.

    Raises:
      DataError: A part does not state exact sums, see `exact_moments`.
    """
    return SplitDetails(
        records=sum(part.records for part in parts),
        sequences={
            name: _merged_sequence([part.sequences[name] for part in parts if name in part.sequences])
            for name in sorted({name for part in parts for name in part.sequences})
        },
        numbers={
            name: _merged_numbers([part.numbers[name] for part in parts if name in part.numbers])
            for name in sorted({name for part in parts for name in part.numbers})
        },
        categories={
            name: CategoryStatistics(
                count=sum(part.categories[name].count for part in parts if name in part.categories),
                oov=sum(part.categories[name].oov for part in parts if name in part.categories),
            )
            for name in sorted({name for part in parts for name in part.categories})
        },
    )


def exact_moments(numbers: NumberStatistics) -> ExactMoments:
    """Returns the moments that were rounded to these statistics.

    Raises:
      DataError: There are numbers, but not their exact sums.
    """
    if not numbers.count:
        return ExactMoments()
    if not numbers.exact_sum or not numbers.exact_squares:
        raise DataError(
            "the statistics state no exact sums, since an earlier release wrote them; write the data set again with "
            "--replace"
        )
    return ExactMoments(
        count=numbers.count,
        total=int(numbers.exact_sum, 16),
        squares=int(numbers.exact_squares, 16),
        least=numbers.min,
        greatest=numbers.max,
        zeros=numbers.zeros,
    )


def merged_oov(parts: Iterable[SequenceDetails]) -> OovSums | None:
    """Returns the sums over records of all parts together; None where one does not state them."""
    whole = OovSums()
    for part in parts:
        if not part.HasField("oov_sums"):
            return None
        stated = part.oov_sums
        whole.merge(
            OovSums(
                stated.records, *(int(sum_, 16) for sum_ in (stated.squares, stated.products, stated.length_squares))
            )
        )
    return whole


def histogram_of(lengths: LengthDetails) -> Counter[int]:
    """Returns records by length."""
    return Counter(dict(zip(lengths.lengths, lengths.counts, strict=True)))


def _merged_sequence(parts: Sequence[SequenceDetails]) -> SequenceDetails:
    lengths = _added(part.lengths for part in parts)
    # A part whose records were not cut states their lengths once.
    uncut = _added(part.uncut_lengths if part.HasField("uncut_lengths") else part.lengths for part in parts)
    found = SequenceDetails(lengths=length_details(lengths), oov_steps=sum(part.oov_steps for part in parts))
    sums = merged_oov(parts)
    if sums is not None:
        found.oov_sums.CopyFrom(oov_message(sums))
    if uncut != lengths:
        found.uncut_lengths.CopyFrom(length_details(uncut))
    found.by_class.extend(length_details(counts) for counts in _merged_classes(parts))
    dimensions = zip_longest(*(part.values for part in parts), fillvalue=NumberStatistics())
    found.values.extend(_merged_numbers(dimension) for dimension in dimensions)
    return found


def _merged_classes(parts: Sequence[SequenceDetails]) -> list[Counter[int]]:
    """Returns the lengths of each class; nothing where a part leaves them out, or all together have too many."""
    if any(part.lengths.records and not part.by_class for part in parts):
        return []
    merged = [_added(classes) for classes in zip_longest(*(part.by_class for part in parts), fillvalue=LengthDetails())]
    return merged if sum(map(len, merged)) <= MOST_PAIRS else []


def _merged_numbers(parts: Sequence[NumberStatistics]) -> NumberStatistics:
    whole = ExactMoments()
    for part in parts:
        whole.merge(exact_moments(part))
    return number_statistics(whole, sum(part.missing for part in parts))


def _added(parts: Iterable[LengthDetails]) -> Counter[int]:
    added: Counter[int] = Counter()
    for part in parts:
        added.update(histogram_of(part))
    return added
