"""What is found out about the examples of one block: lengths, moments, and how often each token occurs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.analysis import Analysis
from pipeline.moments import moments_of
from pipeline.split_facts import length_counts
from pipeline.vocabulary.rules import vocabulary_rules
from pipeline.vocabulary.token_files import Tokens, joined, occurring, once_each
from schemas.buckets import Int64s
from schemas.dataset_pb2 import DatasetSpec
from schemas.formats.fields import LABEL
from schemas.manifest import missing_feature, sizes_feature
from schemas.ragged import from_lists
from schemas.spec import bucket_sequences, steps_of

Mask = npt.NDArray[np.bool_]


def bucket_lengths(lengths: dict[str, Int64s], spec: DatasetSpec) -> Int64s:
    """Returns the length that the buckets go by, int64, (records,).

    Args:
      lengths: By name of the sequence, each int64, (records,).
      spec: A resolved spec.
    """
    longest: Int64s = np.max(np.stack([lengths[name] for name in bucket_sequences(spec)]), axis=0)
    return longest


def sequence_column(name: str) -> str:
    """Returns the staged column of a sequence."""
    return f"sequence:{name}"


def context_column(name: str) -> str:
    """Returns the staged column of a feature of the context."""
    return f"context:{name}"


def beside_column(name: str) -> str:
    """Returns the staged column of what is known of steps beside their values, such as frames/missing."""
    return f"beside:{name}"


def staged_lengths(columns: Mapping[str, pa.Array], name: str, spec: DatasetSpec) -> Int64s:
    """Returns the steps of a sequence of each staged example, int64, (examples,)."""
    # Where steps hold several values, their sizes say how many steps there are.
    sizes = columns.get(beside_column(sizes_feature(name)))
    if sizes is not None:
        return from_lists(sizes).lengths
    return from_lists(columns[sequence_column(name)], steps_of(spec.sequences[name])).lengths


@dataclass(frozen=True)
class BlockFacts:
    """The examples of a block, to be looked at.

    Attributes:
      columns: As they are staged.
      train: Which of them are of the training split, (records,).
      spec: A resolved spec.
    """

    columns: dict[str, pa.Array]
    train: Mask
    spec: DatasetSpec

    def analyse(self) -> Analysis:
        """Returns lengths and moments of the training split."""
        analysis = Analysis(train_records=int(self.train.sum()))
        lengths = {name: staged_lengths(self.columns, name, self.spec) for name in self.spec.sequences}
        analysis.bucket_lengths = length_counts(bucket_lengths(lengths, self.spec)[self.train])
        for name, column in self._columns_by_name().items():
            values, inside = self._values(column)
            if not pa.types.is_dictionary(values.type):
                dims = self.spec.sequences[name].dims if name in self.spec.sequences else 1
                numbers = _within(values.to_numpy(zero_copy_only=False), inside)
                analysis.moments[name] = moments_of(numbers.reshape(-1, dims), self._missing(name, inside))
        return analysis

    def count_tokens(self, first: Mask) -> dict[str, pa.Table]:
        """Returns the counts of each token column, as `occurring` does.

        Args:
          first: Which examples are the first of their record, (examples,).
        """
        columns, counts = self._columns_by_name(), {}
        for name, rule in vocabulary_rules(self.spec).items():
            tokens = [self._tokens(columns[feature]) for feature in rule.features]
            if rule.by_documents:
                record = np.cumsum(first) - 1
                records = [record[self._rows(columns[feature])] for feature in rule.features]
                counts[name] = occurring(*once_each(*joined(tokens), np.concatenate(records)))
            else:
                counts[name] = occurring(*joined(tokens))
        return counts

    def _tokens(self, column: pa.Array) -> Tokens:
        """Returns the tokens of the training split."""
        values, inside = self._values(column)
        return values.dictionary, _within(values.indices.to_numpy(), inside)

    def _rows(self, column: pa.Array) -> Int64s:
        """Returns the example of each token of the training split, int64, (tokens,)."""
        rows = np.arange(len(column))
        if pa.types.is_list(column.type):
            rows = np.repeat(rows, np.diff(column.offsets.to_numpy()))
        return _within(rows, self._values(column)[1])

    def _missing(self, name: str, inside: Mask) -> Mask | None:
        """Returns which numbers of a series were missing, (steps, dims), of the records of the training split."""
        flags = self.columns.get(beside_column(missing_feature(name)))
        if flags is None:
            return None
        missing: Mask = _within(flags.values.to_numpy(), inside).reshape(-1, self.spec.sequences[name].dims) > 0
        return missing

    def _columns_by_name(self) -> dict[str, pa.Array]:
        """Returns the columns of sequences, context and label by their names in the spec."""
        named = {name: self.columns[sequence_column(name)] for name in self.spec.sequences}
        named |= {name: self.columns[context_column(name)] for name in self.spec.context}
        return named | ({LABEL: self.columns[LABEL]} if LABEL in self.columns else {})

    def _values(self, column: pa.Array) -> tuple[pa.Array, Mask]:
        """Returns the values of all records, and which of them are those of the training split."""
        if not pa.types.is_list(column.type):
            return column, self.train
        return column.values, np.repeat(self.train, np.diff(column.offsets.to_numpy()))


def _within(values: npt.NDArray[Any], inside: Mask) -> npt.NDArray[Any]:
    return values if inside.all() else np.compress(inside, values)
