"""A trained model answers for examples that are located in files."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy.typing as npt
import tensorflow as tf

from schemas.answering import AfterBatch, Answered, BlockAnswering
from schemas.predictions import Outputs
from trainer.batches.parsing import input_specs
from trainer.prediction.records import Located
from trainer.saved import SavedModel


class Answering:
    """Asks a model, batch by batch."""

    def __init__(self, saved: SavedModel, padded_steps: int, max_examples: int) -> None:
        """Prepares the function that answers.

        Args:
          saved: A model folder's content.
          padded_steps: Most of a batch.
          max_examples: Most of a batch.
        """
        answers = saved.model.task.answers(saved.classes, saved.vocabularies.get(saved.manifest.spec.label.of))
        signature = [input_specs(saved.manifest)]
        self._run = tf.function(lambda batch: answers.ask(saved.model, batch), input_signature=signature)
        words = saved.manifest, saved.vocabularies, saved.classes
        self._answering = BlockAnswering(self._ask, *words, padded_steps, max_examples)

    def answer(self, located: Located, after_batch: AfterBatch) -> Iterator[Answered]:
        """Yields the answers for examples, as many at a time as there is room for.

        Args:
          located: The examples.
          after_batch: See `BlockAnswering.answer`.
        """
        return self._answering.answer(located.block, after_batch)

    def _ask(self, features: Mapping[str, npt.NDArray[Any]]) -> Outputs:
        with memory_errors():
            outputs: Mapping[str, Any] = self._run(features)
            return {name: values.numpy() for name, values in outputs.items()}


@contextlib.contextmanager
def memory_errors() -> Iterator[None]:
    """Context in which TensorFlow's want of memory is a MemoryError."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise MemoryError(error.message) from error
