"""Predictions for raw records, in their order; a record that cannot be used says why in its place."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from schemas.formats.fields import Field
from schemas.formats.sources import SourcePart
from schemas.manifest_pb2 import Manifest
from schemas.prediction_batches import MAX_EXAMPLES, PADDED_STEPS
from schemas.predictions import prediction_schema
from schemas.records.unlabelled import unlabelled_spec
from trainer.generation.generator import Generator
from trainer.generation.options import GenerationOptions
from trainer.models.model import SequenceModel
from trainer.prediction.answering import Answering
from trainer.prediction.progress import Watched
from trainer.prediction.reading import Reading, Records
from trainer.prediction.rows import entries_of, rows_of
from trainer.saved import SavedModel, load_saved

Prediction = dict[str, Any]


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
        self._reading = Reading(unlabelled_spec(saved.manifest.spec), saved.subwords)
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
        return entries_of(self.predict_blocks(records))

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
        return self.predict_parts(self._reading.parts(records, "predict"))

    def predict_parts(self, parts: Iterable[SourcePart], watched: Watched | None = None) -> Iterator[pa.Table]:
        """Yields the predictions for raw records.

        Args:
          parts: With the fields of `raw_fields`.
          watched: Is told how far the work is.
        """
        return rows_of(self._reading.located(parts), self._answering.answer, prediction_schema(self.manifest), watched)

    @property
    def raw_fields(self) -> list[Field]:
        """What is read of the input."""
        return self._reading.fields


def load(folder: str | Path) -> Predictor:
    """Loads a trained model.

    Raises:
      DataError: The folder is missing, incomplete or damaged.
    """
    return Predictor(load_saved(folder))
