"""Entities that the classes of steps spell out in tags: `B-x` begins one of type x, `I-x` goes on with it, `O` is none.

Counted as conlleval counts them (Tjong Kim Sang and Buchholz, 2000, "Introduction to the CoNLL-2000 shared task:
chunking"; its script conlleval.pl): a predicted entity is right where first step, last step and type are all those of
one of the labels. An `I-x` that continues nothing of type x begins an entity, too.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from trainer.tasks.measure import Array, Int64s

_TAG = re.compile(r"O|([BI])-(.+)", re.DOTALL)
_NONE = -1


class EntityTags:
    """The tags of a data set, read: which type each is of, and which begin an entity whatever was before."""

    def __init__(self, names: Sequence[str]) -> None:
        """Reads names of classes, in the order of their ids, all of which must be tags."""
        parts = [match.groups() if (match := _TAG.fullmatch(name)) else (None, None) for name in names]
        types = sorted({kind for _, kind in parts if kind is not None})
        # Behind the classes stands one for what is none: beyond the end, and labels of classes that are not known.
        self._type = np.array([*(_NONE if kind is None else types.index(kind) for _, kind in parts), _NONE])
        self._begins = np.array([*(first == "B" for first, _ in parts), False])

    @property
    def none(self) -> int:
        """The id that stands for a step outside of any entity."""
        return len(self._type) - 1

    def spans(self, tags: Int64s) -> "Spans":
        """Returns the entities of records.

        Args:
          tags: Class ids, (records, steps); `none` where there is no step.
        """
        # A column of none between the records: no entity goes on from one to the next.
        flat = np.pad(tags, [(0, 0), (1, 1)], constant_values=self.none).ravel()
        types = self._type[flat]
        inside = types[1:-1] != _NONE
        begins = inside & (self._begins[flat[1:-1]] | (types[1:-1] != types[:-2]))
        ends = inside & (self._begins[flat[2:]] | (types[2:] != types[1:-1]))
        first = np.flatnonzero(begins)
        return Spans(first, np.flatnonzero(ends), types[1:-1][first])


class Spans(NamedTuple):
    """Entities in their order.

    Attributes:
      first: Place of the first step of each, (entities,).
      last: Place of the last one, (entities,).
      types: (entities,).
    """

    first: Int64s
    last: Int64s
    types: Array


def entity_counts(tags: EntityTags, predicted: Int64s, label: Int64s) -> Int64s:
    """Returns how many entities were predicted rightly, predicted, and are in the labels, int64 (3,).

    Args:
      tags: What the classes mean.
      predicted: Class ids, (records, steps); `tags.none` where there is no step.
      label: Likewise; `tags.none` where the class is not known, which is outside of any entity.
    """
    ours, theirs = tags.spans(predicted), tags.spans(label)
    _, i, j = np.intersect1d(ours.first, theirs.first, assume_unique=True, return_indices=True)
    right = (ours.last[i] == theirs.last[j]) & (ours.types[i] == theirs.types[j])
    return np.array([np.count_nonzero(right), len(ours.first), len(theirs.first)], np.int64)


def are_entity_tags(names: Sequence[str]) -> bool:
    """Returns whether all names of classes are tags, and one or more are of an entity."""
    return all(_TAG.fullmatch(name) for name in names) and any(name != "O" for name in names)
