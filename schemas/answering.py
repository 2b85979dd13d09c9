"""A model answers for the examples of a block: batches sorted by length, answers in the order of the examples."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.manifest_pb2 import Manifest
from schemas.model_inputs import ModelInputs
from schemas.prediction_batches import MAX_EXAMPLES, PADDED_STEPS, sorted_batches, step_outputs, steps_with_room
from schemas.predictions import Outputs, answers_of, examples_with_room, failures_of, heads_of, in_order, together
from schemas.ragged import Int64s
from schemas.records.examples import ExampleBlock
from schemas.vocabulary import Vocabulary

OUT_OF_MEMORY = "out_of_memory"
_OUT_OF_MEMORY_RULE = (
    "the machine has no memory for a sequence of {:,} steps; predict on a larger one, or train with a length policy or "
    "a window"
)

Ask = Callable[[Mapping[str, npt.NDArray[Any]]], Outputs]
AfterBatch = Callable[[int, float], None]


class Answered(NamedTuple):
    """Predictions for consecutive examples.

    Attributes:
      first: Number of the first of them.
      table: With the columns of `prediction_schema`, one row an example.
    """

    first: int
    table: pa.Table


class _Said(NamedTuple):
    """Answers for some rows: the rows and outputs of batches, and the rows that there is no memory for."""

    batches: list[tuple[Int64s, Outputs]]
    failed: list[int]


class BlockAnswering:
    """Asks a model about blocks, batch by batch.

    A batch that there is no memory for is asked about by halves, down to single examples.
    """

    def __init__(
        self,
        ask: Ask,
        manifest: Manifest,
        vocabularies: Mapping[str, Vocabulary],
        classes: Sequence[str],
        padded_steps: int = PADDED_STEPS,
        max_examples: int = MAX_EXAMPLES,
        threads: int = 1,
    ) -> None:
        """Sets what is asked, and how much at a time.

        Args:
          ask: Returns the named outputs for a batch, of its inputs by name; raises MemoryError where it is too large.
          manifest: Of the data set that the model was trained on.
          vocabularies: By name of the token sequence or category.
          classes: Names of the classes, in the order of their ids.
          padded_steps: Most of a batch; predictions do not depend on it.
          max_examples: The same.
          threads: Batches that are asked about at a time.
        """
        self._ask = ask
        self._manifest = manifest
        self._vocabularies = vocabularies
        self._classes = classes
        self._padded_steps = steps_with_room(padded_steps, step_outputs(manifest))
        self._max_examples = max_examples
        self._examples = examples_with_room(manifest, classes)
        self._threads = threads

    def answer(self, block: ExampleBlock, after_batch: AfterBatch = lambda *_: None) -> Iterator[Answered]:
        """Yields the answers for the examples of a block in their order, as many at a time as there is room for.

        Args:
          block: The examples.
          after_batch: Is told of every batch how many examples it had, and what share of the block's steps is done.
        """
        if not len(block):
            return
        inputs = ModelInputs(block, self._manifest, self._vocabularies)
        heads = heads_of(block, self._manifest)
        for first in range(0, len(block), self._examples):
            rows = np.arange(first, min(first + self._examples, len(block)))
            yield Answered(first, self._table(inputs, rows, heads.slice(first, len(rows)), after_batch))

    def _table(self, inputs: ModelInputs, rows: Int64s, heads: pa.Table, after_batch: AfterBatch) -> pa.Table:
        """Returns the answers for some examples of a block, and of which there is none for want of memory."""
        said = self._said(inputs, rows, after_batch)
        tables, order = [], [np.zeros(0, np.int64)]
        if said.batches:
            done = np.sort(np.concatenate([some for some, _ in said.batches])) - rows[0]
            answers = answers_of(in_order(said.batches), self._manifest, self._classes)
            tables.append(together(_rows(heads, done), answers, self._manifest))
            order.append(done)
        if said.failed:
            left = np.sort(np.array(said.failed, np.int64))
            errors = [_OUT_OF_MEMORY_RULE.format(steps) for steps in inputs.lengths[left].tolist()]
            tables.append(failures_of(_rows(heads, left - rows[0]), errors, OUT_OF_MEMORY, self._manifest))
            order.append(left - rows[0])
        if len(tables) == 1:
            return tables[0]
        return pa.concat_tables(tables).combine_chunks().take(pa.array(np.argsort(np.concatenate(order))))

    def _said(self, inputs: ModelInputs, rows: Int64s, after_batch: AfterBatch) -> _Said:
        batches = sorted_batches(inputs.lengths[rows], self._padded_steps, self._max_examples)
        asked = [rows[batch] for batch in batches]
        done, total = int(inputs.lengths[: rows[0]].sum()), max(1, int(inputs.lengths.sum()))
        parts = []
        for batch, part in zip(asked, self._parts(inputs, asked), strict=True):
            parts.append(part)
            done += int(inputs.lengths[batch].sum())
            after_batch(len(batch), done / total)
        return _joined(parts)

    def _parts(self, inputs: ModelInputs, asked: Sequence[Int64s]) -> Iterator[_Said]:
        """Yields the answers of batches, in their order."""
        if self._threads > 1 and len(asked) > 1:
            with ThreadPoolExecutor(self._threads) as pool:
                yield from pool.map(lambda batch: self._of(inputs, batch), asked)
        else:
            yield from (self._of(inputs, batch) for batch in asked)

    def _of(self, inputs: ModelInputs, rows: Int64s) -> _Said:
        """Asks about a batch; where memory does not suffice, about half of it at a time, down to single examples."""
        try:
            return _Said([(rows, self._ask(inputs.batch(rows)))], [])
        except MemoryError:
            if len(rows) == 1:
                return _Said([], [int(rows[0])])
        return _joined([self._of(inputs, half) for half in np.array_split(rows, 2)])


def _joined(parts: Sequence[_Said]) -> _Said:
    return _Said([one for part in parts for one in part.batches], [row for part in parts for row in part.failed])


def _rows(table: pa.Table, rows: Int64s) -> pa.Table:
    return table if len(rows) == len(table) else table.take(pa.array(rows))
