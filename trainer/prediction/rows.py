"""What a model says of examples, and why other records are none: one row for each, in the order of the input."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.answering import AfterBatch, Answered
from schemas.prediction_lines import prediction_lines
from schemas.predictions import placed, refusals_of
from schemas.ragged import Int64s
from trainer.prediction.progress import Watched
from trainer.prediction.records import Located

Answer = Callable[[Located, AfterBatch], Iterator[Answered]]


def rows_of(
    located: Iterable[Located], answer: Answer, schema: pa.Schema, watched: Watched | None = None
) -> Iterator[pa.Table]:
    """Yields answers and refusals as tables.

    Args:
      located: Examples, and what is none.
      answer: Yields the answers for the examples, in their order, and says after each batch how far it is.
      schema: Columns of the tables: id, file, line, error and reason among them.
      watched: Is told how far the work is.
    """
    watched = watched or Watched(lambda *_: None)
    for some in located:
        watched.begin(some.consumed)
        yield from _tables(some, answer(some, watched.batch), schema)
        watched.end(len(some.refused))


def entries_of(tables: Iterable[pa.Table]) -> list[dict[str, Any]]:
    """Returns the rows of tables as their lines of JSON have them."""
    return [json.loads(line) for table in tables for line in prediction_lines(table).split(b"\n")[:-1]]


def _tables(located: Located, answers: Iterable[Answered], schema: pa.Schema) -> Iterator[pa.Table]:
    by_place = np.argsort(located.refused_order, kind="stable")
    places = located.refused_order[by_place]
    refusals = refusals_of([located.refused[i] for i in by_place.tolist()], schema)
    told = 0
    for answered in answers:
        rows = slice(answered.first, answered.first + len(answered.table))
        table = placed(answered.table, located.paths, located.files[rows], located.lines[rows])
        order = located.order[rows]
        is_last = rows.stop == len(located.block)
        until = len(places) if is_last else int(np.searchsorted(places, order[-1], side="right"))
        yield _merged(table, order, refusals.slice(told, until - told), places[told:until])
        told = until
    if told < len(places):
        yield refusals.slice(told)


def _merged(answers: pa.Table, order: Int64s, refusals: pa.Table, places: Int64s) -> pa.Table:
    """Returns the rows of both tables by their places in the input."""
    if not len(refusals):
        return answers
    both = pa.concat_tables([answers, refusals]).combine_chunks()
    return both.take(pa.array(np.argsort(np.concatenate([order, places]), kind="stable")))
