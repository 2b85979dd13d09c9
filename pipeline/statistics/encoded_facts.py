"""Looks at encoded examples, column by column: what `pipeline.statistics.record_facts` keeps of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from pipeline.moments import moments_of
from pipeline.split_facts import length_counts
from pipeline.statistics.record_facts import MOST_PAIRS, ClassLengths, OovSums, RecordFacts, WholeMoments
from schemas.binary import Offsets
from schemas.buckets import Int64s
from schemas.dataset_pb2 import DatasetSpec
from schemas.example import BytesColumn, CodedColumn, Column, FloatColumn, Int64Column
from schemas.formats.fields import LABEL
from schemas.manifest import START_FEATURE, length_feature, missing_feature, sizes_feature
from schemas.spec import CLASS, category_features, steps_of, token_sequences
from schemas.vocabulary import OOV_ID, Vocabulary

Mask = npt.NDArray[np.bool_]

# Classes up to which lengths are counted for each of them.
MOST_CLASSES = 1_000


@dataclass(frozen=True)
class EncodedFacts:
    """The examples of a block, to be looked at.

    Attributes:
      features: By stored feature, as they are encoded; all of the same number of examples.
      cut: By name of the sequence: steps that no example has, int64, (examples,), as of `ExampleBlock`.
      unknown: By name of the token sequence: steps that are out of vocabulary, int64, (examples,).
      spec: A resolved spec.
      vocabularies: By name of the token sequence or category, and "label" for classes.
      frequent: By the same names: ids of the most frequent tokens of the training split.
    """

    features: Mapping[str, Column]
    cut: Mapping[str, Int64s]
    unknown: Mapping[str, Int64s]
    spec: DatasetSpec
    vocabularies: Mapping[str, Vocabulary]
    frequent: Mapping[str, Sequence[int]]

    def of(self, inside: Mask) -> RecordFacts:
        """Returns the facts of some of the examples, (examples,)."""
        facts = RecordFacts()
        for name in sorted(self.spec.sequences):
            facts.uncut[name] = length_counts(self._uncut(name, inside))
            if self._few_classes:
                facts.by_class[name] = self._by_class(name, inside)
        for name, column in self.features.items():
            if isinstance(column, FloatColumn):
                facts.numbers[name] = self._moments(name, column, inside)
            elif isinstance(column, BytesColumn):
                facts.text_bytes[name] = int(np.sum(pc.binary_length(column.values).to_numpy()[inside], dtype=np.int64))
            elif sizes_feature(name) in self.features:
                facts.characters[name] = length_counts(np.diff(column.offsets)[inside])
        for name in [START_FEATURE, *map(sizes_feature, self.spec.sequences)]:
            if name in self.features:
                facts.whole[name] = whole_moments(_within(self.features[name], inside))
        for name in [*token_sequences(self.spec), *category_features(self.spec)]:
            facts.ids[name] = self._top_ids(name, inside)
        for name in token_sequences(self.spec):
            lengths = _integers(self.features[length_feature(name)])
            facts.oov[name] = oov_sums(self.unknown[name][inside], lengths[inside], self._starts_record(inside))
        for name in category_features(self.spec):
            first = self.vocabularies[name].first_id
            facts.unknown[name] = sum(count for id_, count in facts.ids[name].items() if OOV_ID <= id_ < first)
        return facts

    @property
    def _few_classes(self) -> bool:
        label = self.spec.HasField("label") and self.spec.label.type == CLASS
        return label and len(self.vocabularies[LABEL].tokens) <= MOST_CLASSES

    def _uncut(self, name: str, inside: Mask) -> Int64s:
        """Returns the steps that each record had, (records,); it may be several examples, which stand together."""
        whole = _integers(self.features[length_feature(name)]) + self.cut[name]
        if START_FEATURE not in self.features:
            return whole[inside]
        starts = _integers(self.features[START_FEATURE])
        last = np.append(starts[1:] == 0, True)  # the last piece tells what is left out
        return (starts + whole)[last & inside]

    def _starts_record(self, inside: Mask) -> Mask:
        """Which of some of the examples are the first ones of their records."""
        if START_FEATURE not in self.features:
            return np.ones(np.count_nonzero(inside), bool)
        return cast("Mask", _integers(self.features[START_FEATURE])[inside] == 0)

    def _by_class(self, name: str, inside: Mask) -> ClassLengths:
        classes = _integers(self.features[LABEL])[inside]
        lengths = _integers(self.features[length_feature(name)])[inside]
        known = classes >= 0
        base = int(lengths.max(initial=0)) + 1
        keys, counts = np.unique(classes[known] * base + lengths[known], return_counts=True)
        if len(keys) > MOST_PAIRS:
            return ClassLengths(too_many=True)
        pairs = zip((keys // base).tolist(), (keys % base).tolist(), strict=True)
        return ClassLengths(Counter(dict(zip(pairs, counts.tolist(), strict=True))))

    def _top_ids(self, name: str, inside: Mask) -> Counter[int]:
        """Returns how often the ids of frequent tokens, and those out of vocabulary, occur."""
        column = self.features[name]
        if not isinstance(column, CodedColumn):
            ids = _within(column, inside)
            return length_counts(ids[self._is_told(name, ids)])
        counts = _code_counts(column, inside)
        top = np.flatnonzero(self._is_told(name, column.distinct) & (counts > 0))
        # Many tokens of a block can share the id of those that are out of vocabulary.
        ids, places = np.unique(column.distinct[top], return_inverse=True)
        sums = np.bincount(places, weights=counts[top])
        return Counter(dict(zip(ids.tolist(), sums.astype(np.int64).tolist(), strict=True)))

    def _is_told(self, name: str, ids: Int64s) -> Mask:
        """Returns which ids, (n,), are those of frequent tokens or out of vocabulary."""
        # Where special tokens or a file come first, the frequent ones are not those with the least ids.
        return self.vocabularies[name].is_unknown(ids) | np.isin(ids, self.frequent.get(name, ()))

    def _moments(self, name: str, column: FloatColumn, inside: Mask) -> list[Any]:
        dims = steps_of(self.spec.sequences[name]) if name in self.spec.sequences else 1
        flags = self.features.get(missing_feature(name))
        missing = None if flags is None else _within(flags, inside).reshape(-1, dims) > 0
        return moments_of(_within(column, inside).reshape(-1, dims), missing)


def oov_sums(unknown: Int64s, lengths: Int64s, first: Mask) -> OovSums:
    """Returns how alike the steps of one record are.

    Sums of a block are below 2^62: all of its steps are below 2^31, by which Arrow addresses them.

    Args:
      unknown: Steps out of vocabulary, (examples,).
      lengths: Steps, (examples,).
      first: Which examples are the first ones of their records, whose other examples follow; (examples,).
    """
    if not first.all():
        starts = np.flatnonzero(first)
        unknown, lengths = np.add.reduceat(unknown, starts), np.add.reduceat(lengths, starts)
    return OovSums(
        records=int(np.count_nonzero(lengths)),
        squares=int(unknown @ unknown),
        products=int(unknown @ lengths),
        length_squares=int(lengths @ lengths),
    )


def whole_moments(numbers: Int64s) -> WholeMoments:
    """Returns the moments of whole numbers, int64, (n,)."""
    if not len(numbers):
        return WholeMoments()
    values, counts = np.unique(numbers, return_counts=True)
    pairs = list(zip(values.tolist(), counts.tolist(), strict=True))
    return WholeMoments(
        count=len(numbers),
        total=sum(value * count for value, count in pairs),
        squares=sum(value * value * count for value, count in pairs),
        least=pairs[0][0],
        greatest=pairs[-1][0],
        zeros=int(np.count_nonzero(numbers == 0)),
    )


def _integers(column: Column) -> Int64s:
    if not isinstance(column, Int64Column):
        raise TypeError(f"a column of whole numbers is wanted, not {type(column).__name__}")
    return column.values


def _code_counts(column: CodedColumn, inside: Mask) -> Int64s:
    """Returns how often each of the different numbers of a column occurs in some of the examples."""
    codes, different = column.codes.to_numpy(), len(column.distinct)
    if 2 * np.count_nonzero(inside) <= len(inside):
        return np.bincount(_select(codes, column.offsets, inside), minlength=different)
    # Of most of them: to leave the others out is less work.
    others = _select(codes, column.offsets, ~inside)
    return np.bincount(codes, minlength=different) - np.bincount(others, minlength=different)


def _within(column: Column, inside: Mask) -> npt.NDArray[Any]:
    """Returns the values of some of the examples, one after another."""
    if not isinstance(column, Int64Column | FloatColumn):
        raise TypeError(f"a column of numbers is wanted, not {type(column).__name__}")
    return _select(column.values, column.offsets, inside)


def _select(values: npt.NDArray[Any], offsets: Offsets, inside: Mask) -> npt.NDArray[Any]:
    return values if inside.all() else np.compress(np.repeat(inside, np.diff(offsets)), values)
