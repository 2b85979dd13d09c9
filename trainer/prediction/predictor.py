"""Predictions for raw records, in their order; a record that cannot be used says why in its place."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.answering import AfterBatch
from schemas.formats.sources import SourcePart, find_sources, read_sources
from schemas.manifest_pb2 import Manifest
from schemas.prediction_batches import MAX_EXAMPLES, PADDED_STEPS
from schemas.prediction_lines import prediction_lines
from schemas.predictions import refusals_of
from schemas.ragged import Int64s
from schemas.records.unlabelled import unlabelled_spec
from trainer.generation.generator import Generator
from trainer.generation.options import GenerationOptions
from trainer.models.model import SequenceModel
from trainer.prediction.answering import Answering
from trainer.prediction.events import locate_events
from trainer.prediction.progress import Watched
from trainer.prediction.records import Located, fields_to_predict, locate_records, parts_of_objects
from trainer.saved import SavedModel, load_saved

Prediction = dict[str, Any]
Records = Iterable[Any] | str | Path


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
        self._spec = unlabelled_spec(saved.manifest.spec)
        self._fields = fields_to_predict(self._spec)
        self._answering = Answering(saved, padded_steps, max_examples)

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

    def predict(self, records: Records) -> list[Prediction]:
        """Predicts for raw records, with the text rules and length policies of training.

        Args:
          records: Objects as the spec describes them, without or with a label, or what `predict_blocks` takes else.

        Returns:
          One entry for each record, in order: {"id", "prediction", ...}, as `schemas.predictions.prediction_schema`
          says, without what does not apply; {"id": None, "line", "error", "reason"} for a record that the spec
          refuses, with its place from 1, and that of its file. Where the spec cuts records up, one entry for each
          piece, {"id", "parent", "start", ...}: the id of the record and the step with which the piece begins.

        Raises:
          DataError: See `predict_blocks`.
          UsageError: The same.
        """
        lines = (prediction_lines(table).split(b"\n")[:-1] for table in self.predict_blocks(records))
        return [json.loads(line) for block in lines for line in block]

    def generate(self, records: Records, **options: Any) -> list[Prediction]:
        """Continues raw records; see `trainer.generation.generator.Generator.generate`.

        Args:
          records: The beginnings, as for `predict`.
          **options: Of `trainer.generation.options.GenerationOptions`: steps, temperature, top_k, top_p, seed.
        """
        asked, made = GenerationOptions(**options), self._generator
        self._generator = Generator(self._saved, asked) if made is None else made.asked_for(asked)
        return self._generator.generate(records)

    def predict_blocks(self, records: Records) -> Iterator[pa.Table]:
        """Yields predictions as tables, in order and bounded memory, whatever the number of records.

        Where the spec makes records of events (`group`), all events are in memory.

        Args:
          records: Objects, or the path of a file, folder or pattern of any input format.

        Yields:
          Tables with the columns of `schemas.predictions.prediction_schema`.

        Raises:
          DataError: A file cannot be read, or all are empty.
          UsageError: No file is meant, or nobody says how one is read.
        """
        if isinstance(records, Mapping):
            raise TypeError("predict takes records, not one record; give a list")
        given = self._spec.input
        if isinstance(records, str | Path):
            parts = read_sources(find_sources([str(records)], given), given, self._fields)
        else:
            parts = parts_of_objects(records, self._fields, given.max_record_bytes)
        return self.predict_parts(parts)

    def predict_parts(self, parts: Iterable[SourcePart], watched: Watched | None = None) -> Iterator[pa.Table]:
        """Yields the predictions for raw records.

        Args:
          parts: With the fields of `raw_fields`.
          watched: Is told how far the work is.
        """
        watched = watched or Watched(lambda *_: None)
        located = [locate_events(parts, self._spec)] if self._spec.HasField("group") else self._located(parts)
        for some in located:
            watched.begin(some.consumed)
            yield from self._tables(some, watched.batch)
            watched.end(len(some.refused))

    @property
    def raw_fields(self) -> list[Any]:
        """What is read of the input, see `schemas.formats.fields.Field`."""
        return list(self._fields)

    def _located(self, parts: Iterable[SourcePart]) -> Iterator[Located]:
        return locate_records(parts, self._spec, self._saved.subwords)

    def _tables(self, located: Located, after_batch: AfterBatch) -> Iterator[pa.Table]:
        """Yields answers and refusals in the order of the input."""
        by_place = np.argsort(located.refused_order, kind="stable")
        places = located.refused_order[by_place]
        refusals = refusals_of([located.refused[i] for i in by_place.tolist()], self.manifest)
        told = 0
        for answered in self._answering.answer(located, after_batch):
            order = located.order[answered.first : answered.first + len(answered.table)]
            is_last = answered.first + len(order) == len(located.block)
            until = len(places) if is_last else int(np.searchsorted(places, order[-1], side="right"))
            yield _merged(answered.table, order, refusals.slice(told, until - told), places[told:until])
            told = until
        if told < len(places):
            yield refusals.slice(told)


def _merged(answers: pa.Table, order: Int64s, refusals: pa.Table, places: Int64s) -> pa.Table:
    """Returns the rows of both tables by their places in the input."""
    if not len(refusals):
        return answers
    both = pa.concat_tables([answers, refusals]).combine_chunks()
    return both.take(pa.array(np.argsort(np.concatenate([order, places]), kind="stable")))


def load(folder: str | Path) -> Predictor:
    """Loads a trained model.

    Raises:
      DataError: The folder is missing, incomplete or damaged.
    """
    return Predictor(load_saved(folder))
