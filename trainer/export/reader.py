"""Raw records become what a model takes within a TensorFlow graph: checked, cut into tokens, looked up, padded.

It does what `schemas.records.validate` and the trainer's batches of validated examples do with Arrow and NumPy, with
operations of TensorFlow's core alone, so that a saved model needs nothing beside it. All records of a batch are
handled together, as flat tensors.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from schemas.dataset_pb2 import DatasetSpec, Missing, Take, Tokenizer
from schemas.formats.explain import INVALID_UTF8, NOT_FINITE
from schemas.formats.fields import time_field
from schemas.manifest import length_feature, missing_feature, since_feature, sizes_feature
from schemas.manifest_pb2 import Manifest
from schemas.spec import category_features, leaders, number_features, series_sequences
from schemas.vocabulary import PAD_ID, Vocabulary
from trainer.batches.parsing import input_specs
from trainer.export.columns import ColumnKind, ReadRecords, column_kinds, start_sequence
from trainer.export.pieces import Pieces, judge_lengths, padded, pieces_of, steps_left_out, steps_of_pieces, width_of
from trainer.export.series import any_in_row, filled, judge_frames, judge_times, seconds_since
from trainer.export.text_rules import Tokens, code_points, derived, is_utf8, lower, tokenize, tokens_of
from trainer.export.token_ids import token_tables
from trainer.export.verdicts import Verdicts

__all__ = ["ReadRecords", "RecordReader"]

_STRINGS = {ColumnKind.TEXT, ColumnKind.TOKENS, ColumnKind.READY_TOKENS, ColumnKind.CATEGORY}


class _Read(NamedTuple):
    """The sequences of records by name: tokens of those that are not derived, frames, and the times of frames."""

    tokens: dict[str, Tokens]
    frames: dict[str, tf.RaggedTensor]
    times: dict[str, tf.RaggedTensor]


class RecordReader(tf.Module):  # type: ignore[misc]  # TensorFlow has no types
    """Makes of raw records, within a graph, what a model takes; holds the vocabularies, which are saved with it."""

    def __init__(self, manifest: Manifest, vocabularies: Mapping[str, Vocabulary]) -> None:
        """Makes the tables.

        Args:
          manifest: Of the data set that the model was trained on.
          vocabularies: By name of the token sequence or category.

        Raises:
          DataError: The vocabularies are too large for a graph.
        """
        super().__init__()
        self._spec: DatasetSpec = manifest.spec
        self._kinds = column_kinds(manifest.spec)
        self._inputs = input_specs(manifest)
        self._ids = token_tables(manifest.spec, vocabularies)
        self._means = {name: list(manifest.moments[name].mean) for name in series_sequences(manifest.spec)}
        derives = [feature.derive.of for feature in manifest.spec.sequences.values()]
        self._sources = {name for name in derives if name}

    @tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]  # as nothing here depends on values
    def __call__(self, columns: Mapping[str, Any], refused: tf.Tensor | None = None) -> ReadRecords:
        """Reads records, none or more.

        Args:
          columns: As `trainer.export.columns.column_specs` says, all of as many records.
          refused: Reason code of each record that was refused before, string, (records,); empty: it was not.
        """
        columns = {name: _long_splits(columns[name]) for name in self._kinds}
        if refused is None:
            refused = tf.fill([_records(next(iter(columns.values())))], "")
        verdicts = Verdicts(refused)
        columns |= self._strings(columns, verdicts)
        read = self._read(columns, verdicts)
        splits = self._splits(read)
        lengths = self._lengths(splits, columns, verdicts)
        pieces = {name: pieces_of(name, steps, self._spec) for name, steps in lengths.items()}
        shown = pieces[start_sequence(self._spec)]
        features = self._context(columns, verdicts.open, shown.record)
        for name, feature in self._spec.sequences.items():
            features |= self._sequence(name, pieces[feature.aligned_with or name], splits[name], read)
        return ReadRecords(
            features={name: _as_input(features[name], wanted) for name, wanted in self._inputs.items()},
            status=verdicts.status(),
            cut_steps=tf.add_n([steps_left_out(pieces[name], steps) for name, steps in lengths.items()]),
            record=shown.record,
            start=shown.start,
        )

    def _strings(self, columns: Mapping[str, Any], verdicts: Verdicts) -> dict[str, Any]:
        """Returns the columns of strings with an empty one for each that is no UTF-8, whose record is refused."""
        checked = {}
        for name in (name for name, kind in self._kinds.items() if kind in _STRINGS):
            column = columns[name]
            lists = isinstance(column, tf.RaggedTensor)
            strings = column.flat_values if lists else column
            good = is_utf8(strings)
            verdicts.reject(any_in_row(~good, column.row_splits) if lists else ~good, INVALID_UTF8)
            strings = tf.where(good, strings, "")
            checked[name] = column.with_flat_values(strings) if lists else strings
        return checked

    def _read(self, columns: Mapping[str, Any], verdicts: Verdicts) -> _Read:
        read = _Read({}, {}, {})
        for name, feature in sorted(self._spec.sequences.items()):
            if feature.HasField("derive"):
                continue
            if self._kinds[name] != ColumnKind.SERIES:
                read.tokens[name] = self._tokens(name, columns[name])
                continue
            read.frames[name] = columns[name]
            judge_frames(columns[name], feature, verdicts)
            if feature.HasField("time"):
                read.times[name] = columns[time_field(name)]
                judge_times(read.times[name], columns[name].row_lengths(), verdicts)
        return read

    def _tokens(self, name: str, column: Any) -> Tokens:
        feature, kind, each_once = self._spec.sequences[name], self._kinds[name], name in self._sources
        if kind == ColumnKind.TEXT:
            return tokenize(column, Tokenizer.Value.Name(feature.tokenizer), feature.lowercase, each_once)
        if kind == ColumnKind.TOKENS and feature.lowercase:
            column = column.with_flat_values(lower(column.flat_values))
        return tokens_of(column, each_once)

    def _splits(self, read: _Read) -> dict[str, tf.Tensor]:
        """Returns where the steps of each record stand, int64, (records + 1,), by name of the sequence."""
        splits = {name: tokens.splits for name, tokens in read.tokens.items()}
        splits |= {name: frames.row_splits for name, frames in read.frames.items()}
        sources = {name: feature.derive.of for name, feature in self._spec.sequences.items() if feature.derive.of}
        return splits | {name: splits[source] for name, source in sources.items()}

    def _lengths(
        self, splits: Mapping[str, tf.Tensor], columns: Mapping[str, Any], verdicts: Verdicts
    ) -> dict[str, tf.Tensor]:
        """Judges what is left to judge; returns the steps of each record, int64, (records,), 0 of refused ones.

        By name of the sequences with a length of their own.
        """
        for name in number_features(self._spec):
            verdicts.reject(~tf.math.is_finite(columns[name]), NOT_FINITE)
        lengths = {name: of_records[1:] - of_records[:-1] for name, of_records in splits.items()}
        judge_lengths(lengths, self._spec, verdicts)
        return {name: tf.where(verdicts.open, lengths[name], 0) for name in leaders(self._spec)}

    def _sequence(self, name: str, own: Pieces, splits: tf.Tensor, read: _Read) -> dict[str, tf.Tensor]:
        """Returns the features of a sequence.

        Args:
          name: Of the sequence.
          own: What becomes examples of it.
          splits: Where the steps of each record stand, int64, (records + 1,).
          read: The sequences of the records.
        """
        feature, places = self._spec.sequences[name], steps_of_pieces(own, splits)
        features = {length_feature(name): own.stop - own.start}
        if name in read.frames:
            features |= self._frames(name, places, read.frames[name])
        elif feature.derive.take == Take.characters:
            features |= self._characters(name, places, read.tokens[feature.derive.of])
        else:
            tokens = read.tokens[feature.derive.of or name]
            names = derived(tokens.names, feature.derive) if feature.HasField("derive") else tokens.names
            features[name] = padded(places, tf.gather(self._ids[name](names), tokens.codes))
        if name in read.times:
            # By their own splits: a refused record may have more times than frames, or fewer.
            of_times = steps_of_pieces(own, read.times[name].row_splits)
            features[since_feature(name)] = padded(of_times, seconds_since(read.times[name]))
        return features

    def _frames(self, name: str, places: tf.RaggedTensor, frames: tf.RaggedTensor) -> dict[str, tf.Tensor]:
        """Returns numbers, and which of them were missing, (examples, steps, dims)."""
        feature = self._spec.sequences[name]
        features = {name: padded(places, filled(frames, feature, self._means[name]))}
        if feature.missing != Missing.reject:
            features[missing_feature(name)] = padded(places, tf.cast(tf.math.is_nan(frames.flat_values), tf.float32))
        return features

    def _characters(self, name: str, places: tf.RaggedTensor, tokens: Tokens) -> dict[str, tf.Tensor]:
        """Returns the characters of each token, (examples, steps, characters), and their numbers."""
        characters = code_points(tokens.names)
        ids = tf.gather(self._ids[name](characters.names), characters.codes)
        of_names = tf.RaggedTensor.from_row_splits(ids, characters.splits, validate=False)
        codes = tf.gather(tokens.codes, places.flat_values)
        of_steps = places.with_values(tf.gather(of_names, codes))
        return {
            name: of_steps.to_tensor(shape=tf.stack([-1, width_of(places), -1])),
            sizes_feature(name): padded(places, tf.gather(of_names.row_lengths(), tokens.codes)),
        }

    def _context(self, columns: Mapping[str, Any], kept: tf.Tensor, record: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the context of each example; zeros of refused records."""
        numbers = {name: tf.where(kept, columns[name], 0.0) for name in number_features(self._spec)}
        ids = {name: self._ids[name](columns[name]) for name in category_features(self._spec)}
        context = numbers | {name: tf.where(kept, of_records, PAD_ID) for name, of_records in ids.items()}
        return {name: tf.gather(of_records, record) for name, of_records in context.items()}


def _long_splits(column: Any) -> Any:
    return column.with_row_splits_dtype(tf.int64) if isinstance(column, tf.RaggedTensor) else column


def _records(column: Any) -> tf.Tensor:
    return column.nrows() if isinstance(column, tf.RaggedTensor) else tf.size(column, tf.int64)


def _as_input(values: tf.Tensor, wanted: tf.TensorSpec) -> tf.Tensor:
    return tf.ensure_shape(tf.cast(values, wanted.dtype), wanted.shape)
