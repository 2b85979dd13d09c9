"""Elements that any worker may take, whichever made them."""

from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam


class Spread(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """PCollection of (number, T) → PCollection of T; what follows runs apart from what came before.

    As beam.Reshuffle does, with a third of its steps, each of which takes a local run some milliseconds.
    Every element has another number.
    """

    def expand(self, numbered: beam.PCollection) -> beam.PCollection:
        """Groups every element with itself."""
        return numbered | "Apart" >> beam.GroupByKey() | "Take" >> beam.FlatMap(_elements)


def _elements(group: tuple[int, Iterable[Any]]) -> Iterator[Any]:
    yield from group[1]
