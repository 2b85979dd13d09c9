"""The same statistics in the messages of tensorflow-metadata, which TensorFlow Data Validation and Facets read.

They are of the features as they are stored, by their names and types in the shards, so that they fit what these
tools find there. A feature of ids has `string_stats`, as these tools give categories that are whole numbers; what
the ids stand for is told by the custom statistic `tokens`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from tensorflow_metadata.proto.v0 import path_pb2 as paths
from tensorflow_metadata.proto.v0 import statistics_pb2 as standard

from pipeline.moments import ExactMoments
from pipeline.split_facts import SplitFacts
from pipeline.statistics.details import deviation, quantile
from pipeline.statistics.record_facts import TOP_TOKENS, WholeMoments
from schemas.dataset_pb2 import DatasetSpec, DuplicateIds, StoredAs
from schemas.formats.fields import LABEL
from schemas.manifest import length_feature, missing_feature, stored_features
from schemas.manifest_pb2 import StoredFeature
from schemas.spec import (
    NUMBER,
    category_features,
    series_sequences,
    token_sequences,
    vocabulary_features,
    vocabulary_options,
    vocabulary_owner,
)
from schemas.statistics_pb2 import TokenStatistics
from schemas.vocabulary import first_token_id

# What the tools call the feature lists of a SequenceExample.
SEQUENCE_STEP = "##SEQUENCE##"
_BUCKETS = 10  # of a histogram, as these tools have them
_TYPES = {
    "bytes": standard.FeatureNameStatistics.STRING,
    "int64": standard.FeatureNameStatistics.INT,
    "float": standard.FeatureNameStatistics.FLOAT,
}


def feature_statistics(
    splits: Mapping[str, SplitFacts], tokens: Mapping[str, TokenStatistics], spec: DatasetSpec, train: str
) -> standard.DatasetFeatureStatisticsList:
    """Returns the statistics of each stored feature; a data set of the message is a split.

    Args:
      splits: By split: what was written.
      tokens: By name of the token sequence or category, and "label" for classes; of the training split.
      spec: A resolved spec.
      train: Name of the training split, the only one of which the most frequent tokens are known.
    """
    found = standard.DatasetFeatureStatisticsList()
    for name, facts in sorted(splits.items()):
        dataset = found.datasets.add(name=name, num_examples=facts.records)
        features = _Features(facts, tokens, spec, name == train)
        dataset.features.extend(features.statistics(stored) for stored in stored_features(spec))
    return found


def feature_path(stored: StoredFeature, spec: DatasetSpec) -> list[str]:
    """Returns how the tools name a stored feature."""
    inside = stored.variable and spec.stored_as == StoredAs.sequence_example
    return [SEQUENCE_STEP, stored.name] if inside else [stored.name]


@dataclass(frozen=True)
class _Features:
    """The stored features of one split.

    Attributes:
      facts: What was written.
      tokens: As of `feature_statistics`.
      spec: A resolved spec.
      is_train: Whether it is the split that the tokens were counted in.
    """

    facts: SplitFacts
    tokens: Mapping[str, TokenStatistics]
    spec: DatasetSpec
    is_train: bool

    def statistics(self, stored: StoredFeature) -> standard.FeatureNameStatistics:
        """Returns the statistics of one feature."""
        name, common = stored.name, common_statistics(self._value_counts(stored))
        path = paths.Path(step=feature_path(stored, self.spec))
        found = standard.FeatureNameStatistics(path=path, type=_TYPES[stored.dtype])
        if stored.dtype == "bytes":
            found.string_stats.CopyFrom(self._text(name))
        elif name == LABEL and self.spec.label.type != NUMBER:
            found.string_stats.CopyFrom(self._classes(found))
        elif name in token_sequences(self.spec) or name in category_features(self.spec):
            found.string_stats.CopyFrom(self._ids(name, found))
        else:
            found.num_stats.CopyFrom(self._numbers(name))
        if name in series_sequences(self.spec):
            filled = common.tot_num_values - found_count(self.facts.details.numbers[name])
            found.custom_stats.add(name="missing", num=filled)
        (found.num_stats if found.HasField("num_stats") else found.string_stats).common_stats.CopyFrom(common)
        return found

    def _value_counts(self, stored: StoredFeature) -> Counter[int]:
        """Returns the examples by the number of values they have."""
        if not stored.variable:
            return Counter({1: self.facts.records})
        if stored.name in self.facts.details.characters:
            return self.facts.details.characters[stored.name]
        sequence = self.spec.label.of if stored.name == LABEL else stored.name.split("/")[0]
        lengths = self.facts.sequences[sequence].lengths
        return Counter({length * stored.dims: count for length, count in lengths.items()})

    def _text(self, name: str) -> standard.StringStatistics:
        size = self.facts.details.text_bytes[name] / max(1, self.facts.records)
        differ = name == "id" and self.spec.duplicate_ids != DuplicateIds.keep
        return standard.StringStatistics(avg_length=size, unique=self.facts.records if differ else 0)

    def _classes(self, found: standard.FeatureNameStatistics) -> standard.StringStatistics:
        counts = _falling(self.facts.classes)
        names = {entry.id: entry.token for entry in self.tokens[LABEL].top}
        _add_names(found, [(names[label], count) for label, count in counts if label in names])
        return _string_statistics(counts[:TOP_TOKENS], len(counts))

    def _ids(self, name: str, found: standard.FeatureNameStatistics) -> standard.StringStatistics:
        sequence = self.facts.sequences.get(name)
        unknown = sequence.oov_steps if sequence else self.facts.details.unknown[name]
        found.custom_stats.add(name="out_of_vocabulary", num=unknown)
        own, ids = self.tokens[name], self.facts.details.ids[name]
        counts = _falling(ids)
        names = {entry.id: entry.token for entry in own.top}
        _add_names(found, [(names[id_], count) for id_, count in counts if id_ in names])
        owner = vocabulary_owner(self.spec, name)
        first = first_token_id(vocabulary_options(self.spec, owner).oov_buckets)
        unknown_ids = [id_ for id_, _ in counts if id_ < first]
        left_out = set(unknown_ids[TOP_TOKENS:])  # of many buckets: each would be an entry
        # How many different ids there are, only counts of just this feature and split tell.
        alone = [vocabulary_owner(self.spec, other) for other in vocabulary_features(self.spec)].count(owner) == 1
        told = self.is_train and alone and all(ids[entry.id] == entry.count for entry in own.top)
        shown = [entry for entry in counts if entry[0] not in left_out]
        return _string_statistics(shown, own.occurring + len(unknown_ids) if told else 0)

    def _numbers(self, name: str) -> standard.NumericStatistics:
        sequence, details = name.split("/")[0], self.facts.details
        if name == length_feature(sequence):
            return histogram_statistics(self.facts.sequences[sequence].lengths)
        if name == missing_feature(sequence):
            dims = self.spec.sequences[sequence].dims
            numbers = sum(length * count for length, count in self.facts.sequences[sequence].lengths.items()) * dims
            present = found_count(details.numbers[sequence])
            return histogram_statistics(Counter({0: present, 1: numbers - present}))
        if name in details.whole:
            return _whole_statistics(details.whole[name])
        return moments_statistics(details.numbers[name])


def common_statistics(value_counts: Mapping[int, int]) -> standard.CommonStatistics:
    """Returns what is known of the number of values of each example.

    Args:
      value_counts: Examples by the number of their values.
    """
    values = sorted(number for number, count in value_counts.items() if count)
    counts = [value_counts[number] for number in values]
    records = sum(counts)
    if not records:
        return standard.CommonStatistics()
    total = sum(number * count for number, count in zip(values, counts, strict=True))
    return standard.CommonStatistics(
        num_non_missing=records,
        min_num_values=values[0],
        max_num_values=values[-1],
        avg_num_values=total / records,
        tot_num_values=total,
        num_values_histogram=_quantiles(values, counts),
    )


def histogram_statistics(histogram: Mapping[int, int]) -> standard.NumericStatistics:
    """Returns what an exact histogram says: examples, or values, by number."""
    values = sorted(number for number, count in histogram.items() if count)
    counts = [histogram[number] for number in values]
    if not values:
        return standard.NumericStatistics()
    pairs, number = list(zip(values, counts, strict=True)), sum(counts)
    mean = Fraction(sum(value * count for value, count in pairs), number)
    squares = Fraction(sum(value * value * count for value, count in pairs), number)
    return standard.NumericStatistics(
        mean=float(mean),
        std_dev=deviation(squares - mean**2),
        num_zeros=histogram.get(0, 0),
        min=values[0],
        median=quantile(values, counts, Fraction(1, 2)),
        max=values[-1],
        histograms=[_of_equal_width(pairs), _quantiles(values, counts)],
    )


def moments_statistics(dimensions: list[ExactMoments]) -> standard.NumericStatistics:
    """Returns what the moments of all dimensions together say; they tell neither median nor histogram."""
    whole = ExactMoments()
    for moments in dimensions:
        whole.merge(moments)
    if not whole.count:
        return standard.NumericStatistics()
    return standard.NumericStatistics(
        mean=float(whole.mean()),
        std_dev=deviation(whole.variance()),
        num_zeros=whole.zeros,
        min=whole.least + 0.0,  # without the sign of zero, which would depend on the order
        max=whole.greatest + 0.0,
    )


def found_count(dimensions: list[ExactMoments]) -> int:
    """Returns how many numbers of all dimensions are not missing."""
    return sum(moments.count for moments in dimensions)


def _whole_statistics(whole: WholeMoments) -> standard.NumericStatistics:
    if whole.least is None or whole.greatest is None:
        return standard.NumericStatistics()
    mean = Fraction(whole.total, whole.count)
    return standard.NumericStatistics(
        mean=float(mean),
        std_dev=deviation(Fraction(whole.squares, whole.count) - mean**2),
        num_zeros=whole.zeros,
        min=whole.least,
        max=whole.greatest,
    )


def _falling(counts: Mapping[int, int]) -> list[tuple[int, int]]:
    """Returns ids with their counts, the most frequent first."""
    return sorted(((id_, count) for id_, count in counts.items() if count), key=lambda entry: (-entry[1], entry[0]))


def _string_statistics(counts: list[tuple[int, int]], unique: int) -> standard.StringStatistics:
    """Returns the most frequent ids with their counts."""
    found = standard.StringStatistics(unique=unique)
    for rank, (value, count) in enumerate(counts):
        found.top_values.add(value=str(value), frequency=count)
        found.rank_histogram.buckets.add(low_rank=rank, high_rank=rank, label=str(value), sample_count=count)
    return found


def _add_names(found: standard.FeatureNameStatistics, counts: list[tuple[str, int]]) -> None:
    ranks = standard.RankHistogram()
    for rank, (name, count) in enumerate(counts):
        ranks.buckets.add(low_rank=rank, high_rank=rank, label=name, sample_count=count)
    found.custom_stats.add(name="tokens", rank_histogram=ranks)


def _quantiles(values: list[int], counts: list[int]) -> standard.Histogram:
    """Returns a histogram of buckets that hold equally many."""
    found = standard.Histogram(type=standard.Histogram.QUANTILES)
    bounds = [quantile(values, counts, Fraction(i, _BUCKETS)) for i in range(_BUCKETS + 1)]
    for low, high in pairwise(bounds):
        found.buckets.add(low_value=low, high_value=high, sample_count=sum(counts) / _BUCKETS)
    return found


def _of_equal_width(pairs: list[tuple[int, int]]) -> standard.Histogram:
    """Returns a histogram of buckets of one width; a value on a border is of the higher one. One value: one bucket."""
    least, width = pairs[0][0], pairs[-1][0] - pairs[0][0]
    buckets = _BUCKETS if width else 1
    counts = [0] * buckets
    for value, count in pairs:
        place = (value - least) * buckets // max(1, width)
        counts[min(place, buckets - 1)] += count
    bounds = [float(least + Fraction(width * i, buckets)) for i in range(buckets + 1)]
    found = standard.Histogram(type=standard.Histogram.STANDARD)
    for i, count in enumerate(counts):
        found.buckets.add(low_value=bounds[i], high_value=bounds[i + 1], sample_count=count)
    return found
