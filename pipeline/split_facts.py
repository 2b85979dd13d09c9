"""What was written to each split, counted while it is encoded; whole numbers, merged in any order."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from pipeline.analysis import first_offenders
from pipeline.merging import Merging
from pipeline.statistics.record_facts import RecordFacts
from schemas.buckets import Int64s
from schemas.example import DIGEST_MODULUS
from schemas.formats.rejected import Rejected
from schemas.manifest_pb2 import LengthStatistics, SplitStatistics

UNKNOWN_CLASS = -1  # its id


@dataclass
class SequenceFacts:
    """Facts about one sequence: records by length, and what was cut off or out of vocabulary."""

    lengths: Counter[int] = field(default_factory=Counter)
    cut_records: int = 0
    cut_steps: int = 0
    oov_steps: int = 0

    def merge(self, other: "SequenceFacts") -> None:
        """Adds the facts of other records."""
        self.lengths.update(other.lengths)
        self.cut_records += other.cut_records
        self.cut_steps += other.cut_steps
        self.oov_steps += other.oov_steps

    def to_message(self) -> LengthStatistics:
        """Returns the facts as the manifest states them."""
        lengths = sorted(self.lengths)
        return LengthStatistics(
            lengths=lengths,
            counts=[self.lengths[length] for length in lengths],
            steps=sum(length * count for length, count in self.lengths.items()),
            truncated_records=self.cut_records,
            truncated_steps=self.cut_steps,
            oov_steps=self.oov_steps,
        )


@dataclass
class SplitFacts:
    """Facts about one split.

    Attributes:
      records: Examples.
      sequences: By name.
      bucket_length: Of the length that the buckets go by.
      classes: Records or steps, by id of the class; -1 of those that the training split does not have.
      digest: As of `schemas.example.records_digest`.
      details: What only the statistics for people tell.
    """

    records: int = 0
    sequences: dict[str, SequenceFacts] = field(default_factory=dict)
    bucket_length: SequenceFacts = field(default_factory=SequenceFacts)
    classes: Counter[int] = field(default_factory=Counter)
    digest: int = 0
    details: RecordFacts = field(default_factory=RecordFacts)

    def merge(self, other: "SplitFacts") -> None:
        """Adds the facts of other records."""
        self.records += other.records
        self.bucket_length.merge(other.bucket_length)
        self.classes.update(other.classes)
        self.digest = (self.digest + other.digest) % DIGEST_MODULUS
        for name, facts in other.sequences.items():
            self.sequences.setdefault(name, SequenceFacts()).merge(facts)
        self.details.merge(other.details)

    def to_message(self, class_count: int) -> SplitStatistics:
        """Returns the facts as the manifest states them; `class_count` 0 where there are no classes."""
        return SplitStatistics(
            records=self.records,
            lengths={name: facts.to_message() for name, facts in self.sequences.items()},
            bucket_length=self.bucket_length.to_message(),
            classes=[self.classes[i] for i in range(class_count)],
            unknown_labels=self.classes[UNKNOWN_CLASS],
            records_digest=f"{self.digest:064x}",
        )


def length_counts(lengths: Int64s) -> Counter[int]:
    """Returns how many records have each length."""
    values, counts = np.unique(lengths, return_counts=True)
    return Counter(dict(zip(values.tolist(), counts.tolist(), strict=True)))


@dataclass
class WrittenFacts:
    """What the encoding of blocks found: facts by split, records rejected by reason, bytes by place.

    Attributes:
      splits: By split.
      kept: Records of which examples were encoded.
      rejected: Records that encoding rejected, by reason.
      bytes: By split and bucket.
      offenders: By reason: the first rejected records, with the index of their block.
    """

    splits: dict[str, SplitFacts] = field(default_factory=dict)
    kept: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    bytes: Counter[tuple[str, int]] = field(default_factory=Counter)
    offenders: dict[str, list[tuple[int, Rejected]]] = field(default_factory=dict)

    def merge(self, other: "WrittenFacts") -> "WrittenFacts":
        """Adds the facts of other blocks; returns itself."""
        for name, facts in other.splits.items():
            self.splits.setdefault(name, SplitFacts()).merge(facts)
        self.kept += other.kept
        self.rejected += other.rejected
        self.bytes.update(other.bytes)
        for reason, offenders in other.offenders.items():
            self.offenders[reason] = first_offenders([*self.offenders.get(reason, []), *offenders])
        return self


class MergeWrittenFacts(Merging):
    """Merges the facts of blocks into those of all."""

    kind = WrittenFacts
