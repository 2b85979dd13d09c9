"""How much the examples of each class count in training."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from schemas.errors import UsageError
from schemas.messages import nearest

NONE, BALANCED = "none", "balanced"
_MEANS = (NONE, BALANCED)


def class_weights(
    names: Sequence[str], counts: Sequence[int], setting: str | Mapping[str, float]
) -> npt.NDArray[np.float32]:
    """Returns the weight of each class; the mean weight over all training examples (or steps) is 1.

    Args:
      names: Of the classes, in the order of their ids.
      counts: Training examples, or steps, of each class.
      setting: "none": all weights are 1. "balanced": all classes count the same, examples / (classes * count)
        (as in scikit-learn, after King & Zeng, 2001); a class without training examples has 0 and is not counted.
        Or weights by the names of classes, 0 or more; classes that are not named have 1 before the mean is made 1.

    Returns:
      float32 (classes,).

    Raises:
      UsageError: The setting is none of these, names an unknown class, gives a weight that is no number of 0
        or more, or gives every training example the weight 0.
    """
    if not isinstance(setting, str):
        return _normalized(_named(names, setting), np.asarray(counts, np.float64))
    if setting == NONE:
        return np.ones(len(names), np.float32)
    if setting == BALANCED:
        present = np.asarray(counts) > 0
        raw = np.where(present, 1.0 / np.maximum(counts, 1), 0.0)
        return _normalized(raw, np.asarray(counts, np.float64))
    raise UsageError(f"class_weights: '{setting}' is no valid value; {nearest(setting, _MEANS)}; or weights by class")


def _named(names: Sequence[str], setting: Mapping[str, float]) -> npt.NDArray[np.float64]:
    ids = {name: i for i, name in enumerate(names)}
    weights = np.ones(len(names))
    for name, weight in setting.items():
        if name not in ids:
            raise UsageError(f"class_weights: '{name}' is no class of the data set; {nearest(name, names)}")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < math.inf:
            raise UsageError(f"class_weights.{name}: received {weight!r}; a weight is a number, 0 or more")
        weights[ids[name]] = weight
    return weights


def _normalized(weights: npt.NDArray[np.float64], counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    total = float(weights @ counts)
    if not total:
        raise UsageError(
            "class_weights: every training example has the weight 0; give a class that has examples more than 0"
        )
    scale = float(counts.sum()) / total
    return np.asarray(weights * scale, np.float32)
