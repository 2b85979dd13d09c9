"""Predictions for raw records, in their order; a record that cannot be used says why in its place."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from schemas.dataset_pb2 import DatasetSpec, Empty, TooLong
from schemas.errors import DataError
from schemas.manifest import length_feature
from schemas.manifest_pb2 import Manifest
from schemas.records.examples import ExampleBlock
from schemas.records.fields import fields_of
from schemas.records.jsonl import parse_jsonl
from schemas.records.ragged import Ragged
from schemas.records.rejected import Rejected
from schemas.records.validate import validate
from trainer.batch_plan import BatchLimits, sorted_batches
from trainer.model import SequenceModel
from trainer.progress import say
from trainer.raw_records import blocks_of_file, blocks_of_objects, whole_file
from trainer.saved import SavedModel, load_saved

PREDICTION_LIMITS = BatchLimits(padded_steps=32_768, max_examples=1_024)
Prediction = dict[str, Any]

_BAD_RECORDS_SHOWN = 20


class Predictor:
    """A trained model that takes raw records."""

    def __init__(self, saved: SavedModel, limits: BatchLimits = PREDICTION_LIMITS) -> None:
        """Prepares the function that predicts.

        Args:
          saved: A model folder's content.
          limits: What batches may be like; predictions do not depend on them.
        """
        self._saved = saved
        self._limits = limits
        self._spec = _rejecting(saved.manifest.spec)
        self._fields = fields_of(self._spec, for_training=False)
        signature = {name: tf.TensorSpec(shape, dtype) for name, (shape, dtype) in self._inputs().items()}
        self._run = tf.function(lambda batch: saved.model(batch, training=False), input_signature=[signature])

    @property
    def model(self) -> SequenceModel:
        """The Keras model."""
        return self._saved.model

    @property
    def manifest(self) -> Manifest:
        """Of the data set that the model was trained on."""
        return self._saved.manifest

    @property
    def classes(self) -> list[str]:
        """Names of the classes in the order of the model's outputs; empty for a number."""
        return list(self._saved.classes)

    def predict(self, records: Iterable[Any] | str | Path) -> list[Prediction]:
        """Predicts for raw records, with the text rules and length policies of training.

        Args:
          records: Objects as the spec describes them, without or with a label, or the path of a
            JSONL file of them.

        Returns:
          One entry for each record, in order: {"id", "prediction", "probabilities"} for classes,
          {"id", "prediction"} for a number; {"id": None, "line", "error", "reason"} for a record
          that the spec refuses, with its place from 1.

        Raises:
          DataError: The file is missing or holds no record.
        """
        if isinstance(records, Mapping):
            raise TypeError("predict takes records, not one record; give a list")
        if isinstance(records, str | Path):
            return list(self.predict_lines(blocks_of_file(records)))
        return list(self.predict_lines(blocks_of_objects(records)))

    def predict_lines(self, blocks: Iterable[bytes]) -> Iterator[Prediction]:
        """Yields the predictions of blocks of whole JSONL lines; see `predict`."""
        first_line = 0
        for data in blocks:
            block = validate(parse_jsonl(data, self._fields), self._spec)
            yield from self._in_order(block, first_line)
            first_line += block.line_count

    def _in_order(self, block: ExampleBlock, first_line: int) -> list[Prediction]:
        entries = dict(zip(block.lines.tolist(), self._predictions(block), strict=True))
        for line, entry in entries.items():
            if "error" in entry:
                entry["line"] = first_line + line + 1
        entries |= {item.line: _refused(item, first_line) for item in block.rejected}
        return [entries[line] for line in sorted(entries)]

    def _predictions(self, block: ExampleBlock) -> list[Prediction]:
        outputs = _shortest(self._outputs(block))
        answers = zip(block.ids.to_pylist(), outputs.tolist(), strict=True)
        return [self._prediction(record_id, answer) for record_id, answer in answers]

    def _prediction(self, record_id: str, answer: Any) -> Prediction:
        """Returns the entry of one record; `answer` is a number, or the probability of each class."""
        names = self._saved.classes
        if not np.isfinite(answer).all():
            return {"id": record_id, "error": "the model's answer is no finite number", "reason": "not_finite"}
        if not names:
            return {"id": record_id, "prediction": answer}
        probabilities = dict(zip(names, answer, strict=True))
        return {
            "id": record_id,
            "prediction": max(names, key=probabilities.__getitem__),
            "probabilities": probabilities,
        }

    def _outputs(self, block: ExampleBlock) -> npt.NDArray[np.float32]:
        """Returns what the model says, float32 (records,) or (records, classes)."""
        shape = (len(block), len(self._saved.classes)) if self._saved.classes else (len(block),)
        outputs = np.zeros(shape, np.float32)
        values = {name: self._values(name, sequence) for name, sequence in block.sequences.items()}
        lengths = np.max([sequence.lengths for sequence in block.sequences.values()], axis=0)
        for rows in sorted_batches(lengths, self._limits):
            features = {}
            for name, sequence in block.sequences.items():
                features[name] = tf.constant(_padded(values[name], sequence, rows))
                features[length_feature(name)] = tf.constant(sequence.lengths[rows].astype(np.int32))
            outputs[rows] = self._run(features).numpy()
        return outputs

    def _values(self, name: str, sequence: Ragged) -> npt.NDArray[Any]:
        """Returns token ids, int32, or the numbers of frames, float32."""
        vocabulary = self._saved.vocabularies.get(name)
        if vocabulary is None:
            numbers: npt.NDArray[np.float32] = sequence.values.to_numpy(zero_copy_only=False)
            return numbers
        return vocabulary.encode(sequence.values).astype(np.int32)

    def _inputs(self) -> dict[str, tuple[list[int | None], tf.DType]]:
        inputs: dict[str, tuple[list[int | None], tf.DType]] = {}
        for name, feature in self._spec.sequences.items():
            is_series = name not in self._saved.vocabularies
            inputs[name] = ([None, None, feature.dims], tf.float32) if is_series else ([None, None], tf.int32)
            inputs[length_feature(name)] = ([None], tf.int32)
        return inputs


def load(folder: str | Path) -> Predictor:
    """Loads a trained model.

    Raises:
      DataError: The folder is missing, incomplete or damaged.
    """
    return Predictor(load_saved(folder))


def predict_file(model_folder: str | Path, source: str | Path, output: str | Path) -> dict[str, Any]:
    """Writes one line of JSON for each record of a JSONL file, in order; the file appears whole.

    Returns:
      {"output", "records", "predicted", "rejected", "reasons"}.

    Raises:
      DataError: The model or the input cannot be used, or the output cannot be written.
    """
    source, output = Path(source), Path(output)
    blocks = blocks_of_file(source)
    predictor = load(model_folder)
    reasons: Counter[str] = Counter()
    records = 0
    with whole_file(output) as file:
        for entry in predictor.predict_lines(blocks):
            records += 1
            file.write(json.dumps(entry, ensure_ascii=False, allow_nan=False) + "\n")
            if "error" in entry:
                reasons[entry["reason"]] += 1
                _show_bad(source, entry, reasons.total())
        if not records:
            raise DataError(f"{source}: holds blank lines only; give a JSONL file with one or more records")
    if reasons.total() > _BAD_RECORDS_SHOWN:
        say(f"... and {reasons.total() - _BAD_RECORDS_SHOWN} more; each says why in its line of {output}")
    return {
        "output": str(output),
        "records": records,
        "predicted": records - reasons.total(),
        "rejected": reasons.total(),
        "reasons": dict(sorted(reasons.items())),
    }


def _rejecting(spec: DatasetSpec) -> DatasetSpec:
    """Returns the spec with "reject" for "drop": each record gets its line, and a reason in it."""
    changed = DatasetSpec()
    changed.CopyFrom(spec)
    for feature in changed.sequences.values():
        if feature.empty == Empty.drop:
            feature.empty = Empty.reject
        if feature.too_long == TooLong.drop:
            feature.too_long = TooLong.reject
    return changed


def _refused(item: Rejected, first_line: int) -> Prediction:
    placed = item.placed("", first_line)
    return {"id": None, "line": placed.line, "error": placed.rule, "reason": placed.reason}


def _show_bad(source: Path, entry: Prediction, number: int) -> None:
    if number <= _BAD_RECORDS_SHOWN:
        say(f"{source}, line {entry['line']}: {entry['reason']}: {entry['error']}")


def _padded(values: npt.NDArray[Any], sequence: Ragged, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Returns some rows padded with 0 at the end, (rows, steps) or (rows, steps, dims); one step at least."""
    starts = sequence.offsets[rows]
    sizes = sequence.offsets[rows + 1] - starts
    width = max(int(sizes.max()), sequence.dims)
    column = np.arange(width)
    real = column < sizes[:, None]
    padded = np.zeros((len(rows), width), values.dtype)
    padded[real] = values[(starts[:, None] + column)[real]]
    return padded if np.issubdtype(values.dtype, np.integer) else padded.reshape(len(rows), -1, sequence.dims)


def _shortest(outputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Returns the same numbers with no more digits than a float32 has."""
    return outputs.astype("U32").astype(np.float64)
