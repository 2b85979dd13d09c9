"""Which shapes of batches are worth measuring, from what the manifest knows of the lengths."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from schemas.errors import DataError
from schemas.manifest import id_count
from schemas.manifest_pb2 import Manifest
from schemas.messages import to_plain
from schemas.spec import TRAIN, leaders
from trainer.batches.sizes import BatchLimits

# Steps a second do not change any more with longer sequences, and longer ones would take minutes to measure.
_MOST_STEPS = 1_024
_LENGTHS = 4
_SHRINK = (1, 4, 16)


@dataclass(frozen=True, order=True)
class Shape:
    """Of a batch.

    Attributes:
      steps: Of each example, padding included, 1 or more.
      examples: 1 or more.
    """

    steps: int
    examples: int

    @property
    def padded_steps(self) -> int:
        """Examples x steps."""
        return self.examples * self.steps


def longest_by_leader(manifest: Manifest) -> dict[str, int]:
    """Returns the steps of the longest example of the training split, 1 or more, by sequence with a length of its own.

    Raises:
      DataError: The training split has no examples.
    """
    if TRAIN not in manifest.statistics or not manifest.statistics[TRAIN].records:
        raise DataError(f"split '{TRAIN}' has no examples; nothing can be measured for it")
    lengths = manifest.statistics[TRAIN].lengths
    return {name: max(1, *lengths[name].lengths) for name in leaders(manifest.spec)}


def shapes_to_measure(shortest: int, longest: int, limits: BatchLimits) -> list[Shape]:
    """Returns up to 12 shapes that training batches may have: 4 lengths, each with large and with small batches.

    Args:
      shortest: Steps of the shortest example.
      longest: Steps of the longest example, not less.
      limits: What batches may be like; the budget is what is measured at most, but for single examples.

    Returns:
      In rising order of steps, then examples.
    """
    ends = max(shortest, 1), max(min(longest, _MOST_STEPS), 1)
    shapes = set()
    for steps in {round(steps) for steps in np.geomspace(min(ends), max(ends), _LENGTHS).tolist()}:
        full = max(1, min(limits.max_examples, limits.padded_steps // steps))
        shapes |= {Shape(steps, max(1, full // shrink)) for shrink in _SHRINK}
    return sorted(shapes)


def model_facts(manifest: Manifest) -> dict[str, Any]:
    """Returns what of a data set decides how large a model and its inputs are, as plain values."""
    return {
        "features": [[item.name, item.dtype, item.variable, item.dims] for item in manifest.features],
        "leaders": {name: feature.aligned_with or name for name, feature in manifest.spec.sequences.items()},
        "ids": {name: id_count(manifest, name) for name in manifest.vocabularies},
        "classes": manifest.classes.size,
        "label": to_plain(manifest.spec.label),
        "longest": longest_by_leader(manifest),
    }
