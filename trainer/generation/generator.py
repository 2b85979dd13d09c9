"""Raw records and what follows them; a record that cannot be used says why in its place."""

from collections.abc import Iterable, Iterator
from copy import copy
from functools import partial
from typing import Any

import pyarrow as pa
import tensorflow as tf

from schemas.answering import AfterBatch, Answered, BlockAsking, Features
from schemas.formats.fields import Field
from schemas.formats.sources import SourcePart
from schemas.manifest_pb2 import Manifest
from schemas.prediction_batches import MAX_EXAMPLES, PADDED_STEPS
from schemas.predictions import LENGTH, Outputs
from schemas.ragged import Int64s
from trainer.batches.parsing import input_specs
from trainer.generation.choosing import draws_of
from trainer.generation.continuations import BROKEN, ENDED, GENERATED, continuation_schema, continuations_of
from trainer.generation.loop import Continued, continue_batch
from trainer.generation.options import GenerationOptions
from trainer.generation.rules import beginnings_spec, check_continues
from trainer.generation.steps import steps_of
from trainer.prediction.answering import memory_errors
from trainer.prediction.progress import Watched
from trainer.prediction.reading import Reading, Records
from trainer.prediction.records import Located
from trainer.prediction.rows import entries_of, rows_of
from trainer.saved import SavedModel

_MOST_NUMBERS = 2**24  # that a batch holds of one kind, such as the probabilities of its next tokens: 128 MiB
_MOST_STEPS = 2**22  # of a table


class Generator:
    """A trained model that continues raw records."""

    def __init__(
        self,
        saved: SavedModel,
        options: GenerationOptions | None = None,
        padded_steps: int = PADDED_STEPS,
        max_examples: int = MAX_EXAMPLES,
    ) -> None:
        """Prepares the graph.

        Args:
          saved: A model folder's content.
          options: What is asked for; none: the defaults.
          padded_steps: Most of a batch of beginnings; but for rounding a continuation does not depend on it.
          max_examples: The same.

        Raises:
          UsageError: The model cannot continue a sequence, or the options do not fit it.
          DataError: It knows no token.
        """
        spec = saved.manifest.spec
        check_continues(spec)
        self._saved = saved
        self._options = options or GenerationOptions()
        self._reading = Reading(beginnings_spec(spec), saved.subwords)
        self._steps = steps = steps_of(saved, self._options)
        self._padded_steps = padded_steps
        self._max_examples = max_examples
        draws = tf.TensorSpec([None, None if self._options.drawn else 0], tf.float64)
        self._run = tf.function(
            lambda features, draws, most: continue_batch(saved.model, steps, features, draws, most),
            input_signature=[input_specs(saved.manifest), draws, tf.TensorSpec([], tf.int32)],
        )

    @property
    def manifest(self) -> Manifest:
        """Of the data set that the model was trained on."""
        return self._saved.manifest

    @property
    def options(self) -> GenerationOptions:
        """What is asked for."""
        return self._options

    @property
    def raw_fields(self) -> list[Field]:
        """What is read of the input."""
        return self._reading.fields

    @property
    def schema(self) -> pa.Schema:
        """Columns of continuations, see `continuation_schema`."""
        return continuation_schema(self.manifest.spec)

    def asked_for(self, options: GenerationOptions) -> "Generator":
        """Returns a generator with other options; no graph is made where only the steps and the seed are others.

        Raises:
          UsageError: The options do not fit the model.
        """
        if options.way != self._options.way:
            return Generator(self._saved, options, self._padded_steps, self._max_examples)
        other = copy(self)
        other._options = options
        return other

    def generate(self, records: Records) -> list[dict[str, Any]]:
        """Continues raw records, with the text rules and length policies of training.

        Args:
          records: The beginnings, as for `trainer.prediction.predictor.Predictor.predict`. Where the spec cuts records
            into pieces, what follows is that of the end.

        Returns:
          One entry for each record, in order: {"id", "generated", ...}, as `continuation_schema` says, without what
          does not apply; {"id": None, "line", "error", "reason"} for a record that the spec refuses, with its place
          from 1, and that of its file.

        Raises:
          DataError: A file cannot be read, or all are empty.
          UsageError: No file is meant, or nobody says how one is read.
        """
        return entries_of(self.generate_parts(self._reading.parts(records, "generate")))

    def generate_parts(self, parts: Iterable[SourcePart], watched: Watched | None = None) -> Iterator[pa.Table]:
        """Yields the continuations of raw records as tables, in order and bounded memory.

        Args:
          parts: With the fields of `raw_fields`.
          watched: Is told how far the work is.
        """
        return rows_of(self._reading.located(parts), self._answer, self.schema, watched)

    def _answer(self, located: Located, after_batch: AfterBatch) -> Iterator[Answered]:
        def ask(rows: Int64s, features: Features) -> Outputs:
            return self._continue(features, located.order[rows])

        steps = self._steps.width * self._options.steps
        asking = BlockAsking(
            self.manifest,
            self._saved.vocabularies,
            self._reading.spec,
            self.schema,
            partial(continuations_of, tell=self._steps.tell),
            self._padded_steps,
            max(1, min(self._max_examples, _MOST_NUMBERS // max(self._steps.numbers, steps))),
            max(1, _MOST_STEPS // steps),
            work="generate",
        )
        return asking.answer(located.block, ask, after_batch)

    def _continue(self, features: Features, positions: Int64s) -> Outputs:
        with memory_errors():
            draws = tf.constant(draws_of(positions, self._options))
            made = self._run(features, draws, tf.constant(self._options.steps))
            continued = Continued(*(part.numpy() for part in made))
        return {
            LENGTH: continued.counts,
            GENERATED: continued.steps,
            ENDED: continued.ended,
            BROKEN: continued.broken,
        }
