"""What the model says of raw records by the plain path: validated with Arrow, then one batch of arrays."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from schemas.formats.explain import NOT_FINITE
from schemas.formats.raw import RawBlock
from schemas.model_inputs import ModelInputs
from schemas.records.unlabelled import unlabelled_spec, validate_unlabelled
from schemas.spec import cuts_records, leaders
from trainer.batches.parsing import input_specs
from trainer.export.record_model import CUT_STEPS, RECORD, START, STATUS
from trainer.export.verdicts import OK
from trainer.saved import SavedModel

Array = npt.NDArray[Any]
Answer = dict[str, Any]  # by name, of one row of an export's answer


class PlainAnswers(NamedTuple):
    """What is said of some records.

    Attributes:
      of_records: Of each record, its rows in order, as an export has them.
      features: What the model was given, by name; of no example, none.
      outputs: What it said of all examples, by name.
    """

    of_records: list[list[Answer]]
    features: dict[str, Array]
    outputs: dict[str, Array]


class PlainPath:
    """A model of a model folder that takes raw records, all of them as one batch.

    Attributes:
      saved: What the folder holds.
    """

    def __init__(self, saved: SavedModel) -> None:
        """Prepares the function that predicts."""
        self.saved = saved
        self._spec = unlabelled_spec(saved.manifest.spec)
        answers = saved.model.task.answers(saved.classes, saved.vocabularies.get(saved.manifest.spec.label.of))
        signature = [input_specs(saved.manifest)]
        self._run = tf.function(
            lambda batch: answers.ask(saved.model, batch), input_signature=signature, autograph=False
        )

    def __call__(self, raw: RawBlock) -> PlainAnswers:
        """Answers for records."""
        block = validate_unlabelled(raw, self._spec, self.saved.subwords)
        reasons = {item.line: item.reason for item in block.rejected}
        numbers = {line: i for i, line in enumerate(raw.lines.tolist())}
        refused = {
            line: [{STATUS: reason, CUT_STEPS: 0} | self._place(numbers[line], 0)] for line, reason in reasons.items()
        }
        if not len(block):
            return PlainAnswers([refused[line] for line in raw.lines.tolist()], {}, {})
        inputs = ModelInputs(block, self.saved.manifest, self.saved.vocabularies)
        features = inputs.batch(np.arange(len(block)))
        outputs = {name: values.numpy() for name, values in self._run(features).items()}
        # A record in pieces has lost as many steps in each of them; the block tells of them with one.
        left_out = np.sum([block.cut_steps[name] for name in leaders(self._spec)], axis=0)
        cut = np.bincount(block.lines, left_out)
        by_line: dict[int, list[Answer]] = {}
        for i, (line, answer) in enumerate(zip(block.lines.tolist(), rows_of(outputs), strict=True)):
            status = OK if finite(answer) else NOT_FINITE
            start = 0 if block.parents is None else int(block.parents.starts[i])
            own = {STATUS: status, CUT_STEPS: int(cut[line])} | self._place(numbers[line], start)
            by_line.setdefault(line, []).append(answer | own if status == OK else own)
        return PlainAnswers([(by_line | refused)[line] for line in raw.lines.tolist()], features, outputs)

    def _place(self, record: int, start: int) -> Answer:
        return {RECORD: record, START: start} if cuts_records(self._spec) else {}


def rows_of(outputs: Mapping[str, Array]) -> list[Answer]:
    """Returns the answer of each row: of what has steps, the real ones."""
    count = len(next(iter(outputs.values())))
    rows = [{name: values[i] for name, values in outputs.items()} for i in range(count)]
    if "length" in outputs:
        for row in rows:
            row |= {name: row[name][: row["length"]] for name in ("prediction", "probabilities")}
    return rows


def finite(answer: Answer) -> bool:
    """Returns whether all numbers of an answer are finite."""
    numbers = [np.asarray(value) for value in answer.values()]
    return all(np.isfinite(values).all() for values in numbers if values.dtype.kind == "f")
