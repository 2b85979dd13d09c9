"""Predicts the next token by the last few, with back-off: what counting gets out of the order of a sequence.

    python benchmarks/ngram.py DATASET [--order 8] [--backoff 20]

DATASET is as of bigram.py, and so are the steps that are judged. The probabilities after the last k tokens are those
after the last k - 1, moved towards what was counted after all k of them:

    p_k = (counts_k + backoff x p_(k-1)) / (sum of counts_k + backoff),  p_0 = 0

(the form of MacKay and Peto's hierarchical Dirichlet language model, 1995, with one mass for all orders). The
beginning of a sequence counts as a token. The class with the greatest p_order is predicted. The result is JSON: the
accuracy of every order by split.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from bigram import class_count

from schemas.errors import LengthwiseError
from schemas.spec import TRAIN
from trainer.tensorflow_setup import import_tensorflow

Tokens = tuple[int, ...]
Counts = dict[Tokens, npt.NDArray[np.int64]]


def contexts(tokens: Tokens, order: int) -> list[Tokens]:
    """Returns the last 1, 2, ... tokens, up to `order` or all that there are."""
    return [tokens[-k:] for k in range(1, min(order, len(tokens)) + 1)]


def fit(labels: Iterable[tuple[Tokens, int]], order: int, classes: int) -> Counts:
    """Returns how often each class came after each context.

    Args:
      labels: The tokens up to a step, and the class behind it.
      order: Most tokens of a context.
      classes: How many classes there are.
    """
    counts: Counts = {}
    for tokens, label in labels:
        for context in contexts(tokens, order):
            counts.setdefault(context, np.zeros(classes, np.int64))[label] += 1
    return counts


def predictions(counts: Counts, tokens: Tokens, order: int, backoff: float, classes: int) -> list[int]:
    """Returns the class that is predicted after the tokens by each order from 1 to `order`.

    Of two equals it is that of the lesser id; class 0 where nothing was counted. An order that knows no more than the
    one before predicts what that one does.
    """
    probabilities = np.zeros(classes)
    found: list[int] = []
    for context in contexts(tokens, order):
        if context in counts:
            seen = counts[context]
            probabilities = (seen + backoff * probabilities) / (seen.sum() + backoff)
        found.append(int(probabilities.argmax()))
    return found + found[-1:] * (order - len(found))


def evaluate(folder: Path, order: int, backoff: float) -> dict[str, Any]:
    """Returns by split the number of labels and the accuracy of each order, fitted on the training split.

    Raises:
      DataError: There is no data set, or a file of it is damaged.
      UsageError: Its label is not the next step of tokens.
    """
    from trainer.batches.opening import open_epochs

    manifest = open_epochs(folder, training=False).source.manifest
    classes = class_count(manifest, folder)
    counts = fit(_labels(folder, TRAIN, manifest.spec.label.of, order), order, classes)
    found = {}
    for split in sorted(manifest.statistics):
        right, total = np.zeros(order, np.int64), 0
        for tokens, label in _labels(folder, split, manifest.spec.label.of, order):
            right += np.array(predictions(counts, tokens, order, backoff, classes)) == label
            total += 1
        accuracies = [round(float(share), 4) for share in right / total] if total else None
        found[split] = {"labels": total, "accuracies": accuracies}
    return found


def _labels(folder: Path, split: str, sequence: str, order: int) -> Iterator[tuple[Tokens, int]]:
    """Yields the last tokens up to each step that has a label, with a 0 for the beginning, and the class behind it."""
    from trainer.batches.opening import open_epochs

    epochs = open_epochs(folder, split, training=False)
    for features, label, weight in epochs.source.iterate(epochs.open(None)):
        tokens, classes, there = features[sequence].numpy(), label.numpy(), weight.numpy() > 0
        for row, step in np.argwhere(there):
            read = (0, *tokens[row, max(0, step + 1 - order) : step + 1].tolist())
            yield read[-order:], int(classes[row, step])


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(description="Predict the next token by the last few, with back-off.")
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="folder of a prepared data set")
    parser.add_argument("--order", type=int, default=8, help="most tokens to look at (default: %(default)s)")
    parser.add_argument("--backoff", type=float, default=20, help="mass of the shorter context (default: %(default)s)")
    asked = parser.parse_args(arguments)
    if asked.order < 1 or not asked.backoff > 0:
        parser.error(f"--order {asked.order} --backoff {asked.backoff}: both must be more than 0")
    try:
        import_tensorflow()
        found = evaluate(asked.dataset, asked.order, asked.backoff)
    except LengthwiseError as error:
        print(f"ngram: {error}", file=sys.stderr)
        return error.exit_code
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
