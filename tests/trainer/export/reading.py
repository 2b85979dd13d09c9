"""Records read within a graph, and the same records read by Arrow and NumPy, to be compared."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import tensorflow as tf

from schemas.dataset_pb2 import DatasetSpec, Empty, Tokenizer, TooLong
from schemas.formats.fields import fields_of
from schemas.formats.raw import RawBlock
from schemas.manifest import stored_features
from schemas.manifest_pb2 import Manifest
from schemas.manifest_pb2 import Vocabulary as VocabularyFile
from schemas.model_inputs import ModelInputs
from schemas.records.examples import ExampleBlock
from schemas.records.lengths import TOO_SHORT
from schemas.records.subwords import Subwords
from schemas.records.tokens import read_tokens
from schemas.records.validate import validate
from schemas.records.verdicts import Verdicts
from schemas.spec import (
    leaders,
    parse_spec,
    series_sequences,
    vocabulary_features,
    vocabulary_options,
    vocabulary_owner,
)
from schemas.vocabulary import Vocabulary, first_token_id
from trainer.export.columns import ColumnKind, column_kinds, column_specs
from trainer.export.reader import ReadRecords, RecordReader

Array = npt.NDArray[Any]
Record = Mapping[str, Any]

# Some of what the tests' texts become, and what they become in part.
KNOWN = ["a", "ab", "é", "b", "x", "xX", "d", "", "中", "it's", "<0x61>", "<0xC3>", "ring", "\0", "a b", "K", "k"]
_TYPES = {
    ColumnKind.TEXT: pa.string(),
    ColumnKind.CATEGORY: pa.string(),
    ColumnKind.TOKENS: pa.list_(pa.string()),
    ColumnKind.SERIES: pa.list_(pa.list_(pa.float64())),
    ColumnKind.TIMES: pa.list_(pa.int64()),
    ColumnKind.NUMBER: pa.float64(),
}


@dataclass(frozen=True)
class Case:
    """A spec, and a reader of its records that is traced once.

    Attributes:
      text: The spec, YAML.
      subwords: By name of the sequence.
    """

    text: str
    subwords: Mapping[str, Subwords]

    @cached_property
    def spec(self) -> DatasetSpec:
        return parse_spec(self.text)

    @cached_property
    def kinds(self) -> dict[str, ColumnKind]:
        return column_kinds(self.spec)

    @cached_property
    def vocabularies(self) -> dict[str, Vocabulary]:
        """Of the same tokens in another order each, but for those that are shared."""
        found, names = {}, vocabulary_features(self.spec)
        for name in names:
            owner = vocabulary_owner(self.spec, name)
            first = names.index(owner)
            options = vocabulary_options(self.spec, owner)
            found[name] = Vocabulary(pa.array([*KNOWN[first:], *KNOWN[:first]]), first_token_id(options.oov_buckets))
        return found

    @cached_property
    def manifest(self) -> Manifest:
        manifest = Manifest(spec=self.spec, features=stored_features(self.spec))
        for name, vocabulary in self.vocabularies.items():
            manifest.vocabularies[name].CopyFrom(VocabularyFile(size=len(KNOWN), oov_buckets=vocabulary.oov_buckets))
        for name in series_sequences(self.spec):
            # None of them is a number of 32 bits.
            manifest.moments[name].mean.extend(0.1 + i for i in range(self.spec.sequences[name].dims))
        return manifest

    @cached_property
    def reader(self) -> RecordReader:
        return RecordReader(self.manifest, self.vocabularies)

    @cached_property
    def run(self) -> Callable[..., ReadRecords]:
        signature = [column_specs(self.spec), tf.TensorSpec([None], tf.string)]
        run: Callable[..., ReadRecords] = tf.function(self.reader.__call__, input_signature=signature)
        return run

    def read(self, records: Sequence[Record], refused: Sequence[str] = ()) -> ReadRecords:
        """Reads records within the graph.

        Args:
          records: Strings as bytes.
          refused: Reason code of each; none: all are "".
        """
        columns = {name: self._column(name, [record[name] for record in records]) for name in self.kinds}
        codes = np.array([code.encode() for code in refused or [""] * len(records)], object)
        return self.run(columns, tf.constant(codes, tf.string))

    def _column(self, name: str, values: list[Any]) -> Any:
        kind = self.kinds[name]
        if kind == ColumnKind.READY_TOKENS:
            values = self._ready(name, values)
        if kind in {ColumnKind.TEXT, ColumnKind.CATEGORY}:
            return tf.constant(np.array(values, object), tf.string)
        if kind == ColumnKind.NUMBER:
            return tf.constant(_float32(values))
        flat = [value for row in values for value in row]
        splits = np.cumsum([0, *map(len, values)]).astype(np.int64)
        if kind == ColumnKind.SERIES:
            numbers: Any = _float32(flat).reshape(-1, self.spec.sequences[name].dims)
        else:
            is_time = kind == ColumnKind.TIMES
            numbers = np.array(flat, np.int64) if is_time else tf.constant(np.array(flat, object), tf.string)
        return tf.RaggedTensor.from_row_splits(numbers, splits)

    def _ready(self, name: str, values: list[Any]) -> list[list[bytes]]:
        """Returns the tokens that the pipeline makes of raw values; what is no UTF-8 stays as it is."""
        made = []
        for value in values:
            if not is_text(value):
                made.append(value if isinstance(value, list) else [value])
                continue
            feature = self.spec.sequences[name]
            tokens = read_tokens(name, self._arrow_column(name, [value]), feature, Verdicts(1), self.subwords)
            made.append([token.encode() for token in tokens.values.to_pylist()])
        return made

    def by_arrow(self, records: Sequence[Record], lines: Sequence[int]) -> ExampleBlock:
        """Reads records as predictions do, those that stand on some lines."""
        fields = fields_of(self.spec, for_training=False)
        rows = [records[line] for line in lines]
        columns = {name: self._arrow_column(name, [row[name] for row in rows]) for name in self.kinds}
        places = np.array(lines, np.int64)
        block = RawBlock(columns, places, places, [], len(records), fields, lambda i: b"", lambda i: ("", ""))
        return validate(block, rejecting(self.spec), self.subwords)

    def _arrow_column(self, name: str, values: list[Any]) -> pa.Array:
        kind = self.kinds[name]
        if kind == ColumnKind.READY_TOKENS:
            kind = ColumnKind.TOKENS if self.spec.sequences[name].tokenizer == Tokenizer.none else ColumnKind.TEXT
        return pa.array([_text(value) for value in values], _TYPES[kind])

    def inputs(self, block: ExampleBlock) -> dict[str, Array]:
        """Returns what a model takes of all examples of a block, one or more."""
        batch = ModelInputs(block, self.manifest, self.vocabularies).batch(np.arange(len(block)))
        return {name: np.asarray(values) for name, values in batch.items()}


def rejecting(spec: DatasetSpec) -> DatasetSpec:
    """Returns the spec as predictions read it: with "reject" for "drop"."""
    changed = DatasetSpec()
    changed.CopyFrom(spec)
    for feature in changed.sequences.values():
        feature.empty = {Empty.drop: Empty.reject}.get(feature.empty, feature.empty)
        feature.too_long = {TooLong.drop: TooLong.reject}.get(feature.too_long, feature.too_long)
    return changed


def is_text(value: Any) -> bool:
    """Whether a value holds no string that is no UTF-8."""
    try:
        _text(value)
    except UnicodeDecodeError:
        return False
    return True


def assert_alike(case: Case, records: Sequence[Record], refused: Sequence[str]) -> list[str]:
    """Compares what the graph makes of records with what Arrow and NumPy make of them; returns the statuses."""
    found = case.read(records, refused)
    readable = [all(map(is_text, record.values())) for record in records]
    lines = [i for i, good in enumerate(readable) if good and not refused[i]]
    block = case.by_arrow(records, lines)
    statuses = [code or ("" if good else "invalid_utf8") for code, good in zip(refused, readable, strict=True)]
    kept = set(block.lines.tolist())
    for line in lines:
        statuses[line] = "ok" if line in kept else TOO_SHORT
    for item in block.rejected:
        statuses[item.line] = item.reason
    assert [status.decode() for status in found.status.numpy()] == statuses
    _assert_examples(case, found, block, statuses)
    return statuses


def _assert_examples(case: Case, found: ReadRecords, block: ExampleBlock, statuses: list[str]) -> None:
    record = found.record.numpy()
    of_kept = np.array([statuses[i] == "ok" for i in record], bool)
    np.testing.assert_array_equal(record[of_kept], block.lines)
    # Each refused record has one example.
    assert record[~of_kept].tolist() == [i for i, status in enumerate(statuses) if status != "ok"]
    assert (np.diff(record) >= 0).all()
    if block.parents is not None:
        np.testing.assert_array_equal(found.start.numpy()[of_kept], block.parents.starts)
    assert not found.start.numpy()[~of_kept].any()
    cut = np.zeros(len(statuses), np.int64)
    for name in leaders(case.spec):
        np.add.at(cut, block.lines, block.cut_steps[name])
    np.testing.assert_array_equal(found.cut_steps.numpy(), cut)
    for name, values in found.features.items():
        assert len(values) == len(record), name
        assert not values.numpy()[~of_kept].any(), name
    if len(block):
        for name, wanted in case.inputs(block).items():
            values = found.features[name].numpy()
            assert values.dtype == wanted.dtype, name
            np.testing.assert_array_equal(values[of_kept], wanted, err_msg=name)


def _float32(values: list[Any]) -> Array:
    with np.errstate(over="ignore"):
        return np.array(values, np.float64).astype(np.float32)


def _text(value: Any) -> Any:
    """Returns a value with its strings decoded."""
    if isinstance(value, bytes):
        return value.decode()
    return [_text(item) for item in value] if isinstance(value, list) else value
