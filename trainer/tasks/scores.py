"""How well classes are told apart, of counts and of scores: plain NumPy, exact.

Where a share has no denominator it is 0, as scikit-learn and conlleval have it; where a class neither is a label nor
is predicted, nothing is said of it: it is left out of an average, as in scikit-learn's `f1_score(average="macro")`, and
its own precision, recall and F1 are not reported.
"""

import numpy as np

from trainer.tasks.measure import Array, Int64s


def class_counts(predicted: Array, label: Array, known: Array, classes: int) -> Int64s:
    """Returns by class how often it was predicted rightly, predicted, and the label, int64 (3, classes).

    Args:
      predicted: Class ids, (n,).
      label: Class ids, (n,).
      known: Whether each label is of a class that the model knows, bool (n,); else its prediction is wrong.
      classes: How many there are.
    """
    right = predicted[known & (predicted == label)]
    return np.stack([np.bincount(ids, minlength=classes) for ids in (right, predicted, label[known])])


def macro_f1(counts: Int64s) -> float:
    """Returns the mean of the F1 of classes, those left out that are neither labels nor predicted.

    F1 is 2 x right / (predicted + labels) of a class, the harmonic mean of its precision and recall.

    Args:
      counts: Of `class_counts`; something must have been predicted.
    """
    right, predicted, labels = counts
    there = predicted + labels > 0
    return float(np.mean(2.0 * right[there] / (predicted + labels)[there]))


def found(counts: Int64s, prefix: str = "") -> dict[str, float]:
    """Returns precision, recall and F1; nothing where there is nothing to find and nothing was found.

    Args:
      counts: Found rightly, found, to be found, (3,).
      prefix: Of the names.
    """
    right, predicted, labels = counts.tolist()
    if not predicted + labels:
        return {}
    return {
        f"{prefix}precision": right / predicted if predicted else 0.0,
        f"{prefix}recall": right / labels if labels else 0.0,
        f"{prefix}f1": 2 * right / (predicted + labels),
    }


def area_under_curve(scores: Array, positive: Array) -> float | None:
    """Returns the area under the ROC curve; None where all are of one kind.

    That is the share of pairs of a positive and a negative of which the positive has the higher score, ties
    counting half: the statistic of Mann and Whitney (1947) over the number of pairs; see Hanley and McNeil (1982),
    "The meaning and use of the area under a receiver operating characteristic (ROC) curve".

    Args:
      scores: float, (n,).
      positive: bool, (n,).
    """
    above, below = scores[positive], np.sort(scores[~positive])
    if not len(above) or not len(below):
        return None
    halves = sum(int(np.searchsorted(below, above, side).sum()) for side in ("left", "right"))
    return halves / (2 * len(above) * len(below))
