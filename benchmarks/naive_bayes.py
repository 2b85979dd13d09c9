"""Predicts the class of a record by which tokens it has, in whatever order: what a model of sequences has to beat.

    python benchmarks/naive_bayes.py DATASET [--sequence NAME] [--smoothing 1.0]

DATASET is the folder of a prepared data set with a class label. Multinomial naive Bayes: the class of the greatest
log P(class) + sum over tokens of log P(token | class), with counts of the training split, `smoothing` added to each
count of a token (1: Laplace). Tokens out of vocabulary count as the id that they share. The result is JSON: records
and accuracy of each split.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.errors import LengthwiseError, UsageError
from schemas.manifest import id_count, length_feature
from schemas.manifest_pb2 import Manifest
from schemas.spec import CLASS, TRAIN, token_sequences
from trainer.tensorflow_setup import import_tensorflow

Int64s = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Records:
    """Records as bags of tokens.

    Attributes:
      tokens: Of all records, one after another, (tokens,).
      lengths: Tokens of each record, (records,).
      labels: Class of each record, (records,); -1 where the training split does not have it.
    """

    tokens: Int64s
    lengths: Int64s
    labels: Int64s


@dataclass(frozen=True)
class NaiveBayes:
    """Logarithms of probabilities, in nats.

    Attributes:
      classes: Of each class, (classes,).
      tokens: Of each token in each class, (ids, classes).
    """

    classes: Doubles
    tokens: Doubles

    def predict(self, records: Records) -> Int64s:
        """Returns the most probable class of each record, (records,); of equals the first."""
        # Differences of running sums are sums over records, those without tokens included.
        sums = np.vstack([np.zeros_like(self.classes), np.cumsum(self.tokens[records.tokens], axis=0)])
        ends = np.cumsum(records.lengths)
        predicted: Int64s = (self.classes + sums[ends] - sums[ends - records.lengths]).argmax(axis=1)
        return predicted


def fit(records: Records, ids: int, classes: int, smoothing: float = 1.0) -> NaiveBayes:
    """Returns what counts of tokens by class say.

    Args:
      records: Of the training split.
      ids: How many ids of tokens there are.
      classes: How many classes; each has a record.
      smoothing: Added to every count of a token; more than 0.
    """
    label_of_token = np.repeat(records.labels, records.lengths)
    counts = np.bincount(records.tokens * classes + label_of_token, minlength=ids * classes).reshape(ids, classes)
    smoothed = counts + smoothing
    share = np.bincount(records.labels, minlength=classes) / len(records.labels)
    return NaiveBayes(np.log(share), np.log(smoothed / smoothed.sum(axis=0)))


def accuracy(model: NaiveBayes, records: Records) -> float | None:
    """Returns the share of records whose class is predicted; None where there are none."""
    return float((model.predict(records) == records.labels).mean()) if len(records.labels) else None


def evaluate(folder: Path, sequence: str | None, smoothing: float) -> dict[str, Any]:
    """Returns records and accuracy by split.

    Raises:
      DataError: There is no data set, or a file of it is damaged.
      UsageError: Its label is no class, or the sequence is none of tokens.
    """
    from trainer.batches.opening import open_epochs

    manifest = open_epochs(folder, training=False).source.manifest
    sequence = _sequence(manifest, folder, sequence)
    splits = {split: _read(folder, split, sequence) for split in sorted(manifest.statistics)}
    ids = id_count(manifest, sequence)
    model = fit(splits[TRAIN], ids, manifest.classes.size, smoothing)
    return {
        split: {"records": len(records.labels), "accuracy": accuracy(model, records)}
        for split, records in splits.items()
    }


def _sequence(manifest: Manifest, folder: Path, asked: str | None) -> str:
    if manifest.spec.label.type != CLASS:
        raise UsageError(f"{folder}: its label is no class; say label: {{type: class}}")
    names = token_sequences(manifest.spec)
    chosen = asked if asked is not None else names[0] if len(names) == 1 else None
    if chosen not in names:
        raise UsageError(f"{folder}: --sequence {asked}; name one of its token sequences: {', '.join(names) or 'none'}")
    return chosen


def _read(folder: Path, split: str, sequence: str) -> Records:
    from trainer.batches.opening import open_epochs

    epochs = open_epochs(folder, split, training=False)
    parts = [_bags(batch, sequence) for batch in epochs.source.iterate(epochs.open(None))]
    return Records(*(np.concatenate(column or [np.zeros(0, np.int64)]) for column in _columns(parts)))


def _bags(batch: Any, sequence: str) -> tuple[Int64s, Int64s, Int64s]:
    features, label, weight = batch
    tokens, lengths = features[sequence].numpy(), features[length_feature(sequence)].numpy().astype(np.int64)
    real = np.arange(tokens.shape[1]) < lengths[:, None]
    return tokens[real].astype(np.int64), lengths, np.where(weight.numpy() > 0, label.numpy(), -1)


def _columns(parts: Iterable[tuple[Int64s, Int64s, Int64s]]) -> list[list[Int64s]]:
    rows = list(parts)
    return [[row[i] for row in rows] for i in range(3)]


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(description="Predict classes by multinomial naive Bayes.")
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="folder of a prepared data set")
    parser.add_argument("--sequence", help="whose tokens count (needed where there are several)")
    parser.add_argument("--smoothing", type=float, default=1.0, help="added to every count (default: %(default)s)")
    asked = parser.parse_args(arguments)
    try:
        if asked.smoothing <= 0:
            raise UsageError(f"--smoothing {asked.smoothing}: must be more than 0; 1 is Laplace's")
        import_tensorflow()
        found = evaluate(asked.dataset, asked.sequence, asked.smoothing)
    except LengthwiseError as error:
        print(f"naive_bayes: {error}", file=sys.stderr)
        return error.exit_code
    print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
