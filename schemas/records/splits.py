"""The split of each record: a function of the record and the spec alone, whatever else is in the data.

A record, or one of its group, that was once in a split is in it in every later data set of the same spec.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.dataset_pb2 import DatasetSpec, SplitBy
from schemas.ragged import Int64s
from schemas.records.examples import ExampleBlock
from schemas.records.identity import assign_splits, places_of, salted_digests, split_order
from schemas.records.moments import read_moments
from schemas.records.verdicts import Verdicts
from schemas.spec import source_path
from schemas.times import parse_time

UNKNOWN_SPLIT = "unknown_split"
_SHOWN_VALUES = 10


class Placed(NamedTuple):
    """Where examples go.

    Attributes:
      order: uint64, (examples,); their order within a split and bucket.
      records: uint64, (examples, 2); digest of the id of the record that each is of.
      splits: int64, (examples,); index into `split_names`.
    """

    order: npt.NDArray[np.uint64]
    records: npt.NDArray[np.uint64]
    splits: Int64s


def decided_splits(spec: DatasetSpec) -> list[str]:
    """Returns the splits that a field or a time may name, in the order of `split_order`; empty by a hash."""
    if spec.split.by == SplitBy.field:
        return split_order(set(spec.split.names.values()))
    return split_order({*spec.split.before, spec.split.otherwise}) if spec.split.by == SplitBy.time else []


def split_names(spec: DatasetSpec, fractions: Mapping[str, float]) -> list[str]:
    """Returns the splits that `place_examples` gives indices of; `fractions` count where a hash decides."""
    return decided_splits(spec) or split_order(fractions)


def read_split(column: pa.Array, spec: DatasetSpec, verdicts: Verdicts) -> pa.Array:
    """Returns what decides the split of each record: string, its group, or int64, an index into `decided_splits`.

    Args:
      column: As `fields_of` asks for it.
      spec: A resolved spec; where a hash of the id would decide, the column is what stands in place of the id.
      verdicts: Of the records; rejects those with an unknown split or a time that is none.
    """
    if spec.split.by in {SplitBy.hash, SplitBy.group}:
        return column
    read = _splits_named if spec.split.by == SplitBy.field else _splits_in_time
    return pa.array(read(column, spec, verdicts))


def place_examples(examples: ExampleBlock, spec: DatasetSpec, fractions: Mapping[str, float]) -> Placed:
    """Returns the places of examples.

    All pieces of a record go where the record goes; their order is their own.

    Args:
      examples: With `split_by`, unless a hash of the id decides.
      spec: A resolved spec.
      fractions: Share of each split, where a hash decides; they add up to 1.
    """
    own = salted_digests(examples.ids, spec.split.salt)
    records = own if examples.parents is None else _digests(examples.parents.ids, spec.split.salt)
    by = examples.split_by
    if by is not None and pa.types.is_integer(by.type):
        return Placed(places_of(own).order, records, by.to_numpy())
    group = records if by is None else _digests(by, spec.split.salt)
    return Placed(places_of(own).order, records, assign_splits(places_of(group).share, fractions))


def _digests(names: pa.StringArray, salt: int) -> npt.NDArray[np.uint64]:
    """Returns the digests of names, many of which are the same."""
    encoded = names.dictionary_encode()
    digests: npt.NDArray[np.uint64] = salted_digests(encoded.dictionary, salt)[encoded.indices.to_numpy()]
    return digests


def _splits_named(column: pa.Array, spec: DatasetSpec, verdicts: Verdicts) -> Int64s:
    order, values = decided_splits(spec), sorted(spec.split.names)
    place = pc.index_in(column, pa.array(values, pa.string()))
    shown = ", ".join([*values[:_SHOWN_VALUES], *(["..."] if len(values) > _SHOWN_VALUES else [])])
    rule = f"'{source_path(spec.split)}' must name a split by one of {shown}; say others under split.names"
    verdicts.reject(pc.is_null(place).to_numpy(zero_copy_only=False), UNKNOWN_SPLIT, rule)
    index_of = np.array([order.index(spec.split.names[value]) for value in values], np.int64)
    splits: Int64s = index_of[pc.fill_null(place, 0).to_numpy()]
    return splits


def _splits_in_time(column: pa.Array, spec: DatasetSpec, verdicts: Verdicts) -> Int64s:
    split, order = spec.split, decided_splits(spec)
    times = read_moments(column, source_path(split), split.time_format, split.zone, "split", verdicts)
    ends = sorted((parse_time(text, split.time_format, split.zone) or 0, name) for name, text in split.before.items())
    index_of = np.array([order.index(name) for name in [*(name for _, name in ends), split.otherwise]], np.int64)
    splits: Int64s = index_of[np.searchsorted([end for end, _ in ends], times, side="right")]
    return splits
