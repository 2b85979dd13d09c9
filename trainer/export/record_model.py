"""A model that takes raw records: the data set's rules and vocabularies, the trained model, and words for its answers.

What is saved of it runs anywhere: the recurrent layers compute with the portable kernel, and nothing is left to do
outside the graph.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from schemas.contract import read_classes, read_contract, read_vocabularies
from schemas.formats.explain import NOT_FINITE
from schemas.manifest import dump_manifest, parse_manifest
from schemas.manifest_pb2 import Manifest
from schemas.spec import CLASS, cuts_records
from schemas.vocabulary import Vocabulary
from trainer.export.columns import ReadRecords
from trainer.export.dense import read_dense
from trainer.export.examples import read_examples
from trainer.export.reader import RecordReader
from trainer.export.verdicts import OK
from trainer.models.model import SequenceModel
from trainer.saved import SavedModel
from trainer.sequence_layers.masks import PACKAGE
from trainer.settings.model import FAST
from trainer.tasks.answers import Answers

STATUS, CUT_STEPS, RECORD, START, CLASSES = "status", "cut_steps", "record", "start", "classes"


@dataclass(frozen=True)
class _Words:
    """What a model knows of names, by which it reads records and tells of its answers."""

    reader: RecordReader
    answers: Answers
    classes: list[str]
    files: dict[str, bytes]


@keras.saving.register_keras_serializable(package=PACKAGE)
class RecordModel(keras.Model):
    """Takes raw records, of any lengths and any number, and says of each what the model answers, and whether it can.

    Where the spec cuts records into pieces, each piece has a row of its own, and "record" and "start" say which of
    the records it is of, from 0, and with which step it begins; each record has one row at least.

    The answer of a row whose "status" is not "ok" is none: empty strings, NaN and 0. "cut_steps" says how many steps
    of the record no row has.
    """

    def __init__(self, manifest: str, model: Mapping[str, Any], **kwargs: Any) -> None:
        """Makes the layers; the vocabularies come with `load_assets`, or by `record_model_of`.

        Args:
          manifest: Of the data set, as JSON.
          model: The `SequenceModel`, as of its `get_config`.
          **kwargs: Of `keras.Model`.
        """
        # Keras would make float32 of times.
        super().__init__(autocast=False, **kwargs)
        self._manifest_text = manifest
        self._read_manifest = parse_manifest(manifest.encode(), "manifest")
        self.model = SequenceModel.from_config(_portable(model))
        self._words: _Words | None = None
        self.built = True

    @property
    def manifest(self) -> Manifest:
        """Of the data set that the model was trained on."""
        return self._read_manifest

    def set_words(self, vocabularies: Mapping[str, Vocabulary], classes: list[str], files: dict[str, bytes]) -> None:
        """Sets what names mean.

        Args:
          vocabularies: By name of the token sequence or category.
          classes: In the order of their ids.
          files: What of this `save_assets` writes, by path.

        Raises:
          DataError: The vocabularies are too large for a graph.
        """
        answers = self.model.task.answers(classes, vocabularies.get(self.manifest.spec.label.of))
        self._words = _Words(RecordReader(self.manifest, vocabularies), answers, classes, files)
        self.reader = self._words.reader  # that TensorFlow finds its tables

    def call(self, inputs: Mapping[str, Any], training: bool | None = None) -> dict[str, tf.Tensor]:
        """Answers for records as dense tensors; see `trainer.export.dense`."""
        arguments = {name: tf.convert_to_tensor(values) for name, values in inputs.items()}
        columns, refused = read_dense(arguments, self.manifest.spec)
        return self._of_records(self._known().reader(columns, refused))

    def of_examples(self, serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers for serialized `tf.train.Example` messages, string (records,); see `trainer.export.examples`."""
        columns, refused = read_examples(serialized, self.manifest.spec)
        return self._of_records(self._known().reader(columns, refused))

    def of_encoded(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Answers for what stored records are parsed into, of `schemas.model_inputs.input_shapes`."""
        count = tf.shape(next(iter(features.values())))[0]
        said = self._known().answers.ask(self.model, _never_empty(features, count))
        return {name: values[:count] for name, values in said.items()}

    def _of_records(self, read: ReadRecords) -> dict[str, tf.Tensor]:
        said = self.of_encoded(read.features)
        status = tf.gather(read.status, read.record)
        status = tf.where((status == OK) & ~_all_finite(said), NOT_FINITE, status)
        outputs = {name: _where_row(status == OK, values) for name, values in said.items()}
        outputs |= {STATUS: status, CUT_STEPS: tf.gather(read.cut_steps, read.record)}
        if cuts_records(self.manifest.spec):
            outputs |= {RECORD: read.record, START: read.start}
        if self.manifest.spec.label.type == CLASS:
            names = tf.constant([[name.encode() for name in self._known().classes]], tf.string)
            outputs[CLASSES] = tf.tile(names, [tf.size(status), 1])
        return outputs

    def _known(self) -> _Words:
        if self._words is None:
            raise RuntimeError("a RecordModel answers once `load_assets` has read its vocabularies")
        return self._words

    def get_config(self) -> dict[str, Any]:
        """Returns what a copy is made from, but for the vocabularies."""
        return {"name": self.name, "manifest": self._manifest_text, "model": self.model.get_config()}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "RecordModel":
        """Returns a copy with weights of its own and without vocabularies."""
        return cls(**config)

    def save_assets(self, inner_path: str) -> None:
        """Writes the vocabularies into a folder; Keras calls it."""
        for path, content in self._known().files.items():
            place = Path(inner_path) / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)

    def load_assets(self, inner_path: str) -> None:
        """Reads the vocabularies from a folder; Keras calls it.

        Raises:
          DataError: A file is missing or is not what the manifest says.
        """
        folder = Path(inner_path)
        files = read_contract(folder, self.manifest)
        self.set_words(read_vocabularies(folder, self.manifest), read_classes(folder, self.manifest), files)


def record_model_of(saved: SavedModel) -> RecordModel:
    """Returns the model that takes raw records, of what a model folder holds; with weights of its own.

    Raises:
      DataError: The vocabularies are too large for a graph.
    """
    model = RecordModel(dump_manifest(saved.manifest).decode(), saved.model.get_config(), name="lengthwise_records")
    model.model.set_weights(saved.model.get_weights())
    model.set_words(saved.vocabularies, saved.classes, read_contract(saved.folder, saved.manifest))
    return model


def _portable(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the config of a model that has no operation of a GPU in it, wherever it is built."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(config)))
    return plain | {"settings": plain["settings"] | {"recurrent_kernel": FAST}}


def _never_empty(features: Mapping[str, tf.Tensor], count: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns features with a row, and a step, of zeros where there is none: layers of Keras fail without any row."""
    more = tf.cast(count == 0, tf.int32)
    return {
        name: tf.ensure_shape(
            tf.pad(values, [[0, more if size is None else 0] for size in values.shape.as_list()]), values.shape
        )
        for name, values in features.items()
    }


def _all_finite(outputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Returns for which rows all numbers are finite, bool (rows,)."""
    numbers = [values for values in outputs.values() if values.dtype.is_floating]
    finite = [tf.reduce_all(tf.math.is_finite(values), axis=list(range(1, values.shape.rank))) for values in numbers]
    return tf.reduce_all(tf.stack(finite), axis=0)


def _where_row(kept: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Returns rows, and in the place of those that are not kept nothing."""
    nothing: Any = "" if values.dtype == tf.string else float("nan") if values.dtype.is_floating else 0
    mask = tf.reshape(kept, tf.concat([tf.shape(kept), tf.ones([values.shape.rank - 1], tf.int32)], 0))
    return tf.where(mask, values, tf.cast(nothing, values.dtype))
