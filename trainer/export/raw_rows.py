"""Raw records as one would ask an export about them: as dense tensors, and as `tf.train.Example` messages."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.dataset_pb2 import Layout
from schemas.example_pb2 import Example
from schemas.formats.explain import NOT_FINITE
from schemas.formats.fields import column_field, time_field
from schemas.formats.raw import RawBlock
from schemas.manifest import length_feature
from schemas.manifest_pb2 import Manifest
from schemas.ragged import Ragged
from schemas.records.nulls import float32, nulls
from schemas.records.series import read_series
from schemas.records.since import read_times
from schemas.records.subwords import Subwords
from schemas.records.tokens import read_tokens
from schemas.records.verdicts import Mask, Verdicts
from schemas.times import UNIX_UNITS
from trainer.export.columns import ColumnKind, column_kinds
from trainer.export.dense import LISTS, dense_names
from trainer.export.examples import feature_names

# One record: by name of the column bytes, a float, or an array of its steps; without those that it has no value of.
Row = dict[str, Any]
_MICROSECONDS = 1e6  # of one second


class RawRows:
    """Some raw records.

    Attributes:
      rows: Of each record.
      askable: bool, (records,); which of them can be said as dense tensors: no field is missing.
    """

    def __init__(self, raw: RawBlock, manifest: Manifest, subwords: Mapping[str, Subwords]) -> None:
        """Reads the values.

        Args:
          raw: The records.
          manifest: Of the data set that the model was trained on.
          subwords: By name, of each sequence that is cut by a tokenizer file.
        """
        self._spec = manifest.spec
        self._kinds = column_kinds(manifest.spec)
        self._subwords = subwords
        count = len(raw.offsets)
        self.rows: list[Row] = [{} for _ in range(count)]
        self.askable: Mask = np.ones(count, bool)
        self._sayable: Mask = np.ones(count, bool)
        for name, kind in self._kinds.items():
            values, missing, bad = self._read(name, kind, raw)
            self.askable &= ~missing & ~bad
            self._sayable &= ~bad
            for row, value, gone in zip(self.rows, values, missing, strict=True):
                if not gone:
                    row[name] = value
        self.askable &= np.array([self._as_many_times(row) for row in self.rows], bool)
        self._exact = np.array([self._whole_times(row) for row in self.rows], bool)

    @property
    def writable(self) -> Mask:
        """Which records an Example can hold, bool, (records,): their times are whole numbers of their unit."""
        writable: Mask = self._sayable & self._exact
        return writable

    def dense(self, rows: Sequence[int]) -> dict[str, npt.NDArray[Any]]:
        """Returns some askable records as arguments of `serving_default`."""
        names, some = dense_names(self._spec), [self.rows[i] for i in rows]
        arguments: dict[str, npt.NDArray[Any]] = {}
        for name, kind in self._kinds.items():
            values = [row[name] for row in some]
            if kind not in LISTS and kind != ColumnKind.TIMES:
                dtype = np.float32 if kind == ColumnKind.NUMBER else object
                arguments[names[name]] = np.array(values, dtype)
                continue
            arguments[names[name]] = _padded(values)
            if kind in LISTS:
                arguments[names[length_feature(name)]] = np.array([len(value) for value in values], np.int64)
        return arguments

    def examples(self, rows: Sequence[int]) -> npt.NDArray[Any]:
        """Returns some writable records as serialized messages, (rows,); what they lack is left out."""
        return np.array([self._example(self.rows[i]).SerializeToString() for i in rows], object)

    def _example(self, row: Row) -> Example:
        example = Example()
        names, features = feature_names(self._spec), example.features.feature
        for name, value in row.items():
            for field, values in self._fields(name, value).items():
                if names[field] in features:  # which two sequences read
                    continue
                feature = features[names[field]]
                kind = "int64_list" if self._kinds.get(name) == ColumnKind.TIMES else "float_list"
                values_of_kind = getattr(feature, "bytes_list" if values and isinstance(values[0], bytes) else kind)
                values_of_kind.value.extend(values)
                values_of_kind.SetInParent()  # an empty list is a list, too
        return example

    def _fields(self, name: str, value: Any) -> dict[str, list[Any]]:
        """Returns the values of the fields that a column is of."""
        kind, feature = self._kinds[name], self._spec.sequences.get(name)
        if kind == ColumnKind.SERIES and feature is not None:
            if feature.layout == Layout.columns:
                return {column_field(name, i): value[:, i].tolist() for i in range(feature.dims)}
            return {name: value.reshape(-1).tolist()}
        if kind == ColumnKind.TIMES:
            return {name: [int(time) for time in value]}
        return {name: list(value) if kind in LISTS else [value]}

    def _read(self, name: str, kind: ColumnKind, raw: RawBlock) -> tuple[Sequence[Any], Mask, Mask]:
        """Returns the value of each record, which of them are missing, and which cannot be said."""
        if kind == ColumnKind.SERIES:
            return self._frames(name, raw)
        if kind == ColumnKind.TIMES:
            return self._times(name, raw)
        column = raw.columns[name]
        none = np.zeros(len(column), bool)
        if kind == ColumnKind.NUMBER:
            return float32(column).tolist(), nulls(column), none
        if kind in {ColumnKind.TEXT, ColumnKind.CATEGORY}:
            return [(value or "").encode() for value in column.to_pylist()], nulls(column), none
        if kind == ColumnKind.TOKENS:
            lists = [value or [] for value in column.to_pylist()]
            values = [_names(value) for value in lists]
            return values, nulls(column), np.array([None in value for value in lists], bool)
        verdicts = Verdicts(len(column))
        tokens = read_tokens(name, column, self._spec.sequences[name], verdicts, self._subwords)
        names = np.array(_names(tokens.values.cast("string").to_pylist()), object)
        return np.split(names, tokens.offsets[1:-1]), nulls(column), ~verdicts.open

    def _frames(self, name: str, raw: RawBlock) -> tuple[Sequence[Any], Mask, Mask]:
        feature = self._spec.sequences[name]
        fields = [name]
        if feature.layout == Layout.columns:
            fields = [column_field(name, i) for i in range(feature.dims)]
        verdicts = Verdicts(len(raw.offsets))
        series = read_series(name, raw.columns, feature, verdicts)
        reasons = [verdicts.rules[rule][0] if rule >= 0 else NOT_FINITE for rule in verdicts.rule_of.tolist()]
        bad = np.array([reason != NOT_FINITE for reason in reasons], bool)
        missing = np.any([nulls(raw.columns[field]) for field in fields], axis=0)
        numbers = series.values.to_numpy(zero_copy_only=False)
        lists = np.split(numbers, series.offsets[1:-1])
        whole = [one[: len(one) // feature.dims * feature.dims].reshape(-1, feature.dims) for one in lists]
        return whole, missing, bad

    def _times(self, name: str, raw: RawBlock) -> tuple[Sequence[Any], Mask, Mask]:
        """Returns numbers as they stand, or the seconds since 1970 that texts mean; NaN for what is no time."""
        series = name.split("/")[0]
        feature, column = self._spec.sequences[series], raw.columns[time_field(series)]
        none = np.zeros(len(column), bool)
        if feature.time.format in UNIX_UNITS:
            lists = [np.array(value or [], np.float64) for value in column.to_pylist()]
            return lists, nulls(column), none
        steps = np.array([len(value or []) for value in column.to_pylist()], np.int64)
        verdicts = Verdicts(len(column))
        times: Ragged = read_times(series, column, feature, steps, verdicts)
        seconds = times.values.to_numpy() / _MICROSECONDS
        # A bad time is read as 0, and its record cannot be said.
        return np.split(seconds, times.offsets[1:-1]), nulls(column), ~verdicts.open

    def _as_many_times(self, row: Row) -> bool:
        """Returns whether each series has as many times as frames, for which there is one length."""
        times = [name for name in row if self._kinds[name] == ColumnKind.TIMES]
        pairs = [(row[name], row[name.split("/")[0]]) for name in times if name.split("/")[0] in row]
        return all(len(moments) == len(frames) for moments, frames in pairs)

    def _whole_times(self, row: Row) -> bool:
        times = [value for name, value in row.items() if self._kinds[name] == ColumnKind.TIMES]
        return all((np.abs(one) < 2.0**62).all() and (one == np.rint(one)).all() for one in times)


def row_size(row: Row) -> int:
    """Returns about how many steps a record has, at most: bytes, tokens or frames of its longest sequence."""
    return max((len(value) for value in row.values() if not isinstance(value, float)), default=0)


def _names(values: Sequence[str | None]) -> list[bytes]:
    return [(value or "").encode() for value in values]


def _padded(values: Sequence[Any]) -> npt.NDArray[Any]:
    """Returns lists as one array, padded at the end: (records, longest, ...)."""
    lists = [np.array(value, object) if isinstance(value, list) else np.asarray(value) for value in values]
    width = max((len(value) for value in lists), default=0)
    kind, inner = (lists[0].dtype, lists[0].shape[1:]) if lists else (np.dtype(object), ())
    padded = np.full((len(lists), width, *inner), b"" if kind.kind == "O" else 0, kind)
    for row, value in zip(padded, lists, strict=True):
        row[: len(value)] = value
    return padded
