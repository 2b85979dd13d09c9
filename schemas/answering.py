"""A model answers for the examples of a block: batches sorted by length, answers in the order of the examples."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.dataset_pb2 import DatasetSpec
from schemas.manifest_pb2 import Manifest
from schemas.model_inputs import ModelInputs
from schemas.prediction_batches import MAX_EXAMPLES, PADDED_STEPS, sorted_batches, step_outputs, steps_with_room
from schemas.predictions import (
    Outputs,
    answers_of,
    examples_with_room,
    failures_of,
    heads_of,
    in_order,
    prediction_schema,
    together,
)
from schemas.ragged import Int64s
from schemas.records.examples import ExampleBlock
from schemas.vocabulary import Vocabulary

OUT_OF_MEMORY = "out_of_memory"
_OUT_OF_MEMORY_RULE = (
    "the machine has no memory for a sequence of {:,} steps; {} on a larger one, or train with a length policy or "
    "a window"
)

Features = Mapping[str, npt.NDArray[Any]]
Ask = Callable[[Features], Outputs]
AskRows = Callable[[Int64s, Features], Outputs]
AfterBatch = Callable[[int, float], None]


class Answered(NamedTuple):
    """Answers for consecutive examples.

    Attributes:
      first: Number of the first of them.
      table: One row an example; with the columns of `prediction_schema`, or of what else was asked for.
    """

    first: int
    table: pa.Table


class _Said(NamedTuple):
    """Answers for some rows: the rows and outputs of batches, and the rows that there is no memory for."""

    batches: list[tuple[Int64s, Outputs]]
    failed: list[int]


@dataclass(frozen=True)
class BlockAsking:
    """Asks a model about blocks, batch by batch.

    A batch that there is no memory for is asked about by halves, down to single examples.

    Attributes:
      manifest: Of the data set that the model was trained on.
      vocabularies: By name of the token sequence or category.
      spec: That the examples are made by, resolved.
      schema: Columns of the answers, such as `prediction_schema`.
      tell: Returns a row for each example, in their order, of what is said of batches: their examples, int64 (batch,),
        and the outputs.
      padded_steps: Most of a batch; answers do not depend on it.
      max_examples: The same.
      examples: Most of a table.
      work: What is asked for, in a verb.
      threads: Batches that are asked about at a time.
    """

    manifest: Manifest
    vocabularies: Mapping[str, Vocabulary]
    spec: DatasetSpec
    schema: pa.Schema
    tell: Callable[[Sequence[tuple[Int64s, Outputs]]], pa.Table]
    padded_steps: int
    max_examples: int
    examples: int
    work: str = "predict"
    threads: int = 1

    def answer(
        self, block: ExampleBlock, ask: AskRows, after_batch: AfterBatch = lambda *_: None
    ) -> Iterator[Answered]:
        """Yields the answers for the examples of a block in their order, as many at a time as there is room for.

        Args:
          block: The examples.
          ask: Returns the named outputs for a batch, of its rows in the block, int64 (batch,), and their inputs by
            name; raises MemoryError where it is too large.
          after_batch: Is told of every batch how many examples it had, and what share of the block's steps is done.
        """
        if not len(block):
            return
        inputs = ModelInputs(block, self.manifest, self.vocabularies)
        heads = heads_of(block, self.spec)
        for first in range(0, len(block), self.examples):
            rows = np.arange(first, min(first + self.examples, len(block)))
            said = self._said(inputs, rows, ask, after_batch)
            yield Answered(first, self._table(said, inputs, rows, heads.slice(first, len(rows))))

    def _table(self, said: _Said, inputs: ModelInputs, rows: Int64s, heads: pa.Table) -> pa.Table:
        """Returns the answers for some examples of a block, and of which there is none for want of memory."""
        tables, order = [], [np.zeros(0, np.int64)]
        if said.batches:
            done = np.sort(np.concatenate([some for some, _ in said.batches])) - rows[0]
            tables.append(together(_rows(heads, done), self.tell(said.batches), self.schema))
            order.append(done)
        if said.failed:
            left = np.sort(np.array(said.failed, np.int64))
            errors = [_OUT_OF_MEMORY_RULE.format(steps, self.work) for steps in inputs.lengths[left].tolist()]
            tables.append(failures_of(_rows(heads, left - rows[0]), errors, OUT_OF_MEMORY, self.schema))
            order.append(left - rows[0])
        if len(tables) == 1:
            return tables[0]
        return pa.concat_tables(tables).combine_chunks().take(pa.array(np.argsort(np.concatenate(order))))

    def _said(self, inputs: ModelInputs, rows: Int64s, ask: AskRows, after_batch: AfterBatch) -> _Said:
        batches = sorted_batches(inputs.lengths[rows], self.padded_steps, self.max_examples)
        asked = [rows[batch] for batch in batches]
        done, total = int(inputs.lengths[: rows[0]].sum()), max(1, int(inputs.lengths.sum()))
        parts = []
        for batch, part in zip(asked, self._parts(inputs, asked, ask), strict=True):
            parts.append(part)
            done += int(inputs.lengths[batch].sum())
            after_batch(len(batch), done / total)
        return _joined(parts)

    def _parts(self, inputs: ModelInputs, asked: Sequence[Int64s], ask: AskRows) -> Iterator[_Said]:
        """Yields the answers of batches, in their order."""
        if self.threads > 1 and len(asked) > 1:
            with ThreadPoolExecutor(self.threads) as pool:
                yield from pool.map(lambda batch: _by_halves(inputs, batch, ask), asked)
        else:
            yield from (_by_halves(inputs, batch, ask) for batch in asked)


class BlockAnswering:
    """Predicts for blocks; see `BlockAsking`."""

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
        self._asking = BlockAsking(
            manifest,
            vocabularies,
            manifest.spec,
            prediction_schema(manifest),
            lambda batches: answers_of(in_order(batches), manifest, classes),
            steps_with_room(padded_steps, step_outputs(manifest)),
            max_examples,
            examples_with_room(manifest, classes),
            threads=threads,
        )

    def answer(self, block: ExampleBlock, after_batch: AfterBatch = lambda *_: None) -> Iterator[Answered]:
        """Yields the answers for the examples of a block, see `BlockAsking.answer`."""
        return self._asking.answer(block, lambda _, features: self._ask(features), after_batch)


def _by_halves(inputs: ModelInputs, rows: Int64s, ask: AskRows) -> _Said:
    """Asks about a batch; where memory does not suffice, about half of it at a time, down to single examples."""
    try:
        return _Said([(rows, ask(rows, inputs.batch(rows)))], [])
    except MemoryError:
        if len(rows) == 1:
            return _Said([], [int(rows[0])])
    return _joined([_by_halves(inputs, half, ask) for half in np.array_split(rows, 2)])


def _joined(parts: Sequence[_Said]) -> _Said:
    return _Said([one for part in parts for one in part.batches], [row for part in parts for row in part.failed])


def _rows(table: pa.Table, rows: Int64s) -> pa.Table:
    return table if len(rows) == len(table) else table.take(pa.array(rows))
