"""Elements that any worker may take, whichever made them."""

from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam


class Spread(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """PCollection of T → PCollection of T; what follows runs apart from what came before.

    As beam.Reshuffle does, with a third of its steps, each of which takes a local run some milliseconds.
    The elements are numbered and grouped by their numbers, which come from `number`.
    """

    def __init__(self, number: Any) -> None:
        """Takes a function of an element that returns an int: another one for each element."""
        super().__init__()
        self._number = number

    def expand(self, elements: beam.PCollection) -> beam.PCollection:
        """Groups every element with itself."""
        number = self._number
        numbered = elements | "Number" >> beam.Map(lambda element: (number(element), element)).with_output_types(
            tuple[int, Any]
        )
        return numbered | "Apart" >> beam.GroupByKey() | "Take" >> beam.FlatMap(_elements)


def _elements(group: tuple[int, Iterable[Any]]) -> Iterator[Any]:
    yield from group[1]
