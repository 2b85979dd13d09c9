"""The model on a worker: what RunInference loads, and what it asks of it. Only this module imports TensorFlow.

Why Beam's own batching is not used. It collects elements, and an element would be a record: Beam would handle each
as a Python object, where Arrow and NumPy read a block of 8 MiB at once; and its batches by length
(`batch_length_fn`) put elements of one length together by a key, which is a shuffle of all records, after which their
order would have to be found again. So an element is a part of a block, which holds some thousand examples, and the
batches are made within it: sorted by length, so that hardly anything is padding, and of as many examples as have a
fixed number of padded steps, so that each takes about as long and as much memory as any other. The order of the
records stays that of the input. RunInference passes an element on as the batch that it is (`should_skip_batching`),
so its metrics count examples, parts, bytes, and the time of both loading and asking.
"""

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pyarrow as pa
from apache_beam.ml.inference.base import ModelHandler, PredictionResult

from pipeline import files
from pipeline.failure import leave_message
from pipeline.scoring.job import ScoringJob
from pipeline.scoring.model import CONTRACT, ScoringModel, copy_export, export_digest
from pipeline.scoring.read import ExamplePart
from pipeline.terminal import silence
from schemas.answering import Ask, BlockAnswering
from schemas.contract import read_classes, read_vocabularies
from schemas.errors import DataError, LengthwiseError, UsageError
from schemas.manifest_pb2 import Manifest
from schemas.model_inputs import input_shapes
from schemas.predictions import Outputs, prediction_schema
from schemas.records.examples import ExampleBlock
from schemas.signature_names import signature_names
from schemas.vocabulary import Vocabulary

SIGNATURE = "encoded"
_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL", "3"  # an error is raised, and needs no log


class LoadedModel:
    """A model that is ready to be asked; one of it serves all threads of a process."""

    def __init__(
        self,
        ask: Ask,
        manifest: Manifest,
        vocabularies: Mapping[str, Vocabulary],
        classes: Sequence[str],
        threads: int = 1,
    ) -> None:
        """Sets what is asked.

        Args:
          ask: Of `BlockAnswering`, with the names of the signature.
          manifest: Of the data set that the model was trained on.
          vocabularies: By name of the token sequence or category.
          classes: Names of the classes, in the order of their ids.
          threads: Batches that are asked about at a time.
        """
        self._call = ask
        self._names = signature_names(input_shapes(manifest))
        self._schema = prediction_schema(manifest)
        self._answering = BlockAnswering(self._ask, manifest, vocabularies, classes, threads=threads)

    def predict(self, examples: ExampleBlock) -> pa.Table:
        """Returns the predictions for examples in their order, with the columns of `prediction_schema`."""
        tables = [answered.table for answered in self._answering.answer(examples)]
        return pa.concat_tables(tables) if tables else self._schema.empty_table()

    def _ask(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Outputs:
        return self._call({self._names[name]: values for name, values in inputs.items()})


class EncodedModelHandler(ModelHandler[ExamplePart, PredictionResult, LoadedModel]):  # type: ignore[misc]
    """Asks the signature `encoded` of an export about parts of blocks.

    Each process of a worker loads the model once, for all of its threads: TensorFlow takes 0.5 GB, a model about
    as much memory as its file.
    """

    def __init__(self, scoring: ScoringJob) -> None:
        """Sets the model, which is exported."""
        super().__init__()
        self._model = scoring.model
        self._threads = scoring.job.threads
        self._failed = scoring.job.failed
        self._quiet = scoring.quiet

    def load_model(self) -> LoadedModel:
        """Returns the model, once for a process.

        Raises:
          UsageError: TensorFlow is not installed.
          DataError: The model is not what it was when the run began, or cannot be loaded.
        """
        try:
            with silence() if self._quiet else nullcontext():
                return _load(self._model, self._threads)
        except LengthwiseError as error:
            leave_message(self._failed, error)
            raise

    def run_inference(
        self, batch: ExamplePart, model: LoadedModel, inference_args: dict[str, Any] | None = None
    ) -> Iterable[PredictionResult]:
        """Returns the predictions for a part, as one table: the inference of one result."""
        return [PredictionResult(batch, model.predict(batch.located.examples), self._model.sha256)]

    def should_skip_batching(self) -> bool:
        """Returns true: a part is a batch."""
        return True

    def get_num_bytes(self, batch: ExamplePart) -> int:
        """Returns the bytes of the sequences of a part."""
        return batch.nbytes


def _load(model: ScoringModel, threads: int) -> LoadedModel:
    with tempfile.TemporaryDirectory() as copy:
        folder = model.folder
        if not files.is_local(folder):
            folder = copy
            copy_export(model.folder, copy)
        if export_digest(folder) != model.sha256:
            raise DataError(f"{model.folder}: has changed since the run began; run again when nobody writes to it")
        contract, manifest = Path(folder) / CONTRACT, model.manifest
        vocabularies, classes = read_vocabularies(contract, manifest), read_classes(contract, manifest)
        return LoadedModel(_load_signature(folder), manifest, vocabularies, classes, threads)


def _load_signature(folder: str) -> Ask:
    """Loads a SavedModel; returns what asks its signature."""
    os.environ.setdefault(*_LOG_LEVEL)
    try:
        import tensorflow as tf
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{error.name} is not installed on a worker; predictions need it there: pip install 'lengthwise[trainer]'"
        ) from None
    try:
        loaded = tf.saved_model.load(folder)
        signature = loaded.signatures[SIGNATURE]
    except Exception as error:  # whatever a damaged file makes of it
        said = " ".join(str(error).split())
        raise DataError(f"{folder}: is no export that can be loaded: {said}; export the model again") from error

    def ask(inputs: Mapping[str, npt.NDArray[Any]]) -> Outputs:
        try:
            said = signature(**{name: tf.constant(values) for name, values in inputs.items()})
            return {name: tensor.numpy() for name, tensor in said.items()}
        except tf.errors.ResourceExhaustedError as error:
            raise MemoryError(error.message) from error

    ask.loaded = loaded  # type: ignore[attr-defined]  # its variables live as long as somebody holds it
    return ask
