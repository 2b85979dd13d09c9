"""What a data set holds of all its splits together: what drift compares."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath

from pipeline import files
from pipeline.drift.clusters import effective_records
from pipeline.statistics.files import STATISTICS_NAME
from pipeline.statistics.merging import histogram_of, merge_splits
from schemas.errors import DataError
from schemas.manifest import statistics_path
from schemas.manifest_pb2 import Manifest
from schemas.messages import fill
from schemas.records.labels import UNKNOWN_LABEL
from schemas.spec import CLASS, TRAIN, labelled_sequence
from schemas.statistics_pb2 import DatasetStatistics, SplitDetails


@dataclass(frozen=True)
class Population:
    """All records of a data set.

    Attributes:
      name: Of the span, or folder of a data set that is none.
      manifest: Of the data set, whose counts and classes are read.
      all: Examples of all splits.
      held_out: Examples of the splits other than train, of which vocabularies know nothing; of all splits where these
        have none.
    """

    name: str
    manifest: Manifest
    all: SplitDetails
    held_out: SplitDetails

    @property
    def one_example_a_record(self) -> bool:
        """Whether no record was cut into several examples."""
        return self.manifest.counts.examples == self.manifest.counts.kept

    def lengths(self, name: str) -> Counter[int]:
        """Returns the records by length of a sequence, before anything was cut."""
        if name not in self.all.sequences:
            return Counter()
        details = self.all.sequences[name]
        return histogram_of(details.uncut_lengths if details.HasField("uncut_lengths") else details.lengths)

    def classes(self) -> list[int]:
        """Returns records or steps by class, of unknown ones last: those kept as -1, and records rejected for it."""
        splits = list(self.manifest.statistics.values())
        counts = [sum(split.classes[i] for split in splits) for i in range(self.manifest.classes.size)]
        return [*counts, sum(split.unknown_labels for split in splits) + self._rejected_labels()]

    def draws_of_steps(self, name: str, details: SplitDetails) -> float:
        """Returns the number of independent draws that the steps of a sequence are worth at least.

        Args:
          name: Of the sequence.
          details: `all` or `held_out`, whose steps they are.
        """
        if name not in details.sequences:
            return 0.0
        sequence = details.sequences[name]
        cut = sequence.HasField("uncut_lengths") and not self.one_example_a_record
        return effective_records(histogram_of(sequence.uncut_lengths if cut else sequence.lengths))

    def draws_of_records(self, details: SplitDetails) -> float:
        """Returns the number of independent draws that examples are worth at least; as of `draws_of_steps`."""
        if self.one_example_a_record:
            return float(details.records)
        return min((self.draws_of_steps(name, details) for name in details.sequences), default=0.0)

    def draws_of_labels(self) -> float:
        """Returns the number of independent draws that the labels are worth at least."""
        of = labelled_sequence(self.manifest.spec)
        if of:
            return self.draws_of_steps(of, self.all)
        return self.draws_of_records(self.all) + self._rejected_labels()

    def _rejected_labels(self) -> int:
        """Returns the records rejected for their class; where steps have labels, how many these were is not known."""
        of_records = self.manifest.spec.label.type == CLASS
        return int(self.manifest.counts.rejected.get(UNKNOWN_LABEL, 0)) if of_records else 0


def population(manifest: Manifest, statistics: DatasetStatistics, name: str = "") -> Population:
    """Returns what a data set holds.

    Args:
      manifest: Of the data set; neither sealed nor with all its files, where it is about to be published.
      statistics: Of the data set.
      name: Where it is no span beside those that it is compared with; empty: that of the span.

    Raises:
      DataError: The statistics state no exact sums.
    """
    splits = {name: split for name, split in statistics.splits.items() if split.records}
    others = [split for name, split in splits.items() if name != TRAIN]
    every = merge_splits(list(splits.values()))
    return Population(name or manifest.span.name, manifest, every, merge_splits(others) if others else every)


def load_statistics(folder: str, manifest: Manifest) -> DatasetStatistics:
    """Reads the statistics of a published data set.

    Raises:
      DataError: The file is missing, or is not what was written.
    """
    remedy = "restore the folder, or publish the span again with --replace"
    for file in manifest.statistics_files:
        if file.path == statistics_path(STATISTICS_NAME, file.sha256):
            path = files.join(folder, *PurePosixPath(file.path).parts)
            content = files.read(path)
            if hashlib.sha256(content).hexdigest() != file.sha256:
                raise DataError(f"{path}: was changed since it was written; {remedy}")
            return fill(DatasetStatistics(), json.loads(content), path)
    raise DataError(f"{folder}: its manifest names no {STATISTICS_NAME}, to which a span could be compared; {remedy}")
