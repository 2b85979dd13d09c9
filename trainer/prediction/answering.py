"""A model answers for examples: batches sorted by length, answers in the order of the examples."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import tensorflow as tf

from schemas.model_inputs import ModelInputs
from schemas.prediction_batches import sorted_batches, step_outputs, steps_with_room
from schemas.predictions import (
    Outputs,
    answers_of,
    examples_with_room,
    failures_of,
    heads_of,
    in_order,
    placed,
    together,
)
from schemas.ragged import Int64s
from trainer.batches.parsing import input_specs
from trainer.prediction.records import Located
from trainer.saved import SavedModel

AfterBatch = Callable[[int, float], None]

OUT_OF_MEMORY = "out_of_memory"
_OUT_OF_MEMORY_RULE = (
    "the machine has no memory for a sequence of {:,} steps; predict on a larger one, or train with a length policy or "
    "a window"
)


class Answered(NamedTuple):
    """Predictions for consecutive examples.

    Attributes:
      first: Number of the first of them.
      table: With the columns of `prediction_schema`, one row an example.
    """

    first: int
    table: pa.Table


class Answering:
    """Asks a model, batch by batch."""

    def __init__(self, saved: SavedModel, padded_steps: int, max_examples: int) -> None:
        """Prepares the function that answers.

        Args:
          saved: A model folder's content.
          padded_steps: Most of a batch.
          max_examples: Most of a batch.
        """
        self._saved = saved
        self._max_examples = max_examples
        self._padded_steps = steps_with_room(padded_steps, step_outputs(saved.manifest))
        self._examples = examples_with_room(saved.manifest, saved.classes)
        answers = saved.model.task.answers(saved.classes, saved.vocabularies.get(saved.manifest.spec.label.of))
        signature = [input_specs(saved.manifest)]
        self._run = tf.function(lambda batch: answers.ask(saved.model, batch), input_signature=signature)

    def answer(self, located: Located, after_batch: AfterBatch) -> Iterator[Answered]:
        """Yields the answers for examples, as many at a time as there is room for.

        Args:
          located: The examples.
          after_batch: Is told of every batch how many examples it had, and what share of all steps is done.
        """
        block, manifest = located.block, self._saved.manifest
        if not len(block):
            return
        inputs, heads = ModelInputs(block, manifest, self._saved.vocabularies), heads_of(block, manifest)
        for first in range(0, len(block), self._examples):
            rows = np.arange(first, min(first + self._examples, len(block)))
            table = self._table(inputs, rows, heads.slice(first, len(rows)), after_batch)
            yield Answered(first, placed(table, located.paths, located.files[rows], located.lines[rows]))

    def _table(self, inputs: ModelInputs, rows: Int64s, heads: pa.Table, after_batch: AfterBatch) -> pa.Table:
        """Returns the answers for some examples of a block, and of which there is none for want of memory."""
        saved = self._saved
        said: list[tuple[Int64s, Outputs]] = []
        failed: list[int] = []
        before, total = int(inputs.lengths[: rows[0]].sum()), max(1, int(inputs.lengths.sum()))
        for batch in sorted_batches(inputs.lengths[rows], self._padded_steps, self._max_examples):
            self._ask(inputs, rows[batch], said, failed)
            before += int(inputs.lengths[rows[batch]].sum())
            after_batch(len(batch), before / total)
        tables, order = [], [np.zeros(0, np.int64)]
        if said:
            done = np.sort(np.concatenate([some for some, _ in said])) - rows[0]
            answers = answers_of(in_order(said), saved.manifest, saved.classes)
            tables.append(together(_rows(heads, done), answers, saved.manifest))
            order.append(done)
        if failed:
            left = np.sort(np.array(failed, np.int64))
            errors = [_OUT_OF_MEMORY_RULE.format(steps) for steps in inputs.lengths[left].tolist()]
            tables.append(failures_of(_rows(heads, left - rows[0]), errors, OUT_OF_MEMORY, saved.manifest))
            order.append(left - rows[0])
        if len(tables) == 1:
            return tables[0]
        return pa.concat_tables(tables).combine_chunks().take(pa.array(np.argsort(np.concatenate(order))))

    def _ask(self, inputs: ModelInputs, rows: Int64s, said: list[tuple[Int64s, Outputs]], failed: list[int]) -> None:
        """Asks for a batch; where memory does not suffice, for half of it at a time, down to single examples."""
        try:
            outputs: Mapping[str, Any] = self._run(inputs.batch(rows))
            said.append((rows, {name: _array(values) for name, values in outputs.items()}))
        except (tf.errors.ResourceExhaustedError, MemoryError):
            if len(rows) == 1:
                failed.append(int(rows[0]))
                return
            for half in np.array_split(rows, 2):
                self._ask(inputs, half, said, failed)


def _array(values: Any) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = values.numpy()
    return array


def _rows(table: pa.Table, rows: Int64s) -> pa.Table:
    return table if len(rows) == len(table) else table.take(pa.array(rows))
