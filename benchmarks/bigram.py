"""Predicts the next token by the last one alone: what a model of the whole sequence has to beat.

    python benchmarks/bigram.py DATASET

DATASET is the folder of a prepared data set whose label is the next step of a token sequence. After each token comes
what came most often after it in the training split; after a token that never had a label there, what came most often
of all. Fitted and judged on the steps that have a label, of the same splits, that a model is trained and judged on;
the end is a class as any other where the spec says so. The result is JSON.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.errors import LengthwiseError, UsageError
from schemas.manifest import id_count
from schemas.manifest_pb2 import Manifest
from schemas.spec import NEXT_STEP, TRAIN
from trainer.tensorflow_setup import import_tensorflow

Int64s = npt.NDArray[np.int64]


def follower_counts(pairs: Iterable[tuple[Int64s, Int64s]], ids: int) -> Int64s:
    """Returns how often each class follows each token, int64, (ids, ids).

    Args:
      pairs: Tokens and the classes behind them, (n,) each.
      ids: How many ids there are; tokens and classes are less.
    """
    counts = np.zeros(ids * ids, np.int64)
    for tokens, classes in pairs:
        counts += np.bincount(tokens * ids + classes, minlength=ids * ids)
    return counts.reshape(ids, ids)


def most_frequent_followers(counts: Int64s) -> Int64s:
    """Returns the class that is predicted after each token, int64, (ids,); of two equals the one of the lesser id."""
    after_any = int(counts.sum(axis=0).argmax())
    return np.where(counts.any(axis=1), counts.argmax(axis=1), after_any)


def accuracy(counts: Int64s, predicted: Int64s) -> float | None:
    """Returns the share of labels that are predicted right; None where there are none."""
    total = int(counts.sum())
    return int(counts[np.arange(len(counts)), predicted].sum()) / total if total else None


def evaluate(folder: Path) -> dict[str, Any]:
    """Returns by split the number of labels and the accuracy of the rule fitted on the training split.

    Raises:
      DataError: There is no data set, or a file of it is damaged.
      UsageError: Its label is not the next step of tokens.
    """
    from trainer.batches.opening import open_epochs

    manifest = open_epochs(folder, training=False).source.manifest
    ids = class_count(manifest, folder)
    counts = {}
    for split in sorted(manifest.statistics):
        epochs = open_epochs(folder, split, training=False)
        batches = epochs.source.iterate(epochs.open(None))
        counts[split] = follower_counts((_pairs(batch, manifest.spec.label.of) for batch in batches), ids)
    predicted = most_frequent_followers(counts[TRAIN])
    return {
        split: {"labels": int(table.sum()), "accuracy": accuracy(table, predicted)} for split, table in counts.items()
    }


def class_count(manifest: Manifest, folder: Path) -> int:
    """Returns how many classes a next step has; ids of tokens are less.

    Raises:
      UsageError: The label is not the next step of tokens.
    """
    label = manifest.spec.label
    if label.type != NEXT_STEP or label.of not in manifest.vocabularies:
        raise UsageError(f"{folder}: its label is not the next token of a sequence; say label: {{type: next_step}}")
    return id_count(manifest, label.of)


def _pairs(batch: Any, sequence: str) -> tuple[Int64s, Int64s]:
    features, label, weight = batch
    there = weight.numpy() > 0
    return features[sequence].numpy()[there].astype(np.int64), label.numpy()[there]


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(description="Predict the next token by the last one alone.")
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="folder of a prepared data set")
    folder = parser.parse_args(arguments).dataset
    try:
        import_tensorflow()
        found = evaluate(folder)
    except LengthwiseError as error:
        print(f"bigram: {error}", file=sys.stderr)
        return error.exit_code
    print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
