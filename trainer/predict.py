"""Predictions for raw records, in their order; a record that cannot be used says why in its place."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from schemas.dataset_pb2 import DatasetSpec, Empty, TooLong
from schemas.errors import DataError, UsageError
from schemas.formats.fields import fields_of
from schemas.formats.jsonl import parse_jsonl
from schemas.formats.rejected import Rejected
from schemas.manifest_pb2 import Manifest
from schemas.model_inputs import ModelInputs
from schemas.prediction_batches import MAX_EXAMPLES, PADDED_STEPS, sorted_batches, step_outputs, steps_with_room
from schemas.ragged import Int64s
from schemas.records.examples import ExampleBlock
from schemas.records.validate import validate
from trainer.batches.parsing import input_specs
from trainer.generation.generator import Generator
from trainer.generation.options import GenerationOptions
from trainer.models.model import SequenceModel
from trainer.progress import say
from trainer.raw_records import blocks_of_file, blocks_of_objects, whole_file
from trainer.saved import SavedModel, load_saved

Prediction = dict[str, Any]

TOO_SHORT = "too_short"
_NOT_FINITE = {"error": "the model's answer is no finite number", "reason": "not_finite"}
_BAD_RECORDS_SHOWN = 20


class Predictor:
    """A trained model that takes raw records."""

    def __init__(self, saved: SavedModel, padded_steps: int = PADDED_STEPS, max_examples: int = MAX_EXAMPLES) -> None:
        """Prepares the function that predicts.

        Args:
          saved: A model folder's content.
          padded_steps: Most of a batch; predictions do not depend on it.
          max_examples: The same.
        """
        self._saved = saved
        self._generator: Generator | None = None
        self._max_examples = max_examples
        self._padded_steps = steps_with_room(padded_steps, step_outputs(saved.manifest))
        self._spec = _rejecting(saved.manifest.spec)
        self._fields = fields_of(self._spec, for_training=False)
        self._answers = answers = saved.model.task.answers(
            saved.classes, saved.vocabularies.get(saved.manifest.spec.label.of)
        )
        signature = [input_specs(saved.manifest)]
        self._run = tf.function(lambda batch: answers.ask(saved.model, batch), input_signature=signature)

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

    @property
    def max_record_bytes(self) -> int:
        """A longer record is refused, as it is in the data set."""
        return int(self._spec.input.max_record_bytes)

    def predict(self, records: Iterable[Any] | str | Path) -> list[Prediction]:
        """Predicts for raw records, with the text rules and length policies of training.

        Args:
          records: Objects as the spec describes them, without or with a label, or the path of a
            JSONL file of them.

        Returns:
          One entry for each record, in order: {"id", "prediction", ...}, as the `tell` of the task's answers in
          `trainer.tasks.answers` says; {"id": None, "line", "error", "reason"} for a record that the spec
          refuses, with its place from 1. Where the spec cuts records up, one entry for
          each piece, {"id", "parent", "start", ...}: the id of the record and the step with which the
          piece begins.

        Raises:
          DataError: The file is missing or holds no record.
          UsageError: The records of the data set were made of events (`group`).
        """
        if isinstance(records, Mapping):
            raise TypeError("predict takes records, not one record; give a list")
        if isinstance(records, str | Path):
            return list(self.predict_lines(blocks_of_file(records, self.max_record_bytes)))
        return list(self.predict_lines(blocks_of_objects(records)))

    def generate(self, records: Iterable[Any] | str | Path, **options: Any) -> list[Prediction]:
        """Continues raw records; see `trainer.generation.generator.Generator.generate`.

        Args:
          records: The beginnings, as for `predict`.
          **options: Of `trainer.generation.options.GenerationOptions`: steps, temperature, top_k, top_p, seed.
        """
        asked, made = GenerationOptions(**options), self._generator
        self._generator = Generator(self._saved, asked) if made is None else made.asked_for(asked)
        return self._generator.generate(records)

    def predict_lines(self, blocks: Iterable[bytes]) -> Iterator[Prediction]:
        """Yields the predictions of blocks of whole JSONL lines; see `predict`."""
        _check_whole_records(self._spec)
        first_line = 0
        for data in blocks:
            raw = parse_jsonl(data, self._fields, max_record_bytes=self.max_record_bytes)
            yield from self._in_order(validate(raw, self._spec, self._saved.subwords), raw.lines, first_line)
            first_line += raw.line_count

    def _in_order(self, block: ExampleBlock, lines: Int64s, first_line: int) -> list[Prediction]:
        entries = [(item.line, _refused(item, first_line)) for item in block.rejected]
        # What no policy lets pass is refused; only a record without a whole window is not, nor has it an example.
        told = {line for line, _ in entries} | set(block.lines.tolist())
        entries += [(line, self._too_short(first_line + line + 1)) for line in lines.tolist() if line not in told]
        for line, entry in zip(block.lines.tolist(), self._predictions(block), strict=True):
            if "error" in entry:
                entry["line"] = first_line + line + 1
            entries.append((line, entry))
        return [entry for _, entry in sorted(entries, key=itemgetter(0))]

    def _too_short(self, line: int) -> Prediction:
        window = self._spec.window
        rule = f"'{window.of}' must have {window.length} steps or more, a whole window; the spec drops the rest"
        return {"id": None, "line": line, "error": rule, "reason": TOO_SHORT}

    def _predictions(self, block: ExampleBlock) -> list[Prediction]:
        heads: list[Prediction] = [{"id": example_id} for example_id in block.ids.to_pylist()]
        if block.parents is not None:
            pieces = zip(heads, block.parents.ids.to_pylist(), block.parents.starts.tolist(), strict=True)
            heads = [{**head, "parent": parent, "start": start} for head, parent, start in pieces]
        inputs = ModelInputs(block, self._saved.manifest, self._saved.vocabularies)
        for rows in sorted_batches(inputs.lengths, self._padded_steps, self._max_examples):
            outputs = {name: _shortest(values.numpy()) for name, values in self._run(inputs.batch(rows)).items()}
            finite = _finite(outputs, len(rows))
            for i, row in enumerate(rows.tolist()):
                said = {name: values[i] for name, values in outputs.items()}
                heads[row] |= self._answers.tell(said) if finite[i] else dict(_NOT_FINITE)
        return heads


def load(folder: str | Path) -> Predictor:
    """Loads a trained model.

    Raises:
      DataError: The folder is missing, incomplete or damaged.
    """
    return Predictor(load_saved(folder))


def predict_file(model_folder: str | Path, source: str | Path, output: str | Path) -> dict[str, Any]:
    """Writes one line of JSON for each record of a JSONL file, in order; the file appears whole.

    Where the spec cuts records up, each piece has a line.

    Returns:
      {"output", "records", "predicted", "rejected", "reasons"}: of the records read; lines with a
      prediction; lines with an error, by reason.

    Raises:
      DataError: The model or the input cannot be used, or the output cannot be written.
      UsageError: See `Predictor.predict`.
    """
    source, output = Path(source), Path(output)
    predictor = load(model_folder)
    blocks = blocks_of_file(source, predictor.max_record_bytes)
    reasons: Counter[str] = Counter()
    records = predicted = 0
    with whole_file(output) as file:
        for entry in predictor.predict_lines(blocks):
            records += entry.get("start", 0) == 0
            file.write(json.dumps(entry, ensure_ascii=False, allow_nan=False) + "\n")
            if "error" in entry:
                reasons[entry["reason"]] += 1
                _show_bad(source, entry, reasons.total())
            else:
                predicted += 1
        if not records:
            raise DataError(f"{source}: holds blank lines only; give a JSONL file with one or more records")
    if reasons.total() > _BAD_RECORDS_SHOWN:
        say(f"... and {reasons.total() - _BAD_RECORDS_SHOWN} more; each says why in its line of {output}")
    return {
        "output": str(output),
        "records": records,
        "predicted": predicted,
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


def _check_whole_records(spec: DatasetSpec) -> None:
    if spec.HasField("group"):
        raise UsageError(
            f"group: the model's records are made of events that share '{spec.group.by}', and predict takes whole "
            "records; write a data set of the events, and evaluate on it"
        )


def _finite(outputs: Mapping[str, npt.NDArray[Any]], count: int) -> npt.NDArray[np.bool_]:
    """Returns for which examples all numbers are finite, (count,)."""
    numbers = [values.reshape(count, -1) for values in outputs.values() if values.dtype.kind == "f"]
    finite: npt.NDArray[np.bool_] = np.all([np.isfinite(values).all(axis=1) for values in numbers], axis=0)
    return finite


def _shortest(numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Returns the same numbers, float32 ones as float64 with no more digits than a float32 has."""
    return numbers.astype("U32").astype(np.float64) if numbers.dtype == np.float32 else numbers
