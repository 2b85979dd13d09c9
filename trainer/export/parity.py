"""An export is good when a process without this package gets what the model says: the check, and its figures."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from schemas.errors import DataError
from schemas.formats.raw import RawBlock
from schemas.signature_names import signature_names
from trainer.export import fresh_process
from trainer.export.extremes import overlap
from trainer.export.held_out import take_records
from trainer.export.plain_path import Answer, PlainPath, rows_of
from trainer.export.raw_rows import RawRows, row_size
from trainer.export.record_model import CLASSES, RECORD, STATUS
from trainer.export.signatures import ENCODED, EXAMPLES, SERVING_DEFAULT
from trainer.export.verdicts import OK

TOLERANCE = 1e-5
_MOST_RECORDS = 64  # of a batch
_MOST_STEPS = 32_768  # of a batch with its padding
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Question:
    """What an export is asked, and what the model says by the plain path.

    Attributes:
      signature: Its name.
      arguments: By name.
      wanted: The rows that the answer is to have.
      records: Names of the records, for people.
    """

    signature: str
    arguments: dict[str, Array]
    wanted: list[Answer]
    records: list[str]


@dataclass
class Figures:
    """How near the answers of an export are.

    Attributes:
      records: Asked about, by signature.
      refused: Of these, records whose status is not "ok", by status; of serving_default.
      difference: The largest of numbers, by signature.
      process: What the fresh process says of itself.
    """

    records: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    difference: dict[str, float] = field(default_factory=dict)
    process: dict[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """Returns them in plain values."""
        return {
            "records": self.records,
            "refused": dict(sorted(self.refused.items())),
            "largest_difference": {name: float(f"{value:.3g}") for name, value in self.difference.items()},
            "tolerance": TOLERANCE,
            "fresh_process": self.process,
        }


def questions_about(raw: RawBlock, names: Sequence[str], plain: PlainPath) -> Iterator[Question]:
    """Yields what to ask about records: each signature about those that it can be asked about.

    Args:
      raw: The records.
      names: Of the records, for people.
      plain: The model.
    """
    said = RawRows(raw, plain.saved.manifest, plain.saved.subwords)
    times = overlap(plain.saved.manifest.spec)
    for rows in _batches([times * row_size(row) for row in said.rows]):
        for signature, can in ((SERVING_DEFAULT, said.askable), (EXAMPLES, said.writable)):
            asked = rows[can[rows]]
            if not len(asked):
                continue
            answers = plain(take_records(raw, asked))
            of_dense = signature == SERVING_DEFAULT
            arguments = said.dense(asked.tolist()) if of_dense else {EXAMPLES: said.examples(asked.tolist())}
            wanted = [row for rows in answers.of_records for row in rows]
            yield Question(signature, arguments, wanted, [names[i] for i in asked.tolist()])
            if of_dense and answers.features:
                yield _encoded(answers.features, answers.outputs)


def _encoded(features: Mapping[str, Array], outputs: Mapping[str, Array]) -> Question:
    arguments = signature_names(features)
    examples = [f"example {i + 1:,} of a batch" for i in range(len(next(iter(features.values()))))]
    return Question(ENCODED, {arguments[name]: values for name, values in features.items()}, rows_of(outputs), examples)


def check_export(folder: Path, questions: Sequence[Question]) -> Figures:
    """Asks an export in a fresh process without this package.

    Args:
      folder: Of the SavedModel.
      questions: What to ask.

    Returns:
      How near the answers are.

    Raises:
      DataError: One is another than that of the model, or the export cannot be loaded.
    """
    figures = Figures()
    with tempfile.TemporaryDirectory() as asked:
        places = [Path(asked) / f"{i:06d}" / question.signature for i, question in enumerate(questions)]
        for place, question in zip(places, questions, strict=True):
            place.mkdir(parents=True)
            for name, values in question.arguments.items():
                (place / name).write_bytes(tf.io.serialize_tensor(tf.constant(_tensor(values))).numpy())
        figures.process = _run(folder, asked)
        for place, question in zip(places, questions, strict=True):
            outputs = {file.name: file.read_bytes() for file in (place / "answers").iterdir()}
            compare(question, {name: _parsed(content) for name, content in outputs.items()}, figures)
    return figures


def compare(question: Question, outputs: Mapping[str, Array], figures: Figures) -> None:
    """Adds to the figures how near an answer is.

    Raises:
      DataError: It is another one.
    """
    name = question.signature
    got = rows_of(outputs)
    if len(got) != len(question.wanted):
        raise DataError(_problem(name, "a batch", "rows", len(got), len(question.wanted)))
    for i, (wanted, answer) in enumerate(zip(question.wanted, got, strict=True)):
        where = question.records[int(answer.get(RECORD, i))]
        for output, value in wanted.items():
            difference = _difference(value, answer[output])
            if difference > TOLERANCE:
                raise DataError(_problem(name, where, output, answer[output], value))
            figures.difference[name] = max(figures.difference.get(name, 0.0), difference)
        if wanted.get(STATUS, OK) != OK:
            _check_nothing(answer, wanted, name, where)
            if name == SERVING_DEFAULT:
                figures.refused[wanted[STATUS]] = figures.refused.get(wanted[STATUS], 0) + 1
    figures.records[name] = figures.records.get(name, 0) + len(question.records)


def _difference(wanted: Any, found: Any) -> float:
    """Returns the largest difference of numbers, relative to those beyond 1; infinity where anything else differs."""
    one, other = np.asarray(wanted), np.asarray(found)
    if one.dtype.kind != "f":
        same = one.shape == other.shape and [_text(x) for x in one.flat] == [_text(x) for x in other.flat]
        return 0.0 if same else float("inf")
    if one.shape != other.shape or not np.isfinite(other).all():
        return float("inf")
    differences = np.abs(one.astype(np.float64) - other) / np.maximum(1.0, np.abs(one))
    return float(differences.max(initial=0.0))


def _check_nothing(answer: Answer, wanted: Answer, signature: str, where: str) -> None:
    """Refuses an answer in the place of one that there is none of."""
    for output in set(answer) - set(wanted) - {CLASSES}:
        value = np.asarray(answer[output])
        # What has steps has none here.
        nothing = np.isnan(value).all() if value.dtype.kind == "f" else not any(bool(one) for one in value.flat)
        if not nothing:
            raise DataError(_problem(signature, where, output, value, "nothing"))


def _problem(signature: str, where: str, output: str, found: Any, wanted: Any) -> str:
    shown = " and ".join(" ".join(str(_text(value)).split())[:100] for value in (found, wanted))
    return (
        f"the export says otherwise than the model and is not written: signature {signature}, {where}, '{output}': "
        f"{shown}"
    )


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


def _tensor(values: Array) -> Any:
    return values.tolist() if values.dtype == object and not values.size else values


def _parsed(content: bytes) -> Array:
    proto = tf.make_tensor_proto(0)
    proto.ParseFromString(content)
    array: Array = tf.make_ndarray(proto)
    return array


def _batches(sizes: Sequence[int]) -> Iterator[npt.NDArray[np.int64]]:
    """Yields the rows of batches, of records alike in size."""
    order = sorted(range(len(sizes)), key=lambda i: sizes[i])
    batch: list[int] = []
    for i in order:
        if batch and (len(batch) == _MOST_RECORDS or (len(batch) + 1) * sizes[i] > _MOST_STEPS):
            yield np.sort(np.array(batch, np.int64))
            batch = []
        batch.append(i)
    if batch:
        yield np.sort(np.array(batch, np.int64))


def _run(folder: Path, questions: str) -> dict[str, Any]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-I", fresh_process.__file__, str(folder), questions]
    result = subprocess.run(command, capture_output=True, text=True, env=environment)  # noqa: S603  # our own words
    if result.returncode:
        said = (result.stderr.strip().splitlines() or [f"it ended with code {result.returncode}"])[-1]
        raise DataError(f"the export cannot be used without this package and is not written: {said}")
    process: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    if process.pop("ours"):
        raise DataError("the export was not checked without this package and is not written")
    return process
