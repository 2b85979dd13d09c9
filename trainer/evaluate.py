"""Exact metrics of a model over a split, in all and by bucket."""

import math
from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from schemas.contract import read_classes
from schemas.dataset_pb2 import SequenceFeature
from schemas.errors import DataError
from schemas.manifest import length_feature
from schemas.manifest_pb2 import Manifest
from schemas.messages import to_plain
from schemas.spans.folder import Data, folder_of, load_data, span_names
from schemas.spans.merging import CLASSES, stated_vocabularies
from schemas.spec import TEST, bucket_sequences
from schemas.vocabulary_files import begins_with
from trainer.batches.batching import Batching
from trainer.batches.epochs import Epochs
from trainer.batches.room import batching_within
from trainer.batches.sizes import BatchLimits
from trainer.batches.source import SplitSource
from trainer.grown import grown_to
from trainer.metrics import Totals
from trainer.models.model import SequenceModel
from trainer.saved import SavedModel, load_saved
from trainer.tasks.measure import Tally

EVALUATION_BATCHES = Batching(limits=BatchLimits(padded_steps=32_768, max_examples=1_024))


class Evaluator:
    """Runs one model over one split, as often as wanted.

    Attributes:
      measurable: Whether any example has a label that the data set knows.
    """

    def __init__(
        self,
        model: SequenceModel,
        source: SplitSource,
        batching: Batching = EVALUATION_BATCHES,
        classes: Sequence[str] | None = None,
    ) -> None:
        """Prepares the batches and the function that predicts.

        Args:
          model: The model.
          source: The split.
          batching: How batches are made, without rows of filler; the metrics do not depend on it.
          classes: Names of the model's classes; none: those of the data.

        Raises:
          DataError: The split has no examples, or the file of its classes cannot be read.
        """
        self._batching = batching
        self._read(source)
        self._measure = measure = model.task.measure(
            read_classes(source.folder, source.manifest) if classes is None else classes
        )
        self._observe = tf.function(
            lambda batch, label, weight: measure.observe(model.answer(batch, training=False), label, weight, batch),
            input_signature=self._dataset.element_spec,
        )

    def over(self, source: SplitSource) -> "Evaluator":
        """Returns one of the same model over another split of the same data set, without tracing the model again.

        Raises:
          DataError: The split has no examples.
        """
        other = copy(self)
        other._read(source)
        return other

    def _read(self, source: SplitSource) -> None:
        self._source = source
        epochs = Epochs(source, batching_within(self._batching, source.manifest), training=False)
        if not epochs.examples:
            raise DataError(f"{source.folder}: split '{source.split}' has no examples; choose another split")
        self.measurable = epochs.labels > source.manifest.statistics[source.split].unknown_labels
        self._dataset = epochs.open(None)

    @property
    def names(self) -> Sequence[str]:
        """Of the metrics that may be measured."""
        return self._measure.names

    def run(self) -> Totals:
        """Returns the metrics over all examples of the split.

        Raises:
          DataError: A file of the split is damaged, or there is no label that anything can be measured on.
        """
        manifest = self._source.manifest
        totals = Totals(self._measure, manifest.buckets)
        for features, label, weight in self._source.iterate(self._dataset):
            observed = [part.numpy() for part in self._observe(features, label, weight)]
            totals.add(observed, weight.numpy(), bucket_lengths(features, manifest))
        self._check_labels(totals.total)
        return totals

    def _check_labels(self, total: Tally) -> None:
        place = f"{self._source.folder}: split '{self._source.split}'"
        if not total.labels:
            raise DataError(f"{place} has no step with a label; nothing can be measured on it; choose another split")
        if total.unknown == total.labels:
            raise DataError(
                f"{place} has no example of a class that the training split has, too; nothing can be measured on it; "
                "choose another split"
            )


def bucket_lengths(features: dict[str, tf.Tensor], manifest: Manifest) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Returns the length that buckets go by, int32 (batch,)."""
    names = bucket_sequences(manifest.spec)
    lengths: np.ndarray[Any, np.dtype[np.int32]]
    lengths = np.max([features[length_feature(name)].numpy() for name in names], axis=0)
    return lengths


def evaluate(model_folder: str | Path, data: Data, split: str = TEST) -> dict[str, Any]:
    """Measures a trained model on a split of a data set.

    Where vocabularies of the data set begin with those of the model and have grown, see `trainer.grown.grown_to`.

    Returns:
      {"spans" (names, where there are any), "split", "examples", "labels", "unknown_labels", "metrics": {...},
      "buckets": [...]}. Labels are examples, or steps or numbers to predict; unknown ones, whose class the training
      split does not have, count as wrong and are left out of the loss. For two classes there is also "positive_class",
      the one that precision, recall, f1 and auc are of. What each task measures, the measures in `trainer.tasks` say.

    Raises:
      DataError: The model folder or the data set cannot be used, or they do not fit each other.
    """
    manifest = load_data(data)
    saved = grown_to(load_saved(model_folder), folder_of(data), manifest)
    _check_fit(saved, manifest, f"{data}")
    evaluator = Evaluator(saved.model, SplitSource(folder_of(data), manifest, split), classes=saved.classes)
    totals = evaluator.run()
    total = totals.total
    metrics = total.report()
    if not math.isfinite(metrics["loss"]):
        raise DataError(
            f"{data}: the loss on split '{split}' is {metrics['loss']}; look for numbers far beyond the usual"
        )
    spans = span_names(manifest)
    return {
        **({"spans": spans} if spans else {}),
        "split": split,
        "examples": totals.examples,
        "labels": total.labels,
        "unknown_labels": total.unknown,
        **({"positive_class": saved.classes[1]} if "f1" in metrics else {}),
        "metrics": metrics,
        "buckets": totals.by_bucket(),
    }


def _check_fit(saved: SavedModel, given: Manifest, data: str) -> None:
    """The ids of tokens and classes must mean the same, and the features must be those of the model.

    Vocabularies of the model may have been extended since the data were written; `grown_to` has seen to the opposite.
    """
    trained = saved.manifest
    known, stated, unknown = stated_vocabularies(trained), stated_vocabularies(given), _unknown(saved, given)
    for part, ours, theirs in (
        ("form of sequences", _sequences(trained), _sequences(given)),
        ("context", _context(trained), _context(given)),
        ("label", _label(trained), _label(given)),
        ("set of classes", CLASSES in known, CLASSES in stated and CLASSES not in unknown),
        ("set of vocabularies", sorted(known), sorted(what for what in stated if what not in unknown)),
    ):
        if ours != theirs:
            raise DataError(
                f"{data}: its {part} is not that of the data set that the model was trained on; "
                "evaluate on that data set, or train on this one"
            )


def _sequences(manifest: Manifest) -> dict[str, tuple[Any, ...]]:
    stored = [feature.name for feature in manifest.features]
    return {
        name: (*_form(feature), *(other for other in stored if other.startswith(f"{name}/")))
        for name, feature in manifest.spec.sequences.items()
    }


def _form(feature: SequenceFeature) -> tuple[Any, ...]:
    return feature.type, feature.dims, feature.aligned_with, feature.derive.take


def _context(manifest: Manifest) -> dict[str, int]:
    return {name: feature.type for name, feature in manifest.spec.context.items()}


def _label(manifest: Manifest) -> dict[str, Any]:
    """Returns what the spec says of the label, but for where the file of the classes lies."""
    said: dict[str, Any] = to_plain(manifest.spec.label)
    return {name: value for name, value in said.items() if name != "classes_file"}


def _unknown(saved: SavedModel, given: Manifest) -> set[str]:
    """Returns which vocabularies of data are no beginning of those of a model, so that ids mean something else."""
    ours = stated_vocabularies(saved.manifest)
    return {
        what
        for what, entry in stated_vocabularies(given).items()
        if what not in ours
        or entry.oov_buckets != ours[what].oov_buckets
        or not begins_with(saved.folder / ours[what].path, ours[what], entry)
    }
