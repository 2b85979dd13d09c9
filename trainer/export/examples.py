"""Raw records as serialized `tf.train.Example` messages, with the fields of the `tfrecord` input format, as columns.

What the format cannot hold is taken as it can be had: frames one number after another, as `layout: flat` has them;
final tokens of a sequence whose rules no graph can apply, under a name of their own; times as numbers.
"""

from typing import Any

import tensorflow as tf

from schemas.dataset_pb2 import DatasetSpec, Layout
from schemas.formats.explain import MISSING_FIELD, WRONG_TYPE
from schemas.formats.fields import column_field, fields_of
from schemas.formats.typed_columns import path_of
from schemas.records.lengths import NOT_ALIGNED
from schemas.records.series import WRONG_DIMS
from trainer.export.columns import ColumnKind, column_kinds
from trainer.export.dense import microseconds, series_unit
from trainer.export.example_fields import NAME_KINDS, NUMBER_KINDS, TEXT_KINDS, Examples

_STRINGS = {
    ColumnKind.TEXT: TEXT_KINDS,
    ColumnKind.TOKENS: NAME_KINDS,
    ColumnKind.READY_TOKENS: NAME_KINDS,
    ColumnKind.CATEGORY: NAME_KINDS,
}
_SINGLE = {ColumnKind.TEXT, ColumnKind.CATEGORY, ColumnKind.NUMBER}


def feature_names(spec: DatasetSpec) -> dict[str, str]:
    """Returns the name of the feature of an Example that each field of a record is, by name of the field.

    It is the path of the field; but for final tokens, which are not what stands in the field, "NAME/tokens".

    Args:
      spec: A resolved spec.
    """
    kinds = column_kinds(spec)
    return {
        field.name: f"{field.name}/tokens" if kinds.get(field.name) == ColumnKind.READY_TOKENS else path_of(field)
        for field in fields_of(spec, for_training=False)
    }


def read_examples(serialized: tf.Tensor, spec: DatasetSpec) -> tuple[dict[str, Any], tf.Tensor]:
    """Returns the columns that `trainer.export.reader` takes, and the reason codes of records that are refused.

    Args:
      serialized: string, (records,).
      spec: A resolved spec.
    """
    reader = _ColumnReader(Examples(serialized), spec, tf.size(serialized))
    columns = {name: reader.column(name, kind) for name, kind in column_kinds(spec).items()}
    return columns, reader.refused()


class _ColumnReader:
    """Reads column after column, and remembers what is wrong."""

    def __init__(self, examples: Examples, spec: DatasetSpec, count: tf.Tensor) -> None:
        self._examples = examples
        self._spec = spec
        self._names = feature_names(spec)
        self._count = count
        self._faults: dict[str, list[tf.Tensor]] = {}

    def column(self, name: str, kind: ColumnKind) -> Any:
        """Returns a column; of a record at fault, anything that has its form."""
        if kind == ColumnKind.SERIES:
            return self._series(name)
        if kind == ColumnKind.TIMES:
            times = self._values(name, NUMBER_KINDS, tf.float64)
            return microseconds(times, series_unit(name, self._spec))
        dtype = tf.float32 if kind == ColumnKind.NUMBER else tf.string
        values = self._values(name, _STRINGS.get(kind, NUMBER_KINDS), dtype)
        return self._single(values) if kind in _SINGLE else values

    def refused(self) -> tf.Tensor:
        """Returns the reason code of each record, empty where nothing is wrong, string, (records,)."""
        reasons = tf.fill([self._count], "")
        for reason in (NOT_ALIGNED, WRONG_DIMS, MISSING_FIELD, WRONG_TYPE):  # the last one wins
            for broken in self._faults.get(reason, []):
                reasons = tf.where(broken, reason, reasons)
        return reasons

    def _values(self, name: str, kinds: tuple[str, ...], dtype: tf.DType) -> tf.RaggedTensor:
        field = self._examples.field(self._names[name], kinds, dtype)
        self._fault(MISSING_FIELD, ~field.there)
        self._fault(WRONG_TYPE, field.wrong)
        return field.values

    def _single(self, values: tf.RaggedTensor) -> tf.Tensor:
        sizes = values.row_lengths()
        self._fault(MISSING_FIELD, sizes == 0)
        self._fault(WRONG_TYPE, sizes > 1)
        return values.to_tensor(shape=[None, 1])[:, 0]

    def _series(self, name: str) -> tf.RaggedTensor:
        feature = self._spec.sequences[name]
        if feature.layout == Layout.columns:
            fields = [column_field(name, i) for i in range(feature.dims)]
            lists = [self._values(field, NUMBER_KINDS, tf.float32) for field in fields]
            sizes = tf.stack([one.row_lengths() for one in lists])
            bad = tf.reduce_any(sizes != sizes[0], axis=0)
            self._fault(NOT_ALIGNED, bad)
            lists = [_emptied(one, bad) for one in lists]
            return lists[0].with_flat_values(tf.stack([one.flat_values for one in lists], axis=1))
        numbers = self._values(name, NUMBER_KINDS, tf.float32)
        bad = numbers.row_lengths() % feature.dims != 0
        self._fault(WRONG_DIMS, bad)
        numbers = _emptied(numbers, bad)
        frames = tf.reshape(numbers.flat_values, [-1, feature.dims])
        return tf.RaggedTensor.from_row_splits(frames, numbers.row_splits // feature.dims, validate=False)

    def _fault(self, reason: str, broken: tf.Tensor) -> None:
        self._faults.setdefault(reason, []).append(broken)


def _emptied(values: tf.RaggedTensor, rows: tf.Tensor) -> tf.RaggedTensor:
    """Returns lists, an empty one in the place of some."""
    sizes = tf.where(rows, tf.zeros_like(values.row_lengths()), values.row_lengths())
    kept = tf.gather(~rows, values.value_rowids())
    return tf.RaggedTensor.from_row_lengths(tf.boolean_mask(values.flat_values, kept), sizes, validate=False)
