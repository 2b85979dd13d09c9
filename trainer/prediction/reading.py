"""How raw records are read for a model: Python objects, or files of any input format."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from schemas.dataset_pb2 import DatasetSpec
from schemas.formats.fields import Field
from schemas.formats.sources import SourcePart, find_sources, read_sources
from schemas.records.subwords import Subwords
from trainer.prediction.events import locate_events
from trainer.prediction.records import Located, fields_to_predict, locate_records, parts_of_objects

Records = Iterable[Any] | str | Path


class Reading(NamedTuple):
    """How raw records become examples.

    Attributes:
      spec: Of `unlabelled_spec`.
      subwords: By name, of each sequence that is cut by a tokenizer file.
    """

    spec: DatasetSpec
    subwords: Mapping[str, Subwords]

    @property
    def fields(self) -> list[Field]:
        """What is read of the input."""
        return fields_to_predict(self.spec)

    def parts(self, records: Records, work: str) -> Iterator[SourcePart]:
        """Returns the raw records that some records are.

        Args:
          records: Objects, or the path of a file, folder or pattern of any input format.
          work: What they are read for, in a verb.

        Raises:
          TypeError: It is one record.
          DataError: A file cannot be read, or all are empty.
          UsageError: No file is meant, or nobody says how one is read.
        """
        if isinstance(records, Mapping):
            raise TypeError(f"{work} takes records, not one record; give a list")
        given = self.spec.input
        if isinstance(records, str | Path):
            return read_sources(find_sources([str(records)], given), given, self.fields)
        return parts_of_objects(records, self.fields, given.max_record_bytes)

    def located(self, parts: Iterable[SourcePart]) -> Iterator[Located]:
        """Yields the examples that raw records make, in the order of the input: of events, all at once."""
        if self.spec.HasField("group"):
            yield locate_events(parts, self.spec)
        else:
            yield from locate_records(parts, self.spec, self.subwords)
