"""Facts about blocks become facts about all of them."""

from collections.abc import Iterable
from typing import Any, ClassVar

import apache_beam as beam

from pipeline.runners.identity import Submitter


class Merging(beam.CombineFn):  # type: ignore[misc]  # Beam has no types
    """Merges accumulators that know how: `kind()`, and `merge(other)`, which returns itself."""

    kind: ClassVar[type[Any]]

    def __init__(self) -> None:
        self._submitter = Submitter()  # a worker may do nothing else of the job

    def create_accumulator(self) -> Any:
        """Returns facts about nothing."""
        return self.kind()

    def add_input(self, accumulator: Any, element: Any) -> Any:
        """Returns the accumulator with one more block."""
        return accumulator.merge(element)

    def merge_accumulators(self, accumulators: Iterable[Any]) -> Any:
        """Returns one accumulator of all."""
        merged = self.kind()
        for accumulator in accumulators:
            merged.merge(accumulator)
        return merged

    def extract_output(self, accumulator: Any) -> Any:
        """Returns the facts about all blocks."""
        return accumulator
